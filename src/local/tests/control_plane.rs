//! Whatever arrives at the control plane is answered: no panic, no server error but "not implemented", a body in the service's
//! format; and what is refused changes nothing. Real requests, bent in a few places, go to an account with a whole stack in it.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Value, json};

use super::cases;
use super::requests::{ASK, Ids, MAKE, Sent, sent};
use crate::local::answer::Answer;
use crate::local::call::{Call, Principal, Service};
use crate::local::dispatch;
use crate::local::world::World;
use crate::local::{LocalOptions, Manners};

fn call(sent: &Sent, ids: &Ids) -> Call {
    let mut headers = HeaderMap::new();
    for (name, value) in &sent.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_bytes(value.as_bytes())) {
            headers.append(name, value);
        }
    }
    let body = match std::str::from_utf8(&sent.body) {
        Ok(text) => ids.fill(text).into_bytes(),
        Err(_) => sent.body.clone(),
    };
    Call {
        service: sent.service,
        region: "us-east-1".to_owned(),
        principal: Principal::Deployer { arn: "arn:aws:iam::000000000000:user/local".to_owned() },
        method: sent.method.clone(),
        path: ids.fill(&sent.path),
        query: sent.query.iter().map(|(name, value)| (ids.fill(name), ids.fill(value))).collect(),
        headers,
        body: Bytes::from(body),
        request_id: "test".to_owned(),
    }
}

fn snapshot(world: &World) -> Value {
    serde_json::to_value(&*world.state()).expect("the account can be shown")
}

/// An account with a whole stack in it.
async fn stack() -> (Arc<World>, Ids) {
    let world = Arc::new(World::new(LocalOptions { manners: Manners::none(), ..LocalOptions::default() }));
    let mut ids = Ids::default();
    for template in &MAKE {
        let answer = dispatch::carry_out(&world, &call(&sent(template), &ids)).await.unwrap();
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        assert!(answer.status().is_success(), "{template:?}: {} {text}", answer.status());
        let made: Value = serde_json::from_str(&text).unwrap_or_default();
        let take = |name: &str, id: &mut String| {
            if let Some(given) = made[name].as_str() {
                given.clone_into(id);
            }
        };
        take("apiId", &mut ids.api);
        take("integrationId", &mut ids.integration);
        take("routeId", &mut ids.route);
        take("routeResponseId", &mut ids.response);
        take("deploymentId", &mut ids.deployment);
    }
    (world, ids)
}

/// One place where a request is bent.
#[derive(Clone, Debug)]
enum Bend {
    Body(Vec<u8>),
    CutBody(Index),
    InsertIntoBody(Index, Vec<u8>),
    /// Another value for the n-th value of a JSON body, counted in depth.
    JsonValue(Index, Value),
    Segment(Index, String),
    Query(String, String),
    QueryValue(Index, String),
    Header(String, String),
    Method(&'static str),
}

fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(vec![
            "",
            "%",
            "%zz",
            "%00",
            "..",
            "../..",
            "\0",
            "-1",
            "0",
            "1e9",
            "99999999999999999999",
            "null",
            "true",
            "$default",
            "*",
            "é🦀",
            "\u{202e}",
            "a&b=c",
            "<x>",
            "]]>",
            "&#0;",
            "{",
            "arn:aws:iam::000000000000:role/demo",
            "demo",
            "{API}",
            "{ROUTE}",
            "list-type",
            "tagging",
            "policy",
            "uploads",
            "versions",
            "delete",
            "acl",
            "x-id",
        ])
        .prop_map(str::to_owned),
        any::<String>(),
        (1_000_usize..6_000).prop_map(|length| "a".repeat(length)),
    ]
}

