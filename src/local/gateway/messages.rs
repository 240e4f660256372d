//! From a client's message to its route's function, and back.
//!
//! The messages of one connection are handed to functions in the order in which they came, and then run beside each other, as
//! AWS runs them: an answer, or an effect on another connection, may overtake an earlier one. What relies on order would fail on
//! AWS, so it may fail here.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use super::connection::{Connection, Ending, LARGEST_MESSAGE, Peer};
use super::event;
use super::integration::{self, Fault, Running};
use super::selection;
use crate::local::world::{LogLine, World};

/// Messages of one connection that may be under way at once, and as many may wait.
const UNDER_WAY: usize = 64;

/// What the gateway itself says to a client. The socket stays open (AWS-FACTS A4).
#[derive(Clone, Copy, Debug)]
pub(super) enum ServiceText {
    InternalServerError,
    Forbidden,
}

/// Exact bytes, spacing included (AWS-FACTS A4).
pub(super) fn error_frame(text: &str, connection_id: &str, request_id: &str) -> String {
    let quoted = |text: &str| Value::from(text).to_string();
    format!(
        "{{\"message\": {}, \"connectionId\":{}, \"requestId\":{}}}",
        quoted(text),
        quoted(connection_id),
        quoted(request_id)
    )
}

impl ServiceText {
    fn as_str(self) -> &'static str {
        match self {
            Self::InternalServerError => "Internal server error",
            Self::Forbidden => "Forbidden",
        }
    }
}

/// The task that takes a connection's messages in order.
pub(super) fn dispatcher(world: Arc<World>, connection: Arc<Connection>) -> (mpsc::Sender<String>, JoinHandle<()>) {
    let (sender, mut messages) = mpsc::channel::<String>(UNDER_WAY);
    let under_way = Arc::new(Semaphore::new(UNDER_WAY));
    let task = tokio::spawn(async move {
        while let Some(body) = messages.recv().await {
            let Ok(place) = Arc::clone(&under_way).acquire_owned().await else { return };
            let (request_id, begun) = begin(&world, &connection, &body).await;
            let (world, connection) = (Arc::clone(&world), Arc::clone(&connection));
            tokio::spawn(async move {
                if let Some(text) = finish(&world, &connection, &request_id, begun).await {
                    connection.send(text).await;
                }
                drop(place);
            });
        }
    });
    (sender, task)
}

/// A message that its route's function holds.
struct Begun {
    running: Running,
    answers: bool,
}

async fn begin(world: &Arc<World>, connection: &Connection, body: &str) -> (String, Result<Begun, ServiceText>) {
    let peer = &connection.peer;
    // Looked up for each message: a live connection follows its stage to a new deployment.
    let served = world.state().apigateway.served(&peer.api, &peer.stage, world.now());
    let Ok(stage) = served else { return (super::ids::generate(), Err(ServiceText::Forbidden)) };
    let Some((route_key, route)) = selection::select(&stage, body) else {
        return (super::ids::generate(), Err(ServiceText::Forbidden));
    };
    let event = event::message(peer, &stage, route_key, body);
    let begun = match integration::begin(world, peer, route_key, route, event.json).await {
        Ok(running) => Ok(Begun { running, answers: route.answers }),
        Err(fault) => Err(internal(world, connection, &fault)),
    };
    (event.request_id, begun)
}

/// The text that the client gets, if any.
async fn finish(
    world: &World,
    connection: &Connection,
    request_id: &str,
    begun: Result<Begun, ServiceText>,
) -> Option<String> {
    let outcome = match begun {
        Ok(Begun { running, answers }) => match running.finish().await {
            // One-way routes drop what the function returns, whatever its status.
            Ok(_) if !answers => return None,
            // The body alone, whatever the status, and an empty message for no body (AWS-FACTS A4).
            Ok(answer) => Ok(answer.body.unwrap_or_default()),
            Err(fault) => Err(internal(world, connection, &fault)),
        },
        Err(text) => Err(text),
    };
    let text = match outcome {
        Ok(body) if body.len() > LARGEST_MESSAGE => Err(ServiceText::InternalServerError),
        other => other,
    };
    Some(text.unwrap_or_else(|text| error_frame(text.as_str(), connection.peer.id.as_str(), request_id)))
}

/// The client learns nothing of the cause. Whoever follows the local AWS's log does: on AWS it takes execution logging to see it.
fn internal(world: &World, connection: &Connection, fault: &Fault) -> ServiceText {
    report(world, &connection.peer, fault);
    ServiceText::InternalServerError
}

/// Tells the followers of the log, if there are any, why an integration failed.
pub(super) fn report(world: &World, peer: &Peer, fault: &Fault) {
    let group = format!("/aws/apigateway/{}/{}", peer.api, peer.stage);
    let _ = world.log_lines.send(LogLine { group, text: format!("Execution failed: {fault}") });
}

/// Tells the `$disconnect` route, if there is one: best effort, its result is ignored (AWS-FACTS A4).
pub(super) async fn disconnected(world: &Arc<World>, connection: &Connection, ending: &Ending) {
    let peer = &connection.peer;
    let served = world.state().apigateway.served(&peer.api, &peer.stage, world.now());
    let Ok(stage) = served else { return };
    let Some(route) = stage.snapshot.routes.get("$disconnect") else { return };
    let (code, reason) = ending.told();
    let event = event::disconnect(peer, &stage, code, &reason);
    if let Ok(running) = integration::begin(world, peer, "$disconnect", route, event.json).await {
        let _ = running.finish().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_frames_are_byte_exact() {
        assert_eq!(
            error_frame("Internal server error", "Qyi07eCbtjMCJKw=", "Qyi3UG41tjMFlUg="),
            r#"{"message": "Internal server error", "connectionId":"Qyi07eCbtjMCJKw=", "requestId":"Qyi3UG41tjMFlUg="}"#
        );
    }
}
