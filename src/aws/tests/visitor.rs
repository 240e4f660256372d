//! A visitor and whom he meets: servers with and without TLS, and a proxy before them.

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
    CertificateDer::from_pem_slice(include_bytes!("localhost.pem")).unwrap()
}

/// A server that nobody but those who trust its certificate talks to: an HTTP answer to the first, an echo to the second.
async fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let key = PrivateKeyDer::from_pem_slice(include_bytes!("localhost.key.pem")).unwrap();
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
        http.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: text/css\r\nconnection: close\r\n\r\nhello").await.unwrap();
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
    let visitor = Visitor { proxy: None, tls: OnceLock::new() };
    let (answer, ()) = tokio::join!(visitor.get(&url), server);
    assert!(matches!(answer, Err(VisitError::Broken(_))), "{answer:?}");
    drop(listener);
    assert!(matches!(visitor.get(&url).await, Err(VisitError::NoConnection(_))));
}

/// Lets one request for a tunnel pass, and says what it was; the next one is told to prove who it is.
async fn proxy(listener: TcpListener) -> String {
    let (mut client, _) = listener.accept().await.unwrap();
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(client.read_u8().await.unwrap());
    }
    let request = String::from_utf8(request).unwrap();
    let target = request.split(' ').nth(1).unwrap().to_owned();
    let mut server = TcpStream::connect(target).await.unwrap();
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    let (mut client, _) = listener.accept().await.unwrap();
    client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    let _ = client.read_to_end(&mut Vec::new()).await;
    request
}

#[tokio::test]
async fn what_goes_through_a_proxy_is_a_secret_to_it_and_its_refusal_is_said() {
    let port = server().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let variable = format!("http://me:pass@{}", listener.local_addr().unwrap());
    let proxied = tokio::spawn(proxy(listener));
    let mut roots = RootCertStore::empty();
    roots.add(certificate()).unwrap();
    let proxy = Proxy::of(|name| (name == "HTTPS_PROXY").then(|| variable.clone())).unwrap();
    let visitor = Visitor { proxy, ..Visitor::trusting(roots) };
    let url = |scheme: &str| Url::parse(&format!("{scheme}://localhost:{port}/a?b")).unwrap();
    assert_eq!(visitor.get(&url("https")).await.unwrap().body, "hello");
    let Err(NoWebSocket::Failed(refused)) = visitor.open_socket(&url("wss"), None).await else { panic!("not refused") };
    assert!(refused.to_string().contains("the proxy answered 407"), "{refused}");
    let request = proxied.await.unwrap().to_ascii_lowercase();
    assert!(request.starts_with(&format!("connect localhost:{port} http/1.1\r\n")), "{request}");
    assert!(request.contains("\r\nproxy-authorization: basic bwu6cgfzcw==\r\n"), "{request}");
}
