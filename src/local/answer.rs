//! Answers in the wire formats of the services: JSON (Lambda, API Gateway, Logs) and XML (S3, IAM, STS).

use bytes::Bytes;
use http::{Response, StatusCode, header};
use serde_json::Value;

/// What a service answers.
pub(crate) type Answer = Response<Bytes>;

/// An answer with a body and a content type.
pub(crate) fn with_body(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    answer
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Answer {
    let mut answer = Response::new(Bytes::new());
    *answer.status_mut() = status;
    answer
}

/// A restJson answer.
pub(crate) fn json(status: StatusCode, body: &Value) -> Answer {
    with_body(status, "application/json", body.to_string())
}

/// A restJson error: the code travels in `x-amzn-errortype`, the text in `message`.
pub(crate) fn json_error(status: StatusCode, code: &'static str, message: &str) -> Answer {
    let mut answer = json(status, &serde_json::json!({ "message": message }));
    answer.headers_mut().insert("x-amzn-errortype", header::HeaderValue::from_static(code));
    answer
}
