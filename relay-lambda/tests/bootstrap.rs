//! The built `bootstrap` between a Runtime API and an `@connections` endpoint, as in Lambda.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod support;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use serde_json::{Value, json};
use support::{ACCESS_KEY, Posted, REGION, Relay, Reply, SECRET_KEY, SESSION_TOKEN, client_gets, command, message};

const TO_PEER: &str = r#"{"connectionId":"V-M0CclhjoECETA=","message":{"type":"ICE","payload":"s3cret-candidate"}}"#;

fn header<'a>(posted: &'a Posted, name: &str) -> &'a str {
    posted.head.headers.get(name).unwrap_or_else(|| panic!("{name} is missing")).to_str().expect("text")
}

/// Signs what arrived once more, as the service does, and gives the `Authorization` that it must carry.
fn authorization_of(posted: &Posted, encoding: PercentEncodingMode) -> String {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", header(posted, "x-amz-date"))
        .and_then(|time| time.to_zoned(jiff::tz::TimeZone::UTC))
        .expect("a time");
    let identity = Credentials::new(ACCESS_KEY, SECRET_KEY, Some(SESSION_TOKEN.to_owned()), None, "test").into();
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = encoding;
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(REGION)
        .name("execute-api")
        .time(time.timestamp().into())
        .settings(settings)
        .build()
        .expect("parameters")
        .into();
    let url = format!("http://{}{}", header(posted, "host"), posted.head.uri);
    let headers = [("content-type", header(posted, "content-type"))];
    let request = SignableRequest::new("POST", url, headers.into_iter(), SignableBody::Bytes(&posted.body));
    let (instructions, _) = sign(request.expect("signable"), &parameters).expect("signed").into_parts();
    let (headers, _) = instructions.into_parts();
    headers.iter().find(|it| it.name() == "authorization").expect("an authorization").value().to_owned()
}

#[tokio::test]
async fn an_empty_frame_is_answered_with_the_own_id() {
    let mut relay = Relay::start().await;
    for body in ["", "{}"] {
        assert_eq!(relay.frame(body).await, json!({"connectionId": "me="}), "{body}");
    }
    let without_body = r#"{"requestContext":{"eventType":"MESSAGE","connectionId":"me="}}"#;
    assert_eq!(client_gets(&relay.invoke(without_body).await), json!({"connectionId": "me="}));
    assert!(relay.connections.take_posted().is_empty());
}

