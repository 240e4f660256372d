//! AWS as anybody may use it: https and WebSocket connections without credentials. TLS is rustls on ring with this machine's
//! roots, as for the signed calls.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, DATE, HOST, HeaderName, ORIGIN, PROXY_AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Empty, Full, Limited};
use hyper_util::client::proxy::matcher::Intercept;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use url::Url;

use super::failure::causes;
use super::proxy::Proxy;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);

/// Larger answers are of no interest to anybody who only looks whether they are there.
const LARGEST_BODY: usize = 32 * 1024 * 1024;

/// A connection, with or without TLS.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

pub(crate) type WebSocket = WebSocketStream<Box<dyn Stream>>;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum VisitError {
    /// DNS, routing, refusal.
    #[error("no connection: {0}")]
    NoConnection(String),
    #[error("no TLS: {0}")]
    NoTls(String),
    #[error("no answer within {} s", .0.as_secs())]
    TimedOut(Duration),
    #[error("a broken answer: {0}")]
    Broken(String),
}

impl VisitError {
    /// A new API's host name takes a moment until it is known everywhere (AWS-FACTS B3).
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::NoConnection(_) | Self::TimedOut(_) | Self::Broken(_) => true,
            Self::NoTls(_) => false,
        }
    }
}

/// Why there is no WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NoWebSocket {
    /// Answered, but not with 101.
    Refused(u16),
    Failed(VisitError),
}

/// An HTTP answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) content_type: String,
    /// When it was made, by the clock over there.
    pub(crate) date: Option<String>,
    pub(crate) body: Bytes,
}

/// Somebody without credentials.
#[derive(Debug)]
pub(crate) struct Visitor {
    proxy: Option<Proxy>,
    /// Built when first needed: reading this machine's roots takes a few milliseconds.
    tls: OnceLock<Arc<ClientConfig>>,
}

impl Visitor {
    /// One who leaves through the proxy of the environment. One that cannot be used was refused when the run began.
    pub(crate) fn new() -> Self {
        Self { proxy: Proxy::of_environment().ok().flatten(), tls: OnceLock::new() }
    }

    /// One who trusts other roots than this machine.
    #[cfg(test)]
    fn trusting(roots: RootCertStore) -> Self {
        let tls = OnceLock::new();
        tls.set(Arc::new(client_config(roots).unwrap())).unwrap();
        Self { proxy: None, tls }
    }

