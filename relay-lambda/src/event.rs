//! From API Gateway's proxy event to what the relay has to know of it.
//!
//! The event is read field by field, each one allowed to be missing, null or of another type (AWS-FACTS A2: old and new
//! recordings differ, CONNECT and DISCONNECT have no body, an empty frame's body may be absent or ""). Nothing that
//! arrives is an error: an event of another make is acknowledged and nothing more.

use std::{collections::HashMap, fmt};

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

/// The name that API Gateway gave to a connection: opaque, never parsed (AWS-FACTS A1).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub(crate) struct ConnectionId(String);

impl ConnectionId {
    /// Real ids have 16 characters; the bound keeps a hostile one out of URLs and logs.
    pub(crate) const LONGEST: usize = 128;

    pub(crate) fn new(id: String) -> Option<Self> {
        (1..=Self::LONGEST).contains(&id.len()).then_some(Self(id))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Incoming {
    /// A client sent a text frame; an empty one has an empty body.
    Message { sender: ConnectionId, body: String },
    /// Somebody wants to connect: no connection is there before the answer (AWS-FACTS A4).
    Connect(Handshake),
    /// A connection went, or the event is none of API Gateway's: there is nobody to answer.
    Other,
}

/// What an upgrade request says about who sent it.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Handshake {
    /// The values of all headers of that name, in whatever case the client wrote it (AWS-FACTS A2). Browsers send one, nobody needs
    /// more.
    pub(crate) origins: Vec<String>,
    /// The query parameter `token`.
    pub(crate) token: Option<String>,
}

/// Without the token.
impl fmt::Debug for Handshake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handshake").field("origins", &self.origins).finish_non_exhaustive()
    }
}

impl Handshake {
    /// Keys are absent or null where there is nothing (AWS-FACTS A1, A2).
    fn read(event: &HashMap<String, &RawValue>) -> Self {
        let members = |name: &str| event.get(name).and_then(|raw| object(raw)).unwrap_or_default();
        let headers = members("headers");
        // One that is no text is one that no setting names.
        let text = |raw: &RawValue| serde_json::from_str::<String>(raw.get()).unwrap_or_default();
        let origins = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("origin"));
        Self {
            origins: origins.map(|(_, raw)| text(raw)).collect(),
            token: field(&members("queryStringParameters"), "token"),
        }
    }
}

impl Incoming {
    pub(crate) fn from_event(event: &RawValue) -> Self {
        let event = object(event).unwrap_or_default();
        let context = event.get("requestContext").and_then(|raw| object(raw)).unwrap_or_default();
        // An emulator sends CONNECT and DISCONNECT to `$default` when their routes are absent (AWS-FACTS J2).
        match field::<String>(&context, "eventType").as_deref() {
            Some("CONNECT") => return Self::Connect(Handshake::read(&event)),
            Some("DISCONNECT") => return Self::Other,
            _ => {}
        }
        match field(&context, "connectionId").and_then(ConnectionId::new) {
            Some(sender) => Self::Message { sender, body: field(&event, "body").unwrap_or_default() },
            None => Self::Other,
        }
    }
}

/// The members of a JSON object, their values unparsed; of a repeated key the last counts, as in JavaScript. Neither this
/// nor `RawValue` recurses, so depth costs no stack.
pub(crate) fn object(raw: &RawValue) -> Option<HashMap<String, &RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

