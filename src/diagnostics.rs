//! Problems as people and pipelines see them: a closed set of codes, each with what happened, what AWS said, what to do next
//! and what is left behind.

use std::fmt;

use serde::Serialize;
use thiserror::Error;

use crate::aws::failure::{AwsFailure, FailureClass};
use crate::permissions;

/// What kind of problem it is. Stable: scripts may match on the spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// An option or a value on the command line or in the environment is not valid.
    InvalidInput,
    /// The page to deploy is missing, has no `index.html`, or holds a file that cannot be deployed.
    InvalidClient,
    /// No AWS credentials were found.
    NoCredentials,
    /// AWS refuses the credentials: expired, revoked or mistyped.
    CredentialsRefused,
    /// No region is set.
    NoRegion,
    /// The endpoint does not answer.
    Unreachable,
    /// AWS does not permit a call.
    AccessDenied,
    /// A resource of one of our names exists, and is not ours.
    NotOurs,
    /// More than one API carries this stack's tag.
    Ambiguous,
    /// The relay could not be built or is not fit for Lambda.
    RelayArtifact,
    /// The local AWS's port is taken by another program.
    PortTaken,
    /// No local AWS is running where one was asked for.
    NoLocalAws,
    /// AWS kept saying "not yet" or "too many requests" until the deadline.
    TimedOut,
    /// AWS refused or failed a call for another reason.
    AwsFailed,
    /// `teardown` would need a confirmation that nobody can give.
    ConfirmationNeeded,
    /// The person answered no.
    Declined,
    /// After `teardown` something of the stack is still there.
    Leftover,
    /// The run was interrupted by a signal.
    Interrupted,
    /// A file or socket on this machine failed.
    LocalFailure,
}

/// True of every command: they all find again what is there.
pub(crate) const INTERRUPTED_HINT: &str =
    "run the same command again: it continues from what is there; 'teardown' removes it";

impl Code {
    /// The process exit code that goes with it; the README lists them.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::InvalidInput | Self::InvalidClient | Self::ConfirmationNeeded => 2,
            Self::NoCredentials
            | Self::CredentialsRefused
            | Self::NoRegion
            | Self::Unreachable
            | Self::AccessDenied => 3,
            Self::NotOurs | Self::Ambiguous => 4,
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}

/// One problem.
#[derive(Clone, Debug, Error, Serialize)]
pub struct Diagnostic {
    /// The kind of problem.
    pub code: Code,
    /// One line: what happened, naming the resource or input.
    pub summary: String,
    /// What AWS said, where AWS said something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aws: Option<Box<AwsFailure>>,
    /// What to do next.
    pub hint: String,
    /// Resources that this run leaves behind, by address.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<String>,
}

impl Diagnostic {
    /// A problem that does not come from an AWS answer.
    pub fn new(code: Code, summary: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code, summary: summary.into(), aws: None, hint: hint.into(), left_behind: Vec::new() }
    }

    /// A problem that AWS reported while we were `doing` something ("create the bucket …").
    pub(crate) fn from_aws(doing: &str, failure: AwsFailure) -> Self {
        let (code, hint) = match failure.class {
            FailureClass::Credentials if failure.is_missing_credentials() => (
                Code::NoCredentials,
                "sign in ('aws login' or 'aws sso login'), or set AWS_PROFILE, or pass --profile; \
                 without an AWS account use 'webrtc-aws up --local'"
                    .to_owned(),
            ),
            FailureClass::Credentials => (
                Code::CredentialsRefused,
                "sign in again ('aws login', or 'aws sso login --profile NAME'), or check AWS_ACCESS_KEY_ID, \
                 AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, and this machine's clock"
                    .to_owned(),
            ),
            FailureClass::AccessDenied => (Code::AccessDenied, permissions::missing(&failure).hint()),
            FailureClass::Unreachable => (
                Code::Unreachable,
                "check the network, the region's spelling (--region) and any AWS_ENDPOINT_URL or --endpoint-url"
                    .to_owned(),
            ),
            FailureClass::NotReady | FailureClass::Conflict | FailureClass::Throttled | FailureClass::Transient => {
                (Code::TimedOut, "run the same command again: it continues where this run stopped".to_owned())
            }
            FailureClass::Interrupted => (Code::Interrupted, INTERRUPTED_HINT.to_owned()),
            _ => (
                Code::AwsFailed,
                "run the same command again with --verbose; if AWS says the same, its message above is the reason"
                    .to_owned(),
            ),
        };
        Self {
            code,
            summary: format!("could not {doing}"),
            aws: Some(Box::new(failure)),
            hint,
            left_behind: Vec::new(),
        }
    }

    /// The same problem, with what it leaves behind.
    pub(crate) fn leaving(mut self, left_behind: Vec<String>) -> Self {
        self.left_behind = left_behind;
        self
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary)?;
        if let Some(aws) = &self.aws {
            write!(f, ": {aws}")?;
        }
        Ok(())
    }
}
