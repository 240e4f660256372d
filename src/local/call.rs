//! One control-plane (or `@connections`) call as the services see it: authenticated, body read, service known.

use bytes::Bytes;
use http::{HeaderMap, Method};

/// The services of the local AWS, by the service name in a SigV4 credential scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Service {
    S3,
    Iam,
    Sts,
    Lambda,
    ApiGateway,
    Logs,
    ExecuteApi,
}

/// Who signed a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    /// The account's own key: allowed everything.
    Deployer { arn: String },
    /// Temporary credentials that the local Lambda service issued for a role: allowed what the role's policies say.
    RoleSession { role_name: String, arn: String },
}

/// One authenticated call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) service: Service,
    /// Region of the credential scope.
    pub(crate) region: String,
    pub(crate) principal: Principal,
    pub(crate) method: Method,
    /// Path as sent: still percent-encoded, without the query.
    pub(crate) path: String,
    /// Query parameters, decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    /// The payload, `aws-chunked` framing already removed.
    pub(crate) body: Bytes,
    /// Request id that the answer carries too.
    pub(crate) request_id: String,
}

impl Call {
    /// First value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header's value, where it is printable.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Path segments, percent-decoded, empty ones left out.
    pub(crate) fn segments(&self) -> Vec<String> {
        self.path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect()
    }
}
