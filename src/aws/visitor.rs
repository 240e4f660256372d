//! AWS as anybody may use it: https and WebSocket connections without credentials. TLS is rustls on ring with this machine's
//! roots, as for the signed calls.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, DATE, HOST, HeaderName, ORIGIN, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
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
#[derive(Debug, Default)]
pub(crate) struct Visitor {
    /// Built when first needed: reading this machine's roots takes a few milliseconds.
    tls: OnceLock<Arc<ClientConfig>>,
}

impl Visitor {
    /// One who trusts other roots than this machine.
    #[cfg(test)]
    fn trusting(roots: RootCertStore) -> Self {
        let tls = OnceLock::new();
        tls.set(Arc::new(client_config(roots).unwrap())).unwrap();
        Self { tls }
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
            let stream =
                TcpStream::connect((address, port)).await.map_err(|error| no_connection(&error.to_string()))?;
            // Small messages are what is measured.
            stream.set_nodelay(true).map_err(|error| no_connection(&error.to_string()))?;
            if !is_tls {
                return Ok(Box::new(stream) as Box<dyn Stream>);
            }
            let name = ServerName::try_from(address.to_owned());
            let name = name.map_err(|error| VisitError::NoTls(error.to_string()))?;
            let stream = TlsConnector::from(self.tls()?).connect(name, stream).await;
            // The same error tells of a broken connection and of a certificate that nobody vouches for.
            Ok(Box::new(stream.map_err(|error| match error.get_ref() {
                Some(inner) if inner.is::<rustls::Error>() => VisitError::NoTls(inner.to_string()),
                _ => no_connection(&error.to_string()),
            })?) as Box<dyn Stream>)
        };
        timeout(CONNECT_TIMEOUT, connecting).await.unwrap_or(Err(VisitError::TimedOut(CONNECT_TIMEOUT)))
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

fn client_config(roots: RootCertStore) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use futures_util::{SinkExt, StreamExt};
    use rustls::ServerConfig;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_tungstenite::tungstenite::Message;

    use super::*;

    fn certificate() -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(include_bytes!("tests/localhost.pem")).unwrap()
    }

    /// A server that nobody but those who trust its certificate talks to: an HTTP answer to the first, an echo to the second.
    async fn server() -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let key = PrivateKeyDer::from_pem_slice(include_bytes!("tests/localhost.key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            let next = async || acceptor.accept(listener.accept().await.unwrap().0).await;
            let mut http = next().await.unwrap();
            let mut request = [0; 1024];
            let length = http.read(&mut request).await.unwrap();
            assert!(request[..length].starts_with(b"GET /a?b HTTP/1.1\r\n"));
            http.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/css\r\nconnection: close\r\n\r\nhello")
                .await
                .unwrap();
            http.shutdown().await.unwrap();
            let mut socket = tokio_tungstenite::accept_async(next().await.unwrap()).await.unwrap();
            let message = socket.next().await.unwrap().unwrap();
            socket.send(message).await.unwrap();
            // Whoever does not trust it hangs up.
            assert!(next().await.is_err());
        });
        port
    }

    #[tokio::test]
    async fn https_and_wss_are_spoken_with_those_whose_roots_are_trusted_and_with_nobody_else() {
        let port = server().await;
        let mut roots = RootCertStore::empty();
        roots.add(certificate()).unwrap();
        let visitor = Visitor::trusting(roots);
        let url = |scheme: &str| Url::parse(&format!("{scheme}://localhost:{port}/a?b")).unwrap();
        let answer = visitor.get(&url("https")).await.unwrap();
        assert_eq!((answer.status, answer.content_type.as_str()), (StatusCode::OK, "text/css"));
        assert_eq!(answer.body, "hello");
        let mut socket = visitor.open_socket(&url("wss"), None).await.unwrap();
        socket.send(Message::text("echo")).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Message::text("echo"));
        let stranger = Visitor::trusting(RootCertStore::empty());
        let refused = stranger.get(&url("https")).await.unwrap_err();
        assert!(matches!(refused, VisitError::NoTls(_)) && !refused.may_pass(), "{refused}");
    }

    #[tokio::test]
    async fn nobody_there_is_told_from_a_broken_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"hello\r\n\r\n").await.unwrap();
        };
        let visitor = Visitor::default();
        let (answer, ()) = tokio::join!(visitor.get(&url), server);
        assert!(matches!(answer, Err(VisitError::Broken(_))), "{answer:?}");
        drop(listener);
        assert!(matches!(visitor.get(&url).await, Err(VisitError::NoConnection(_))));
    }
}
