//! What the Lambda control plane refuses, with the codes and statuses of its model.

use http::StatusCode;

use super::super::answer::{self, Answer};

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    #[error("{0}")]
    InvalidParameter(String),
    #[error("1 validation error detected: {0}")]
    Validation(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    #[error("{0}")]
    PreconditionFailed(String),
    #[error("{0}")]
    PolicyTooLong(String),
    #[error("{0}")]
    RequestTooLarge(String),
    #[error("{0}")]
    Throttled(String),
    #[error("{0}")]
    Unreadable(String),
    /// Something real Lambda offers and this one does not carry: said loudly, never ignored.
    #[error("the local Lambda does not carry this: {0}")]
    NotCarried(String),
    #[error("{0}")]
    Internal(String),
}

impl Error {
    pub(super) fn invalid(text: impl Into<String>) -> Self {
        Self::InvalidParameter(text.into())
    }

    pub(super) fn validation(value: impl std::fmt::Display, member: &str, constraint: &str) -> Self {
        Self::Validation(format!("Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"))
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::InvalidParameter(_) => (StatusCode::BAD_REQUEST, "InvalidParameterValueException"),
            Error::Validation(_) => (StatusCode::BAD_REQUEST, "ValidationException"),
            Error::NotFound(_) => (StatusCode::NOT_FOUND, "ResourceNotFoundException"),
            Error::Conflict(_) => (StatusCode::CONFLICT, "ResourceConflictException"),
            Error::PreconditionFailed(_) => (StatusCode::PRECONDITION_FAILED, "PreconditionFailedException"),
            Error::PolicyTooLong(_) => (StatusCode::BAD_REQUEST, "PolicyLengthExceededException"),
            Error::RequestTooLarge(_) => (StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException"),
            Error::Throttled(_) => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException"),
            Error::Unreadable(_) => (StatusCode::BAD_REQUEST, "InvalidRequestContentException"),
            Error::NotCarried(_) => (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
            Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "ServiceException"),
        };
        answer::json_error(status, code, &error.to_string())
    }
}