fn odd_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        odd_text().prop_map(Into::into),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Into::into),
            vec((odd_text(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn bend() -> impl Strategy<Value = Bend> {
    let bytes = || vec(any::<u8>(), 0..60);
    let header = select(vec![
        "content-type",
        "content-length",
        "content-md5",
        "x-amz-target",
        "x-amz-acl",
        "x-amz-tagging",
        "x-amz-checksum-sha256",
        "x-amz-checksum-crc32",
        "x-amz-expected-bucket-owner",
        "x-amz-meta-x",
        "x-amz-server-side-encryption",
        "range",
        "if-match",
        "if-none-match",
        "x-amz-bucket-object-lock-enabled",
        "cache-control",
    ]);
    let target = select(vec![
        "Logs_20140328.GetLogEvents",
        "Logs_20140328.",
        "Logs_20140328.PutLogEvents",
        "bytes=5-2",
        "bytes=0-",
    ]);
    prop_oneof![
        bytes().prop_map(Bend::Body),
        any::<Index>().prop_map(Bend::CutBody),
        (any::<Index>(), bytes()).prop_map(|(at, bytes)| Bend::InsertIntoBody(at, bytes)),
        (any::<Index>(), odd_json()).prop_map(|(at, value)| Bend::JsonValue(at, value)),
        (any::<Index>(), odd_json()).prop_map(|(at, value)| Bend::JsonValue(at, value)),
        (any::<Index>(), odd_text()).prop_map(|(at, text)| Bend::Segment(at, text)),
        (odd_text(), odd_text()).prop_map(|(name, value)| Bend::Query(name, value)),
        (any::<Index>(), odd_text()).prop_map(|(at, text)| Bend::QueryValue(at, text)),
        (header.clone(), odd_text()).prop_map(|(name, value)| Bend::Header(name.to_owned(), value)),
        (header, target).prop_map(|(name, value)| Bend::Header(name.to_owned(), value.to_owned())),
        select(vec!["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE"]).prop_map(Bend::Method),
    ]
}

fn values(value: &mut Value) -> Vec<&mut Value> {
    // Whoever holds a container cannot hold what is in it: the leaves and the empty ones are enough.
    let is_leaf = match &*value {
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => true,
    };
    if is_leaf {
        return vec![value];
    }
    match value {
        Value::Array(items) => items.iter_mut().flat_map(values).collect(),
        Value::Object(members) => members.values_mut().flat_map(values).collect(),
        _ => Vec::new(),
    }
}

fn bent(mut sent: Sent, bends: &[Bend]) -> Sent {
    for bend in bends.iter().cloned() {
        match bend {
            Bend::Body(bytes) => sent.body = bytes,
            Bend::CutBody(at) => sent.body.truncate(at.index(sent.body.len() + 1)),
            Bend::InsertIntoBody(at, bytes) => {
                let at = at.index(sent.body.len() + 1);
                sent.body.splice(at..at, bytes);
            }
            Bend::JsonValue(at, other) => {
                if let Ok(mut json) = serde_json::from_slice::<Value>(&sent.body) {
                    let mut values = values(&mut json);
                    let at = at.index(values.len());
                    *values[at] = other;
                    sent.body = json.to_string().into_bytes();
                }
            }
            Bend::Segment(at, text) => {
                let mut segments: Vec<_> = sent.path.split('/').map(str::to_owned).collect();
                let at = at.index(segments.len());
                segments[at] = text;
                sent.path = segments.join("/");
            }
            Bend::Query(name, value) => sent.query.push((name, value)),
            Bend::QueryValue(at, text) if !sent.query.is_empty() => {
                let at = at.index(sent.query.len());
                sent.query[at].1 = text;
            }
            Bend::QueryValue(..) => {}
            Bend::Header(name, value) => {
                sent.headers.retain(|(known, _)| *known != name);
                sent.headers.push((name, value));
            }
            Bend::Method(method) => sent.method = method.parse().unwrap(),
        }
    }
    sent
}

fn requests() -> impl Strategy<Value = Vec<Sent>> {
    let templates: Vec<_> = MAKE.iter().chain(&ASK).map(sent).collect();
    let request = (select(templates), vec(bend(), 0..4)).prop_map(|(sent, bends)| bent(sent, &bends));
    vec(request, 1..20)
}

fn is_readable(answer: &Answer) -> bool {
    let body = answer.body();
    let kind = answer.headers().get(http::header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    match kind {
        _ if body.is_empty() => true,
        "application/json" | "application/x-amz-json-1.1" => serde_json::from_slice::<Value>(body).is_ok(),
        _ => true,
    }
}

async fn answer_all(requests: &[Sent]) -> Result<(), TestCaseError> {
    let (world, ids) = stack().await;
    for sent in requests {
        let before = snapshot(&world);
        let call = call(sent, &ids);
        // What starts processes is tested elsewhere.
        if call.path.contains("/invocations") || call.service == Service::ExecuteApi {
            continue;
        }
        let answer = dispatch::carry_out(&world, &call).await.unwrap();
        let status = answer.status();
        prop_assert!(status.as_u16() < 500 || status.as_u16() == 501, "{status}: {sent:?}");
        prop_assert!(is_readable(&answer), "{status} {:?}: {sent:?}", answer.body());
        if !status.is_success() {
            prop_assert_eq!(snapshot(&world), before, "refused with {} and changed: {:?}", status, sent);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(150))]

    #[test]
    fn whatever_arrives_is_answered_and_a_refusal_changes_nothing(requests in requests()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(answer_all(&requests))?;
    }

    /// Before a call is known to be one: no signature, half a signature, a signature of nothing.
    #[test]
    fn whatever_is_not_signed_is_refused(
        method in select(vec!["GET", "PUT", "POST", "DELETE", "HEAD"]),
        path in "(/[a-z%0-9?=&.+-]{0,12}){1,4}",
        authorization in prop_oneof![
            Just(None),
            any::<String>().prop_map(Some),
            "(AWS4-HMAC-SHA256 )?(Credential=)?[a-z]{0,5}(/[0-9]{8})?(/us-east-1)?(/(s3|iam|lambda|ec2|))?(/aws4_request)?(, SignedHeaders=[a-z;-]{0,20})?(, Signature=[0-9a-f]{0,64})?".prop_map(Some),
        ],
        headers in vec((select(vec!["host", "x-amz-date", "x-amz-content-sha256", "content-encoding", "origin", "x-amz-decoded-content-length"]), any::<String>()), 0..4),
        body in vec(any::<u8>(), 0..200),
    ) {
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in authorization.iter().map(|value| ("authorization", value)).chain(headers.iter().map(|(name, value)| (*name, value))) {
            if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
                request = request.header(name, value);
            }
        }
        let Ok(request) = request.body(http_body_util::Full::new(Bytes::from(body))) else { return Ok(()) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let world = Arc::new(World::new(LocalOptions::default()));
        let before = snapshot(&world);
        let answer = runtime.block_on(dispatch::call(Arc::clone(&world), request)).unwrap();
        let status = answer.status().as_u16();
        prop_assert!((400..500).contains(&status) || status == 501, "{}", status);
        prop_assert_eq!(snapshot(&world), before);
    }
}

#[test]
fn the_unbent_requests_are_understood() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        for template in &ASK {
            let (world, ids) = stack().await;
            let answer = dispatch::carry_out(&world, &call(&sent(template), &ids)).await.unwrap();
            assert_ne!(
                answer.status().as_u16(),
                501,
                "{template:?}: {}",
                json!(String::from_utf8_lossy(answer.body()))
            );
        }
    });
}
