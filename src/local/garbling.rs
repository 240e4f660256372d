//! Answers that something between the local AWS and its caller has spoilt: for tests of what the caller makes of them.

use std::fmt;
use std::str::FromStr;

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};

use super::answer::Answer;
use super::dispatch::Dropped;

/// How an answer is spoilt. The call's effect happens, but for [`Garbling::WebPage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Garbling {
    /// A web page with this status comes instead, as from a proxy or a captive portal. After 502, 503 and 504 the call was done
    /// all the same: whoever answered only grew tired of waiting.
    WebPage(u16),
    /// The body is empty.
    Empty,
    /// The body ends half-way, and its length says that this is all.
    Truncated,
    /// The connection breaks in the middle of the body.
    Reset,
    /// The members have other types; an XML document has another root.
    WrongTypes,
    /// There are no members.
    NoMembers,
    /// There are members that nobody knows yet.
    MoreMembers,
    /// Enumerations have values that nobody knows yet.
    NewValues,
    /// The body says that it is an image.
    ContentType,
}

const SPELLINGS: [(&str, Garbling); 8] = [
    ("empty", Garbling::Empty),
    ("truncated", Garbling::Truncated),
    ("reset", Garbling::Reset),
    ("wrong-types", Garbling::WrongTypes),
    ("no-members", Garbling::NoMembers),
    ("more-members", Garbling::MoreMembers),
    ("new-values", Garbling::NewValues),
    ("content-type", Garbling::ContentType),
];

const PAGE: &str =
    "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Welcome to the guest network.</body></html>\n";

/// Values of enumerations in the answers that the local AWS gives.
const ENUMERATED: [&str; 11] = [
    "WEBSOCKET",
    "AWS_PROXY",
    "DEPLOYED",
    "NONE",
    "Active",
    "Successful",
    "Zip",
    "x86_64",
    "arm64",
    "provided.al2023",
    "AES256",
];

impl fmt::Display for Garbling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WebPage(status) => write!(f, "html:{status}"),
            other => f.write_str(SPELLINGS.iter().find(|(_, one)| one == other).map_or("", |(name, _)| name)),
        }
    }
}

impl FromStr for Garbling {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(status) = text.strip_prefix("html:") {
            let status = status.parse().ok().filter(|status| (200..600).contains(status));
            return status.map(Self::WebPage).ok_or_else(|| format!("`{text}` has no status from 200 to 599"));
        }
        SPELLINGS.iter().find(|(name, _)| *name == text).map(|(_, garbling)| *garbling).ok_or_else(|| {
            let names: Vec<_> = SPELLINGS.iter().map(|(name, _)| *name).collect();
            format!("`{text}` is no way to garble an answer: there are html:STATUS, {}", names.join(", "))
        })
    }
}

impl Garbling {
    /// Whether the call is done before its answer is spoilt.
    pub(crate) fn lets_the_call_through(self) -> bool {
        !matches!(self, Self::WebPage(status) if !(502..=504).contains(&status))
    }

    /// The answer as it arrives. What is done to it is noted in its extensions, for [`Self::is_from_a_stranger`] and [`body`].
    pub(crate) fn spoil(self, mut answer: Answer, method: &Method) -> Answer {
        match self {
            Self::WebPage(status) => {
                *answer.headers_mut() =
                    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("text/html"))]);
                *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
                *answer.body_mut() = Bytes::from_static(if method == Method::HEAD { b"" } else { PAGE.as_bytes() });
            }
            Self::ContentType => {
                answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
            }
            _ => {
                let body = self.spoilt(answer.body());
                *answer.body_mut() = body;
            }
        }
        answer.extensions_mut().insert(self);
        answer
    }

    fn spoilt(self, body: &Bytes) -> Bytes {
        match self {
            Self::Empty => return Bytes::new(),
            Self::Truncated | Self::Reset => return body.slice(..body.len() / 2),
            _ => {}
        }
        if let Ok(mut value) = serde_json::from_slice::<Value>(body) {
            self.spoil_json(&mut value);
            return value.to_string().into();
        }
        let text = String::from_utf8_lossy(body);
        self.spoilt_xml(&text).map_or_else(|| body.clone(), Bytes::from)
    }

    fn spoil_json(self, value: &mut Value) {
        match (self, value) {
            (Self::WrongTypes, Value::Object(members)) => members.values_mut().for_each(|member| {
                *member = if member.is_string() { json!(7) } else { json!("surprise") };
            }),
            (Self::NoMembers, Value::Object(members)) => members.clear(),
            (Self::MoreMembers, Value::Object(members)) => {
                members.values_mut().for_each(|member| self.spoil_json(member));
                members.insert("surprise".to_owned(), json!([null, { "deep": 1 }]));
            }
            (Self::NewValues, Value::Object(members)) => {
                members.values_mut().for_each(|member| self.spoil_json(member));
            }
            (Self::NewValues | Self::MoreMembers, Value::Array(items)) => {
                items.iter_mut().for_each(|item| self.spoil_json(item));
            }
            (Self::NewValues, Value::String(text)) if ENUMERATED.contains(&text.as_str()) => {
                "SURPRISE".clone_into(text);
            }
            _ => {}
        }
    }

    /// `None`: there is no XML in it.
    fn spoilt_xml(self, text: &str) -> Option<String> {
        let begin = text.find("?>").map_or(0, |end| end + 2);
        let open = begin + text[begin..].find('<')?;
        let content = open + text[open..].find('>')? + 1;
        let root = text[open + 1..content - 1].split([' ', '/']).next()?;
        // The query protocol wraps an operation's members in one more element.
        let result = root.strip_suffix("Response").map(|operation| format!("<{operation}Result>"));
        Some(match self {
            Self::WrongTypes => {
                text.replace(&format!("<{root}"), "<Surprise").replace(&format!("</{root}"), "</Surprise")
            }
            Self::NoMembers => {
                let inner = result.map(|open| format!("{open}{}", open.replacen('<', "</", 1))).unwrap_or_default();
                format!("{}{inner}</{root}>", &text[..content])
            }
            Self::MoreMembers => {
                let at = result.and_then(|open| Some(text.find(&open)? + open.len())).unwrap_or(content);
                format!("{}<Surprise><Deep>1</Deep></Surprise>{}", &text[..at], &text[at..])
            }
            Self::NewValues => {
                ENUMERATED.iter().fold(text.to_owned(), |text, value| text.replace(&format!(">{value}<"), ">SURPRISE<"))
            }
            _ => return None,
        })
    }

    /// Whether an answer does not come from AWS, and so lacks what AWS puts on each.
    pub(crate) fn is_from_a_stranger(answer: &Answer) -> bool {
        matches!(answer.extensions().get(), Some(Self::WebPage(_)))
    }
}

