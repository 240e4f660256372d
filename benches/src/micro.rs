//! What the relay itself computes for one event, apart from Lambda and the network: `cargo bench --package webrtc-aws-benches`.

#[expect(dead_code, reason = "its tests are the relay's")]
#[path = "../../relay-lambda/src/event.rs"]
mod event;
#[expect(dead_code, reason = "its tests are the relay's")]
#[path = "../../relay-lambda/src/relay.rs"]
mod relay;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use serde_json::value::{RawValue, to_raw_value};

use event::Incoming;
use relay::{Next, ProxyResponse, decide};

fn main() {
    divan::main();
}

fn event(body: &str) -> Box<RawValue> {
    let event = serde_json::json!({
        "requestContext": {
            "routeKey": "$default", "messageId": "TXzPWdnOjoECGjA=", "eventType": "MESSAGE", "extendedRequestId": "e",
            "requestTime": "19/Feb/2026:07:11:42 +0000", "messageDirection": "IN", "stage": "live",
            "connectedAt": 1_771_484_501_000_u64, "requestTimeEpoch": 1_771_484_502_000_u64,
            "identity": { "sourceIp": "192.0.2.1" }, "requestId": "r", "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com",
            "connectionId": "L0SM9cOFvHcCIhw=", "apiId": "a1b2c3d4e5",
        },
        "body": body,
        "isBase64Encoded": false,
    });
    // A value without maps of other keys than text can always be written.
    to_raw_value(&event).unwrap_or_default()
}

/// What is to be posted, or what the sender is told, as it is sent.
fn handled(event: &RawValue) -> usize {
    match decide(Incoming::from_event(event)) {
        Next::Post(post) => {
            let frame = post.frame.len();
            frame + serde_json::to_string(&ProxyResponse::answer(&post.answer(Ok(())))).map_or(0, |answer| answer.len())
        }
        Next::Answer(answer) => serde_json::to_string(&ProxyResponse::answer(&answer)).map_or(0, |answer| answer.len()),
        Next::Acknowledge | Next::IceServers(_) | Next::Admit(_) => 0,
    }
}

fn handling(bencher: Bencher<'_, '_>, body: &str) {
    let event = event(body);
    bencher.counter(BytesCount::of_str(event.get())).bench(|| handled(black_box(&event)));
}

/// An empty frame asks for the own id.
#[divan::bench]
fn own_id(bencher: Bencher<'_, '_>) {
    handling(bencher, "");
}

/// An ICE candidate is short, an offer has some kilobytes, and 32 KB is what API Gateway takes in one frame.
#[divan::bench(args = [100, 4_000, 31_000])]
fn message(bencher: Bencher<'_, '_>, length: usize) {
    let message = serde_json::json!({ "connectionId": "V-M0CclhjoECETA=", "message": "m".repeat(length) });
    handling(bencher, &message.to_string());
}

/// What is nested deeply, to cost a parser its stack or its time.
#[divan::bench]
fn hostile(bencher: Bencher<'_, '_>) {
    handling(bencher, &format!(r#"{{"connectionId":"x","message":{}{}}}"#, "[".repeat(15_000), "]".repeat(15_000)));
}
