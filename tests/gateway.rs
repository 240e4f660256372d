//! The WebSocket data plane with the real relay behind it, as clients see it.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test file is no interface, and may fail")]

mod deployed;

use std::time::Duration;

use aws_sdk_apigatewayv2::error::ProvideErrorMetadata;
use aws_sdk_apigatewayv2::types::RouteSettings;
use aws_sdk_lambda::primitives::Blob;
use deployed::{Client, FUNCTION, Plan, STAGE, account, instant, puppet, relay_account, source_arn};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use webrtc_aws::local::Manners;

fn is_service_frame(text: &str, message: &str) -> bool {
    // Spacing as API Gateway has it (AWS-FACTS A4).
    text.starts_with(&format!("{{\"message\": \"{message}\", \"connectionId\":\""))
        && text.contains("=\", \"requestId\":\"")
}

#[tokio::test]
async fn two_clients_learn_their_ids_and_reach_each_other() {
    let (_account, deployed) = relay_account(instant()).await;
    let (mut one, mut other) = (Client::open(&deployed.url).await, Client::open(&format!("{}/", deployed.url)).await);
    let (one_id, other_id) = (one.id().await, other.id().await);
    assert!(one_id.len() == 16 && one_id.ends_with('=') && one_id != other_id);
    one.send(&json!({ "connectionId": other_id, "message": { "type": "SDP", "payload": 1 } }).to_string()).await;
    assert_eq!(other.json().await, json!({ "message": { "type": "SDP", "payload": 1 }, "from": one_id }));
    assert_eq!(one.json().await, json!({ "connectionId": one_id }));
    other.close(None).await;
    one.send(&json!({ "connectionId": other_id, "message": 1 }).to_string()).await;
    let answer = one.json().await;
    assert_eq!((&answer["connectionId"], answer["error"]["code"].as_str()), (&json!(one_id), Some("peer_gone")));
    for malformed in ["{", "[]", "\u{0}", "{\"connectionId\":7}", "{\"action\":\"$connect\"}"] {
        one.send(malformed).await;
        assert_eq!(one.json().await["connectionId"], json!(one_id), "{malformed}");
    }
}

#[tokio::test]
async fn a_role_without_manage_connections_cannot_reach_a_peer() {
    let (account, deployed) = relay_account(instant()).await;
    let (mut one, mut other) = (Client::open(&deployed.url).await, Client::open(&deployed.url).await);
    let other_id = other.id().await;
    account.iam.delete_role_policy().role_name(FUNCTION).policy_name("relay").send().await.unwrap();
    one.send(&json!({ "connectionId": other_id, "message": 1 }).to_string()).await;
    assert_eq!(one.json().await["error"]["code"], "not_permitted");
    account.allow(&deployed.api).await;
    one.send(&json!({ "connectionId": other_id, "message": 1 }).to_string()).await;
    assert_eq!(other.json().await["message"], 1);
}

#[tokio::test]
async fn without_a_matching_permission_every_message_is_an_internal_server_error() {
    let (account, deployed) = relay_account(instant()).await;
    let mut client = Client::open(&deployed.url).await;
    account.lambda.remove_permission().function_name(FUNCTION).statement_id("api").send().await.unwrap();
    client.send("").await;
    let text = client.text().await;
    assert!(is_service_frame(&text, "Internal server error"), "{text}");
    account.permit("wrong-route", source_arn(&deployed.api, "*/$connect")).await;
    account.permit("wrong-api", source_arn("klmnopqrst", "*")).await;
    client.send("").await;
    assert!(is_service_frame(&client.text().await, "Internal server error"));
    account.permit("exact", source_arn(&deployed.api, "prod/$default")).await;
    client.id().await;
}

#[tokio::test]
async fn a_deleted_role_fails_the_function() {
    let (account, deployed) = relay_account(instant()).await;
    let mut client = Client::open(&deployed.url).await;
    client.id().await;
    account.iam.delete_role_policy().role_name(FUNCTION).policy_name("relay").send().await.unwrap();
    account.iam.delete_role().role_name(FUNCTION).send().await.unwrap();
    client.send("").await;
    assert!(is_service_frame(&client.text().await, "Internal server error"));
}

