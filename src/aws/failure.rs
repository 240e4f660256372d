//! What an AWS call failed with, in one shape for all services, and what that means for us.
//!
//! `SdkError` displays as a bare "service error" (AWS-FACTS F); this keeps code, message, request id and the chain of causes.

use std::error::Error;
use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde::Serialize;

use super::answer::Unreadable;
use super::classify;

/// What a failure means for the caller. Decided in one place, [`classify`], from AWS's codes and texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// The thing does not exist.
    NotFound,
    /// The thing exists already.
    AlreadyExists,
    /// Something that was just made has not spread yet: wait and repeat.
    NotReady,
    /// Another change of the same thing is running: wait and repeat.
    Conflict,
    /// Something still hangs on it, which has to go first: repeating the call alone will not help.
    InUse,
    /// Too many calls: wait longer and repeat.
    Throttled,
    /// The answer is missing or was a server error; the call may or may not have taken effect.
    Transient,
    /// Something answered that is not AWS, or only a part of AWS's answer came; the call may or may not have taken effect.
    Unreadable,
    /// Nothing answers at the endpoint; the call did not take effect.
    Unreachable,
    /// These credentials may not do that.
    AccessDenied,
    /// No credentials, or refused ones.
    Credentials,
    /// The run was interrupted before the call was made, made again, or answered.
    Interrupted,
    /// Anything else: repeating will not help.
    Other,
}

/// One failed call.
#[derive(Clone, Debug, Serialize)]
pub struct AwsFailure {
    /// The service's name in IAM actions and endpoints, e.g. `lambda`.
    pub service: &'static str,
    /// The operation, e.g. `CreateFunction`.
    pub operation: &'static str,
    /// AWS's error code, where AWS answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// AWS's message, or the chain of causes where no answer came.
    pub message: String,
    /// AWS's request id, for a support case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The HTTP status, where an answer came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What it means.
    pub class: FailureClass,
}

impl AwsFailure {
    pub(crate) fn from_sdk<E>(service: &'static str, operation: &'static str, error: SdkError<E, HttpResponse>) -> Self
    where
        E: Error + ProvideErrorMetadata + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let code = error.code().map(str::to_owned).or_else(|| bare_status_code(status));
        let request_id = error.meta().extra("aws_request_id").map(str::to_owned);
        let stage = Stage::of(&error);
        let message = match error.message() {
            _ if stage == Stage::Unreadable => unreadable(&error, status),
            Some(message) => message.to_owned(),
            None if stage == Stage::Answered => {
                status.map_or_else(|| causes(&error), |status| format!("HTTP status {status} without a message"))
            }
            None => causes(&error),
        };
        let class = classify::classify(service, operation, stage, code.as_deref(), &message, status);
        Self { service, operation, code, message, request_id, status, class }
    }

    /// A refusal inside of an answer that says 200.
    pub(crate) fn in_an_answer(service: &'static str, operation: &'static str, code: String, message: String) -> Self {
        let class = classify::classify(service, operation, Stage::Answered, Some(&code), &message, Some(200));
        Self { service, operation, code: Some(code), message, request_id: None, status: Some(200), class }
    }

    /// A call that an interrupted run does not make, or does not wait for any longer.
    pub(crate) fn interrupted(service: &'static str, operation: &'static str, message: &str) -> Self {
        Self {
            service,
            operation,
            code: None,
            message: message.to_owned(),
            request_id: None,
            status: None,
            class: FailureClass::Interrupted,
        }
    }

    /// Whether no credentials were found at all, as opposed to refused ones.
    pub(crate) fn is_missing_credentials(&self) -> bool {
        self.status.is_none()
    }
}

impl fmt::Display for AwsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.operation)?;
        if let Some(code) = &self.code {
            write!(f, " answered {code}")?;
        } else {
            write!(f, " failed")?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        Ok(())
    }
}

/// How far a call got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It could not be built or signed.
    NotSent,
    /// No connection: it certainly had no effect.
    NotConnected,
    /// It was sent, and no whole answer came back.
    AnswerLost,
    /// What came back cannot be read as an answer of AWS.
    Unreadable,
    /// An answer came.
    Answered,
}

impl Stage {
    fn of<E: Error + 'static>(error: &SdkError<E, HttpResponse>) -> Self {
        match error {
            SdkError::ResponseError(_) if found_unreadable(error).is_some() => Self::Unreadable,
            // It reads as no answer to this very call.
            SdkError::ServiceError(failure) if failure.raw().status().is_success() => Self::Unreadable,
            SdkError::ConstructionFailure(_) => Self::NotSent,
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(connector) if connector.is_user() => Self::NotSent,
                // A refused or failed connect is told from a connection that broke later by the kind of the innermost cause.
                Some(connector) if never_connected(connector) => Self::NotConnected,
                Some(_) => Self::AnswerLost,
                None => Self::NotSent,
            },
            SdkError::TimeoutError(_) | SdkError::ResponseError(_) => Self::AnswerLost,
            _ => Self::Answered,
        }
    }
}

fn found_unreadable<'error>(error: &'error (dyn Error + 'static)) -> Option<&'error Unreadable> {
    std::iter::successors(Some(error), |cause| (*cause).source()).find_map(|cause| cause.downcast_ref())
}

/// Why an answer cannot be read, in one sentence.
fn unreadable<E: Error + 'static>(error: &SdkError<E, HttpResponse>, status: Option<u16>) -> String {
    if let Some(reason) = found_unreadable(error) {
        return reason.to_string();
    }
    // The innermost cause; the others only say that there is one.
    let reason = std::iter::successors(error.source(), |cause| (*cause).source()).last();
    let reason = reason.map(ToString::to_string);
    Unreadable::Broken { status: status.unwrap_or_default(), reason: reason.unwrap_or_default() }.to_string()
}

/// Whether the failure happened while connecting (DNS, refused, TLS), judged by the chain of causes.
fn never_connected(error: &(dyn Error + 'static)) -> bool {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<std::io::Error>()
            && matches!(
                io.kind(),
                std::io::ErrorKind::ConnectionRefused
                    | std::io::ErrorKind::HostUnreachable
                    | std::io::ErrorKind::NetworkUnreachable
                    | std::io::ErrorKind::AddrNotAvailable
            )
        {
            return true;
        }
        let text = current.to_string();
        // The last one is a proxy's.
        if ["dns error", "tcp connect error", "connect timeout", "tunnel error"].iter().any(|sign| text.contains(sign))
        {
            return true;
        }
        cause = current.source();
    }
    false
}

/// The chain of causes, without repeating what an outer error already says.
pub(crate) fn causes(error: &(dyn Error + 'static)) -> String {
    let mut words = String::new();
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(current) = cause {
        let text = current.to_string();
        if !words.contains(&text) {
            if !words.is_empty() {
                words.push_str(": ");
            }
            words.push_str(&text);
        }
        cause = current.source();
    }
    words
}

/// HEAD answers have no body, hence no code: S3's 404 and 403 are told by status alone.
fn bare_status_code(status: Option<u16>) -> Option<String> {
    match status? {
        404 => Some("NotFound".to_owned()),
        403 => Some("Forbidden".to_owned()),
        _ => None,
    }
}
