//! The running local AWS: its listener, and what tests see of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::call::CallRecord;
use super::faults::Faults;
use super::world::{LocalOptions, LogLine, World};
use super::{dispatch, s3, secrets};

/// How long `stop` waits for requests in flight. A hung one (see [`super::Fault::Hang`]) never ends by itself.
const GRACE: Duration = Duration::from_secs(1);

/// Why a local AWS could not start.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// The address is taken, or not this machine's.
    #[error("cannot listen on {address}\nchoose another port, or port 0 for a free one")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A running local AWS. It ends when dropped; [`LocalAws::stop`] ends it in order.
#[derive(Debug)]
pub struct LocalAws {
    world: Arc<World>,
    cancelled: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl LocalAws {
    /// Starts an empty account behind a listener.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn start(mut options: LocalOptions) -> Result<Self, LocalError> {
        let address = SocketAddr::new(options.address, options.port);
        let listen_error = |source| LocalError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(listen_error)?;
        options.port = listener.local_addr().map_err(listen_error)?.port();
        let world = Arc::new(World::new(options));
        let cancelled = CancellationToken::new();
        let server = tokio::spawn(accept(listener, Arc::clone(&world), cancelled.clone()));
        Ok(Self { world, cancelled, server: Some(server) })
    }

    /// The endpoint URL for SDKs and the AWS CLI, e.g. `http://127.0.0.1:4566`.
    pub fn endpoint(&self) -> String {
        self.world.endpoint()
    }

    /// The whole account, in an order that depends on nothing but its content.
    pub fn snapshot(&self) -> serde_json::Value {
        // A state that cannot be serialised would be a bug here, and must not compare equal to anything.
        serde_json::to_value(&*self.world.state())
            .unwrap_or_else(|error| serde_json::json!({ "broken": error.to_string() }))
    }

    /// The answered calls since the start or the last [`LocalAws::clear_calls`], oldest first.
    pub fn calls(&self) -> Vec<CallRecord> {
        self.world.calls().clone()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.world.calls().clear();
    }

    /// What functions write from now on.
    pub fn log_lines(&self) -> broadcast::Receiver<LogLine> {
        self.world.log_lines.subscribe()
    }

    /// What shall go wrong.
    pub fn faults(&self) -> &Faults {
        &self.world.faults
    }

    /// The account behind the listener, for tests of what only the inside can see.
    #[cfg(test)]
    pub(crate) fn world(&self) -> &World {
        &self.world
    }

    /// Gives a bucket name to a stranger's account: 403 for this account, and taken (AWS-FACTS E3).
    pub fn seed_foreign_bucket(&self, name: &str) {
        s3::seed_foreign_bucket(&mut self.world.state(), name);
    }

    /// Puts a bucket of this account into another region than the one that is answered for.
    pub fn seed_bucket_elsewhere(&self, name: &str, region: &str) {
        s3::seed_bucket_elsewhere(&mut self.world.state(), name, region);
    }

    /// Keeps a SecureString as PutParameter would.
    pub fn seed_parameter(&self, name: &str, value: &str) {
        secrets::seed_parameter(&mut self.world.state(), name, value);
    }

    /// Ends the listener, the requests in flight, every socket and every function process.
    pub async fn stop(mut self) {
        self.cancelled.cancel();
        self.world.gateway.stop().await;
        self.world.environments.stop().await;
        self.world.turn_server.stop().await;
        if let Some(server) = self.server.take() {
            // It ends by itself; a panic of its own is nothing that a caller could mend.
            let _ = server.await;
        }
    }
}

impl Drop for LocalAws {
    fn drop(&mut self) {
        self.cancelled.cancel();
        // Live sockets and warm environments hold the world that holds them.
        self.world.gateway.end();
        self.world.environments.end();
        if let Some(server) = &self.server {
            // Takes the connections' tasks with it, and with them the last references to sockets and processes.
            server.abort();
        }
    }
}

async fn accept(listener: TcpListener, world: Arc<World>, cancelled: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = cancelled.cancelled() => break,
            Some(_) = connections.join_next() => {}
            // An error concerns the one connection that was not accepted.
            accepted = listener.accept() => if let Ok((stream, peer)) = accepted {
                connections.spawn(serve(stream, peer, Arc::clone(&world), cancelled.clone()));
            }
        }
    }
    drop(listener);
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(GRACE, drained).await.is_err() {
        connections.shutdown().await;
    }
}

async fn serve(stream: TcpStream, peer: SocketAddr, world: Arc<World>, cancelled: CancellationToken) {
    // Small answers to a client on the same machine: waiting to fill a segment only costs time.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: hyper::Request<hyper::body::Incoming>| {
        request.extensions_mut().insert(peer);
        dispatch::dispatch(Arc::clone(&world), request)
    });
    let connection =
        hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::pin!(connection);
    // An error ends this connection alone: the client went away, or a fault dropped the answer.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = cancelled.cancelled() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}
