//! The data plane of WebSocket APIs: live connections, their messages to functions, and `@connections`.
//!
//! Life of a connection: [`handshake`] (403, 429, 426, `$connect`) → [`connection`] (limits and closes) → [`messages`] (route
//! [`selection`], [`event`], [`integration`], frames) → `$disconnect`.

mod connection;
mod connections;
mod event;
mod handshake;
mod ids;
mod integration;
mod messages;
mod selection;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::task::{JoinHandle, JoinSet};

use self::connection::{Connection, Ending};
use self::ids::ConnectionId;
use super::answer::Answer;
use super::call::Call;
use super::world::World;

/// The live connections: no part of the account's state.
#[derive(Debug, Default)]
pub(crate) struct Gateway {
    connections: Mutex<HashMap<ConnectionId, Arc<Connection>>>,
    /// The tasks that carry them.
    tasks: Mutex<JoinSet<()>>,
}

impl Gateway {
    fn connections(&self) -> MutexGuard<'_, HashMap<ConnectionId, Arc<Connection>>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keep(&self, connection: &Arc<Connection>) {
        self.connections().insert(connection.peer.id.clone(), Arc::clone(connection));
    }

    fn forget(&self, id: &ConnectionId) {
        self.connections().remove(id);
    }

    fn find(&self, id: &ConnectionId) -> Option<Arc<Connection>> {
        self.connections().get(id).cloned()
    }

    fn watch(&self, task: JoinHandle<()>) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(async move {
            // A connection's task that panicked has nothing left to clean up.
            let _ = task.await;
        });
    }

    /// Closes the sockets of a deleted API.
    pub(crate) fn close_api(&self, api: &str) {
        self.close(Ending::GoingAway, |connection| connection.peer.api == api);
    }

    /// Closes the sockets of a deleted stage.
    pub(crate) fn close_stage(&self, api: &str, stage: &str) {
        self.close(Ending::GoingAway, |connection| connection.peer.api == api && connection.peer.stage == stage);
    }

    fn close(&self, ending: Ending, concerned: impl Fn(&Connection) -> bool) {
        for connection in self.connections().values().filter(|connection| concerned(connection)) {
            connection.close(ending.clone());
        }
    }

    /// Closes every socket, without waiting for it.
    pub(crate) fn end(&self) {
        self.close(Ending::Stopping, |_| true);
    }

    /// Closes every socket. The server calls it when it stops.
    pub(crate) async fn stop(&self) {
        self.end();
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap_or_else(PoisonError::into_inner));
        while tasks.join_next().await.is_some() {}
    }
}

/// A client's handshake: any method on `/_aws/execute-api/{apiId}/{stage}`. The request's extensions hold the client's
/// [`std::net::SocketAddr`].
pub(crate) async fn handle(world: Arc<World>, request: Request<Incoming>) -> Response<Full<Bytes>> {
    handshake::handle(world, request).await.map(Full::new)
}

/// `GET`, `POST` and `DELETE` on `/_aws/execute-api/{apiId}/{stage}/@connections/{id}`: signed and authenticated, not yet
/// authorised.
pub(crate) async fn connections(world: &Arc<World>, call: &Call) -> Answer {
    connections::handle(world, call).await
}
