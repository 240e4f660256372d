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
    /// What answered is not AWS, or only a part of AWS's answer came.
    UnreadableAnswer,
    /// AWS refused or failed a call for another reason.
    AwsFailed,
    /// `teardown` would need a confirmation that nobody can give.
    ConfirmationNeeded,
    /// The person answered no.
    Declined,
    /// After `teardown` something of the stack is still there.
    Leftover,
    /// Something else changed the stack while the run was working: another run, or somebody by hand.
    Disturbed,
    /// Nothing of the stack is in this region, but it seems to stand in another one.
    Elsewhere,
    /// `verify` was asked about a stack that is not there, or only half.
    NotDeployed,
    /// The stack stands, and does not do what it is for.
    CheckFailed,
    /// `doctor` found that something that `up` needs is not there.
    NotReady,
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
            | Self::UnreadableAnswer
            | Self::AccessDenied
            // What it finds is of this kind for the most part, and what scripts do about it is the same.
            | Self::NotReady => 3,
            Self::NotOurs | Self::Ambiguous => 4,
            Self::CheckFailed => 6,
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
    /// What else failed for the same reason, where that asks for something else as well.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// What to do next.
    pub hint: String,
    /// Resources that this run leaves behind, by address.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub left_behind: Box<[String]>,
    /// What went wrong besides, of other causes: `finished` has it as `further_problems`.
    #[serde(skip)]
    pub(crate) further: Box<[Diagnostic]>,
}

impl Diagnostic {
    /// A problem that does not come from an AWS answer.
    pub fn new(code: Code, summary: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code,
            summary: summary.into(),
            aws: None,
            also: Vec::new(),
            hint: hint.into(),
            left_behind: Box::default(),
            further: Box::default(),
        }
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
            // It says so of keys that are good in another region, or of a name that is no region's.
            FailureClass::Credentials if failure.message.contains("valid region") => (
                Code::CredentialsRefused,
                "check the region's spelling: --region, AWS_REGION, or 'region' of the profile".to_owned(),
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
                "check the network, any HTTPS_PROXY, the region's spelling (--region) and any AWS_ENDPOINT_URL or --endpoint-url"
                    .to_owned(),
            ),
            FailureClass::Unreadable => (
                Code::UnreadableAnswer,
                "a proxy, a VPN or a network's sign-in page may stand between this machine and AWS: open any web page to see, check \
                 HTTPS_PROXY and --endpoint-url, then run the same command again: it continues where this run stopped"
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
        Self { aws: Some(Box::new(failure)), ..Self::new(code, format!("could not {doing}"), hint) }
    }

    /// All problems of a run as one: the first, each other cause once behind it.
    pub(crate) fn of_all(problems: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut causes: Vec<Self> = Vec::new();
        for mut problem in problems {
            let further = std::mem::take(&mut problem.further);
            for problem in std::iter::once(problem).chain(further) {
                match causes.iter_mut().find(|known| known.cause() == problem.cause()) {
                    Some(known) => known.absorb(&problem),
                    None => causes.push(problem),
                }
            }
        }
        let mut causes = causes.into_iter();
        let mut first = causes.next()?;
        first.further = causes.collect();
        Some(first)
    }

    /// What tells one cause from another. Credentials, permissions and the network fail every step alike, each in its own words.
    fn cause(&self) -> (Code, Option<&str>, &str) {
        let answered = self.aws.as_ref().and_then(|aws| aws.code.as_deref());
        match self.code {
            Code::NoCredentials
            | Code::CredentialsRefused
            | Code::Unreachable
            | Code::AccessDenied
            | Code::Interrupted => (self.code, None, ""),
            Code::TimedOut if answered.is_some() => (self.code, answered, ""),
            _ => (self.code, answered, &self.summary),
        }
    }

    /// Takes in another problem of the same cause: a right that is missing as well must be named, or it is missing again.
    fn absorb(&mut self, other: &Self) {
        let Some(aws) = other.aws.as_ref().filter(|_| other.hint != self.hint) else { return };
        let line = format!("{} ({}:{})", other.summary, aws.service, aws.operation);
        if !self.also.contains(&line) {
            self.also.push(line);
        }
    }

    /// The same problem, with what it leaves behind.
    pub(crate) fn leaving(mut self, left_behind: Vec<String>) -> Self {
        self.left_behind = left_behind.into();
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

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(doing: &str, operation: &'static str, code: &str, class: FailureClass) -> Diagnostic {
        let failure = AwsFailure {
            service: "iam",
            operation,
            code: Some(code.to_owned()),
            message: "no".to_owned(),
            request_id: None,
            status: Some(400),
            class,
        };
        Diagnostic::from_aws(doing, failure)
    }

    #[test]
    fn each_cause_is_told_once_and_none_is_lost() {
        let denied = |doing, operation| failed(doing, operation, "AccessDenied", FailureClass::AccessDenied);
        let expired = |doing| failed(doing, "GetRole", "ExpiredToken", FailureClass::Credentials);
        let problem = Diagnostic::of_all([
            denied("create a", "CreateRole"),
            denied("tag b", "TagRole"),
            denied("create c", "CreateRole"),
            expired("look at d"),
            expired("look at e"),
            failed("put f", "PutRolePolicy", "MalformedPolicyDocument", FailureClass::Other),
            failed("put g", "PutRolePolicy", "MalformedPolicyDocument", FailureClass::Other),
        ])
        .unwrap();
        assert_eq!(
            (problem.summary.as_str(), problem.also),
            ("could not create a", vec!["could not tag b (iam:TagRole)".to_owned()])
        );
        let further: Vec<_> = problem.further.iter().map(|other| (other.summary.as_str(), other.also.len())).collect();
        assert_eq!(further, [("could not look at d", 0), ("could not put f", 0), ("could not put g", 0)]);
        assert!(Diagnostic::of_all([]).is_none());
    }

    #[test]
    fn problems_that_were_gathered_before_are_gathered_again() {
        let own = |name: &str| Diagnostic::new(Code::NotOurs, name, "");
        let both = Diagnostic::of_all([own("a"), own("b")]).unwrap();
        let all = Diagnostic::of_all([own("c"), both]).unwrap();
        let further: Vec<_> = all.further.iter().map(|other| other.summary.as_str()).collect();
        assert_eq!((all.summary.as_str(), further), ("c", vec!["a", "b"]));
    }
}