    pub(crate) async fn get(&self, url: &Url) -> Result<Answer, VisitError> {
        self.request(url, Method::GET, &[], Bytes::new()).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn request(
        &self,
        url: &Url,
        method: Method,
        headers: &[(HeaderName, &'static str)],
        body: Bytes,
    ) -> Result<Answer, VisitError> {
        let broken = |error: &(dyn std::error::Error + 'static)| VisitError::Broken(causes(error));
        let mut target = url.path().to_owned();
        if let Some(query) = url.query() {
            target.push('?');
            target.push_str(query);
        }
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, url.authority())
            .header(CONNECTION, "close")
            .header(USER_AGENT, "webrtc-aws");
        for (name, value) in headers {
            request = request.header(name, HeaderValue::from_static(value));
        }
        let request = request.body(Full::new(body)).map_err(|error| broken(&error))?;
        let exchange = async {
            let stream = self.connect(url).await?;
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(&error))?;
            let answer = async {
                let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
                let (status, headers) = (answer.status(), answer.headers().clone());
                let body = Limited::new(answer.into_body(), LARGEST_BODY).collect().await;
                let body = body.map_err(|error| VisitError::Broken(causes(error.as_ref())))?.to_bytes();
                let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
                let (content_type, date) = (header(CONTENT_TYPE).unwrap_or_default(), header(DATE));
                Ok(Answer { status, content_type, date, body })
            };
            tokio::pin!(answer);
            tokio::select! {
                biased;
                answer = &mut answer => answer,
                // It ends with the answer, which may not have been read by then.
                _ = connection => answer.await,
            }
        };
        timeout(REQUEST_TIMEOUT, exchange).await.unwrap_or(Err(VisitError::TimedOut(REQUEST_TIMEOUT)))
    }

    /// With the origin that a browser would send with it.
    pub(crate) async fn open_socket(&self, url: &Url, origin: Option<&str>) -> Result<WebSocket, NoWebSocket> {
        let exchange = async {
            let stream = self.connect(url).await.map_err(NoWebSocket::Failed)?;
            let broken = |error| NoWebSocket::Failed(VisitError::Broken(causes(&error)));
            let mut request = url.as_str().into_client_request().map_err(broken)?;
            if let Some(origin) = origin.and_then(|origin| HeaderValue::from_str(origin).ok()) {
                request.headers_mut().insert(ORIGIN, origin);
            }
            match tokio_tungstenite::client_async(request, stream).await {
                Ok((socket, _)) => Ok(socket),
                Err(tungstenite::Error::Http(answer)) => Err(NoWebSocket::Refused(answer.status().as_u16())),
                Err(error) => Err(broken(error)),
            }
        };
        let late = || Err(NoWebSocket::Failed(VisitError::TimedOut(HANDSHAKE_TIMEOUT)));
        timeout(HANDSHAKE_TIMEOUT, exchange).await.unwrap_or_else(|_| late())
    }

    async fn connect(&self, url: &Url) -> Result<Box<dyn Stream>, VisitError> {
        let connecting = async {
            let no_connection = |error: &str| VisitError::NoConnection(error.to_owned());
            let host = url.host_str().ok_or_else(|| no_connection("the URL has no host"))?;
            let is_tls = matches!(url.scheme(), "https" | "wss");
            let port = url.port_or_known_default().unwrap_or(if is_tls { 443 } else { 80 });
            let address = host.trim_start_matches('[').trim_end_matches(']');
            if !is_tls {
                return reach(address, port).await;
            }
            let stream = match self.proxy.as_ref().and_then(|proxy| proxy.instead_of(host, port)) {
                None => reach(address, port).await?,
                Some(proxy) => self.tunnel(&proxy, host, port).await?,
            };
            self.secure(address, stream).await
        };
        timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or(Err(VisitError::TimedOut(CONNECT_TIMEOUT)))
    }

    /// A connection that the proxy passes on.
    async fn tunnel(&self, proxy: &Intercept, host: &str, port: u16) -> Result<Box<dyn Stream>, VisitError> {
        let failed = |why: String| VisitError::NoConnection(format!("the proxy {why}"));
        let is_tls = proxy.uri().scheme_str() == Some("https");
        let address = proxy.uri().host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let proxy_port = proxy.uri().port_u16().unwrap_or(if is_tls { 443 } else { 80 });
        let mut stream =
            reach(address, proxy_port).await.map_err(|error| failed(format!("cannot be reached: {error}")))?;
        if is_tls {
            stream = self.secure(address, stream).await?;
        }
        let target = format!("{host}:{port}");
        let mut request = Request::builder().method(Method::CONNECT).uri(&target).header(HOST, &target);
        if let Some(authorization) = proxy.basic_auth() {
            request = request.header(PROXY_AUTHORIZATION, authorization);
        }
        let broke =
            |error: &(dyn std::error::Error + 'static)| failed(format!("broke the connection: {}", causes(error)));
        let request = request.body(Empty::<Bytes>::new()).map_err(|error| broke(&error))?;
        let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (mut sender, connection) = handshake.map_err(|error| broke(&error))?;
        tokio::spawn(connection.with_upgrades());
        let answer = sender.send_request(request).await.map_err(|error| broke(&error))?;
        if !answer.status().is_success() {
            return Err(failed(format!("answered {} when it was asked for {target}", answer.status())));
        }
        let stream = hyper::upgrade::on(answer).await.map_err(|error| broke(&error))?;
        Ok(Box::new(TokioIo::new(stream)))
    }

    async fn secure(&self, host: &str, stream: Box<dyn Stream>) -> Result<Box<dyn Stream>, VisitError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|error| VisitError::NoTls(error.to_string()))?;
        let stream = TlsConnector::from(self.tls()?).connect(name, stream).await;
        // The same error tells of a broken connection and of a certificate that nobody vouches for.
        Ok(Box::new(stream.map_err(|error| match error.get_ref() {
            Some(inner) if inner.is::<rustls::Error>() => VisitError::NoTls(inner.to_string()),
            _ => VisitError::NoConnection(error.to_string()),
        })?))
    }

    fn tls(&self) -> Result<Arc<ClientConfig>, VisitError> {
        if let Some(tls) = self.tls.get() {
            return Ok(Arc::clone(tls));
        }
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        if roots.add_parsable_certificates(found.certs).0 == 0 {
            return Err(VisitError::NoTls("this machine has no root certificates".to_owned()));
        }
        let config = client_config(roots).map_err(|error| VisitError::NoTls(error.to_string()))?;
        Ok(Arc::clone(self.tls.get_or_init(|| Arc::new(config))))
    }
}

async fn reach(host: &str, port: u16) -> Result<Box<dyn Stream>, VisitError> {
    let failed = |error: std::io::Error| VisitError::NoConnection(error.to_string());
    let stream = TcpStream::connect((host, port)).await.map_err(failed)?;
    // Small messages are what is measured.
    stream.set_nodelay(true).map_err(failed)?;
    Ok(Box::new(stream))
}

fn client_config(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
#[path = "tests/visitor.rs"]
mod tests;
