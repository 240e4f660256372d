//! The local AWS under load: connections that it holds, and messages through the real relay.

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::figure::{Figure, percentile};
use crate::program::{Programs, Started};
use crate::{BoxError, Outcome};

const HELD: usize = 10_000;
/// So many handshakes at a time.
const AT_ONCE: usize = 100;

const PAIRS: usize = 64;
const MESSAGES: usize = 500;
/// How many messages of a sender are on their way at a time. With more, one may overtake another, as on AWS.
const WINDOW: usize = 1;

/// What has not come by then never comes.
const PATIENCE: Duration = Duration::from_secs(30);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(crate) async fn measure(programs: &Programs) -> Outcome<Vec<Figure>> {
    let home = tempfile::tempdir()?;
    let local = programs.started(&home, &["local", "--port", "0", "--manners", "none"], "endpoint").await?;
    let relay = programs.relay.to_string_lossy().into_owned();
    let port = local.url.rsplit(':').next().unwrap_or_default();
    let up = ["up", "bench", "--local", "--port", port, "--no-verify", "--relay", &relay];
    let stack = programs.started(&home, &up, "websocket_url").await?;
    let mut figures = relayed(&stack.url).await?;
    figures.push(held(&stack.url, &local).await?);
    Ok(figures)
}

async fn connect(url: &str) -> Outcome<Socket> {
    Ok(connect_async(url).await?.0)
}

/// The next message, as JSON.
async fn next(socket: &mut Socket) -> Outcome<Value> {
    loop {
        match socket.next().await.ok_or("the connection was closed")?? {
            Message::Text(text) => return Ok(serde_json::from_str(&text)?),
            Message::Ping(_) | Message::Pong(_) => {}
            other => return Err(format!("unexpected: {other:?}").into()),
        }
    }
}

async fn own_id(socket: &mut Socket) -> Outcome<String> {
    socket.send(Message::text("")).await?;
    let answer = next(socket).await?;
    Ok(answer["connectionId"].as_str().ok_or_else(|| format!("no id in {answer}"))?.to_owned())
}

/// Kilobytes of memory for one more connection, in the local AWS.
async fn held(url: &str, local: &Started) -> Outcome<Figure> {
    let before = local.resident_kb()?;
    let mut sockets = Vec::with_capacity(HELD);
    while sockets.len() < HELD {
        sockets.extend(try_join_all((0..AT_ONCE).map(|_| connect(url))).await?);
    }
    let each = (local.resident_kb()? - before) / HELD as f64;
    Ok(Figure::new("local AWS: memory for each of 10,000 connections", each, "KB").at_most(20.0))
}

/// Pairs of connections, of which one sends to the other as fast as a window lets it.
async fn relayed(url: &str) -> Outcome<Vec<Figure>> {
    let mut pairs = Vec::new();
    for _ in 0..PAIRS {
        let (sender, mut receiver) = (connect(url).await?, connect(url).await?);
        let id = own_id(&mut receiver).await?;
        pairs.push((sender, receiver, id));
    }
    let begun = Instant::now();
    let latencies =
        try_join_all(pairs.into_iter().map(|(sender, receiver, id)| tokio::spawn(pour(sender, receiver, id))))
            .await?
            .into_iter()
            .collect::<Outcome<Vec<Vec<Duration>>>>()?;
    let taken = begun.elapsed().as_secs_f64();
    let sent = (PAIRS * MESSAGES) as f64;
    let milliseconds: Vec<f64> = latencies.concat().iter().map(|it| it.as_secs_f64() * 1e3).collect();
    Ok(vec![
        Figure::new("local AWS: messages through the real relay", sent / taken, "/s").at_least(3_000.0),
        Figure::new("local AWS: p99 of a message at that load", percentile(milliseconds, 0.99), "ms"),
    ])
}

/// Every message comes, once, and in the order in which it was sent: a receiver that sees anything else ends the report.
async fn pour(sender: Socket, mut receiver: Socket, to: String) -> Outcome<Vec<Duration>> {
    let (mut sink, mut answers) = sender.split();
    // Each message is answered to its sender, too.
    let answered = tokio::spawn(async move {
        for place in 0..MESSAGES {
            match tokio::time::timeout(PATIENCE, answers.next()).await {
                Ok(Some(Ok(_))) => {}
                _ => return Err(format!("the answer to message {place} is lost").into()),
            }
        }
        Ok::<(), BoxError>(())
    });
    let mut sent_at = Vec::with_capacity(MESSAGES);
    let mut latencies = Vec::with_capacity(MESSAGES);
    while latencies.len() < MESSAGES {
        while sent_at.len() < MESSAGES && sent_at.len() - latencies.len() < WINDOW {
            let message = json!({ "connectionId": to, "message": sent_at.len() });
            sink.send(Message::text(message.to_string())).await?;
            sent_at.push(Instant::now());
        }
        let expected = latencies.len();
        let received = tokio::time::timeout(PATIENCE, next(&mut receiver)).await;
        let message = received.map_err(|_| format!("message {expected} is lost"))??;
        if message["message"] != json!(expected) {
            return Err(format!("message {expected} is lost, doubled or late: {message}").into());
        }
        latencies.push(sent_at[expected].elapsed());
    }
    answered.await??;
    Ok(latencies)
}
