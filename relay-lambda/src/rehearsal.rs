//! What becomes of a message before anything is sent: what benches measure of the relay's own computing.

use std::time::SystemTime;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::value::RawValue;

use crate::{
    Relay,
    aws::BoxError,
    event::Incoming,
    relay::{self, Next, ProxyResponse},
};

/// What was worked out.
#[derive(Debug)]
pub enum Rehearsed {
    /// The function's answer, as JSON.
    Answer(String),
    /// The request that would carry the message, signed.
    Post(Box<Request<Full<Bytes>>>),
    /// Neither: the event asks for nothing, or for what only others can say.
    Nothing,
}

impl Relay {
    /// Reads an event, decides, and makes the answer or the request that it asks for, without sending anything.
    ///
    /// # Errors
    /// When the request cannot be made, or not be signed.
    pub fn rehearse(&self, event: &RawValue, time: SystemTime) -> Result<Rehearsed, BoxError> {
        Ok(match relay::decide(Incoming::from_event(event)) {
            Next::Answer(answer) => Rehearsed::Answer(serde_json::to_string(&ProxyResponse::answer(&answer))?),
            Next::Post(post) => Rehearsed::Post(Box::new(self.connections.signed(&post.to, &post.frame, time)?)),
            Next::Acknowledge | Next::IceServers(_) | Next::Admit(_) => Rehearsed::Nothing,
        })
    }
}
