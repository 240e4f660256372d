//! The relay's rules, without any input or output: what a message asks for, and what its sender is told.
//!
//! | code | the sender is told so when |
//! |---|---|
//! | `bad_request` | the frame is no JSON object, or `connectionId` is not a string of 1 to 128 bytes (null counts as absent) |
//! | `peer_gone` | no such connection is open (any more) |
//! | `message_too_large` | what would be delivered, envelope included, exceeds the 128 KB of one message |
//! | `not_permitted` | the function's role may not post, or the stage in its endpoint is wrong |
//! | `throttled` | the account's rate is exceeded, or the other side reads too slowly |
//! | `unexpected` | anything else, no answer within the time limit included; the message may or may not have arrived |

use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::event::{ConnectionId, Handshake, Incoming, object};

/// The most that API Gateway delivers as one message (AWS-FACTS A5).
pub(crate) const LARGEST_MESSAGE: usize = 128 * 1024;

/// What has to happen for an event.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Acknowledge,
    Answer(Answer),
    Post(Post),
    /// Somebody wants TURN servers for a call.
    IceServers(ConnectionId),
    /// Somebody wants to connect.
    Admit(Handshake),
}

/// A text frame for another connection. The sender gets its answer when the outcome is known.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Post {
    pub(crate) sender: ConnectionId,
    pub(crate) to: ConnectionId,
    pub(crate) frame: String,
}

impl Post {
    pub(crate) fn answer(self, result: Result<(), Failure>) -> Answer {
        Answer { connection_id: self.sender, ice: None, error: result.err() }
    }
}

/// What the sender is told: its own connection id always, what it asked for, and what went wrong if something did.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Answer {
    #[serde(rename = "connectionId")]
    pub(crate) connection_id: ConnectionId,
    #[serde(flatten)]
    pub(crate) ice: Option<IceServers>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<Failure>,
}

impl Answer {
    pub(crate) const fn own_id(sender: ConnectionId) -> Self {
        Self { connection_id: sender, ice: None, error: None }
    }

    /// To who asked for ICE servers. A list that is empty because of the error tells it from an error about a message.
    pub(crate) fn ice_servers(asker: ConnectionId, result: Result<IceServers, Failure>) -> Self {
        let error = result.as_ref().err().copied();
        let none = IceServers { servers: Vec::new(), expires_in: 0 };
        Self { connection_id: asker, ice: Some(result.unwrap_or(none)), error }
    }
}

/// Entries for an `RTCConfiguration`, and for how many seconds they are good.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct IceServers {
    #[serde(rename = "iceServers")]
    pub(crate) servers: Vec<IceServer>,
    #[serde(rename = "expiresIn")]
    pub(crate) expires_in: u64,
}

#[derive(Clone, PartialEq, Eq, Serialize)]
pub(crate) struct IceServer {
    pub(crate) urls: Vec<String>,
    pub(crate) username: String,
    pub(crate) credential: String,
}

/// Without the credential.
impl fmt::Debug for IceServer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("IceServer").field("urls", &self.urls).finish_non_exhaustive()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Code {
    BadRequest,
    PeerGone,
    MessageTooLarge,
    NotPermitted,
    Throttled,
    Unexpected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Failure {
    pub(crate) code: Code,
    message: &'static str,
}

impl Failure {
    pub(crate) const fn new(code: Code, message: &'static str) -> Self {
        Self { code, message }
    }
}

/// The integration's response. To a message its status is always 200: with another one API Gateway may replace the body by its
/// own "Internal server error". To a handshake any but 2xx is a refusal with that status (AWS-FACTS A4).
#[derive(Debug, Serialize)]
pub(crate) struct ProxyResponse {
    #[serde(rename = "statusCode")]
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<String>,
}

impl ProxyResponse {
    pub(crate) const fn acknowledge() -> Self {
        Self { status_code: 200, body: None }
    }

    pub(crate) const fn refuse(status_code: u16) -> Self {
        Self { status_code, body: None }
    }

