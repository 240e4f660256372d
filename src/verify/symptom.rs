//! What a check saw instead of what it expected: typed, so that a cause can be looked for.

use std::time::Duration;

use thiserror::Error;

use crate::aws::visitor::VisitError;

/// What went wrong, as a visitor sees it.
#[derive(Clone, Debug, PartialEq, Error)]
pub(crate) enum Symptom {
    #[error("{what}: {error}")]
    Unreachable { what: String, error: VisitError },
    /// A file that must be readable by everyone is not.
    #[error("{file} answered {status}")]
    NotServed { file: String, status: u16 },
    /// A file that another one loads.
    #[error("{file} answered {status}; {loaded_by} loads it")]
    BrokenLink { file: String, loaded_by: String, status: u16 },
    #[error("{file} came as {found:?}, not as {wanted}")]
    WrongType { file: String, found: String, wanted: &'static str },
    #[error("config.js {0}")]
    WrongConfig(String),
    #[error("the page loads more than {0} files")]
    TooManyFiles(usize),
    #[error("the handshake was refused with status {0}")]
    HandshakeRefused(u16),
    /// A frame of API Gateway's own, such as "Internal server error" (AWS-FACTS A4).
    #[error("API Gateway answered {0:?} in the relay's place")]
    Service(String),
    #[error("no answer came within {} s", .0.as_secs())]
    NoAnswer(Duration),
    #[error("the message was acknowledged, but did not arrive within {} s", .0.as_secs())]
    NotDelivered(Duration),
    /// The relay's own error code.
    #[error("the relay answered {0}")]
    RelayError(String),
    /// The relay's own error code.
    #[error("the relay has no TURN servers: {0}")]
    NoTurn(String),
    /// Success where the relay's error was wanted.
    #[error("the relay reported success, not {0}")]
    NoError(&'static str),
    #[error("the answer was {found}, not {wanted}")]
    WrongAnswer { found: String, wanted: &'static str },
    #[error("the socket was closed{0}")]
    Closed(String),
    #[error("{0}")]
    TooOpen(Opening),
}

/// What somebody without credentials could do.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum Opening {
    #[error("anybody can list the bucket: {0} answered 200")]
    Listing(String),
    #[error("anybody can write to the bucket: an object was put there without credentials (status {status})")]
    Writing { object: String, status: u16 },
    #[error("{0} is served without TLS")]
    Plain(String),
    #[error("{0} can connect to the relay")]
    Door(&'static str),
}

impl Symptom {
    /// Whether it may be gone in a moment: what was just made takes seconds to be in effect everywhere (AWS-FACTS A6, B3, E1).
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { error, .. } => error.may_pass(),
            Self::NotServed { .. }
            | Self::BrokenLink { .. }
            | Self::HandshakeRefused(_)
            | Self::Service(_)
            | Self::NoAnswer(_)
            | Self::NotDelivered(_)
            | Self::RelayError(_)
            | Self::NoTurn(_)
            | Self::NoError(_)
            // A stage that was moved a moment ago may still serve the deployment before.
            | Self::TooOpen(Opening::Door(_)) => true,
            Self::WrongType { .. }
            | Self::WrongConfig(_)
            | Self::TooManyFiles(_)
            | Self::WrongAnswer { .. }
            | Self::Closed(_)
            | Self::TooOpen(_) => false,
        }
    }
}