#[tokio::test]
async fn only_what_is_deployed_serves() {
    let account = account(instant()).await;
    let plan = Plan { zip: puppet(), variables: &[], routes: &[("go", true)], timeout: 10 };
    let deployed = account.deploy(&plan).await;
    let mut client = Client::open(&deployed.url).await;
    client.send("{}").await;
    let text = client.text().await;
    assert!(is_service_frame(&text, "Forbidden"), "{text}");
    let go = json!({ "action": "go", "return": { "statusCode": 500, "body": "went" } }).to_string();
    client.send(&go).await;
    assert_eq!(client.text().await, "went");
    // A route that is not deployed does not exist for clients.
    let route = account.route(&deployed.api, "$default", &deployed.integration, false).await;
    client.send("{}").await;
    assert!(is_service_frame(&client.text().await, "Forbidden"));
    // Deployed, it serves the live connection; without a route response it is one-way.
    account.deploy_stage(&deployed.api).await;
    client.send(&json!({ "return": { "statusCode": 200, "body": "dropped" } }).to_string()).await;
    client.send(&go).await;
    assert_eq!(client.text().await, "went");
    // Errors are told even on one-way routes.
    client.send(&json!({ "error": "no" }).to_string()).await;
    assert!(is_service_frame(&client.text().await, "Internal server error"));
    // The selection expression alone does not make it two-way.
    let update = account.gateway.update_route().api_id(&deployed.api).route_id(&route);
    update.route_response_selection_expression("$default").send().await.unwrap();
    account.deploy_stage(&deployed.api).await;
    client.send(&json!({ "return": { "statusCode": 200, "body": "dropped" } }).to_string()).await;
    let response = account.gateway.create_route_response().api_id(&deployed.api).route_id(&route);
    response.route_response_key("$default").send().await.unwrap();
    account.deploy_stage(&deployed.api).await;
    client.send(&json!({ "return": { "statusCode": 200 } }).to_string()).await;
    // No body is an empty message.
    assert_eq!(client.text().await, "");
}

#[tokio::test]
async fn a_bare_function_arn_is_taken_and_fails_at_run_time() {
    let (account, deployed) = relay_account(instant()).await;
    let update = account.gateway.update_integration().api_id(&deployed.api).integration_id(&deployed.integration);
    update.integration_uri(deployed::function_arn()).send().await.unwrap();
    account.deploy_stage(&deployed.api).await;
    let mut client = Client::open(&deployed.url).await;
    client.send("").await;
    assert!(is_service_frame(&client.text().await, "Internal server error"));
}

#[tokio::test]
async fn handshakes_are_refused_as_aws_refuses_them() {
    let (account, deployed) = relay_account(instant()).await;
    assert_eq!(Client::refused(&account.url("klmnopqrst")).await, 403);
    assert_eq!(Client::refused(&format!("{}x", deployed.url)).await, 403);
    assert_eq!(Client::refused(&format!("{}/more", deployed.url)).await, 403);
    let address = account.aws.endpoint().replacen("http://", "", 1);
    let mut plain = tokio::net::TcpStream::connect(&address).await.unwrap();
    let get =
        format!("GET /_aws/execute-api/{}/{STAGE} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", deployed.api);
    plain.write_all(get.as_bytes()).await.unwrap();
    let mut answer = String::new();
    plain.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
    let settings =
        |limit| RouteSettings::builder().throttling_burst_limit(limit).throttling_rate_limit(f64::from(limit));
    for (limit, status) in [(0, Some(429)), (10, None)] {
        let update = account.gateway.update_stage().api_id(&deployed.api).stage_name(STAGE);
        update.default_route_settings(settings(limit).build()).send().await.unwrap();
        match status {
            Some(status) => assert_eq!(Client::refused(&deployed.url).await, status),
            None => drop(Client::open(&deployed.url).await),
        }
    }
    let create = account.gateway.create_stage().api_id(&deployed.api).stage_name("empty").send().await.unwrap();
    assert_eq!(create.deployment_id, None);
    assert_eq!(Client::refused(&deployed.url.replace(STAGE, "empty")).await, 403);
}

const EVERY_ROUTE: [(&str, bool); 3] = [("$connect", false), ("$default", true), ("$disconnect", false)];

