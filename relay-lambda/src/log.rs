//! One JSON line on standard output for each message: who, what became of it, how long it took. Never what was said.

use std::{io::Write, time::Duration};

use serde::Serialize;

use crate::{
    admission::Refusal,
    connections::Delivery,
    event::ConnectionId,
    relay::{Answer, Code, Post},
    turn::Shortage,
};

/// The field names are read by `webrtc-aws logs`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LogLine {
    level: Level,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection_id: Option<ConnectionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<ConnectionId>,
    /// The HTTP status of `@connections`, or of the service that has a secret, if it answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration_ms: Option<f64>,
}

/// As Lambda's own JSON log lines spell it (AWS-FACTS C6).
#[derive(Debug, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum Level {
    Info,
    Warn,
    Error,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// The event was no message.
    Ignored,
    /// Somebody who may connect connects.
    Admitted,
    /// Somebody may not connect.
    Refused,
    /// The sender was told its own id.
    Answered,
    /// The sender got TURN servers.
    IceServers,
    /// The message was handed to the other connection.
    Relayed,
    FailedToStart,
    #[serde(untagged)]
    Failed(Code),
}

impl LogLine {
    fn new(outcome: Outcome) -> Self {
        let level = match &outcome {
            Outcome::Ignored | Outcome::Admitted | Outcome::Answered | Outcome::IceServers | Outcome::Relayed => {
                Level::Info
            }
            // The first ones are the clients' doing, the others ours or AWS's.
            Outcome::Refused | Outcome::Failed(Code::BadRequest | Code::PeerGone | Code::MessageTooLarge) => {
                Level::Warn
            }
            Outcome::Failed(_) | Outcome::FailedToStart => Level::Error,
        };
        Self {
            level,
            outcome,
            request_id: None,
            connection_id: None,
            to: None,
            status: None,
            detail: None,
            duration_ms: None,
        }
    }

    pub(crate) fn failed_to_start(reason: &str) -> Self {
        Self { detail: Some(reason.to_owned()), ..Self::new(Outcome::FailedToStart) }
    }

    pub(crate) fn ignored(request_id: &str) -> Self {
        Self { request_id: Some(request_id.to_owned()), ..Self::new(Outcome::Ignored) }
    }

    pub(crate) fn admitted(request_id: &str) -> Self {
        Self { request_id: Some(request_id.to_owned()), ..Self::new(Outcome::Admitted) }
    }

    /// Never with the token, nor anything else of the query.
    pub(crate) fn refused(request_id: &str, refusal: &Refusal) -> Self {
        let (outcome, status) = match refusal {
            Refusal::Unreadable(unreadable) => (Outcome::Failed(unreadable.code), unreadable.status),
            _ => (Outcome::Refused, None),
        };
        Self {
            request_id: Some(request_id.to_owned()),
            status,
            detail: Some(refusal.to_string()),
            ..Self::new(outcome)
        }
    }

    pub(crate) fn answered(request_id: &str, answer: &Answer) -> Self {
        let outcome = match (answer.error, &answer.ice) {
            (Some(failure), _) => Outcome::Failed(failure.code),
            (None, Some(_)) => Outcome::IceServers,
            (None, None) => Outcome::Answered,
        };
        Self {
            request_id: Some(request_id.to_owned()),
            connection_id: Some(answer.connection_id.clone()),
            ..Self::new(outcome)
        }
    }

    pub(crate) fn posted(request_id: &str, post: &Post, delivery: &Delivery) -> Self {
        let outcome = delivery.result.map_or_else(|failure| Outcome::Failed(failure.code), |()| Outcome::Relayed);
        Self {
            request_id: Some(request_id.to_owned()),
            connection_id: Some(post.sender.clone()),
            to: Some(post.to.clone()),
            status: delivery.status,
            detail: delivery.detail.clone(),
            ..Self::new(outcome)
        }
    }

    /// Why there are no TURN servers.
    pub(crate) fn because(mut self, shortage: &Shortage) -> Self {
        self.status = shortage.status;
        self.detail.clone_from(&shortage.detail);
        self
    }

    pub(crate) fn took(mut self, duration: Duration) -> Self {
        self.duration_ms = Some(duration.as_micros() as f64 / 1000.0);
        self
    }

    /// A line that cannot be written is no reason to let a message down.
    pub(crate) fn write(&self) {
        if let Ok(mut line) = serde_json::to_vec(self) {
            line.push(b'\n');
            let _ = std::io::stdout().lock().write_all(&line);
        }
    }
}
