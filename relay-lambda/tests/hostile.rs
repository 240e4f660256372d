//! The built `bootstrap` under garbage: from clients, from the Runtime API, from `@connections`.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod support;

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};
use support::{Relay, Reply, client_gets, command, message};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const CODES: [&str; 6] = ["bad_request", "peer_gone", "message_too_large", "not_permitted", "throttled", "unexpected"];

/// Nothing takes that long but a hang.
const LONG: Duration = Duration::from_secs(60);

/// As many values as `PROPTEST_CASES` says; a failing one is shown by its number and itself.
fn values<S: Strategy>(default: usize, strategy: S) -> impl Iterator<Item = S::Value> {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default);
    let mut runner = TestRunner::default();
    (0..cases).map(move |_| strategy.new_tree(&mut runner).expect("a value").current())
}

/// Text frames, from nonsense to nearly right, up to the 128 KB of a message.
fn frame() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[{}\\[\\]\",:0-9a-z \\\\]{0,60}",
        (".{0,20}", ".{0,40}").prop_map(|(to, message)| json!({"connectionId": to, "message": message}).to_string()),
        "(null|7|\\[\\]|\"\"|\\{\\}|\"peer=\")"
            .prop_map(|to| format!(r#"{{"connectionId":{to},"message":{{"type":"SDP","payload":1}}}}"#)),
        (0_usize..131_000)
            .prop_map(|length| format!(r#"{{"connectionId":"peer=","message":"{}"}}"#, "x".repeat(length))),
        (0_usize..40_000).prop_map(|depth| format!(
            r#"{{"connectionId":"peer=","message":{}{}}}"#,
            "[".repeat(depth),
            "]".repeat(depth)
        )),
    ]
}

fn check_answer(answer: &Value, sent: &str) {
    assert_eq!(answer["connectionId"], "me=", "{sent}");
    let members = answer.as_object().expect("an object");
    assert!(members.keys().all(|name| name == "connectionId" || name == "error"), "{answer}: {sent}");
    if let Some(error) = members.get("error") {
        assert!(CODES.contains(&error["code"].as_str().expect("a code")), "{answer}: {sent}");
        assert!(error["message"].is_string(), "{answer}: {sent}");
    }
}

#[tokio::test]
async fn whatever_a_client_sends_is_answered_and_the_next_is_served() {
    let mut relay = Relay::start().await;
    for body in values(150, frame()) {
        let answer = tokio::time::timeout(LONG, relay.frame(&body)).await.unwrap_or_else(|_| panic!("hangs: {body}"));
        check_answer(&answer, &body);
    }
    assert_eq!(relay.frame("").await, json!({"connectionId": "me="}));
}

#[tokio::test]
async fn whatever_the_runtime_api_delivers_the_function_lives_on() {
    let mut relay = Relay::start().await;
    let events = prop_oneof![
        vec(any::<u8>(), 0..300),
        ".{0,60}".prop_map(String::into_bytes),
        (any::<prop::sample::Index>(), frame()).prop_map(|(cut, body)| {
            let event = message(&body).into_bytes();
            event[..cut.index(event.len() + 1)].to_vec()
        }),
        (0_usize..200_000).prop_map(|depth| "{\"a\":".repeat(depth).into_bytes()),
        Just(format!(r#"{{"requestContext":"{}"}}"#, "x".repeat(6 * 1024 * 1024)).into_bytes()),
    ];
    for event in values(100, events) {
        let shown = String::from_utf8_lossy(&event[..event.len().min(300)]).into_owned();
        relay.send(event);
        let outcome = tokio::time::timeout(LONG, relay.outcome()).await;
        let (path, body) = outcome.unwrap_or_else(|_| panic!("hangs: {shown}"));
        let told: Value = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("{path} {body:?}: {shown}"));
        if path.ends_with("/response") {
            assert_eq!(told["statusCode"], 200, "{shown}");
        } else {
            assert!(path.ends_with("/error") && told["errorMessage"].is_string(), "{path} {told}: {shown}");
        }
    }
    assert_eq!(client_gets(&relay.invoke(message("")).await), json!({"connectionId": "me="}));
}

#[tokio::test]
async fn whatever_connections_answers_the_sender_is_told() {
    let mut relay = Relay::start().await;
    const PAGE: &str = "<!DOCTYPE html><html><body>Sign in to the network</body></html>";
    for (number, (status, text)) in values(
        60,
        (
            200_u16..600,
            prop::sample::select(vec!["", PAGE, "{", r#"{"message":"Invalid connec"#, "\u{0}\u{1}\"", "null"]),
        ),
    )
    .enumerate()
    {
        relay.connections.reply(if number % 7 == 6 { Reply::TakenThenClosed } else { Reply::Status(status, text) });
        let sent = format!("{status} {text}");
        let answer = tokio::time::timeout(LONG, relay.frame(r#"{"connectionId":"peer=","message":1}"#)).await;
        check_answer(&answer.unwrap_or_else(|_| panic!("hangs: {sent}")), &sent);
    }
}

/// A Runtime API whose first answer is `bytes`, and which closes every connection after one. What the process does then: its exit,
/// or nothing for as long as it has something to ask.
async fn after(bytes: &[u8]) -> (Option<i32>, usize) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let mut child = command("http://127.0.0.1:9/prod", &address).spawn().expect("bootstrap starts");
    let mut asked = 0;
    loop {
        tokio::select! {
            status = child.wait() => return (status.expect("ended").code(), asked),
            stream = listener.accept() => {
                let (mut stream, _) = stream.expect("a connection");
                asked += 1;
                if asked > 3 {
                    child.kill().await.expect("killed");
                    return (None, asked);
                }
                let mut request = vec![0; 64 * 1024];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(bytes).await;
                let _ = stream.shutdown().await;
            }
        }
    }
}

/// Lambda starts a process anew that ends, and waits for one that asks again; it gives up on one that does neither.
#[tokio::test]
async fn a_runtime_api_that_talks_nonsense_ends_the_process_or_is_asked_again() {
    const ID: &str = "lambda-runtime-aws-request-id: 1";
    const TIME: &str = "lambda-runtime-deadline-ms: 4102444800000";
    const ARN: &str = "lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-central-1:1:function:relay";
    let with = |headers: &[&str], body: &str| {
        format!("HTTP/1.1 200 OK\r\n{}\r\ncontent-length: {}\r\n\r\n{body}", headers.join("\r\n"), body.len())
            .into_bytes()
    };
    let mut answers = vec![
        Vec::new(),
        b"\0\xff\xfe nonsense".to_vec(),
        b"HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n".to_vec(),
        b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{".to_vec(),
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n".to_vec(),
        with(&[TIME, ARN], "{}"),
        with(&[ID, ARN], "{}"),
        with(&[ID, "lambda-runtime-deadline-ms: soon", ARN], "{}"),
        with(&[ID, "lambda-runtime-deadline-ms: 99999999999999999999999999", ARN], "{}"),
        with(&[ID, TIME], "{}"),
        with(&[ID, TIME, ARN, "lambda-runtime-client-context: {"], "{}"),
        with(&[ID, TIME, ARN, "lambda-runtime-cognito-identity: []"], "{}"),
        with(&["lambda-runtime-aws-request-id: ../../\u{e9}", TIME, ARN], "{}"),
    ];
    answers.push(with(&[ID, TIME, ARN, &format!("x: {}", "y".repeat(100_000))], "{}"));
    for answer in answers {
        let shown = String::from_utf8_lossy(&answer[..answer.len().min(200)]).into_owned();
        let outcome = tokio::time::timeout(LONG, after(&answer)).await;
        let (code, asked) = outcome.unwrap_or_else(|_| panic!("neither ended nor asked again: {shown}"));
        println!("{code:?} after {asked}: {shown:?}");
        assert!(asked > 0 && code != Some(0), "{code:?}: {shown}");
    }
}
