//! The wire protocol over the printed URL, every error of it included; the socket stays open after each.

use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use crate::deployed::Client;
use crate::{World, assert_relays, to};

const LARGEST_FRAME: usize = 32 * 1024;
const LARGEST_MESSAGE: usize = 128 * 1024;

/// Sends a text in frames that API Gateway takes (AWS-FACTS A5).
async fn send_in_fragments(client: &mut Client, text: &str) {
    let count = text.len().div_ceil(LARGEST_FRAME);
    for (index, part) in text.as_bytes().chunks(LARGEST_FRAME).enumerate() {
        let code = if index == 0 { Data::Text } else { Data::Continue };
        let frame = Frame::message(part.to_vec(), OpCode::Data(code), index + 1 == count);
        client.send_message(Message::Frame(frame)).await;
    }
}

async fn error(client: &mut Client, own: &str) -> String {
    let answer: Value = client.json().await;
    assert_eq!(answer["connectionId"], own, "{answer}");
    answer["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {answer}")).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_answered_as_specified_and_the_socket_stays_open() {
    let (world, stack) = World::with_demo().await;
    let (mut one, mut other, id) = stack.open_two().await;

    one.send("").await;
    let text = one.text().await;
    let own = serde_json::from_str::<Value>(&text).unwrap()["connectionId"].as_str().unwrap().to_owned();
    assert_eq!(text, format!("{{\"connectionId\":\"{own}\"}}"));
    assert!(own.ends_with('='), "{own}");
    for asks in ["{}", r#"{"message":1}"#, r#"{"connectionId":null}"#] {
        one.send(asks).await;
        assert_eq!(one.json().await, json!({ "connectionId": own }), "{asks}");
    }
    for message in [json!({ "type": "SDP", "payload": { "sdp": "v=0\r\n" } }), json!(null), json!("안녕"), json!([1])]
    {
        one.send(&to(&id, &message)).await;
        assert_eq!(other.json().await, json!({ "message": message, "from": own }));
        assert_eq!(one.json().await, json!({ "connectionId": own }));
    }

    let long_id = format!("{{\"connectionId\":\"{}\"}}", "x".repeat(129));
    for malformed in
        ["{", "hi", "[]", "7", "null", "\"x\"", r#"{"connectionId":7}"#, r#"{"connectionId":""}"#, &long_id, "\u{0}"]
    {
        one.send(malformed).await;
        assert_eq!(error(&mut one, &own).await, "bad_request", "{malformed}");
    }
    let mut leaver = stack.open().await;
    let left = leaver.id().await;
    leaver.close(None).await;
    for gone in [left.as_str(), "AAAAAAAAAAAAAAA=", "no such id", "../../../prod"] {
        one.send(&to(gone, &json!(1))).await;
        assert_eq!(error(&mut one, &own).await, "peer_gone", "{gone}");
    }

    let of_length = |to_whom: &str, length: usize| {
        let text = to(to_whom, &json!("x".repeat(length - to(to_whom, &json!("")).len())));
        assert_eq!(text.len(), length);
        text
    };
    let largest = of_length(&id, LARGEST_MESSAGE);
    send_in_fragments(&mut one, &largest).await;
    let message = serde_json::from_str::<Value>(&largest).unwrap()["message"].take();
    assert_eq!(other.json().await, json!({ "message": message, "from": own }));
    assert_eq!(one.json().await, json!({ "connectionId": own }));
    // An id so short that the message, which could be sent, cannot be delivered with the sender's longer one in it.
    send_in_fragments(&mut one, &of_length("x", LARGEST_MESSAGE)).await;
    assert_eq!(error(&mut one, &own).await, "message_too_large");

    for (fault, code) in [
        ("throttle", "throttled"),
        ("fail:413:PayloadTooLargeException:Message too long", "message_too_large"),
        ("fail:403:ForbiddenException:Forbidden", "not_permitted"),
        ("fail:500:InternalServerError:Boom", "unexpected"),
        ("lost", "unexpected"),
    ] {
        world.account.aws.faults().add(format!("execute-api:PostToConnection={fault}").parse().unwrap());
        one.send(&to(&id, &json!(fault))).await;
        assert_eq!(error(&mut one, &own).await, code, "{fault}");
        world.account.aws.faults().clear();
        if fault == "lost" {
            assert_eq!(other.json().await["message"], "lost", "it may have arrived");
        }
    }
    assert_relays(&mut one, &mut other).await;
    assert_eq!(one.id().await, own, "one socket, all the time");
}
