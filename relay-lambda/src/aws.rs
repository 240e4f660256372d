//! Small signed requests to AWS, over connections that are kept open between events.
//!
//! The SDK's clients for these few calls would make a cold start ten times as long.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

/// A connection unused for longer is not trusted: the other end or a box between may have dropped it while the function
/// was frozen, and a request lost on the way cannot be told from one that was delivered.
const IDLE_LIMIT: Duration = Duration::from_secs(20);

/// What is read of an answer: errors are one short line of JSON, a secret and a list of servers are not much longer.
const LONGEST_ANSWER: usize = 128 * 1024;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

pub(crate) struct Aws {
    region: String,
    credentials: Credentials,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

/// An answer. It may hold a secret: nothing prints it.
pub(crate) struct Sent {
    pub(crate) status: StatusCode,
    /// What went wrong, where the service says it in a header; empty where it does not.
    pub(crate) error: String,
    pub(crate) text: String,
}

impl Aws {
    pub(crate) fn new(region: String, credentials: Credentials) -> Result<Self, rustls::Error> {
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(rustls::crypto::ring::default_provider())?
            .https_or_http()
            .enable_http1()
            .build();
        // A request that was not begun when its kept connection turned out to be closed is sent again on a new one: that is
        // the client's default, and never happens to a request of which a byte was written.
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(IDLE_LIMIT)
            .build(connector);
        Ok(Self { region, credentials, client })
    }

    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> Result<Sent, BoxError> {
        let response = self.client.request(request).await?;
        let status = response.status();
        // `Code`, or `Code:URL`.
        let error =
            response.headers().get("x-amzn-errortype").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let error = error.split(':').next().unwrap_or_default().to_owned();
        // Read to its end, or the connection cannot be used again. A text that is too long or breaks off is none.
        let text = match Limited::new(response.into_body(), LONGEST_ANSWER).collect().await {
            Ok(body) => String::from_utf8_lossy(&body.to_bytes()).into_owned(),
            Err(_) => String::new(),
        };
        Ok(Sent { status, error, text })
    }

    /// The region that the function runs in.
    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// A POST, signed with these headers for a service and its region.
    pub(crate) fn signed(
        &self,
        (service, region): (&str, &str),
        url: &str,
        headers: &[(&'static str, &str)],
        body: Bytes,
        time: SystemTime,
    ) -> Result<Request<Full<Bytes>>, BoxError> {
        let identity = self.credentials.clone().into();
        // The default settings encode the path a second time for the canonical request (`%253D`), as the services do.
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(time)
            .settings(SigningSettings::default())
            .build()?
            .into();
        let signable = SignableRequest::new("POST", url, headers.iter().copied(), SignableBody::Bytes(&body))?;
        let (instructions, _signature) = sign(signable, &parameters)?.into_parts();

        let mut request = Request::builder().method(Method::POST).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Full::new(body))?;
        instructions.apply_to_request_http1x(&mut request);
        Ok(request)
    }
}

/// An error with all that caused it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
