//! The events that a function gets for a connection (AWS-FACTS A2).

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde_json::{Map, Value, json};

use super::connection::Peer;
use super::ids;
use crate::local::apigateway::ServedStage;

/// Headers of the hop between client and gateway: not part of the event.
const HOP_HEADERS: [&str; 2] = ["connection", "upgrade"];

pub(super) struct Event {
    pub(super) request_id: String,
    pub(super) json: Bytes,
}

/// The upgrade request, as far as `$connect` gets to see it.
pub(super) struct Handshake<'a> {
    pub(super) headers: &'a HeaderMap,
    pub(super) query: Option<&'a str>,
}

pub(super) fn connect(peer: &Peer, stage: &ServedStage, handshake: &Handshake<'_>) -> Event {
    let (mut context, request_id) = context(peer, "$connect", "CONNECT");
    context.remove("messageId");
    let mut event = envelope(stage, context);
    let (single, many) = grouped(
        handshake
            .headers
            .iter()
            .filter(|(name, _)| !HOP_HEADERS.contains(&name.as_str()))
            .map(|(name, value)| (spelled(name), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .chain(forwarded(peer)),
    );
    event.insert("headers".to_owned(), single);
    event.insert("multiValueHeaders".to_owned(), many);
    // Both keys are absent, not null, when there is no query.
    if let Some(query) = handshake.query.filter(|query| !query.is_empty()) {
        let parameters = form_urlencoded::parse(query.as_bytes());
        let (single, many) = grouped(parameters.map(|(name, value)| (name.into_owned(), value.into_owned())));
        event.insert("queryStringParameters".to_owned(), single);
        event.insert("multiValueQueryStringParameters".to_owned(), many);
    }
    finish(event, request_id)
}

pub(super) fn message(peer: &Peer, stage: &ServedStage, route_key: &str, body: &str) -> Event {
    let (mut context, request_id) = context(peer, route_key, "MESSAGE");
    context.insert("messageId".to_owned(), ids::generate().into());
    let mut event = envelope(stage, context);
    event.insert("body".to_owned(), body.into());
    finish(event, request_id)
}

pub(super) fn disconnect(peer: &Peer, stage: &ServedStage, code: u16, reason: &str) -> Event {
    let (mut context, request_id) = context(peer, "$disconnect", "DISCONNECT");
    context.insert("disconnectStatusCode".to_owned(), code.into());
    context.insert("disconnectReason".to_owned(), reason.into());
    let mut event = envelope(stage, context);
    let headers = ["Host", "x-api-key", "X-Forwarded-For", "x-restapi"];
    let value = |name: &str| if name == "Host" { peer.domain_name.clone() } else { String::new() };
    let (single, many) = grouped(headers.into_iter().map(|name| (name.to_owned(), value(name))));
    event.insert("headers".to_owned(), single);
    event.insert("multiValueHeaders".to_owned(), many);
    finish(event, request_id)
}

fn context(peer: &Peer, route_key: &str, event_type: &str) -> (Map<String, Value>, String) {
    let now = jiff::Timestamp::now();
    let request_id = ids::generate();
    let mut identity = json!({ "sourceIp": peer.source_ip });
    if let Some(agent) = &peer.user_agent {
        identity["userAgent"] = agent.as_str().into();
    }
    let context = json!({
        "routeKey": route_key,
        "eventType": event_type,
        "extendedRequestId": request_id,
        "requestId": request_id,
        "requestTime": now.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string(),
        "requestTimeEpoch": now.as_millisecond(),
        "messageDirection": "IN",
        "stage": peer.stage,
        "connectedAt": peer.connected_at.as_millisecond(),
        "identity": identity,
        "domainName": peer.domain_name,
        "connectionId": peer.id.as_str(),
        "apiId": peer.api,
    });
    let Value::Object(context) = context else { return (Map::new(), request_id) };
    (context, request_id)
}

fn envelope(stage: &ServedStage, context: Map<String, Value>) -> Map<String, Value> {
    let mut event = Map::new();
    event.insert("requestContext".to_owned(), context.into());
    event.insert("isBase64Encoded".to_owned(), false.into());
    if !stage.variables.is_empty() {
        event.insert("stageVariables".to_owned(), json!(stage.variables));
    }
    event
}

fn finish(event: Map<String, Value>, request_id: String) -> Event {
    Event { request_id, json: Value::Object(event).to_string().into() }
}

/// The last value of each name, and all values of each name.
fn grouped(pairs: impl Iterator<Item = (String, String)>) -> (Value, Value) {
    let (mut single, mut many) = (Map::new(), Map::<String, Value>::new());
    for (name, value) in pairs {
        if let Value::Array(values) = many.entry(name.clone()).or_insert_with(|| json!([])) {
            values.push(value.as_str().into());
        }
        single.insert(name, value.into());
    }
    (single.into(), many.into())
}

/// What the gateway's front adds.
fn forwarded(peer: &Peer) -> impl Iterator<Item = (String, String)> {
    let trace = format!("Root=1-{:08x}-{}", peer.connected_at.as_second(), hex::encode(rand::random::<[u8; 12]>()));
    [
        ("X-Amzn-Trace-Id", trace),
        ("X-Forwarded-For", peer.source_ip.clone()),
        ("X-Forwarded-Port", "443".to_owned()),
        ("X-Forwarded-Proto", "https".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
}

/// Header names in the spelling that browsers send over HTTP/1.1; the HTTP library has lost the client's own.
fn spelled(name: &HeaderName) -> String {
    let words = name.as_str().split('-').map(|word| {
        if word == "websocket" {
            return "WebSocket".to_owned();
        }
        let mut letters = word.chars();
        letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
    });
    words.collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::ids::ConnectionId;
    use super::*;

    fn peer() -> Peer {
        Peer {
            id: ConnectionId::generate(),
            api: "abcdefghij".to_owned(),
            stage: "prod".to_owned(),
            connected_at: jiff::Timestamp::now(),
            source_ip: "192.0.2.7".to_owned(),
            user_agent: None,
            domain_name: "localhost".to_owned(),
        }
    }

    fn stage() -> ServedStage {
        ServedStage::for_tests(BTreeMap::new())
    }

    fn parsed(event: &Event) -> Value {
        serde_json::from_slice(&event.json).unwrap()
    }

    fn keys(value: &Value) -> Vec<&str> {
        value.as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn a_message_event_has_neither_headers_nor_query() {
        let peer = peer();
        let event = parsed(&message(&peer, &stage(), "$default", "hi"));
        assert_eq!(keys(&event), ["body", "isBase64Encoded", "requestContext"]);
        let context = &event["requestContext"];
        assert_eq!(context["eventType"], "MESSAGE");
        assert_eq!(context["connectionId"], peer.id.as_str());
        assert_eq!(context["requestId"], context["extendedRequestId"]);
        assert!(context["messageId"].is_string());
        assert_eq!(keys(&context["identity"]), ["sourceIp"]);
    }

    #[test]
    fn a_connect_event_carries_headers_as_sent_but_for_the_hop() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("host", "x"), ("upgrade", "websocket"), ("sec-websocket-key", "k"), ("x-a", "1"), ("x-a", "2")]
        {
            headers.append(HeaderName::from_static(name), http::HeaderValue::from_static(value));
        }
        let handshake = Handshake { headers: &headers, query: Some("token=a%20b&token=c") };
        let event = parsed(&connect(&peer(), &stage(), &handshake));
        assert!(event.get("body").is_none());
        assert_eq!(event["headers"]["Host"], "x");
        assert_eq!(event["headers"]["Sec-WebSocket-Key"], "k");
        assert!(event["headers"].get("Upgrade").is_none());
        assert_eq!(event["multiValueHeaders"]["X-A"], json!(["1", "2"]));
        assert_eq!(event["queryStringParameters"], json!({ "token": "c" }));
        assert_eq!(event["multiValueQueryStringParameters"], json!({ "token": ["a b", "c"] }));
        let plain = Handshake { headers: &headers, query: None };
        let event = parsed(&connect(&peer(), &stage(), &plain));
        assert!(event.get("queryStringParameters").is_none() && event.get("multiValueQueryStringParameters").is_none());
        assert!(event["requestContext"].get("messageId").is_none());
    }

    #[test]
    fn a_disconnect_event_says_why() {
        let event = parsed(&disconnect(&peer(), &stage(), 1001, "Going away"));
        assert_eq!(event["requestContext"]["disconnectStatusCode"], 1001);
        assert_eq!(event["requestContext"]["disconnectReason"], "Going away");
        assert_eq!(event["headers"]["x-api-key"], "");
        assert!(event.get("body").is_none());
    }
}
