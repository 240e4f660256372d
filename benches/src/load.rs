//! WebSocket load: pairs of connections of which one sends to the other, through whatever is behind the URL.
//!
//! Every message comes, once, and in the order in which its sender sent it, unless it had several on their way: anything else ends
//! the report.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use futures_util::{SinkExt, Stream, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::figure::{median, percentile};
use crate::{BoxError, Outcome};

/// What has not come by then never comes.
const PATIENCE: Duration = Duration::from_secs(30);

type Received = Result<Message, tokio_tungstenite::tungstenite::Error>;
pub(crate) type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// What is behind the URL.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    /// A relay: what is for another connection gets there, and its sender gets an answer.
    Relay,
    /// Every message comes back to its sender.
    Echo,
}

/// How many connections send, how many messages each, and when.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) behind: Behind,
    pub(crate) senders: usize,
    pub(crate) messages: usize,
    pub(crate) pace: Pace,
}

#[derive(Clone, Copy)]
pub(crate) enum Pace {
    /// Each sender sends when its last message has come: as fast as possible.
    Closed,
    /// All senders together send so many a second, whether or not the last one has come. One may overtake another, as on AWS.
    Open(f64),
}

/// What a load showed.
pub(crate) struct Carried {
    pub(crate) a_second: f64,
    /// From the moment at which a message was to be sent until it came, for 99 of 100 of them, and for every other one.
    pub(crate) p99_ms: f64,
    pub(crate) median_ms: f64,
}

/// What is read at once. The usual 128 KB are filled with zeros before each read, which costs more than all else that a load does.
const READ_BUFFER: usize = 4 * 1024;

pub(crate) async fn connect(url: &str) -> Outcome<Socket> {
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER);
    // As browsers do, nothing waits for more to send.
    Ok(connect_async_with_config(url, Some(config), true).await?.0)
}

/// The next message, as JSON.
async fn next(stream: &mut (impl Stream<Item = Received> + Unpin)) -> Outcome<Value> {
    let come = tokio::time::timeout(PATIENCE, async {
        loop {
            match stream.next().await.ok_or("the connection was closed")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Ping(_) | Message::Pong(_) => {}
                other => return Err(format!("unexpected: {other:?}").into()),
            }
        }
    });
    come.await.map_err(|_| "it did not come")?
}

async fn own_id(socket: &mut Socket) -> Outcome<String> {
    socket.send(Message::text("")).await?;
    let answer = next(socket).await?;
    Ok(answer["connectionId"].as_str().ok_or_else(|| format!("no id in {answer}"))?.to_owned())
}

impl Load {
    /// Sends it all, and waits until all has come.
    pub(crate) async fn carry(self, url: &str) -> Outcome<Carried> {
        let mut lanes = Vec::new();
        for place in 0..self.senders {
            lanes.push(Lane::open(self, place, url).await?);
        }
        let begun = Instant::now();
        let lanes = lanes.into_iter().map(|lane| tokio::spawn(lane.pour(begun)));
        let latencies = try_join_all(lanes).await?.into_iter().collect::<Outcome<Vec<Vec<Duration>>>>()?;
        let a_second = (self.senders * self.messages) as f64 / begun.elapsed().as_secs_f64();
        let milliseconds: Vec<_> = latencies.concat().iter().map(|it| it.as_secs_f64() * 1e3).collect();
        Ok(Carried { a_second, p99_ms: percentile(milliseconds.clone(), 0.99), median_ms: median(milliseconds) })
    }
}

/// One sender, and the connection that gets what it sends, if that is another.
struct Lane {
    load: Load,
    place: usize,
    sender: Socket,
    receiver: Option<(Socket, String)>,
}

impl Lane {
    async fn open(load: Load, place: usize, url: &str) -> Outcome<Self> {
        let sender = connect(url).await?;
        let receiver = match load.behind {
            Behind::Echo => None,
            Behind::Relay => {
                let mut receiver = connect(url).await?;
                let id = own_id(&mut receiver).await?;
                Some((receiver, id))
            }
        };
        Ok(Self { load, place, sender, receiver })
    }

    /// The latency of each message.
    async fn pour(self, begun: Instant) -> Outcome<Vec<Duration>> {
        let Self { load, place, sender, receiver } = self;
        let (mut sink, answers) = sender.split();
        let (mut stream, to, answered) = match receiver {
            None => (answers, None, None),
            // Each message is answered to its sender, too.
            Some((receiver, id)) => (receiver.split().1, Some(id), Some(tokio::spawn(all(answers, load.messages)))),
        };
        let (due_sender, mut due) = tokio::sync::mpsc::unbounded_channel();
        // Whoever is told that a message came may send the next one.
        let (came, mut may_send) = tokio::sync::mpsc::unbounded_channel();
        let sending = tokio::spawn(async move {
            for number in 0..load.messages {
                let at = match load.pace {
                    Pace::Closed => {
                        if number > 0 && may_send.recv().await.is_none() {
                            return Ok(());
                        }
                        Instant::now()
                    }
                    Pace::Open(rate) => {
                        let turn = (number * load.senders + place) as f64;
                        let at = begun + Duration::from_secs_f64(turn / rate);
                        until(at).await;
                        at
                    }
                };
                due_sender.send((number, at))?;
                let message = match &to {
                    Some(id) => json!({ "connectionId": id, "message": number }),
                    None => json!({ "message": number }),
                };
                sink.send(Message::text(message.to_string())).await?;
            }
            Ok::<(), BoxError>(())
        });
        let mut latencies = Vec::with_capacity(load.messages);
        let mut under_way = HashMap::new();
        for expected in 0..load.messages {
            let message = next(&mut stream).await.map_err(|why| format!("message {expected} is lost: {why}"))?;
            while let Ok((number, at)) = due.try_recv() {
                under_way.insert(number, at);
            }
            let number = message["message"].as_u64().and_then(|number| usize::try_from(number).ok());
            let in_turn = number == Some(expected) || matches!(load.pace, Pace::Open(_));
            let sent_at: Option<Instant> = number.filter(|_| in_turn).and_then(|number| under_way.remove(&number));
            let sent_at = sent_at.ok_or_else(|| format!("message {expected} is lost, doubled or late: {message}"))?;
            latencies.push(sent_at.elapsed());
            // The sender may have sent its last.
            let _ = came.send(());
        }
        sending.await??;
        if let Some(answered) = answered {
            answered.await??;
        }
        Ok(latencies)
    }
}

/// Waits for so many messages, whatever they say.
async fn all(mut stream: impl Stream<Item = Received> + Unpin, count: usize) -> Outcome {
    for place in 0..count {
        next(&mut stream).await.map_err(|why| format!("the answer to message {place} is lost: {why}"))?;
    }
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "this is what is modelled: people do not wait for each other")]
async fn until(then: Instant) {
    tokio::time::sleep_until(then.into()).await;
}
