//! Who may connect, from the built `bootstrap` between a Runtime API and the services that keep secrets.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod support;

use serde_json::{Value, json};
use support::{Relay, Reply};

const FOUND: Reply =
    Reply::Status(200, r#"{"Parameter":{"Name":"/join","Type":"SecureString","Value":"n0rth-s3cret\n"}}"#);

fn connect(origin: Option<&str>, token: Option<&str>) -> String {
    let mut event = json!({
        "headers": {"Host": "h"},
        "requestContext": {"routeKey": "$connect", "eventType": "CONNECT", "connectionId": "me="},
        "isBase64Encoded": false,
    });
    if let Some(origin) = origin {
        event["headers"]["Origin"] = origin.into();
    }
    if let Some(token) = token {
        event["queryStringParameters"] = json!({"token": token});
    }
    event.to_string()
}

async fn status(relay: &mut Relay, origin: Option<&str>, token: Option<&str>) -> Value {
    let answer = relay.invoke(connect(origin, token)).await;
    assert_eq!(answer.as_object().map(serde_json::Map::len), Some(1), "nothing but a status: {answer}");
    answer["statusCode"].clone()
}

#[tokio::test]
async fn without_a_setting_everybody_may_connect() {
    let mut relay = Relay::start().await;
    assert_eq!(status(&mut relay, None, None).await, 200);
    assert_eq!(status(&mut relay, Some("https://evil.test"), Some("x")).await, 200);
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_connect() {
    let mut relay = Relay::start_with_access(&[("ALLOWED_ORIGINS", "https://a.test https://b.test:8443")]).await;
    assert_eq!(status(&mut relay, Some("https://a.test"), None).await, 200);
    assert_eq!(status(&mut relay, Some("https://b.test:8443"), None).await, 200);
    assert_eq!(status(&mut relay, Some("https://b.test"), None).await, 403);
    assert_eq!(status(&mut relay, None, None).await, 403);
    assert_eq!(relay.frame("").await, json!({"connectionId": "me="}), "a connection stays one");
    let log = relay.log().await;
    assert!(log.contains(r#""outcome":"admitted""#) && log.contains(r#""outcome":"refused""#), "{log}");
    assert!(log.contains("https://b.test") && log.contains("no Origin"), "{log}");
}

#[tokio::test]
async fn only_who_has_the_token_may_connect_and_it_is_read_once_and_shown_to_nobody() {
    let mut relay = Relay::start_with_access(&[("JOIN_TOKEN_FROM", "ssm:/join")]).await;
    assert_eq!(status(&mut relay, None, None).await, 403);
    assert_eq!(status(&mut relay, None, Some("")).await, 403);
    assert!(relay.connections.take_posted().is_empty(), "there was nothing to compare");
    relay.connections.reply(FOUND);
    assert_eq!(status(&mut relay, None, Some("n0rth-s3cret")).await, 200);
    assert_eq!(relay.connections.take_posted().len(), 1);
    assert_eq!(status(&mut relay, None, Some("s0uth-gu3ss")).await, 403);
    assert_eq!(status(&mut relay, None, Some("n0rth-s3cret")).await, 200);
    assert!(relay.connections.take_posted().is_empty(), "the secret is kept for a while");
    let log = relay.log().await;
    assert!(!log.contains("n0rth") && !log.contains("s0uth"), "{log}");
}

#[tokio::test]
async fn a_token_that_cannot_be_read_lets_nobody_in() {
    let mut relay = Relay::start_with_access(&[("JOIN_TOKEN_FROM", "ssm:/join")]).await;
    relay.connections.reply(Reply::Status(400, r#"{"__type":"AccessDeniedException","Message":"not authorized"}"#));
    assert_eq!(status(&mut relay, None, Some("n0rth-s3cret")).await, 500);
    relay.connections.reply(Reply::Status(200, r#"{"Parameter":{"Value":""}}"#));
    assert_eq!(status(&mut relay, None, Some("\n")).await, 500);
    relay.connections.reply(FOUND);
    assert_eq!(status(&mut relay, None, Some("n0rth-s3cret")).await, 200, "it ends with its cause");
    let log = relay.log().await;
    assert!(log.contains(r#""outcome":"not_permitted""#) && log.contains("the parameter /join"), "{log}");
}
