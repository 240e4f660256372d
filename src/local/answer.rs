//! Answers in the wire formats of the services: JSON (Lambda, API Gateway, Logs, secrets) and XML (S3, IAM, STS).

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use quick_xml::escape::escape;
use serde_json::{Value, json};

use super::call::Service;

/// What a service answers.
pub(crate) type Answer = Response<Bytes>;

/// An error as a service reports it, before it is put into the service's wire format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{status} {code}: {message}")]
pub(crate) struct AwsError {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
    /// Further members of the body, such as S3's `Region`.
    pub(crate) details: Vec<(&'static str, String)>,
}

impl AwsError {
    pub(crate) fn new(status: StatusCode, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), details: Vec::new() }
    }

    /// Adds a member to the body.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }
}

/// An answer with a body and a content type.
pub(crate) fn with_body(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(body.into());
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
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
pub(crate) fn json_error(status: StatusCode, code: &str, message: &str) -> Answer {
    error(Service::Lambda, &AwsError::new(status, code, message), "")
}

/// An XML document, declaration included.
pub(crate) fn xml(status: StatusCode, content_type: &'static str, body: &str) -> Answer {
    with_body(status, content_type, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}"))
}

/// An error in the wire format of a service.
pub(crate) fn error(service: Service, error: &AwsError, request_id: &str) -> Answer {
    let (code, message) = (escape(error.code.as_str()), escape(error.message.as_str()));
    match service {
        Service::S3 => {
            let details: String = error
                .details
                .iter()
                .map(|(name, value)| format!("<{name}>{}</{name}>", escape(value.as_str())))
                .collect();
            let body = format!(
                "<Error><Code>{code}</Code><Message>{message}</Message>{details}<RequestId>{request_id}</RequestId></Error>"
            );
            xml(error.status, "application/xml", &body)
        }
        Service::Iam | Service::Sts => {
            let version = if service == Service::Iam { "2010-05-08" } else { "2011-06-15" };
            let fault = if error.status.is_server_error() { "Receiver" } else { "Sender" };
            let body = format!(
                "<ErrorResponse xmlns=\"https://{service}.amazonaws.com/doc/{version}/\"><Error><Type>{fault}</Type>\
                 <Code>{code}</Code><Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
            );
            xml(error.status, "text/xml", &body)
        }
        // awsJson names the error in the body, restJson in a header.
        Service::Logs | Service::Ssm | Service::SecretsManager => {
            let mut body = json!({ "__type": error.code, "message": error.message });
            add_details(&mut body, error);
            with_body(error.status, "application/x-amz-json-1.1", body.to_string())
        }
        Service::Lambda | Service::ApiGateway | Service::ExecuteApi | Service::KinesisVideo => {
            let mut body = json!({ "message": error.message });
            add_details(&mut body, error);
            let mut answer = json(error.status, &body);
            if let Ok(code) = HeaderValue::from_str(&error.code) {
                answer.headers_mut().insert("x-amzn-errortype", code);
            }
            answer
        }
    }
}

fn add_details(body: &mut Value, error: &AwsError) {
    for (name, value) in &error.details {
        body[*name] = Value::from(value.as_str());
    }
}