#[tokio::test]
async fn connect_decides_about_the_handshake() {
    let account = account(instant()).await;
    let answer = json!({ "statusCode": 200, "headers": { "sec-websocket-protocol": "b" } }).to_string();
    let plan = Plan { zip: puppet(), variables: &[("CONNECT_ANSWER", &answer)], routes: &EVERY_ROUTE, timeout: 10 };
    let deployed = account.deploy(&plan).await;
    let mut lines = account.aws.log_lines();
    let mut request = format!("{}?room=1&room=2", deployed.url).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "a, b".parse().unwrap());
    request.headers_mut().insert("origin", "https://example.org".parse().unwrap());
    let (socket, response) = tokio_tungstenite::connect_async(request).await.unwrap();
    assert_eq!(response.headers()["sec-websocket-protocol"], "b");
    let event = loop {
        let line = lines.recv().await.unwrap().text;
        if let Some(event) = line.strip_prefix("connect ") {
            break serde_json::from_str::<Value>(event).unwrap();
        }
    };
    assert_eq!(event["headers"]["Origin"], "https://example.org");
    assert_eq!(event["multiValueQueryStringParameters"], json!({ "room": ["1", "2"] }));
    assert_eq!(event["requestContext"]["domainName"], "127.0.0.1");
    drop(socket);
    for (answer, status) in
        [(json!({ "statusCode": 401 }), 401), (json!("what"), 502), (json!({ "statusCode": 501 }), 501)]
    {
        let environment = aws_sdk_lambda::types::Environment::builder().variables("CONNECT_ANSWER", answer.to_string());
        let update = account.lambda.update_function_configuration().function_name(FUNCTION);
        update.environment(environment.build()).send().await.unwrap();
        assert_eq!(Client::refused(&deployed.url).await, status, "{answer}");
    }
    account.lambda.remove_permission().function_name(FUNCTION).statement_id("api").send().await.unwrap();
    assert_eq!(Client::refused(&deployed.url).await, 500);
}

#[tokio::test]
async fn disconnect_is_told_how_the_connection_ended() {
    let account = account(instant()).await;
    let plan = Plan { zip: puppet(), variables: &[], routes: &EVERY_ROUTE, timeout: 10 };
    let deployed = account.deploy(&plan).await;
    let mut lines = account.aws.log_lines();
    let away = CloseFrame { code: CloseCode::Away, reason: "bye".into() };
    let mut told = async |prepare: Option<Option<CloseFrame>>| {
        let mut client = Client::open(&deployed.url).await;
        match prepare {
            Some(frame) => client.close(frame).await,
            None => drop(client),
        }
        loop {
            let line = lines.recv().await.unwrap().text;
            if line.starts_with("disconnect ") {
                return line;
            }
        }
    };
    assert_eq!(told(Some(Some(away))).await, "disconnect 1001 bye");
    assert_eq!(told(Some(None)).await, "disconnect 1005 Client-side close frame status not set");
    assert!(told(None).await.starts_with("disconnect 1006"));
}

#[tokio::test]
async fn limits_close_with_their_codes() {
    let (_account, deployed) = relay_account(instant()).await;
    let fragment =
        |opcode, size: usize, last| Message::Frame(Frame::message(vec![b'x'; size], OpCode::Data(opcode), last));
    let cases: [(Vec<Message>, u16); 4] = [
        (vec![Message::binary(vec![1])], 1003),
        (vec![Message::text("x".repeat(32 * 1024 + 1))], 1009),
        (
            std::iter::once(fragment(Data::Text, 32 * 1024, false))
                .chain((0..3).map(|_| fragment(Data::Continue, 32 * 1024, false)))
                .chain([fragment(Data::Continue, 1, true)])
                .collect(),
            1009,
        ),
        (vec![Message::Frame(Frame::message(vec![0xff], OpCode::Data(Data::Text), true))], 1007),
    ];
    for (messages, code) in cases {
        let mut client = Client::open(&deployed.url).await;
        for message in messages {
            client.send_message(message).await;
        }
        assert_eq!(client.closed().await.map(|frame| u16::from(frame.code)), Some(code));
    }
    // At the limit, in fragments, a message is one message; a ping in between is answered.
    let mut client = Client::open(&deployed.url).await;
    client.send_message(fragment(Data::Text, 32 * 1024, false)).await;
    client.send_message(Message::Ping(vec![7].into())).await;
    for last in [false, false, true] {
        client.send_message(fragment(Data::Continue, 32 * 1024, last)).await;
    }
    assert!(client.json().await["error"]["code"].is_string());
}

#[tokio::test]
async fn idle_and_old_connections_go_away() {
    let brief = Duration::from_millis(300);
    for manners in [Manners { connection_idle: brief, ..instant() }, Manners { connection_life: brief, ..instant() }] {
        let (_account, deployed) = relay_account(manners).await;
        let mut client = Client::open(&deployed.url).await;
        let frame = client.closed().await.unwrap();
        assert_eq!((u16::from(frame.code), frame.reason.as_str()), (1001, "Going away"));
    }
}