    pub(crate) fn answer(answer: &Answer) -> Self {
        Self { status_code: 200, body: serde_json::to_string(answer).ok() }
    }
}

pub(crate) fn decide(incoming: Incoming) -> Next {
    let (sender, body) = match incoming {
        Incoming::Message { sender, body } => (sender, body),
        Incoming::Connect(handshake) => return Next::Admit(handshake),
        Incoming::Other => return Next::Acknowledge,
    };
    match Request::read(&body) {
        Ok(Request::OwnId) => Next::Answer(Answer::own_id(sender)),
        Ok(Request::IceServers) => Next::IceServers(sender),
        Ok(Request::Relay { to, message }) => match frame(&sender, message) {
            Ok(frame) => Next::Post(Post { sender, to, frame }),
            Err(failure) => Next::Answer(Answer { error: Some(failure), ..Answer::own_id(sender) }),
        },
        Err(failure) => Next::Answer(Answer { error: Some(failure), ..Answer::own_id(sender) }),
    }
}

enum Request<'body> {
    OwnId,
    IceServers,
    Relay { to: ConnectionId, message: Option<&'body RawValue> },
}

impl<'body> Request<'body> {
    fn read(body: &'body str) -> Result<Self, Failure> {
        let refuse = |message| Failure::new(Code::BadRequest, message);
        if body.is_empty() {
            return Ok(Self::OwnId);
        }
        let raw: &RawValue = serde_json::from_str(body).map_err(|_| refuse("the message is not JSON"))?;
        let members = object(raw).ok_or_else(|| refuse("the message is not a JSON object"))?;
        // Anything but `true` is somebody else's word, and changes nothing.
        let for_itself = match members.get("iceServers").map(|raw| raw.get()) {
            Some("true") => Self::IceServers,
            _ => Self::OwnId,
        };
        let to = match members.get("connectionId") {
            None => return Ok(for_itself),
            Some(raw) => serde_json::from_str::<Option<String>>(raw.get()),
        };
        match to.map(|it| it.map(ConnectionId::new)) {
            Ok(None) => Ok(for_itself),
            Ok(Some(Some(to))) => Ok(Self::Relay { to, message: members.get("message").copied() }),
            Ok(Some(None)) | Err(_) => Err(refuse("connectionId must be a string of 1 to 128 bytes")),
        }
    }
}

/// The message travels as it was written. One that is absent stays absent, as with JavaScript's `JSON.stringify`.
fn frame(from: &ConnectionId, message: Option<&RawValue>) -> Result<String, Failure> {
    #[derive(Serialize)]
    struct Frame<'a> {
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<&'a RawValue>,
        from: &'a ConnectionId,
    }
    let frame = serde_json::to_string(&Frame { message, from })
        .map_err(|_| Failure::new(Code::Unexpected, "the message could not be wrapped"))?;
    if frame.len() > LARGEST_MESSAGE {
        return Err(Failure::new(Code::MessageTooLarge, "with the sender's id the message exceeds 128 KB"));
    }
    Ok(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn id(text: &str) -> ConnectionId {
        ConnectionId::new(text.to_owned()).expect("a valid id")
    }

    fn next(body: &str) -> Next {
        decide(Incoming::Message { sender: id("me="), body: body.to_owned() })
    }

    fn pushed(body: &str) -> String {
        match next(body) {
            Next::Post(post) => {
                assert_eq!((post.sender.as_str(), post.to.as_str()), ("me=", "peer="));
                post.frame
            }
            other => panic!("{body} is not relayed: {other:?}"),
        }
    }

    fn refused(body: &str) -> Code {
        match next(body) {
            Next::Answer(Answer { error: Some(failure), .. }) => failure.code,
            other => panic!("{body} is not refused: {other:?}"),
        }
    }

    #[test]
    fn own_id_for_an_empty_frame_or_an_object_without_connection_id() {
        for body in ["", "{}", r#" {"message":1} "#, r#"{"connectionId":null,"message":1}"#, r#"{"action":"x"}"#] {
            let Next::Answer(answer) = next(body) else { panic!("{body}") };
            assert_eq!(serde_json::to_string(&answer).expect("json"), r#"{"connectionId":"me="}"#, "{body}");
        }
    }

    #[test]
    fn ice_servers_are_asked_for_by_true_and_without_a_connection_id() {
        for body in [r#"{"iceServers":true}"#, r#" {"connectionId":null, "iceServers": true , "x":1} "#] {
            assert_eq!(next(body), Next::IceServers(id("me=")), "{body}");
        }
        for body in
            [r#"{"iceServers":1}"#, r#"{"iceServers":"true"}"#, r#"{"iceServers":false}"#, r#"{"iceServers":{}}"#]
        {
            assert_eq!(next(body), Next::Answer(Answer::own_id(id("me="))), "{body}");
        }
        assert_eq!(
            pushed(r#"{"connectionId":"peer=","message":{"iceServers":true},"iceServers":true}"#),
            r#"{"message":{"iceServers":true},"from":"me="}"#
        );
    }

    #[test]
    fn ice_servers_are_told_with_their_life_and_a_shortage_without_any() {
        let server = IceServer {
            urls: vec!["turn:turn.example:3478?transport=udp".to_owned()],
            username: "1700000600:x".to_owned(),
            credential: "c+/=".to_owned(),
        };
        assert!(!format!("{server:?}").contains("c+/="));
        let told = |result| serde_json::to_string(&Answer::ice_servers(id("me="), result)).expect("json");
        assert_eq!(
            told(Ok(IceServers { servers: vec![server], expires_in: 600 })),
            concat!(
                r#"{"connectionId":"me=","iceServers":[{"urls":["turn:turn.example:3478?transport=udp"],"#,
                r#""username":"1700000600:x","credential":"c+/="}],"expiresIn":600}"#
            )
        );
        assert_eq!(
            told(Err(Failure::new(Code::Throttled, "m"))),
            r#"{"connectionId":"me=","iceServers":[],"expiresIn":0,"error":{"code":"throttled","message":"m"}}"#
        );
    }

    #[test]
    fn a_message_is_wrapped_and_otherwise_untouched() {
        for message in [
            r#"{"type":"SDP","payload":{"b":1,"a":2}}"#,
            "null",
            "false",
            "1e400",
            "123456789012345678901234567890.000",
            r#""\ud800 lone, \u0000, 🦀, \/""#,
            r#"{"a":1,"a":2}"#,
            r#"[ 1 ,  2 ]"#,
        ] {
            let body = format!(r#"{{"connectionId":"peer=","message":{message}}}"#);
            assert_eq!(pushed(&body), format!(r#"{{"message":{message},"from":"me="}}"#));
        }
    }

    #[test]
    fn an_absent_message_stays_absent() {
        assert_eq!(pushed(r#"{"connectionId":"peer="}"#), r#"{"from":"me="}"#);
    }

    #[test]
    fn of_a_repeated_key_the_last_counts() {
        assert_eq!(
            pushed(r#"{"connectionId":"other","message":1,"connectionId":"peer=","message":2}"#),
            r#"{"message":2,"from":"me="}"#
        );
    }

    #[test]
    fn bad_requests() {
        let long = format!(r#"{{"connectionId":"{}"}}"#, "a".repeat(129));
        for body in [
            " ",
            "hi",
            "{",
            "{}{}",
            "[]",
            r#"["peer=",1]"#,
            "null",
            "7",
            "\"peer=\"",
            r#"{"connectionId":""}"#,
            r#"{"connectionId":7}"#,
            r#"{"connectionId":["peer="]}"#,
            r#"{"connectionId":{}}"#,
            r#"{"connectionId":"\ud800"}"#,
            r#"{"connectionId":"peer=","message":01}"#,
            "\u{feff}{}",
            &long,
        ] {
            assert_eq!(refused(body), Code::BadRequest, "{body}");
        }
    }

    #[test]
    fn the_limit_counts_the_envelope() {
        let envelope = r#"{"message":"","from":"me="}"#.len();
        let body = |length: usize| format!(r#"{{"connectionId":"peer=","message":"{}"}}"#, "x".repeat(length));
        assert_eq!(pushed(&body(LARGEST_MESSAGE - envelope)).len(), LARGEST_MESSAGE);
        assert_eq!(refused(&body(LARGEST_MESSAGE - envelope + 1)), Code::MessageTooLarge);
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(refused(&deep(1_000_000)), Code::BadRequest);
        let body = format!(r#"{{"connectionId":"peer=","message":{}}}"#, deep(50_000));
        assert_eq!(pushed(&body), format!(r#"{{"message":{},"from":"me="}}"#, deep(50_000)));
    }

    #[test]
    fn the_answer_tells_the_outcome() {
        let post = || Post { sender: id("me="), to: id("peer="), frame: String::new() };
        let told = |result| serde_json::to_string(&ProxyResponse::answer(&post().answer(result))).expect("json");
        assert_eq!(told(Ok(())), r#"{"statusCode":200,"body":"{\"connectionId\":\"me=\"}"}"#);
        assert_eq!(
            told(Err(Failure::new(Code::PeerGone, "m"))),
            r#"{"statusCode":200,"body":"{\"connectionId\":\"me=\",\"error\":{\"code\":\"peer_gone\",\"message\":\"m\"}}"}"#
        );
        assert_eq!(serde_json::to_string(&ProxyResponse::acknowledge()).expect("json"), r#"{"statusCode":200}"#);
    }

    fn answered(next: Next) -> String {
        let answer = match next {
            Next::Answer(answer) => answer,
            Next::Post(post) => post.answer(Ok(())),
            Next::IceServers(asker) => Answer::own_id(asker),
            Next::Acknowledge | Next::Admit(_) => panic!("a message must be answered"),
        };
        ProxyResponse::answer(&answer).body.expect("a message must be answered")
    }

    proptest! {
        #[test]
        fn whatever_a_client_sends_is_answered_with_its_id(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let answer: serde_json::Value = serde_json::from_str(&answered(next(&String::from_utf8_lossy(&bytes))))?;
            prop_assert_eq!(answer["connectionId"].as_str(), Some("me="));
        }

        #[test]
        fn a_message_arrives_to_the_byte(message in crate::event::tests::json_text(), padding in 0_usize..120_000) {
            // Anything may stand around it, and up to the limit of a frame.
            let body = format!(
                r#"{{"padding":"{}","connectionId" : "other","connectionId":"peer=" ,"message" : {message} }}"#,
                "x".repeat(padding)
            );
            match next(&body) {
                Next::Post(post) => {
                    prop_assert_eq!((post.sender.as_str(), post.to.as_str()), ("me=", "peer="));
                    prop_assert_eq!(post.frame, format!(r#"{{"message":{message},"from":"me="}}"#));
                }
                other => prop_assert!(false, "{other:?}"),
            }
        }

        #[test]
        fn nobody_speaks_in_anothers_name(
            message in crate::event::tests::json_text(),
            name in prop_oneof![Just("from"), Just("connectionId\":\"peer=\",\"from"), Just("\\u0066rom")],
        ) {
            let body = format!(r#"{{"{name}":"somebody=","connectionId":"peer=","message":{message},"from":{message}}}"#);
            let Next::Post(post) = next(&body) else { return Err(TestCaseError::fail(body)) };
            prop_assert!(post.frame.ends_with(r#","from":"me="}"#), "{}", post.frame);
            let seen: serde_json::Map<String, serde_json::Value> = match serde_json::from_str(&post.frame) {
                Ok(seen) => seen,
                // A number that only a text can hold.
                Err(_) => return Ok(()),
            };
            prop_assert_eq!(&seen["from"], "me=");
        }

        #[test]
        fn whatever_json_a_client_sends_is_relayed_or_answered(
            message in crate::event::tests::json(),
            to in prop_oneof![Just(serde_json::Value::from("peer=")), crate::event::tests::json()],
        ) {
            let body = serde_json::json!({"connectionId": to, "message": message}).to_string();
            match next(&body) {
                Next::Post(post) => {
                    prop_assert_eq!(Some(post.to.as_str()), to.as_str());
                    prop_assert_eq!(post.frame, format!(r#"{{"message":{message},"from":"me="}}"#));
                }
                Next::Answer(answer) => {
                    prop_assert_eq!(answer.error.is_none(), to.is_null());
                    prop_assert!(to.as_str().is_none_or(|to| to.is_empty() || to.len() > ConnectionId::LONGEST));
                }
                Next::IceServers(_) => prop_assert!(false, "nobody asked for servers"),
                Next::Acknowledge | Next::Admit(_) => prop_assert!(false, "a message must be answered"),
            }
        }
    }
}
