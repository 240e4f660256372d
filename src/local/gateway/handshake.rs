//! The upgrade of an HTTP request into a connection (AWS-FACTS A1, A4).

use std::sync::Arc;

use http::header::{HOST, SEC_WEBSOCKET_PROTOCOL, UPGRADE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use serde_json::json;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;

use super::connection::{self, Connection, Inbox, Peer};
use super::event::{self, Handshake};
use super::ids::{self, ConnectionId};
use super::integration::{self, Fault, ProxyAnswer};
use super::messages;
use crate::local::answer::{self, Answer};
use crate::local::apigateway::{NotServed, ServedStage};
use crate::local::dispatch::client_address;
use crate::local::lambda::InvokeError;
use crate::local::world::World;

/// AWS-FACTS A1.
const LONGEST_URL: usize = 4096;

pub(super) async fn handle(world: Arc<World>, mut request: Request<Incoming>) -> Answer {
    match accept(&world, &request).await {
        Ok((response, connection, inbox)) => {
            let upgrade = hyper::upgrade::on(&mut request);
            world.gateway.keep(&connection);
            let task = tokio::spawn(carry(Arc::clone(&world), connection, inbox, upgrade));
            world.gateway.watch(task);
            response
        }
        Err(refusal) => refusal,
    }
}

/// A connection's whole life after its upgrade.
async fn carry(world: Arc<World>, connection: Arc<Connection>, inbox: Inbox, upgrade: hyper::upgrade::OnUpgrade) {
    let ending = match upgrade.await {
        Ok(upgraded) => connection::serve(&world, &connection, inbox, upgraded).await,
        Err(_) => connection::Ending::Abnormal,
    };
    world.gateway.forget(&connection.peer.id);
    if ending != connection::Ending::Stopping {
        messages::disconnected(&world, &connection, &ending).await;
    }
}

async fn accept(world: &Arc<World>, request: &Request<Incoming>) -> Result<(Answer, Arc<Connection>, Inbox), Answer> {
    let (api, stage_name) = target(request.uri().path()).ok_or_else(|| message(StatusCode::FORBIDDEN, "Forbidden"))?;
    if request.uri().to_string().len() > LONGEST_URL {
        return Err(message(StatusCode::URI_TOO_LONG, "Request-URI Too Long"));
    }
    let stage = world.state().apigateway.served(&api, &stage_name, world.now());
    let stage =
        stage.and_then(|stage| stage.admits_connections().map(|()| stage)).map_err(|refused| match refused {
            NotServed::Forbidden => message(StatusCode::FORBIDDEN, "Forbidden"),
            NotServed::Throttled => message(StatusCode::TOO_MANY_REQUESTS, "Too Many Requests"),
        })?;
    if !request.headers().contains_key(UPGRADE) {
        return Err(message(StatusCode::UPGRADE_REQUIRED, "Upgrade Required"));
    }
    let mut response = create_response_with_body(request, bytes::Bytes::new)
        .map_err(|_| message(StatusCode::BAD_REQUEST, "Bad Request"))?;
    let peer = peer(request, api, stage_name);
    if let Some(protocol) = connect(world, &peer, &stage, request).await? {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    // Only now is there a connection that somebody could post to: a post from within `$connect` finds nothing
    // (AWS-FACTS A6).
    let (connection, inbox) = Connection::new(peer);
    Ok((response, connection, inbox))
}

/// API id and stage of `/_aws/execute-api/{apiId}/{stage}[/]`: nothing behind the stage is routable.
fn target(path: &str) -> Option<(String, String)> {
    let rest = path.strip_prefix("/_aws/execute-api/")?;
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (api, stage) = rest.split_once('/')?;
    (!stage.is_empty() && !stage.contains('/')).then(|| (api.to_owned(), stage.to_owned()))
}

fn peer(request: &Request<Incoming>, api: String, stage: String) -> Peer {
    let text = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let address = client_address(request);
    let host = text(HOST).unwrap_or_default();
    // Without the port: on AWS there is none (AWS-FACTS A2).
    let domain_name = host.rsplit_once(':').filter(|(_, port)| port.chars().all(|c| c.is_ascii_digit()));
    Peer {
        id: ConnectionId::generate(),
        api,
        stage,
        connected_at: jiff::Timestamp::now(),
        source_ip: address.map_or_else(|| "127.0.0.1".to_owned(), |address| address.ip().to_string()),
        user_agent: text(USER_AGENT),
        domain_name: domain_name.map_or_else(|| host.clone(), |(name, _)| name.to_owned()),
    }
}

/// Runs the `$connect` route; without one the API is open to all. Gives the subprotocol that the function chose.
async fn connect(
    world: &Arc<World>,
    peer: &Peer,
    stage: &ServedStage,
    request: &Request<Incoming>,
) -> Result<Option<HeaderValue>, Answer> {
    let Some(route) = stage.snapshot.routes.get("$connect") else { return Ok(None) };
    let handshake = Handshake { headers: request.headers(), query: request.uri().query() };
    let event = event::connect(peer, stage, &handshake);
    let outcome = match integration::begin(world, peer, "$connect", route, event.json).await {
        Ok(running) => running.finish().await,
        Err(fault) => Err(fault),
    };
    if let Err(fault) = &outcome {
        messages::report(world, peer, fault);
    }
    let refused = |status: StatusCode, text: &str| {
        let body = messages::error_frame(text, peer.id.as_str(), &event.request_id);
        answer::with_body(status, "application/json", body)
    };
    match outcome {
        Ok(answer) if (200..300).contains(&answer.status) => Ok(chosen_protocol(request.headers(), &answer)),
        Ok(answer) => {
            let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::BAD_GATEWAY);
            // 1xx would not end the handshake.
            let status = if status.is_informational() { StatusCode::BAD_GATEWAY } else { status };
            Err(refused(status, status.canonical_reason().unwrap_or("Refused")))
        }
        Err(Fault::Invoke(InvokeError::Failed { .. }) | Fault::Malformed(_) | Fault::TimedOut) => {
            Err(refused(StatusCode::BAD_GATEWAY, "Internal server error"))
        }
        Err(_) => Err(refused(StatusCode::INTERNAL_SERVER_ERROR, "Internal server error")),
    }
}

/// The one header of `$connect`'s answer that reaches the client, if the client offered its value.
fn chosen_protocol(offered: &HeaderMap, answer: &ProxyAnswer) -> Option<HeaderValue> {
    let chosen = answer.header("Sec-WebSocket-Protocol")?;
    let mut offers = offered.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|value| value.to_str().ok());
    let is_offered = offers.any(|list| list.split(',').any(|offer| offer.trim() == chosen));
    if is_offered { HeaderValue::from_str(chosen).ok() } else { None }
}

fn message(status: StatusCode, text: &str) -> Answer {
    let mut body = json!({ "message": text });
    if status == StatusCode::FORBIDDEN {
        // The execute-api front adds ids; their values mean nothing.
        body["connectionId"] = ids::generate().into();
        body["requestId"] = ids::generate().into();
    }
    answer::json(status, &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_the_stage_with_or_without_a_slash() {
        let found = |path| target(path).map(|(api, stage)| format!("{api} {stage}"));
        assert_eq!(found("/_aws/execute-api/abc/prod").as_deref(), Some("abc prod"));
        assert_eq!(found("/_aws/execute-api/abc/prod/").as_deref(), Some("abc prod"));
        for wrong in ["/_aws/execute-api/abc", "/_aws/execute-api/abc/", "/_aws/execute-api/abc/prod/x", "/prod", "/"] {
            assert_eq!(found(wrong), None, "{wrong}");
        }
    }
}
