//! One connection to the relay, and the three kinds of frames that come over it.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message;

use super::symptom::Symptom;
use crate::aws::visitor::WebSocket;

/// A relay that starts cold answers within a second or two; more would be no use for a call.
pub(super) const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

const CLOSE_PATIENCE: Duration = Duration::from_secs(2);

/// A text frame.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Frame {
    /// The relay to the sender of a message.
    Answer {
        id: String,
        error: Option<String>,
        /// How many ICE servers were in it.
        servers: usize,
    },
    /// What another connection sent.
    Relayed {
        from: String,
        message: Value,
    },
    /// API Gateway itself, where it got no answer from the relay (AWS-FACTS A4).
    Service(String),
    Other(String),
}

impl Frame {
    fn read(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let field = |name: &str| value[name].as_str().map(str::to_owned);
        if let Some(from) = field("from") {
            return Self::Relayed { from, message: value["message"].clone() };
        }
        match (field("connectionId"), field("requestId"), field("message")) {
            (_, Some(_), Some(message)) => Self::Service(message),
            (Some(id), None, _) => {
                let error = value.get("error").map(|error| match error["code"].as_str() {
                    Some(code) => code.to_owned(),
                    None => error.to_string(),
                });
                let servers = value["iceServers"].as_array().map_or(0, Vec::len);
                Self::Answer { id, error, servers }
            }
            _ => Self::Other(text.to_owned()),
        }
    }
}

pub(super) struct Socket {
    stream: WebSocket,
    /// What came while something else was awaited.
    unread: VecDeque<Frame>,
}

impl Socket {
    pub(super) fn new(stream: WebSocket) -> Self {
        Self { stream, unread: VecDeque::new() }
    }

    pub(super) async fn send(&mut self, text: String) -> Result<(), Symptom> {
        self.stream.send(Message::text(text)).await.map_err(|error| Symptom::Closed(format!(": {error}")))
    }

    /// What a sender is told: its own id, and the relay's error code if there is one.
    pub(super) async fn answer(&mut self) -> Result<(String, Option<String>), Symptom> {
        self.whole_answer().await.map(|(id, error, _)| (id, error))
    }

    /// How many ICE servers the sender is told of, or why there are none.
    pub(super) async fn servers(&mut self) -> Result<usize, Symptom> {
        match self.whole_answer().await? {
            (_, Some(code), _) => Err(Symptom::NoTurn(code)),
            (_, None, 0) => Err(Symptom::NoTurn("it does not know of any".to_owned())),
            (_, None, servers) => Ok(servers),
        }
    }

    async fn whole_answer(&mut self) -> Result<(String, Option<String>, usize), Symptom> {
        let is_answer = |frame: &Frame| !matches!(frame, Frame::Relayed { .. });
        match self.next(is_answer).await?.ok_or(Symptom::NoAnswer(ANSWER_PATIENCE))? {
            Frame::Answer { id, error, servers } => Ok((id, error, servers)),
            Frame::Service(message) => Err(Symptom::Service(message)),
            Frame::Relayed { .. } => Err(Symptom::NoAnswer(ANSWER_PATIENCE)),
            Frame::Other(text) => {
                Err(Symptom::WrongAnswer { found: format!("{text:?}"), wanted: "the connection's id" })
            }
        }
    }

    /// Waits for a message from another connection.
    pub(super) async fn message(&mut self, wanted: &Value) -> Result<String, Symptom> {
        let is_wanted = |frame: &Frame| matches!(frame, Frame::Relayed { message, .. } if message == wanted);
        match self.next(is_wanted).await? {
            Some(Frame::Relayed { from, .. }) => Ok(from),
            _ => Err(Symptom::NotDelivered(ANSWER_PATIENCE)),
        }
    }

    /// Forgets what came late for a question that was given up.
    pub(super) fn forget(&mut self) {
        self.unread.clear();
    }

    /// The first frame that fits; `None` when none comes in time.
    async fn next(&mut self, fits: impl Fn(&Frame) -> bool) -> Result<Option<Frame>, Symptom> {
        if let Some(place) = self.unread.iter().position(&fits) {
            return Ok(self.unread.remove(place));
        }
        let deadline = Instant::now() + ANSWER_PATIENCE;
        while let Ok(received) = timeout_at(deadline, self.stream.next()).await {
            match received {
                Some(Ok(Message::Text(text))) => match Frame::read(&text) {
                    frame if fits(&frame) => return Ok(Some(frame)),
                    frame => self.unread.push_back(frame),
                },
                Some(Ok(Message::Close(frame))) => {
                    let why = frame.map(|frame| format!(" with code {}: {}", u16::from(frame.code), frame.reason));
                    return Err(Symptom::Closed(why.unwrap_or_default()));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(Symptom::Closed(format!(": {error}"))),
                None => return Err(Symptom::Closed(String::new())),
            }
        }
        Ok(None)
    }

    /// Closes it, and waits a moment for the other side to do so, too.
    pub(super) async fn close(mut self) {
        let closing = async {
            // Whatever goes wrong now, the connection is gone.
            let _ = self.stream.close(None).await;
            while let Some(Ok(_)) = self.stream.next().await {}
        };
        let _ = tokio::time::timeout(CLOSE_PATIENCE, closing).await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn frames_are_told_apart() {
        let answer =
            |error: Option<&str>| Frame::Answer { id: "a=".into(), error: error.map(str::to_owned), servers: 0 };
        let cases = [
            (r#"{"connectionId":"a="}"#, answer(None)),
            (r#"{"connectionId":"a=","error":{"code":"peer_gone","message":"m"}}"#, answer(Some("peer_gone"))),
            (
                r#"{"message":{"connectionId":"b="},"from":"a="}"#,
                Frame::Relayed { from: "a=".into(), message: json!({ "connectionId": "b=" }) },
            ),
            (
                r#"{"message": "Internal server error", "connectionId":"a=", "requestId":"r="}"#,
                Frame::Service("Internal server error".into()),
            ),
            (
                r#"{"connectionId":"a=","iceServers":[{"urls":["turn:a"]}],"expiresIn":9}"#,
                Frame::Answer { id: "a=".into(), error: None, servers: 1 },
            ),
            ("", Frame::Other(String::new())),
            ("[1]", Frame::Other("[1]".into())),
        ];
        for (text, frame) in cases {
            assert_eq!(Frame::read(text), frame, "{text}");
        }
    }
}
