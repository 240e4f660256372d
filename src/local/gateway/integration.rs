//! The call of a route's Lambda integration, and what its answer means.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use super::connection::Peer;
use crate::local::apigateway::{DeployedRoute, Integration};
use crate::local::lambda::{self, Caller, InvokeError};
use crate::local::world::World;

/// Why there is no proxy answer. Clients see little of it; followers of the local AWS's log see it all.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("the route has no integration")]
    NoIntegration,
    #[error("the integration's URI is not that of a Lambda function for WebSocket APIs: {0}")]
    BadUri(String),
    #[error("the integration calls Lambda by {0}; it must be POST")]
    BadMethod(String),
    #[error("the function did not answer in time")]
    TimedOut,
    #[error("the function's answer is no proxy answer: {0}")]
    Malformed(String),
    #[error(transparent)]
    Invoke(#[from] InvokeError),
}

/// An answer as `AWS_PROXY` demands it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ProxyAnswer {
    pub(super) status: u16,
    pub(super) body: Option<String>,
    pub(super) headers: Vec<(String, String)>,
}

/// A call whose event the function holds.
pub(super) struct Running {
    running: lambda::Running,
    deadline: Instant,
}

/// Starts a route's call; returns once the function holds the event.
pub(super) async fn begin(
    world: &Arc<World>,
    peer: &Peer,
    route_key: &str,
    route: &DeployedRoute,
    event: Bytes,
) -> Result<Running, Fault> {
    let integration = route.integration.as_ref().ok_or(Fault::NoIntegration)?;
    let function = function_arn(integration)?;
    let options = &world.options;
    let source_arn =
        format!("arn:aws:execute-api:{}:{}:{}/{}/{route_key}", options.region, options.account, peer.api, peer.stage);
    let limit = Duration::from_millis(integration.timeout_in_millis).min(options.manners.integration_timeout);
    let deadline = Instant::now() + limit;
    let begun = lambda::begin(world, function, Caller::ApiGateway { source_arn }, event);
    let running = timeout_at(deadline, begun).await.map_err(|_| Fault::TimedOut)??;
    Ok(Running { running, deadline })
}

impl Running {
    pub(super) async fn finish(self) -> Result<ProxyAnswer, Fault> {
        let payload = timeout_at(self.deadline, self.running.finish()).await.map_err(|_| Fault::TimedOut)??;
        ProxyAnswer::parse(&payload)
    }
}

/// Lambda's Invoke is a POST. A bare function ARN is the HTTP APIs' form and fails here, at run time (AWS-FACTS B1).
fn function_arn(integration: &Integration) -> Result<&str, Fault> {
    if integration.integration_method != "POST" {
        return Err(Fault::BadMethod(integration.integration_method.clone()));
    }
    let uri = integration.integration_uri.as_str();
    let path =
        uri.strip_prefix("arn:aws:apigateway:").and_then(|rest| rest.split_once(":lambda:path/2015-03-31/functions/"));
    path.and_then(|(_, rest)| rest.strip_suffix("/invocations")).ok_or_else(|| Fault::BadUri(uri.to_owned()))
}

impl ProxyAnswer {
    fn parse(payload: &[u8]) -> Result<Self, Fault> {
        let malformed = |what: &str| Fault::Malformed(what.to_owned());
        let value: Value = serde_json::from_slice(payload).map_err(|_| malformed("not JSON"))?;
        let fields = value.as_object().ok_or_else(|| malformed("not an object"))?;
        let status = fields.get("statusCode").ok_or_else(|| malformed("no statusCode"))?;
        let status = status.as_u64().or_else(|| status.as_str()?.parse().ok());
        let status = status.filter(|status| (100..600).contains(status)).and_then(|status| u16::try_from(status).ok());
        let status = status.ok_or_else(|| malformed("statusCode is no status"))?;
        let body = match fields.get("body") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) if fields.get("isBase64Encoded") == Some(&Value::Bool(true)) => {
                let bytes = STANDARD.decode(text).map_err(|_| malformed("body is no base64"))?;
                Some(String::from_utf8(bytes).map_err(|_| malformed("body is no UTF-8"))?)
            }
            Some(Value::String(text)) => Some(text.clone()),
            Some(_) => return Err(malformed("body is no string")),
        };
        let headers = fields.get("headers").and_then(Value::as_object).into_iter().flatten();
        let headers = headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
        Ok(Self { status, body, headers })
    }

    pub(super) fn header(&self, wanted: &str) -> Option<&str> {
        self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_with_a_status_is_a_proxy_answer() {
        let parsed = |text: &str| ProxyAnswer::parse(text.as_bytes()).ok();
        let answer = |status, body: Option<&str>| {
            Some(ProxyAnswer { status, body: body.map(str::to_owned), headers: Vec::new() })
        };
        assert_eq!(parsed(r#"{"statusCode":200}"#), answer(200, None));
        assert_eq!(parsed(r#"{"statusCode":"500","body":"x"}"#), answer(500, Some("x")));
        assert_eq!(parsed(r#"{"statusCode":200,"body":"aGk=","isBase64Encoded":true}"#), answer(200, Some("hi")));
        for malformed in ["", "null", "\"ok\"", "[]", "{}", r#"{"statusCode":99}"#, r#"{"statusCode":200,"body":{}}"#] {
            assert_eq!(parsed(malformed), None, "{malformed}");
        }
    }
}
