//! The local AWS of this machine: whether one runs at a port, and starting one in this process.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

use super::Run;
use crate::diagnostics::{Code, Diagnostic};
use crate::events::Event;
use crate::local::{LocalAws, LocalError, LocalOptions};

/// Whoever listens on loopback and is one of ours answers at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a health answer says that is not one of ours.
const SERVICE: &str = "webrtc-aws local";

/// What a local AWS says about itself.
#[derive(Debug, Deserialize)]
pub(super) struct Health {
    service: String,
    pub(super) region: String,
}

/// Who listens at a port of the loopback interface.
#[derive(Debug)]
pub(super) enum Listener {
    Nobody,
    LocalAws(Health),
    SomethingElse,
}

pub(super) fn endpoint(port: u16) -> String {
    format!("http://{}:{port}", Ipv4Addr::LOCALHOST)
}

/// Asks whoever listens there who they are.
pub(super) async fn probe(port: u16) -> Listener {
    match tokio::time::timeout(PATIENCE, TcpStream::connect((Ipv4Addr::LOCALHOST, port))).await {
        Ok(Ok(stream)) => match tokio::time::timeout(PATIENCE, health(stream, port)).await {
            Ok(Some(health)) if health.service == SERVICE => Listener::LocalAws(health),
            _ => Listener::SomethingElse,
        },
        Ok(Err(_)) => Listener::Nobody,
        Err(_) => Listener::SomethingElse,
    }
}

async fn health(stream: TcpStream, port: u16) -> Option<Health> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let exchange = async {
        let request = http::Request::get("/_local/health")
            .header(http::header::HOST, format!("{}:{port}", Ipv4Addr::LOCALHOST))
            .header(http::header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .ok()?;
        let answer = sender.send_request(request).await.ok()?;
        let body = http_body_util::Limited::new(answer.into_body(), 64 * 1024).collect().await.ok()?;
        serde_json::from_slice(&body.to_bytes()).ok()
    };
    let (health, _) = tokio::join!(exchange, connection);
    health
}

/// Starts one in this process, and says so.
pub(super) async fn start(options: LocalOptions, run: &Run) -> Result<LocalAws, Diagnostic> {
    let (account, region, port) = (options.account.clone(), options.region.clone(), options.port);
    let local = match LocalAws::start(options).await {
        Ok(local) => local,
        Err(error) => {
            let problem = cannot_start(error);
            let is_ours = problem.code == Code::PortTaken && matches!(probe(port).await, Listener::LocalAws(_));
            return Err(if is_ours { already_running(port) } else { problem });
        }
    };
    run.events.emit(Event::Listening { endpoint: local.endpoint(), account, region });
    Ok(local)
}

fn cannot_start(error: LocalError) -> Diagnostic {
    match error {
        LocalError::Listen { address, source } if source.kind() == ErrorKind::AddrInUse => port_taken(address.port()),
        LocalError::Listen { address, source } => Diagnostic::new(
            Code::LocalFailure,
            format!("cannot listen on {address}: {source}"),
            "choose another port with --port (above 1023), or --port 0 for a free one; an address must be this machine's",
        ),
    }
}

fn already_running(port: u16) -> Diagnostic {
    Diagnostic::new(
        Code::PortTaken,
        format!("a local AWS is running on port {port} already"),
        "use that one with --local, or choose another port with --port (0 takes a free one)",
    )
}

pub(super) fn port_taken(port: u16) -> Diagnostic {
    Diagnostic::new(
        Code::PortTaken,
        format!("port {port} is taken by another program"),
        "choose another one with --port, or --port 0 for a free one",
    )
}
