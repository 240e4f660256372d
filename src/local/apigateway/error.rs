//! What API Gateway v2 refuses, with the codes and statuses of its model.

use http::StatusCode;

use super::super::answer::{self, Answer};

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(crate) enum Error {
    #[error("{0}")]
    BadRequest(String),
    #[error("{0}")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    /// Something real API Gateway offers and this one does not carry: said loudly, never ignored.
    #[error("the local API Gateway does not carry this: {0}")]
    NotCarried(String),
    #[error("{0}")]
    Internal(String),
}

impl Error {
    pub(super) fn bad_request(text: impl Into<String>) -> Self {
        Self::BadRequest(text.into())
    }

    pub(super) fn conflict(text: impl Into<String>) -> Self {
        Self::Conflict(text.into())
    }

    /// Unknown ids of every sort read alike (AWS-FACTS B3).
    pub(super) fn unknown(what: &str, id: &str) -> Self {
        Self::NotFound(format!("Invalid {what} identifier specified {id}"))
    }
}

impl From<Error> for Answer {
    fn from(error: Error) -> Self {
        let (status, code) = match &error {
            Error::BadRequest(_) => (StatusCode::BAD_REQUEST, "BadRequestException"),
            Error::NotFound(_) => (StatusCode::NOT_FOUND, "NotFoundException"),
            Error::Conflict(_) => (StatusCode::CONFLICT, "ConflictException"),
            Error::NotCarried(_) => (StatusCode::NOT_IMPLEMENTED, "NotImplemented"),
            Error::Internal(_) => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerErrorException"),
        };
        answer::json_error(status, code, &error.to_string())
    }
}
