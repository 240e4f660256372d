//! TURN servers on request, from the built `bootstrap` between a Runtime API and the services that keep secrets.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod support;

use std::time::SystemTime;

use serde_json::{Value, json};
use support::{Relay, Reply};

const ASK: &str = r#"{"iceServers":true}"#;
const PARAMETER: &str = "ssm:/turn/secret";
const FOUND: Reply =
    Reply::Status(200, r#"{"Parameter":{"Name":"/turn/secret","Type":"SecureString","Value":"n0rth-s3cret\n"}}"#);

fn expiry(answer: &Value) -> u64 {
    let username = answer["iceServers"][0]["username"].as_str().expect("a user name");
    username.split(':').next().and_then(|text| text.parse().ok()).expect("an expiry")
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs()
}

#[tokio::test]
async fn without_a_turn_server_the_question_is_one_for_the_own_id() {
    let mut relay = Relay::start().await;
    assert_eq!(relay.frame(ASK).await, json!({"connectionId": "me="}));
    assert!(relay.connections.take_posted().is_empty());
}

#[tokio::test]
async fn who_asks_gets_servers_for_a_while_and_the_secret_is_read_once() {
    let mut relay = Relay::start_with_turn(PARAMETER).await;
    relay.connections.reply(FOUND);
    let before = now();
    let answer = relay.frame(ASK).await;
    assert_eq!(
        (&answer["connectionId"], &answer["expiresIn"], answer.get("error")),
        (&json!("me="), &json!(600), None)
    );
    let server = &answer["iceServers"][0];
    assert_eq!(server["urls"], json!(["turn:turn.example:3478?transport=udp", "turns:turn.example:5349"]));
    assert!((before + 600..=now() + 600).contains(&expiry(&answer)), "{answer}");
    assert_eq!(server["credential"].as_str().map(str::len), Some(28), "HMAC-SHA1 in base64");
    assert!(!answer.to_string().contains("n0rth-s3cret"), "{answer}");

    let posted = relay.connections.take_posted();
    let [read] = &posted[..] else { panic!("{} requests", posted.len()) };
    assert_eq!((read.head.method.as_str(), read.head.uri.path()), ("POST", "/"));
    assert_eq!(read.head.headers["x-amz-target"], "AmazonSSM.GetParameter");
    assert_eq!(read.head.headers["content-type"], "application/x-amz-json-1.1");
    let authorization = read.head.headers["authorization"].to_str().expect("text");
    assert!(authorization.contains("/eu-central-1/ssm/aws4_request"), "{authorization}");
    assert!(authorization.contains("x-amz-security-token;x-amz-target"), "{authorization}");
    let body: Value = serde_json::from_slice(&read.body).expect("JSON");
    assert_eq!(body, json!({"Name": "/turn/secret", "WithDecryption": true}));

    assert_eq!(relay.frame(ASK).await["iceServers"][0]["urls"], server["urls"]);
    assert!(relay.connections.take_posted().is_empty(), "the secret is kept for a while");
    assert_eq!(relay.frame("").await, json!({"connectionId": "me="}), "nobody gets servers unasked");
}

#[tokio::test]
async fn a_secret_of_the_secrets_manager_is_read_as_well() {
    let mut relay = Relay::start_with_turn("secretsmanager:turn").await;
    relay.connections.reply(Reply::Status(200, r#"{"Name":"turn","SecretString":"n0rth-s3cret"}"#));
    assert_eq!(relay.frame(ASK).await["iceServers"].as_array().map(Vec::len), Some(1));
    let read = relay.connections.take_posted().remove(0);
    assert_eq!(read.head.headers["x-amz-target"], "secretsmanager.GetSecretValue");
    assert_eq!(read.body, r#"{"SecretId":"turn"}"#);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_is_a_shortage_that_ends() {
    let mut relay = Relay::start_with_turn(PARAMETER).await;
    for (reply, code) in [
        (
            Reply::Status(400, r#"{"__type":"AccessDeniedException","Message":"User: x is not authorized"}"#),
            "not_permitted",
        ),
        (Reply::Status(400, r#"{"__type":"com.amazonaws.ssm#ParameterNotFound"}"#), "unexpected"),
        (Reply::Status(400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#), "throttled"),
        (Reply::Status(500, "<html>"), "unexpected"),
        (Reply::Status(200, r#"{"Parameter":{"Name":"/turn/secret"}}"#), "unexpected"),
        (Reply::Status(200, r#"{"Parameter":{"Value":"\n"}}"#), "unexpected"),
        (Reply::TakenThenClosed, "unexpected"),
        (Reply::Never, "unexpected"),
    ] {
        relay.connections.reply(reply);
        let answer = relay.frame(ASK).await;
        assert_eq!((answer["error"]["code"].as_str(), &answer["iceServers"]), (Some(code), &json!([])), "{answer}");
        assert_eq!(answer["connectionId"], "me=");
    }
    // More often than credentials would be given: failures do not count.
    for _ in 0..20 {
        relay.connections.reply(Reply::Status(500, ""));
        assert_eq!(relay.frame(ASK).await["error"]["code"], "unexpected");
    }
    relay.connections.reply(FOUND);
    assert_eq!(relay.frame(ASK).await["error"], Value::Null);
    let log = relay.log().await;
    let line: Value = serde_json::from_str(log.lines().nth(1).expect("a line")).expect("JSON");
    assert_eq!((&line["outcome"], &line["status"]), (&json!("unexpected"), &json!(400)));
    assert_eq!(line["detail"], "the parameter /turn/secret: ParameterNotFound ");
}

#[tokio::test]
async fn one_connection_gets_credentials_so_often_and_is_still_served() {
    let mut relay = Relay::start_with_turn(PARAMETER).await;
    relay.connections.reply(FOUND);
    let mut granted = 0;
    let refusal = loop {
        let answer = relay.frame(ASK).await;
        if answer["error"] != Value::Null {
            break answer;
        }
        granted += 1;
    };
    assert_eq!((granted, &refusal["error"]["code"]), (20, &json!("throttled")));
    relay.connections.take_posted();
    assert_eq!(relay.frame(r#"{"connectionId":"peer=","message":1}"#).await, json!({"connectionId": "me="}));
    assert_eq!(relay.connections.take_posted().len(), 1);
}

#[tokio::test]
async fn neither_secret_nor_credential_is_logged() {
    let mut relay = Relay::start_with_turn(PARAMETER).await;
    relay.connections.reply(FOUND);
    let answer = relay.frame(ASK).await;
    let credential = answer["iceServers"][0]["credential"].as_str().expect("a credential").to_owned();
    let log = relay.log().await;
    let line: Value = serde_json::from_str(log.trim_end()).expect("one JSON line");
    assert_eq!((&line["outcome"], &line["level"]), (&json!("ice_servers"), &json!("INFO")));
    assert!(!log.contains("n0rth-s3cret") && !log.contains(&credential), "{log}");
}
