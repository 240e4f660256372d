//! What the relay itself works out for an event, without anybody else: it reads, decides, writes its answer or signs its request.
//!
//! `tests/bench micro` puts it in the table; `cargo bench --package relay-lambda` compares it with the last time.

use std::hint::black_box;
use std::time::SystemTime;

use criterion::Criterion;
use relay_lambda::{Rehearsed, Relay};
use serde_json::json;
use serde_json::value::{RawValue, to_raw_value};

/// What a browser offers for a call with sound and picture is so long, and consists of lines whose ends must be escaped, twice.
const OFFER: usize = 6_000;
const LINE: &str = "a=rtpmap:96 VP8/90000\r\n";

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// What API Gateway tells a function of a message.
fn event(body: &str) -> Outcome<Box<RawValue>> {
    Ok(to_raw_value(&json!({
        "requestContext": {
            "routeKey": "$default", "eventType": "MESSAGE", "messageId": "bTGbJcnbIAMCEmw=", "messageDirection": "IN",
            "requestId": "bTGbJGRFoAMFsWA=", "extendedRequestId": "bTGbJGRFoAMFsWA=",
            "requestTime": "24/Nov/2026:00:00:00 +0000", "requestTimeEpoch": 1_780_000_000_000_u64,
            "connectedAt": 1_780_000_000_000_u64, "identity": { "sourceIp": "192.0.2.7" }, "stage": "prod",
            "domainName": "a1b2c3d4e5.execute-api.us-east-1.amazonaws.com", "connectionId": "bTGbIfOFoAMCEmw=",
            "apiId": "a1b2c3d4e5",
        },
        "body": body,
        "isBase64Encoded": false,
    }))?)
}

fn relay() -> Outcome<Relay> {
    Ok(Relay::from_variables(|name| {
        let value = match name {
            "CONNECTIONS_ENDPOINT" => "https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/prod",
            "AWS_LAMBDA_RUNTIME_API" => "127.0.0.1:9001",
            "AWS_LAMBDA_FUNCTION_NAME" => "relay",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE" => "128",
            "AWS_LAMBDA_FUNCTION_VERSION" => "$LATEST",
            "AWS_REGION" => "us-east-1",
            "AWS_ACCESS_KEY_ID" => "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY" => "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
            _ => return None,
        };
        Some(value.to_owned())
    })?)
}

fn main() -> Outcome {
    let mut criterion = Criterion::default().configure_from_args();
    let relay = relay()?;
    let question = event("")?;
    let description = LINE.repeat(OFFER / LINE.len());
    let offer = json!({ "connectionId": "V-M0CclhjoECETA=", "message": { "type": "offer", "sdp": description } });
    let offer = event(&offer.to_string())?;
    let time = SystemTime::now();
    if !matches!(relay.rehearse(&question, time)?, Rehearsed::Answer(_))
        || !matches!(relay.rehearse(&offer, time)?, Rehearsed::Post(_))
    {
        return Err("the relay takes the events for something else".into());
    }
    criterion.bench_function("own_id", |bencher| bencher.iter(|| relay.rehearse(black_box(&question), time)));
    criterion.bench_function("offer", |bencher| bencher.iter(|| relay.rehearse(black_box(&offer), time)));
    criterion.final_summary();
    Ok(())
}