#[tokio::test]
async fn a_function_that_fails_in_any_way_leaves_the_socket_open() {
    let account = account(instant()).await;
    let plan = Plan { zip: puppet(), variables: &[], routes: &[("$default", true)], timeout: 1 };
    let deployed = account.deploy(&plan).await;
    let mut client = Client::open(&deployed.url).await;
    for order in [
        json!({ "exit": 3 }),
        json!({ "error": "no" }),
        json!({ "hang": true }),
        json!({ "return": null }),
        json!({ "return": "text" }),
        json!({ "return": { "body": "no status" } }),
    ] {
        client.send(&order.to_string()).await;
        let text = client.text().await;
        assert!(is_service_frame(&text, "Internal server error"), "{order}: {text}");
    }
    client.send(&json!({ "return": { "statusCode": 200, "body": "well" } }).to_string()).await;
    assert_eq!(client.text().await, "well");
}

#[tokio::test]
async fn a_function_sees_lambdas_environment_and_nothing_of_the_hosts() {
    let account = account(instant()).await;
    let plan = Plan { zip: puppet(), variables: &[("OWN", "1")], routes: &[("$default", true)], timeout: 10 };
    let deployed = account.deploy(&plan).await;
    let mut client = Client::open(&deployed.url).await;
    client.send(&json!({ "variables": true }).to_string()).await;
    let variables = client.json().await;
    assert_eq!(variables["OWN"], "1");
    assert_eq!(variables["AWS_LAMBDA_FUNCTION_NAME"], FUNCTION);
    assert_eq!(variables["AWS_REGION"], deployed::REGION);
    assert!(variables["AWS_ACCESS_KEY_ID"].as_str().unwrap().starts_with("ASIA"));
    assert!(variables.get("HOME").is_none() && variables.get("CARGO").is_none(), "{variables}");
    client.send(&json!({ "event": true }).to_string()).await;
    let event = client.json().await;
    assert_eq!(event["requestContext"]["routeKey"], "$default");
    assert!(event.get("headers").is_none());
}

#[tokio::test]
async fn new_code_serves_live_connections() {
    let (account, deployed) = relay_account(instant()).await;
    let mut client = Client::open(&deployed.url).await;
    let id = client.id().await;
    let update = account.lambda.update_function_code().function_name(FUNCTION).zip_file(Blob::new(puppet()));
    update.send().await.unwrap();
    client.send(&json!({ "event": true }).to_string()).await;
    assert_eq!(client.json().await["requestContext"]["connectionId"], json!(id));
}

#[tokio::test]
async fn reserved_concurrency_throttles() {
    let (account, deployed) = relay_account(instant()).await;
    let put = account.lambda.put_function_concurrency().function_name(FUNCTION);
    put.reserved_concurrent_executions(0).send().await.unwrap();
    let mut client = Client::open(&deployed.url).await;
    client.send("").await;
    assert!(is_service_frame(&client.text().await, "Internal server error"));
    let invoked = account.lambda.invoke().function_name(FUNCTION).send().await.unwrap_err();
    assert_eq!(invoked.code(), Some("TooManyRequestsException"));
    account.lambda.delete_function_concurrency().function_name(FUNCTION).send().await.unwrap();
    client.id().await;
}

#[tokio::test]
async fn a_burst_of_messages_gets_as_many_answers() {
    let (_account, deployed) = relay_account(instant()).await;
    let mut client = Client::open(&deployed.url).await;
    for _ in 0..300 {
        client.send("").await;
    }
    for _ in 0..300 {
        assert!(client.json().await["connectionId"].is_string());
    }
}

#[tokio::test]
async fn what_is_deleted_closes_its_sockets() {
    let (account, deployed) = relay_account(instant()).await;
    let mut client = Client::open(&deployed.url).await;
    client.id().await;
    account.gateway.delete_api().api_id(&deployed.api).send().await.unwrap();
    assert_eq!(client.closed().await.map(|frame| u16::from(frame.code)), Some(1001));
    assert_eq!(Client::refused(&deployed.url).await, 403);
}

#[tokio::test]
async fn stopping_closes_sockets_and_ends_processes() {
    let account = account(instant()).await;
    let plan = Plan { zip: puppet(), variables: &[], routes: &[("$default", true)], timeout: 10 };
    let deployed = account.deploy(&plan).await;
    let mut client = Client::open(&deployed.url).await;
    client.send(&json!({ "print": "here" }).to_string()).await;
    assert_eq!(client.text().await, "printed");
    client.send(&json!({ "hang": true }).to_string()).await;
    let stopped = tokio::spawn(account.aws.stop());
    assert_eq!(client.closed().await.map(|frame| u16::from(frame.code)), Some(1001));
    stopped.await.unwrap();
}
