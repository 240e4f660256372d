//! The data plane of API Gateway WebSocket APIs.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;

use super::answer::{self, Answer};
use super::call::Call;
use super::world::World;

#[derive(Debug, Default)]
pub(crate) struct Gateway {}

impl Gateway {
    /// Closes every socket. The server calls it when it stops.
    pub(crate) async fn stop(&self) {}
}

/// A client's handshake: any method on `/_aws/execute-api/{apiId}/{stage}`. The request's extensions hold the client's
/// [`std::net::SocketAddr`].
pub(crate) async fn handle(_world: Arc<World>, _request: Request<Incoming>) -> Response<Full<Bytes>> {
    answer::empty(StatusCode::NOT_IMPLEMENTED).map(Full::new)
}

/// `GET`, `POST` and `DELETE` on `/_aws/execute-api/{apiId}/{stage}/@connections/{id}`: signed and authenticated, not yet
/// authorised.
pub(crate) async fn connections(_world: &Arc<World>, _call: &Call) -> Answer {
    answer::empty(StatusCode::NOT_IMPLEMENTED)
}
