//! `@connections`: what the relay posts to (AWS-FACTS A6).

use std::sync::Arc;

use http::{Method, StatusCode};
use serde_json::json;

use super::connection::{Connection, Ending, LARGEST_MESSAGE, NotQueued};
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
    let found = found.ok_or_else(gone)?;
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
    match iam::is_allowed(world, &state, &call.principal, "execute-api:ManageConnections", &format!("{prefix}/{id}")) {
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

fn gone() -> AwsError {
    AwsError::new(StatusCode::GONE, "GoneException", "Gone")
}

fn forbidden() -> AwsError {
    AwsError::new(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden")
}

fn post(connection: &Connection, call: &Call) -> Result<Answer, AwsError> {
    let text = String::from_utf8(call.body.to_vec())
        .map_err(|_| AwsError::new(StatusCode::BAD_REQUEST, "BadRequestException", "The message is not UTF-8 text"))?;
    match connection.push(text) {
        Ok(()) => Ok(answer::empty(StatusCode::OK)),
        Err(NotQueued::Gone) => Err(gone()),
        Err(NotQueued::BufferFull) => Err(AwsError::new(
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;
    use serde_json::Value;

    use super::super::connection::{Inbox, Peer};
    use super::*;
    use crate::local::apigateway;
    use crate::local::call::{Principal, Service};
    use crate::local::world::LocalOptions;

    fn call(service: Service, method: Method, path: String, body: impl Into<Bytes>) -> Call {
        Call {
            service,
            region: "us-east-1".to_owned(),
            principal: Principal::Deployer { arn: "arn:aws:iam::000000000000:user/deployer".to_owned() },
            method,
            path,
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: body.into(),
            request_id: "request".to_owned(),
        }
    }

    async fn create(world: &Arc<World>, path: String, body: Value, id: &str) -> String {
        let call = call(Service::ApiGateway, Method::POST, path, body.to_string());
        let answer = apigateway::handle(world, &call).await;
        let answer: Value = serde_json::from_slice(answer.body()).unwrap();
        answer[id].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    /// A served stage with one connection, whose socket nobody reads.
    struct Stage {
        world: Arc<World>,
        api: String,
        connection: Arc<Connection>,
        inbox: Inbox,
    }

    async fn stage() -> Stage {
        let world = Arc::new(World::new(LocalOptions::default()));
        let api =
            json!({ "name": "a", "protocolType": "WEBSOCKET", "routeSelectionExpression": "$request.body.action" });
        let api = create(&world, "/v2/apis".to_owned(), api, "apiId").await;
        let part = |part: &str| format!("/v2/apis/{api}/{part}");
        create(&world, part("routes"), json!({ "routeKey": "$default" }), "routeId").await;
        let deployment = create(&world, part("deployments"), json!({}), "deploymentId").await;
        create(&world, part("stages"), json!({ "stageName": "prod", "deploymentId": deployment }), "stageName").await;
        let (connection, inbox) = Connection::new(Peer {
            id: ConnectionId::generate(),
            api: api.clone(),
            stage: "prod".to_owned(),
            connected_at: jiff::Timestamp::now(),
            source_ip: "192.0.2.7".to_owned(),
            user_agent: None,
            domain_name: "localhost".to_owned(),
        });
        world.gateway.keep(&connection);
        Stage { world, api, connection, inbox }
    }

    impl Stage {
        async fn send(&self, method: Method, stage: &str, id: &str, body: impl Into<Bytes>) -> (u16, Bytes) {
            let path = format!("/_aws/execute-api/{}/{stage}/@connections/{id}", self.api);
            let answer = handle(&self.world, &call(Service::ExecuteApi, method, path, body)).await;
            (answer.status().as_u16(), answer.into_body())
        }

        fn id(&self) -> String {
            self.connection.peer.id.as_str().replace('=', "%3D")
        }
    }

    #[tokio::test]
    async fn calls_answer_as_the_service_does() {
        let stage = stage().await;
        let id = stage.id();
        assert_eq!(stage.send(Method::POST, "prod", &id, "hi").await, (200, Bytes::new()));
        assert_eq!(stage.send(Method::POST, "prod", &id, vec![b'x'; LARGEST_MESSAGE]).await.0, 200);
        assert_eq!(stage.send(Method::POST, "prod", &id, vec![b'x'; LARGEST_MESSAGE + 1]).await.0, 413);
        assert_eq!(stage.send(Method::POST, "other", &id, "hi").await.0, 403);
        assert_eq!(stage.send(Method::POST, "prod", "TXzPWdnOjoECGjA%3D", "hi").await.0, 410);
        let (status, body) = stage.send(Method::POST, "prod", "nonsense", "hi").await;
        assert_eq!((status, body), (400, Bytes::from_static(b"{\"message\":\"Invalid connectionId: nonsense\"}")));
        let (status, body) = stage.send(Method::GET, "prod", &id, "").await;
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((status, &body["identity"]), (200, &json!({ "sourceIp": "192.0.2.7" })));
        assert!(body["connectedAt"].as_str().unwrap().ends_with('Z') && body["lastActiveAt"].is_string());
        assert_eq!(stage.send(Method::DELETE, "prod", &id, "").await.0, 204);
        assert_eq!(stage.send(Method::POST, "prod", &id, "hi").await.0, 410);
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_is_full_one_day() {
        let stage = stage().await;
        let id = stage.id();
        let mut taken = 0;
        let refused = loop {
            match stage.send(Method::POST, "prod", &id, "hi").await.0 {
                200 => taken += 1,
                status => break status,
            }
        };
        assert_eq!(refused, 429);
        assert!(taken > 0);
        drop(stage.inbox);
    }
}
