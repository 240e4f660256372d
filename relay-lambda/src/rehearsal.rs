//! What becomes of a message before anything is sent: what benches measure of the relay's own computing.

use std::time::SystemTime;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::value::RawValue;

use crate::{
    Relay,
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
}

impl Relay {
    /// Reads an event, decides, and makes the answer or the request that it asks for, without sending anything. None for an event
    /// that asks for neither, or for something that only others can say.
    pub fn rehearse(&self, event: &RawValue, time: SystemTime) -> Option<Rehearsed> {
        match relay::decide(Incoming::from_event(event)) {
            Next::Answer(answer) => serde_json::to_string(&ProxyResponse::answer(&answer)).ok().map(Rehearsed::Answer),
            Next::Post(post) => {
                self.connections.signed(&post.to, &post.frame, time).ok().map(Box::new).map(Rehearsed::Post)
            }
            Next::Acknowledge | Next::IceServers(_) | Next::Admit(_) => None,
        }
    }
}