fn field<T: DeserializeOwned>(members: &HashMap<String, &RawValue>, name: &str) -> Option<T> {
    serde_json::from_str(members.get(name)?.get()).ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(event: &str) -> Incoming {
        Incoming::from_event(serde_json::from_str(event).expect("the test's event is JSON"))
    }

    fn message(body: &str) -> Incoming {
        Incoming::Message { sender: ConnectionId("L0SM9cOFvHcCIhw=".to_owned()), body: body.to_owned() }
    }

    #[test]
    fn a_message_of_today() {
        let event = r#"{"requestContext":{"routeKey":"$default","messageId":"TXzPWdnOjoECGjA=","eventType":"MESSAGE",
            "extendedRequestId":"e","requestTime":"19/Feb/2024:07:11:42 +0000","messageDirection":"IN","stage":"prod",
            "connectedAt":1708326701000,"requestTimeEpoch":1708326702000,"identity":{"sourceIp":"192.0.2.1"},
            "requestId":"e","domainName":"chat.example.org","connectionId":"L0SM9cOFvHcCIhw=","apiId":"a1b2c3d4e5"},
            "body":"{\"connectionId\":\"x\"}","isBase64Encoded":false}"#;
        assert_eq!(read(event), message(r#"{"connectionId":"x"}"#));
    }

    #[test]
    fn a_message_of_old_with_nulls() {
        let event = r#"{"requestContext":{"routeKey":"$default","messageId":null,"eventType":null,"status":"*","error":"*",
            "disconnectStatusCode":null,"identity":{"userAgent":null},"authorizer":null,"connectionId":"L0SM9cOFvHcCIhw="},
            "headers":null,"body":"hi","isBase64Encoded":null,"stageVariables":null}"#;
        assert_eq!(read(event), message("hi"));
    }

    #[test]
    fn an_empty_frame_whichever_way_it_is_told() {
        for body in ["", r#","body":null"#, r#","body":"""#] {
            let event = format!(r#"{{"requestContext":{{"connectionId":"L0SM9cOFvHcCIhw="}}{body}}}"#);
            assert_eq!(read(&event), message(""), "{event}");
        }
    }

    #[test]
    fn a_handshake_says_whose_page_it_is_from_and_shows_its_token_to_nobody() {
        let connect = r#"{"headers":{"Host":"h"},"multiValueHeaders":{"Host":["h"]},"requestContext":{"routeKey":"$connect",
            "eventType":"CONNECT","connectionId":"L0SM9cOFvHcCIhw="},"isBase64Encoded":false}"#;
        let disconnect = r#"{"headers":{"x-api-key":""},"requestContext":{"routeKey":"$disconnect","eventType":"DISCONNECT",
            "disconnectStatusCode":1001,"disconnectReason":"Going away","connectionId":"L0SM9cOFvHcCIhw="}}"#;
        assert_eq!(read(connect), Incoming::Connect(Handshake::default()));
        assert_eq!(read(disconnect), Incoming::Other);
        let context = r#""requestContext":{"eventType":"CONNECT"}"#;
        let told = |rest: &str| match read(&format!("{{{context}{rest}}}")) {
            Incoming::Connect(handshake) => handshake,
            other => panic!("{rest}: {other:?}"),
        };
        for nothing in [
            "",
            r#","headers":null,"queryStringParameters":null"#,
            r#","headers":[],"queryStringParameters":"token=a""#,
            r#","headers":{"X-Origin":"https://a.test"},"queryStringParameters":{"token":7,"Token":"a"}"#,
        ] {
            assert_eq!(told(nothing), Handshake::default(), "{nothing}");
        }
        let whole = told(r#","headers":{"oRiGin":"https://a.test"},"queryStringParameters":{"token":"n0rth"}"#);
        assert_eq!(
            (whole.origins.as_slice(), whole.token.as_deref()),
            (&["https://a.test".to_owned()][..], Some("n0rth"))
        );
        assert!(!format!("{whole:?}").contains("n0rth"));
        assert_eq!(told(r#","headers":{"origin":"https://a.test","Origin":7}"#).origins.len(), 2);
    }

    #[test]
    fn events_of_another_make() {
        for event in [
            "null",
            "1",
            "\"text\"",
            "[]",
            "[{},{}]",
            "{}",
            r#"{"requestContext":null}"#,
            r#"{"requestContext":"x","body":{}}"#,
            r#"{"requestContext":{"connectionId":7}}"#,
            r#"{"requestContext":{"connectionId":""}}"#,
            r#"{"requestContext":[{"connectionId":"a"}]}"#,
            r#"{"\ud800":1}"#,
        ] {
            assert_eq!(read(event), Incoming::Other, "{event}");
        }
        let odd_body = r#"{"requestContext":{"connectionId":"L0SM9cOFvHcCIhw="},"body":{"a":1}}"#;
        assert_eq!(read(odd_body), message(""));
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("{{\"x\":{}{}}}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        assert_eq!(read(&deep), Incoming::Other);
    }

    /// Any JSON value, often with the names that API Gateway uses.
    pub(crate) fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            any::<String>().prop_map(Into::into),
            prop_oneof![Just("MESSAGE"), Just("CONNECT"), Just("L0SM9cOFvHcCIhw="), Just("{}")].prop_map(Into::into),
        ];
        let key = prop_oneof![
            Just("requestContext".to_owned()),
            Just("connectionId".to_owned()),
            Just("eventType".to_owned()),
            Just("body".to_owned()),
            Just("message".to_owned()),
            any::<String>(),
        ];
        leaf.prop_recursive(4, 64, 8, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
                prop::collection::vec((key.clone(), inner), 0..8)
                    .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// JSON as somebody else's program may write it: spaces, repeated keys, numbers that no number type holds, escapes of every
    /// kind.
    pub(crate) fn json_text() -> impl Strategy<Value = String> {
        let space = || prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\n\t ")];
        let string = || {
            prop_oneof![
                any::<String>().prop_map(|text| serde_json::to_string(&text).expect("a text")),
                r#""([a-z<>/ é🦀]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4}){0,12}""#,
            ]
        };
        let leaf = prop_oneof![
            "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,4})?",
            prop_oneof![Just("null"), Just("true"), Just("false"), Just("[]"), Just("{}")].prop_map(str::to_owned),
            string(),
        ];
        leaf.prop_recursive(4, 48, 6, move |inner| {
            let key = prop_oneof![Just(r#""a""#.to_owned()), Just(r#""connectionId""#.to_owned()), string()];
            let item =
                (space(), inner.clone(), space()).prop_map(|(before, item, after)| format!("{before}{item}{after}"));
            let member = (space(), key, space(), inner, space())
                .prop_map(|(a, key, b, value, c)| format!("{a}{key}{b}:{c}{value}"));
            prop_oneof![
                prop::collection::vec(item, 0..6).prop_map(|items| format!("[{}]", items.join(","))),
                prop::collection::vec(member, 0..6).prop_map(|members| format!("{{{}}}", members.join(","))),
            ]
        })
    }

    /// A real event, its fields missing, null, of another type, repeated, huge or deep.
    fn bent_event() -> impl Strategy<Value = String> {
        let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let odd = move || {
            prop_oneof![
                json_text(),
                (1_usize..3_000).prop_map(deep),
                (1_usize..5_000).prop_map(|length| format!("\"{}\"", "x".repeat(length))),
                Just("\"\\ud800\"".to_owned()),
                Just("1e999".to_owned()),
            ]
        };
        let member = |name: &'static str, usual: &'static str| {
            prop_oneof![
                4 => Just(format!("\"{name}\":{usual}")),
                1 => Just(String::new()),
                2 => odd().prop_map(move |value| format!("\"{name}\":{value}")),
                1 => odd().prop_map(move |value| format!("\"{name}\":{value},\"{name}\":{usual}")),
            ]
        };
        let object = |members: Vec<String>| {
            format!("{{{}}}", members.into_iter().filter(|member| !member.is_empty()).collect::<Vec<_>>().join(","))
        };
        let context = (
            member("eventType", "\"MESSAGE\""),
            member("connectionId", "\"L0SM9cOFvHcCIhw=\""),
            member("identity", r#"{"sourceIp":"192.0.2.1"}"#),
            member("connectedAt", "1708326701000"),
        )
            .prop_map(move |(a, b, c, d)| object(vec![a, b, c, d]));
        let context = prop_oneof![9 => context, 1 => odd()];
        (context, member("body", r#""{\"connectionId\":\"peer=\",\"message\":1}""#), member("isBase64Encoded", "true"))
            .prop_map(move |(context, body, encoded)| {
                object(vec![format!("\"requestContext\":{context}"), body, encoded])
            })
    }

    proptest! {
        #[test]
        fn a_bent_event_is_a_message_of_its_sender_or_nothing(event in bent_event()) {
            let raw = serde_json::from_str::<Box<RawValue>>(&event);
            let raw = raw.map_err(|error| TestCaseError::fail(format!("{error}: {event}")))?;
            if let Incoming::Message { sender, .. } = Incoming::from_event(&raw) {
                prop_assert!((1..=ConnectionId::LONGEST).contains(&sender.as_str().len()));
            }
        }

        #[test]
        fn no_json_value_is_refused(event in json()) {
            let sender = event["requestContext"]["connectionId"].as_str().filter(|id| (1..=128).contains(&id.len()));
            let kind = event["requestContext"]["eventType"].as_str();
            match read(&event.to_string()) {
                Incoming::Message { sender: seen, body } => {
                    prop_assert_eq!(Some(seen.as_str()), sender);
                    prop_assert_eq!(body, event["body"].as_str().unwrap_or_default());
                }
                Incoming::Connect(_) => prop_assert_eq!(kind, Some("CONNECT")),
                Incoming::Other => prop_assert!(sender.is_none() || kind == Some("DISCONNECT")),
            }
        }
    }
}
