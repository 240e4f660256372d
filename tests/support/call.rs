//! What a request to AWS, or to whoever speaks its protocols, asks for: told from the request alone, as an outsider sees it.

use std::fmt;

use bytes::Bytes;
use http::{header, request};

/// One call, named so that it has the same name in every run: without the ids and names that differ between stacks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Call {
    /// The service name of the credential scope; empty without a signature.
    pub service: String,
    /// The operation, or method and path where the protocol has no names: `CreateRole`, `POST apis/*/routes`.
    pub operation: String,
    pub is_write: bool,
}

impl Call {
    pub fn of(parts: &request::Parts, body: &Bytes) -> Self {
        let service = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok()?.split_once("Credential=")?.1.split('/').nth(3))
            .unwrap_or_default();
        let named = match service {
            "iam" | "sts" => {
                form_urlencoded::parse(body).find(|(name, _)| name == "Action").map(|(_, it)| it.into_owned())
            }
            _ => parts
                .headers
                .get("x-amz-target")
                .and_then(|value| value.to_str().ok()?.rsplit_once('.').map(|(_, operation)| operation.to_owned())),
        };
        let operation = named.unwrap_or_else(|| format!("{} {}", parts.method, shape(service, parts)));
        Self::named(service, &operation)
    }

    pub fn named(service: &str, operation: &str) -> Self {
        let reads = ["Get", "List", "Describe", "GET ", "HEAD "];
        let is_write = !service.is_empty() && !reads.iter().any(|reading| operation.starts_with(reading));
        Self { service: service.to_owned(), operation: operation.to_owned(), is_write }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.operation)
    }
}

/// Path and query parameters with what is generated or named after the stack left out.
fn shape(service: &str, parts: &request::Parts) -> String {
    let mut segments: Vec<&str> = parts.uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    if service == "s3" {
        if let Some(bucket) = segments.first_mut() {
            *bucket = "*";
        }
    } else if !segments.is_empty() {
        // The version of the interface; then what kind of thing, and which, in turn.
        segments.remove(0);
        segments.iter_mut().skip(1).step_by(2).for_each(|which| *which = "*");
    }
    let names = form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let names: Vec<_> = names.map(|(name, _)| name.into_owned()).filter(|name| name != "x-id").collect();
    let query = if names.is_empty() { String::new() } else { format!("?{}", names.join("&")) };
    segments.join("/") + &query
}
