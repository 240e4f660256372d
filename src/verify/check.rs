//! What is checked, and how a check ended: what events carry.

use std::fmt;

use serde::Serialize;

/// One assertion about a deployed stack. The set is closed: scripts may match on the spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckId {
    /// The page is served.
    Page,
    /// Whatever the page loads is served.
    Files,
    /// The generated configuration leads to this stack.
    Config,
    /// The stage takes WebSocket connections.
    Handshake,
    /// The relay tells a connection its own id.
    OwnId,
    /// The relay passes messages on, both ways.
    Relay,
    /// The relay tells a sender what went wrong.
    Errors,
    /// The relay has TURN servers for who asks; made only where the stack is to have some.
    Turn,
    /// Whoever may not connect cannot; made only where not everybody may.
    Admission,
    /// Nobody can list the bucket.
    Listing,
    /// Nobody can write to the bucket.
    Writing,
    /// Nothing is served without TLS.
    Tls,
}

impl CheckId {
    /// What holds for a healthy stack.
    pub(crate) fn expected(self) -> &'static str {
        match self {
            Self::Page => "the page's URL answers 200 with HTML",
            Self::Files => "every script, module and style sheet that the page loads is there, with its type",
            Self::Config => "config.js names this stack's WebSocket URL, and ICE servers that a browser takes",
            Self::Handshake => "the WebSocket URL takes connections",
            Self::OwnId => "an empty object is answered with the connection's own id",
            Self::Relay => "messages between two connections arrive both ways, and their senders are told",
            Self::Errors => "nonsense is answered with bad_request, a closed connection's id with peer_gone",
            Self::Turn => "the relay has TURN servers with credentials for who asks",
            Self::Admission => "the relay refuses strangers' pages, and who has no join token",
            Self::Listing => "nobody without credentials can list the bucket",
            Self::Writing => "nobody without credentials can put an object into the bucket",
            Self::Tls => "the page is not served without TLS",
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Files => "files",
            Self::Config => "config",
            Self::Handshake => "handshake",
            Self::OwnId => "own_id",
            Self::Relay => "relay",
            Self::Errors => "errors",
            Self::Turn => "turn",
            Self::Admission => "admission",
            Self::Listing => "listing",
            Self::Writing => "writing",
            Self::Tls => "tls",
        }
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// One check that was made, or why it was not.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Check {
    /// Which.
    pub check: CheckId,
    /// What holds for a healthy stack, in words for people.
    pub expected: &'static str,
    /// How it ended.
    #[serde(flatten)]
    pub result: CheckResult,
    /// Milliseconds, waits included.
    pub elapsed_ms: u64,
}

/// How a check ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum CheckResult {
    /// As expected.
    Ok {
        /// What was seen.
        seen: String,
        /// Milliseconds from one connection to the other and back, for [`CheckId::Relay`].
        #[serde(skip_serializing_if = "Option::is_none")]
        round_trip_ms: Option<f64>,
    },
    /// Not as expected.
    Failed {
        /// What was seen.
        seen: String,
        /// Why, as closely as it can be told.
        cause: String,
        /// What to do.
        remedy: String,
    },
    /// Not made.
    Skipped {
        /// Why not.
        reason: String,
    },
}

/// All checks in short.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// How many ended as expected.
    pub passed: usize,
    /// Those that did not.
    pub failed: Vec<CheckId>,
    /// Those that were not made.
    pub skipped: Vec<CheckId>,
    /// Milliseconds from one connection to the other and back: the median of a few messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub round_trip_ms: Option<f64>,
}

impl Summary {
    pub(crate) fn count(&mut self, check: &Check) {
        match &check.result {
            CheckResult::Ok { round_trip_ms, .. } => {
                self.passed += 1;
                self.round_trip_ms = self.round_trip_ms.or(*round_trip_ms);
            }
            CheckResult::Failed { .. } => self.failed.push(check.check),
            CheckResult::Skipped { .. } => self.skipped.push(check.check),
        }
    }
}