#[tokio::test]
async fn a_message_is_posted_signed_to_the_encoded_id() {
    let mut relay = Relay::start().await;
    assert_eq!(relay.frame(TO_PEER).await, json!({"connectionId": "me="}));
    let posted = relay.connections.take_posted();
    let [one] = &posted[..] else { panic!("{} requests", posted.len()) };
    assert_eq!(one.head.method, "POST");
    assert_eq!(one.head.uri, "/prod/@connections/V-M0CclhjoECETA%3D");
    assert_eq!(one.body, r#"{"message":{"type":"ICE","payload":"s3cret-candidate"},"from":"me="}"#);
    assert_eq!(header(one, "content-type"), "application/octet-stream");
    assert_eq!(header(one, "x-amz-security-token"), SESSION_TOKEN);
    assert_eq!(header(one, "authorization"), authorization_of(one, PercentEncodingMode::Double));
    assert_ne!(header(one, "authorization"), authorization_of(one, PercentEncodingMode::Single));
}

#[tokio::test]
async fn numbers_and_unicode_pass_unchanged() {
    let mut relay = Relay::start().await;
    for message in
        [r#"123456789012345678901234567890.10"#, r#""\ud83e\udd80 🦀 \ud800 \u0000""#, r#"{"b":1,"a":1,"b":2}"#]
    {
        relay.frame(&format!(r#"{{"connectionId":"peer=","message":{message}}}"#)).await;
        let posted = relay.connections.take_posted();
        assert_eq!(posted[0].body, format!(r#"{{"message":{message},"from":"me="}}"#));
    }
}

#[tokio::test]
async fn every_failure_is_told_to_the_sender() {
    let mut relay = Relay::start().await;
    for (reply, code) in [
        (Reply::Status(410, ""), "peer_gone"),
        (Reply::Status(400, r#"{"message":"Invalid connectionId: x"}"#), "peer_gone"),
        (Reply::Status(400, r#"{"message":"Bad Request"}"#), "unexpected"),
        (Reply::Status(403, r#"{"message":"Forbidden"}"#), "not_permitted"),
        (Reply::Status(413, r#"{"message":"too large"}"#), "message_too_large"),
        (Reply::Status(429, ""), "throttled"),
        (Reply::Status(500, r#"{"message":"Internal server error"}"#), "unexpected"),
    ] {
        relay.connections.reply(reply);
        let got = relay.frame(TO_PEER).await;
        assert_eq!((got["connectionId"].as_str(), got["error"]["code"].as_str()), (Some("me="), Some(code)), "{got}");
        assert!(got["error"]["message"].as_str().is_some_and(|text| !text.is_empty()), "{got}");
    }
    relay.connections.take_posted();
    let huge = format!(r#"{{"connectionId":"peer=","message":"{}"}}"#, "x".repeat(128 * 1024));
    for (body, code) in
        [("not json", "bad_request"), (r#"{"connectionId":5}"#, "bad_request"), (&huge, "message_too_large")]
    {
        assert_eq!(relay.frame(body).await["error"]["code"], code);
    }
    assert!(relay.connections.take_posted().is_empty());
    assert_eq!(relay.frame(TO_PEER).await, json!({"connectionId": "me="}), "and it goes on");
}

#[tokio::test]
async fn an_unreachable_endpoint_is_told_to_the_sender() {
    let mut relay = Relay::start_without_connections().await;
    assert_eq!(relay.frame(TO_PEER).await["error"]["code"], "unexpected");
    assert_eq!(relay.frame("").await, json!({"connectionId": "me="}));
}

#[tokio::test]
async fn a_post_without_an_answer_ends_before_the_function_does() {
    let mut relay = Relay::start().await;
    relay.connections.reply(Reply::Never);
    assert_eq!(relay.frame(TO_PEER).await["error"]["code"], "unexpected");
    assert_eq!(relay.connections.take_posted().len(), 1, "never sent twice");
    assert_eq!(relay.frame(TO_PEER).await, json!({"connectionId": "me="}));
}

#[tokio::test]
async fn other_events_are_acknowledged() {
    let mut relay = Relay::start().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for event in [
        r#"{"requestContext":{"routeKey":"$connect","eventType":"CONNECT","connectionId":"me="},"headers":{}}"#,
        r#"{"requestContext":{"routeKey":"$disconnect","eventType":"DISCONNECT","connectionId":"me="},"body":null}"#,
        "null",
        "[1,2]",
        "\"text\"",
        "{}",
        &deep,
    ] {
        assert_eq!(relay.invoke(event.to_owned()).await, json!({"statusCode": 200}), "{:.80}", event);
    }
}

#[tokio::test]
async fn one_connection_carries_all_messages() {
    let mut relay = Relay::start().await;
    for status in [200, 410, 403, 200] {
        relay.connections.reply(Reply::Status(status, "{}"));
        relay.frame(TO_PEER).await;
    }
    let connections: Vec<_> = relay.connections.take_posted().iter().map(|posted| posted.connection).collect();
    assert_eq!(connections, [0, 0, 0, 0]);
}

#[tokio::test]
async fn a_connection_closed_between_messages_is_replaced_and_nothing_is_sent_twice() {
    let mut relay = Relay::start().await;
    for number in 0..20 {
        let body = format!(r#"{{"connectionId":"peer=","message":{number}}}"#);
        assert_eq!(relay.frame(&body).await, json!({"connectionId": "me="}), "{number}");
        let posted = relay.connections.take_posted();
        assert_eq!(posted.len(), 1, "{number}");
        assert_eq!(posted[0].body, format!(r#"{{"message":{number},"from":"me="}}"#));
        relay.connections.hang_up().await;
    }
}

#[cfg(unix)]
#[tokio::test]
async fn a_connection_closed_while_the_function_was_frozen_is_replaced() {
    let mut relay = Relay::start().await;
    for number in 0..20 {
        assert_eq!(relay.frame(TO_PEER).await, json!({"connectionId": "me="}));
        relay.signal("-STOP").await;
        relay.connections.hang_up_unseen().await;
        relay.send(message(&format!(r#"{{"connectionId":"peer=","message":{number}}}"#)));
        relay.signal("-CONT").await;
        assert_eq!(client_gets(&relay.answer().await), json!({"connectionId": "me="}), "{number}");
        let bodies: Vec<_> = relay.connections.take_posted().into_iter().skip(1).map(|posted| posted.body).collect();
        assert_eq!(bodies, [format!(r#"{{"message":{number},"from":"me="}}"#)]);
    }
}

#[tokio::test]
async fn a_request_that_may_have_arrived_is_not_sent_again() {
    let mut relay = Relay::start().await;
    relay.frame(TO_PEER).await;
    relay.connections.take_posted();
    relay.connections.reply(Reply::TakenThenClosed);
    assert_eq!(relay.frame(TO_PEER).await["error"]["code"], "unexpected");
    assert_eq!(relay.connections.take_posted().len(), 1);
}

#[tokio::test]
async fn each_message_is_one_log_line_without_its_contents_or_any_secret() {
    let mut relay = Relay::start().await;
    relay.frame("").await;
    relay.frame(TO_PEER).await;
    relay.connections.reply(Reply::Status(410, r#"{"message":"Gone"}"#));
    relay.frame(TO_PEER).await;
    relay.frame("s3cret-candidate").await;
    let log = relay.log().await;
    for secret in ["s3cret-candidate", SECRET_KEY, SESSION_TOKEN] {
        assert!(!log.contains(secret), "{log}");
    }
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].as_str().expect("an outcome")).collect();
    assert_eq!(outcomes, ["answered", "relayed", "peer_gone", "bad_request"]);
    for line in &lines {
        assert_eq!(line["requestId"], "8476a536-e9f4-11e8-9739-2dfe598c3fcd");
        assert_eq!(line["connectionId"], "me=");
        assert!(line["durationMs"].is_number());
    }
    assert_eq!((&lines[1]["to"], &lines[1]["status"]), (&json!("V-M0CclhjoECETA="), &json!(200)));
    assert_eq!((&lines[2]["status"], &lines[2]["level"]), (&json!(410), &json!("WARN")));
}

#[tokio::test]
async fn a_wrong_environment_ends_the_start_in_clear_words() {
    for (name, value) in [("CONNECTIONS_ENDPOINT", "http://example.org/prod"), ("AWS_SECRET_ACCESS_KEY", "")] {
        let output = command("https://example.org/prod", "127.0.0.1:1").env(name, value).output().await.expect("runs");
        assert_eq!(output.status.code(), Some(1));
        let line: Value = serde_json::from_slice(&output.stdout).expect("one JSON line");
        assert_eq!(line["outcome"], "failed_to_start");
        assert!(line["detail"].as_str().is_some_and(|detail| detail.contains(name)), "{line}");
    }
}
