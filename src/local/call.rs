//! One control-plane (or `@connections`) call as the services see it: authenticated, body read, service known.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use http::{HeaderMap, Method};

/// The services of the local AWS, by the service name in a SigV4 credential scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// Amazon S3.
    S3,
    /// IAM.
    Iam,
    /// STS.
    Sts,
    /// Lambda.
    Lambda,
    /// The API Gateway v2 control plane.
    ApiGateway,
    /// CloudWatch Logs.
    Logs,
    /// The data plane of a deployed API: `@connections`.
    ExecuteApi,
    /// The Systems Manager, of which there are parameters.
    Ssm,
    /// The Secrets Manager.
    SecretsManager,
    /// Kinesis Video Streams, of which there are signalling channels.
    KinesisVideo,
}

impl Service {
    const ALL: [Self; 10] = [
        Self::S3,
        Self::Iam,
        Self::Sts,
        Self::Lambda,
        Self::ApiGateway,
        Self::Logs,
        Self::ExecuteApi,
        Self::Ssm,
        Self::SecretsManager,
        Self::KinesisVideo,
    ];

    /// The name in a credential scope.
    pub fn signing_name(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Lambda => "lambda",
            Self::ApiGateway => "apigateway",
            Self::Logs => "logs",
            Self::ExecuteApi => "execute-api",
            Self::Ssm => "ssm",
            Self::SecretsManager => "secretsmanager",
            Self::KinesisVideo => "kinesisvideo",
        }
    }

    /// awsJson: the operation is named in a header, and every error of a client is a 400.
    pub(crate) fn is_aws_json(self) -> bool {
        matches!(self, Self::Logs | Self::Ssm | Self::SecretsManager)
    }

    /// What a function's role may call as far as its policies allow; all else is the deployer's (stricter than AWS).
    pub(crate) fn serves_functions(self) -> bool {
        matches!(self, Self::ExecuteApi | Self::Sts | Self::Ssm | Self::SecretsManager | Self::KinesisVideo)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.signing_name())
    }
}

/// A name that is no service of the local AWS.
#[derive(Clone, Debug, thiserror::Error)]
#[error("`{0}` is no service of the local AWS")]
pub struct UnknownService(String);

impl FromStr for Service {
    type Err = UnknownService;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|service| service.signing_name() == name)
            .ok_or_else(|| UnknownService(name.to_owned()))
    }
}

/// The operation that a call asks for, by the name in the service's model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) name: &'static str,
    /// Changes the account: what `plan` must never send.
    pub(crate) is_write: bool,
}

impl Operation {
    pub(crate) const fn read(name: &'static str) -> Self {
        Self { name, is_write: false }
    }

    pub(crate) const fn write(name: &'static str) -> Self {
        Self { name, is_write: true }
    }
}

/// What the local AWS remembers of an answered call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    /// The service called.
    pub service: Service,
    /// The operation's name in the service's model, e.g. `CreateFunction`.
    pub operation: &'static str,
    /// Whether the operation can change the account.
    pub is_write: bool,
    /// Status of the answer; absent where the connection was dropped instead.
    pub status: Option<u16>,
}

/// Who signed a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Principal {
    /// The account's own key: allowed everything.
    Deployer { arn: String },
    /// Temporary credentials that the local Lambda service issued for a role: allowed what the role's policies say.
    RoleSession { role_name: String, arn: String },
}

impl Principal {
    /// The caller's ARN, as GetCallerIdentity and error messages show it.
    pub(crate) fn arn(&self) -> &str {
        match self {
            Self::Deployer { arn } | Self::RoleSession { arn, .. } => arn,
        }
    }
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
