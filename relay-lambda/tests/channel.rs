//! TURN servers of Kinesis Video Streams, from the built `bootstrap` between a Runtime API and that service.
#![allow(missing_docs, clippy::expect_used, clippy::panic, reason = "a test may fail")]

mod support;

use serde_json::{Value, json};
use support::{Posted, Relay, Reply};

const ASK: &str = r#"{"iceServers":true}"#;
const ARN: &str = "arn:aws:kinesisvideo:eu-central-1:123456789012:channel/webrtc-aws-demo/1700000000000";
const GRANTED: Reply = Reply::Status(
    200,
    concat!(
        r#"{"IceServerList":[{"Uris":["turn:a.test:443?transport=udp","turns:a.test:443?transport=tcp"],"#,
        r#""Username":"1700000300:dXNlcg==","Password":"n0rth-s3cret","Ttl":300},"#,
        r#"{"Uris":["turn:b.test:443?transport=udp"],"Username":"other","Password":"s0uth","Ttl":299}]}"#
    ),
);

fn path(posted: &Posted) -> &str {
    posted.head.uri.path()
}

#[tokio::test]
async fn who_asks_gets_what_aws_grants_and_the_endpoint_is_asked_for_once() {
    let mut relay = Relay::start_with_channel(ARN).await;
    relay.connections.reply(Reply::ChannelIsHere);
    relay.connections.reply(GRANTED);
    assert_eq!(
        relay.frame(ASK).await,
        json!({
            "connectionId": "me=",
            "iceServers": [
                {
                    "urls": ["turn:a.test:443?transport=udp", "turns:a.test:443?transport=tcp"],
                    "username": "1700000300:dXNlcg==",
                    "credential": "n0rth-s3cret",
                },
                { "urls": ["turn:b.test:443?transport=udp"], "username": "other", "credential": "s0uth" },
            ],
            "expiresIn": 299,
        })
    );
    let posted = relay.connections.take_posted();
    let [endpoint, config] = &posted[..] else { panic!("{} requests", posted.len()) };
    assert_eq!((path(endpoint), path(config)), ("/getSignalingChannelEndpoint", "/v1/get-ice-server-config"));
    for request in &posted {
        let authorization = request.head.headers["authorization"].to_str().expect("text");
        assert!(authorization.contains("/eu-central-1/kinesisvideo/aws4_request"), "{authorization}");
        assert!(authorization.contains("x-amz-security-token"), "{authorization}");
        assert_eq!(request.head.headers["content-type"], "application/json");
    }
    let asked: Value = serde_json::from_slice(&endpoint.body).expect("JSON");
    let wanted = json!({ "Protocols": ["HTTPS"], "Role": "VIEWER" });
    assert_eq!(asked, json!({ "ChannelARN": ARN, "SingleMasterChannelEndpointConfiguration": wanted }));
    let asked: Value = serde_json::from_slice(&config.body).expect("JSON");
    assert_eq!((&asked["ChannelARN"], &asked["Service"]), (&json!(ARN), &json!("TURN")));
    let client = asked["ClientId"].as_str().expect("a client");
    assert!(client.len() == 16 && client.bytes().all(|byte| byte.is_ascii_hexdigit()), "{client}");

    relay.connections.reply(GRANTED);
    assert_eq!(relay.frame(ASK).await["iceServers"].as_array().map(Vec::len), Some(2));
    let posted = relay.connections.take_posted();
    assert_eq!(posted.iter().map(path).collect::<Vec<_>>(), ["/v1/get-ice-server-config"]);
}

#[tokio::test]
async fn what_aws_refuses_is_a_shortage_that_ends() {
    let mut relay = Relay::start_with_channel(ARN).await;
    for (reply, code) in [
        (Reply::Error(403, "AccessDeniedException", r#"{"Message":"User: x is not authorized"}"#), "not_permitted"),
        (Reply::Error(401, "NotAuthorizedException:http://x", "{}"), "not_permitted"),
        (Reply::Error(400, "ClientLimitExceededException", r#"{"Message":"Slow down"}"#), "throttled"),
        (Reply::Error(404, "ResourceNotFoundException", "{}"), "unexpected"),
        (Reply::Status(500, "<html>"), "unexpected"),
        (Reply::Status(200, r#"{"IceServerList":[]}"#), "unexpected"),
        (
            Reply::Status(200, r#"{"IceServerList":[{"Uris":[],"Username":"a","Password":"b","Ttl":300}]}"#),
            "unexpected",
        ),
        (Reply::Status(200, r#"{"IceServerList":[{"Password":"n0rth-s3cret"}]}"#), "unexpected"),
        (Reply::TakenThenClosed, "unexpected"),
        (Reply::Never, "unexpected"),
    ] {
        // After each failure the relay asks anew where the channel is.
        relay.connections.reply(Reply::ChannelIsHere);
        relay.connections.reply(reply);
        let answer = relay.frame(ASK).await;
        assert_eq!((answer["error"]["code"].as_str(), &answer["iceServers"]), (Some(code), &json!([])), "{answer}");
        assert_eq!(answer["connectionId"], "me=");
    }
    let log = relay.log().await;
    let line: Value = serde_json::from_str(log.lines().next().expect("a line")).expect("JSON");
    assert_eq!((&line["outcome"], &line["status"]), (&json!("not_permitted"), &json!(403)));
    assert_eq!(line["detail"], "/v1/get-ice-server-config: AccessDeniedException User: x is not authorized");
    assert!(!log.contains("n0rth-s3cret"), "{log}");
}

#[tokio::test]
async fn a_place_that_is_not_safe_is_sent_nothing() {
    for endpoint in ["http://kinesisvideo.test", "", "wss://a.test"] {
        let mut relay = Relay::start_with_channel(ARN).await;
        let text =
            json!({ "ResourceEndpointList": [{ "Protocol": "HTTPS", "ResourceEndpoint": endpoint }] }).to_string();
        relay.connections.reply(Reply::Status(200, text.leak()));
        assert_eq!(relay.frame(ASK).await["error"]["code"], "unexpected", "{endpoint}");
        assert_eq!(relay.connections.take_posted().len(), 1);
    }
}

#[tokio::test]
async fn one_connection_gets_credentials_so_often() {
    let mut relay = Relay::start_with_channel(ARN).await;
    relay.connections.reply(Reply::ChannelIsHere);
    for _ in 0..20 {
        relay.connections.reply(GRANTED);
        assert_eq!(relay.frame(ASK).await["error"], Value::Null);
    }
    assert_eq!(relay.frame(ASK).await["error"]["code"], "throttled");
    assert_eq!(relay.connections.take_posted().len(), 21);
}

#[tokio::test]
async fn no_credential_is_logged() {
    let mut relay = Relay::start_with_channel(ARN).await;
    relay.connections.reply(Reply::ChannelIsHere);
    relay.connections.reply(GRANTED);
    relay.frame(ASK).await;
    let log = relay.log().await;
    let line: Value = serde_json::from_str(log.trim_end()).expect("one JSON line");
    assert_eq!((&line["outcome"], &line["level"]), (&json!("ice_servers"), &json!("INFO")));
    assert!(!log.contains("n0rth-s3cret") && !log.contains("s0uth") && !log.contains("dXNlcg"), "{log}");
}
