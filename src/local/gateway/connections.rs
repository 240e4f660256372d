//! `@connections`: what the relay posts to (AWS-FACTS A6).

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::json;

use super::connection::{BufferFull, Connection, Ending, LARGEST_MESSAGE};
use super::ids::ConnectionId;
use crate::local::answer::{self, Answer, AwsError};
use crate::local::call::Call;
use crate::local::iam::{self, Decision};
use crate::local::world::World;

pub(super) async fn handle(world: &Arc<World>, call: &Call) -> Answer {
    answered(world, call).unwrap_or_else(|error| answer::error(call.service, &error, &call.request_id))
}

fn answered(world: &World, call: &Call) -> Result<Answer, AwsError> {
    let segments = call.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let ["_aws", "execute-api", api, stage, "@connections", id] = segments[..] else { return Err(forbidden()) };
    authorise(world, call, api, stage, id)?;
    let connection = ConnectionId::parse(id).ok_or_else(|| {
        AwsError::new(StatusCode::BAD_REQUEST, "BadRequestException", format!("Invalid connectionId: {id}"))
    })?;
    if call.method == Method::POST && call.body.len() > LARGEST_MESSAGE {
        return Err(AwsError::new(StatusCode::PAYLOAD_TOO_LARGE, "PayloadTooLargeException", "Message too long"));
    }
    let found = world.gateway.find(&connection).filter(|found| found.peer.api == api && found.peer.stage == stage);
    let found = found.ok_or_else(|| AwsError::new(StatusCode::GONE, "GoneException", "Gone"))?;
    match call.method {
        Method::POST => post(&found, call),
        Method::GET => Ok(describe(&found)),
        Method::DELETE => {
            // Gone at once for later calls; its socket takes a moment longer.
            world.gateway.forget(&connection);
            found.close(Ending::Deleted);
            Ok(answer::empty(StatusCode::NO_CONTENT))
        }
        _ => Err(forbidden()),
    }
}

/// The stage must be served, and the caller's policies must allow ManageConnections on this method and connection.
fn authorise(world: &World, call: &Call, api: &str, stage: &str, id: &str) -> Result<(), AwsError> {
    let state = world.state();
    state.apigateway.served(api, stage, world.now()).map_err(|_| forbidden())?;
    let options = &world.options;
    let prefix = format!(
        "arn:aws:execute-api:{}:{}:{api}/{stage}/{}/@connections",
        options.region, options.account, call.method
    );
    match iam::is_allowed(&state, &call.principal, "execute-api:ManageConnections", &format!("{prefix}/{id}")) {
        Decision::Allowed => Ok(()),
        Decision::ExplicitDeny | Decision::ImplicitDeny => Err(AwsError::new(
            StatusCode::FORBIDDEN,
            "AccessDeniedException",
            format!(
                "User: {} is not authorized to perform: execute-api:ManageConnections on resource: {prefix}/{{connectionId}}",
                call.principal.arn()
            ),
        )),
    }
}

fn forbidden() -> AwsError {
    AwsError::new(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden")
}

fn post(connection: &Connection, call: &Call) -> Result<Answer, AwsError> {
    let text = String::from_utf8(call.body.to_vec())
        .map_err(|_| AwsError::new(StatusCode::BAD_REQUEST, "BadRequestException", "The message is not UTF-8 text"))?;
    match connection.push(text) {
        Ok(()) => Ok(answer::empty(StatusCode::OK)),
        Err(BufferFull) => Err(AwsError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "LimitExceededException",
            "The client side buffer is full",
        )),
    }
}

fn describe(connection: &Connection) -> Answer {
    let peer = &connection.peer;
    let mut identity = json!({ "sourceIp": peer.source_ip });
    if let Some(agent) = &peer.user_agent {
        identity["userAgent"] = agent.as_str().into();
    }
    let time = |time: jiff::Timestamp| time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string();
    let shown = json!({
        "connectedAt": time(peer.connected_at),
        "identity": identity,
        "lastActiveAt": time(connection.last_active()),
    });
    answer::json(StatusCode::OK, &shown)
}
