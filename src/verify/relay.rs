//! The relay as two browsers meet it. All of it takes about thirty messages, answers included: some thousandths of a cent.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::admission::Doors;
use super::check::CheckId;
use super::socket::Socket;
use super::symptom::Symptom;
use super::{Passed, Verification};

/// Rounds that are measured, after one that finds a relay for each direction started.
const ROUNDS: usize = 3;

/// A closed connection may be known for a moment longer.
const PATIENCE_WITH_A_CLOSE: Duration = Duration::from_secs(5);

/// Two connections.
pub(super) struct Pair {
    one: Socket,
    other: Socket,
}

/// Their ids.
pub(super) struct Ids {
    one: String,
    other: String,
}

impl Verification<'_> {
    pub(super) async fn handshake(&self, doors: &Doors) -> Result<(Passed, Pair), Symptom> {
        let pair = self.patiently(CheckId::Handshake, self.deadline, async || {
            let open = async || self.enter(&self.guest(doors)).await.map(Socket::new);
            let (one, other) = tokio::try_join!(open(), open())?;
            Ok(Pair { one, other })
        });
        Ok((Passed::saw("two connections"), pair.await?))
    }

    pub(super) async fn own_ids(&self, pair: &mut Pair) -> Result<(Passed, Ids), Symptom> {
        let ids = self.patiently(CheckId::OwnId, self.deadline, async || {
            let (one, other) = tokio::try_join!(own_id(&mut pair.one), own_id(&mut pair.other))?;
            Ok(Ids { one, other })
        });
        let ids = ids.await?;
        if ids.one == ids.other {
            return Err(Symptom::WrongAnswer { found: "the same for both".to_owned(), wanted: "an id of its own" });
        }
        Ok((Passed::saw("two ids"), ids))
    }

    pub(super) async fn relay(&self, pair: &mut Pair, ids: &Ids) -> Result<Passed, Symptom> {
        self.patiently(CheckId::Relay, self.deadline, async || round(pair, ids).await).await?;
        let mut times = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            times.push(self.patiently(CheckId::Relay, self.deadline, async || round(pair, ids).await).await?);
        }
        times.sort();
        // To a tenth of a millisecond.
        let median = (times.get(ROUNDS / 2).copied().unwrap_or_default().as_secs_f64() * 10_000.0).round() / 10.0;
        Ok(Passed { seen: format!("both ways, round trip {median} ms"), round_trip_ms: Some(median) })
    }

    /// That the servers work is for a browser to find out: credentials for them are what the stack can give.
    pub(super) async fn turn(&self, pair: &mut Pair) -> Result<Passed, Symptom> {
        let count = self.patiently(CheckId::Turn, self.deadline, async || {
            pair.one.forget();
            pair.one.send(json!({ "iceServers": true }).to_string()).await?;
            pair.one.servers().await
        });
        Ok(Passed::saw(format!("{} with credentials", count.await?)))
    }

    /// Ends both connections.
    pub(super) async fn errors(&self, pair: Pair, ids: &Ids) -> Result<Passed, Symptom> {
        let Pair { mut one, other } = pair;
        self.patiently(CheckId::Errors, self.deadline, async || {
            one.forget();
            one.send("this is no JSON".to_owned()).await?;
            expect_error(&mut one, "bad_request").await
        })
        .await?;
        other.close().await;
        let deadline = self.deadline.max(Instant::now() + PATIENCE_WITH_A_CLOSE);
        self.patiently(CheckId::Errors, deadline, async || {
            one.forget();
            one.send(to(&ids.other, &Value::Null)).await?;
            expect_error(&mut one, "peer_gone").await
        })
        .await?;
        one.close().await;
        Ok(Passed::saw("bad_request and peer_gone"))
    }
}

async fn own_id(socket: &mut Socket) -> Result<String, Symptom> {
    socket.forget();
    socket.send("{}".to_owned()).await?;
    match socket.answer().await? {
        (id, None) => Ok(id),
        (_, Some(code)) => Err(Symptom::RelayError(code)),
    }
}

/// There and back, without the answers to the senders.
async fn round(pair: &mut Pair, ids: &Ids) -> Result<Duration, Symptom> {
    let there = deliver(&mut pair.one, &ids.one, &mut pair.other, &ids.other).await?;
    let back = deliver(&mut pair.other, &ids.other, &mut pair.one, &ids.one).await?;
    Ok(there + back)
}

/// One message: it arrives, and its sender is told so. How long it took to arrive.
async fn deliver(from: &mut Socket, own: &str, to_whom: &mut Socket, id: &str) -> Result<Duration, Symptom> {
    // Unlike any other, one that was given up included.
    let message = json!({ "type": "verify", "payload": hex::encode(rand::random::<[u8; 8]>()) });
    from.forget();
    let sent = Instant::now();
    from.send(to(id, &message)).await?;
    let told = async {
        match from.answer().await? {
            (_, None) => Ok::<_, Symptom>(()),
            (_, Some(code)) => Err(Symptom::RelayError(code)),
        }
    };
    let arrived = async { Ok((to_whom.message(&message).await?, sent.elapsed())) };
    // Whoever is told of an error need not wait for a message that will not come.
    let ((), (sender, elapsed)) = tokio::try_join!(told, arrived)?;
    if sender != own {
        return Err(Symptom::WrongAnswer { found: format!("a message from {sender:?}"), wanted: "its sender's id" });
    }
    Ok(elapsed)
}

async fn expect_error(socket: &mut Socket, wanted: &'static str) -> Result<(), Symptom> {
    match socket.answer().await? {
        (_, Some(code)) if code == wanted => Ok(()),
        (_, Some(code)) => Err(Symptom::RelayError(code)),
        (_, None) => Err(Symptom::NoError(wanted)),
    }
}

fn to(id: &str, message: &Value) -> String {
    json!({ "connectionId": id, "message": message }).to_string()
}