/// A body that may break off.
pub(crate) type AnswerBody =
    Either<Full<Bytes>, StreamBody<stream::Iter<std::array::IntoIter<Result<Frame<Bytes>, Dropped>, 2>>>>;

/// The answer with its body as it goes over the wire.
pub(crate) fn body(answer: Answer) -> Response<AnswerBody> {
    let breaks_off = answer.extensions().get() == Some(&Garbling::Reset);
    answer.map(|bytes| {
        if breaks_off {
            Either::Right(StreamBody::new(stream::iter([Ok(Frame::data(bytes)), Err(Dropped)])))
        } else {
            Either::Left(Full::new(bytes))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spoilt(garbling: Garbling, body: &str) -> String {
        String::from_utf8(garbling.spoilt(&Bytes::copy_from_slice(body.as_bytes())).to_vec()).unwrap()
    }

    #[test]
    fn json_is_spoilt_member_by_member() {
        let body = r#"{"items":[{"name":"a","protocolType":"WEBSOCKET"}],"nextToken":"t"}"#;
        assert_eq!(spoilt(Garbling::WrongTypes, body), r#"{"items":"surprise","nextToken":7}"#);
        assert_eq!(spoilt(Garbling::NoMembers, body), "{}");
        assert!(spoilt(Garbling::NewValues, body).contains(r#""protocolType":"SURPRISE""#));
        assert_eq!(spoilt(Garbling::MoreMembers, body).matches("surprise").count(), 2);
    }

    #[test]
    fn xml_is_spoilt_below_its_root() {
        let body = "<?xml version=\"1.0\"?>\n<GetRoleResponse xmlns=\"x\"><GetRoleResult><Role><A>AES256</A></Role></GetRoleResult></GetRoleResponse>";
        assert!(spoilt(Garbling::WrongTypes, body).contains("<Surprise xmlns"));
        assert!(spoilt(Garbling::NoMembers, body).ends_with("<GetRoleResult></GetRoleResult></GetRoleResponse>"));
        assert!(
            spoilt(Garbling::MoreMembers, body).contains("<GetRoleResult><Surprise><Deep>1</Deep></Surprise><Role>")
        );
        assert!(spoilt(Garbling::NewValues, body).contains("<A>SURPRISE</A>"));
        let plain = "<?xml version=\"1.0\"?>\n<Tagging xmlns=\"x\"><TagSet/></Tagging>";
        assert!(spoilt(Garbling::NoMembers, plain).ends_with("<Tagging xmlns=\"x\"></Tagging>"));
        assert!(spoilt(Garbling::MoreMembers, plain).contains("<Tagging xmlns=\"x\"><Surprise>"));
    }

    #[test]
    fn every_garbling_has_a_spelling_that_reads_back() {
        for garbling in SPELLINGS.map(|(_, garbling)| garbling).into_iter().chain([Garbling::WebPage(403)]) {
            assert_eq!(garbling.to_string().parse(), Ok(garbling));
        }
        for wrong in ["", "html", "html:99", "html:x", "bent"] {
            assert!(wrong.parse::<Garbling>().is_err(), "{wrong}");
        }
    }
}
