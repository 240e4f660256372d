//! Whether this machine and this account have what `up` needs: findings, each with its remedy. Here is what things mean; the questions
//! are asked in [`questions`] and [`simulation`].

mod judgement;
mod questions;
mod simulation;

use std::fmt;

use serde::Serialize;

pub(crate) use judgement::{clock, credentials, endpoints, region};
pub(crate) use questions::{concurrency, public_access, server_time};
pub(crate) use simulation::permissions;

/// What is looked at. The set is closed: scripts may match on the spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// Where calls go.
    Endpoint,
    /// What signs them.
    Credentials,
    /// The region.
    Region,
    /// Who that is to AWS.
    Account,
    /// This machine's clock.
    Clock,
    /// Whether the account lets pages be public.
    PublicAccess,
    /// Whether the bucket that the page is to be in is there.
    Bucket,
    /// How many runs of functions the account has at once.
    Concurrency,
    /// What the credentials may do.
    Permissions,
    /// The relay, or what it takes to build it.
    Relay,
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Endpoint => "endpoint",
            Self::Credentials => "credentials",
            Self::Region => "region",
            Self::Account => "account",
            Self::Clock => "clock",
            Self::PublicAccess => "public_access",
            Self::Bucket => "bucket",
            Self::Concurrency => "concurrency",
            Self::Permissions => "permissions",
            Self::Relay => "relay",
        })
    }
}

/// What a finding means for `up`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// `up` works, perhaps not as meant.
    Warning {
        /// What to do about it.
        remedy: String,
    },
    /// `up` would fail, or make something that does not work.
    Problem {
        /// What to do about it.
        remedy: String,
    },
    /// It could not be found out.
    Unknown {
        /// How it could.
        remedy: String,
    },
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What.
    pub subject: Subject,
    /// What was seen.
    pub seen: String,
    /// What that means.
    #[serde(flatten)]
    pub verdict: Verdict,
}

impl Finding {
    pub(crate) fn ok(subject: Subject, seen: impl Into<String>) -> Self {
        Self { subject, seen: seen.into(), verdict: Verdict::Ok }
    }

    pub(crate) fn warning(subject: Subject, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { subject, seen: seen.into(), verdict: Verdict::Warning { remedy: remedy.into() } }
    }

    pub(crate) fn problem(subject: Subject, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { subject, seen: seen.into(), verdict: Verdict::Problem { remedy: remedy.into() } }
    }

    pub(crate) fn unknown(subject: Subject, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { subject, seen: seen.into(), verdict: Verdict::Unknown { remedy: remedy.into() } }
    }
}
