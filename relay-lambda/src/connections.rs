//! `POST /@connections/{id}`: how a message reaches another connection.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::{
    aws::{Aws, BoxError, Sent, chain},
    event::ConnectionId,
    relay::{Code, Failure, Post},
    settings::Endpoint,
};

/// Half the function's own time limit: the sender is told what happened instead of "Internal server error".
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Everything but the letters, digits, `-` and `_` that ids consist of; their closing `=` becomes `%3D` (AWS-FACTS A1).
const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

pub(crate) struct Connections {
    endpoint: Endpoint,
    aws: Arc<Aws>,
}

/// What became of a post: the HTTP status if there was one, the result for the sender, details for the log.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) status: Option<u16>,
    pub(crate) result: Result<(), Failure>,
    pub(crate) detail: Option<String>,
}

impl Connections {
    pub(crate) fn new(endpoint: Endpoint, aws: Arc<Aws>) -> Self {
        Self { endpoint, aws }
    }

    pub(crate) async fn post(&self, post: &Post) -> Delivery {
        let send = async { self.aws.send(self.signed(&post.to, &post.frame, SystemTime::now())?).await };
        match tokio::time::timeout(TIME_LIMIT, send).await {
            Ok(Ok(Sent { status, text, .. })) => Delivery::answered(status, &text),
            Ok(Err(error)) => Delivery::lost("the other connection could not be reached", chain(error.as_ref())),
            Err(_) => Delivery::lost(
                "the other connection could not be reached in time",
                format!("no answer from @connections within {} s", TIME_LIMIT.as_secs()),
            ),
        }
    }

    pub(crate) fn signed(
        &self,
        to: &ConnectionId,
        frame: &str,
        time: SystemTime,
    ) -> Result<Request<Full<Bytes>>, BoxError> {
        let id = utf8_percent_encode(to.as_str(), PATH_SEGMENT);
        let url = format!("{}/@connections/{id}", self.endpoint.as_str());
        let headers = [("content-type", "application/octet-stream")];
        self.aws.signed(
            ("execute-api", self.aws.region()),
            &url,
            &headers,
            Bytes::copy_from_slice(frame.as_bytes()),
            time,
        )
    }
}

impl Delivery {
    /// AWS-FACTS A6. The text of an error is the service's own and never contains the message.
    fn answered(status: StatusCode, text: &str) -> Self {
        let result = match status.as_u16() {
            200..=299 => Ok(()),
            400 if text.contains("Invalid connectionId") => {
                Err(Failure::new(Code::PeerGone, "there is no connection with this id"))
            }
            410 => Err(Failure::new(Code::PeerGone, "the other connection is closed")),
            413 => Err(Failure::new(Code::MessageTooLarge, "the message exceeds 128 KB")),
            403 => Err(Failure::new(Code::NotPermitted, "the relay may not post to connections of this API")),
            429 => Err(Failure::new(Code::Throttled, "too many messages; send again a little later")),
            _ => Err(Failure::new(Code::Unexpected, "API Gateway did not accept the message")),
        };
        let detail = (result.is_err() && !text.is_empty()).then(|| text.chars().take(500).collect());
        Self { status: Some(status.as_u16()), result, detail }
    }

    fn lost(message: &'static str, detail: String) -> Self {
        Self { status: None, result: Err(Failure::new(Code::Unexpected, message)), detail: Some(detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(status: u16, text: &str) -> Option<Code> {
        let delivery = Delivery::answered(StatusCode::from_u16(status).expect("a status"), text);
        assert_eq!(delivery.status, Some(status));
        delivery.result.err().map(|failure| failure.code)
    }

    #[test]
    fn every_status_has_its_code() {
        assert_eq!(code(200, ""), None);
        assert_eq!(code(204, ""), None);
        assert_eq!(code(400, r#"{"message":"Invalid connectionId: x"}"#), Some(Code::PeerGone));
        assert_eq!(code(400, r#"{"message":"Bad Request"}"#), Some(Code::Unexpected));
        assert_eq!(code(403, r#"{"message":"Forbidden"}"#), Some(Code::NotPermitted));
        assert_eq!(code(410, ""), Some(Code::PeerGone));
        assert_eq!(code(413, ""), Some(Code::MessageTooLarge));
        assert_eq!(code(429, ""), Some(Code::Throttled));
        for other in [302, 404, 500, 502, 503, 504] {
            assert_eq!(code(other, ""), Some(Code::Unexpected), "{other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_answered_has_an_outcome(
            status in 100_u16..1000,
            text in proptest::prop_oneof![
                ".*",
                proptest::strategy::Just("<!DOCTYPE html><html>Sign in</html>".to_owned()),
                proptest::strategy::Just(r#"{"message":"Invalid connec"#.to_owned()),
                proptest::strategy::Just("é".repeat(3_000)),
            ],
        ) {
            let delivery = Delivery::answered(StatusCode::from_u16(status).expect("a status"), &text);
            proptest::prop_assert_eq!(delivery.result.is_ok(), (200..300).contains(&status));
            proptest::prop_assert!(delivery.detail.is_none_or(|detail| detail.chars().count() <= 500));
        }
    }

    #[test]
    fn an_id_cannot_leave_its_path_segment() {
        let encoded = |id| utf8_percent_encode(id, PATH_SEGMENT).to_string();
        assert_eq!(encoded("e_d2EewNL-PECIGw="), "e_d2EewNL-PECIGw%3D");
        assert_eq!(encoded("../x?y#z%"), "%2E%2E%2Fx%3Fy%23z%25");
        assert_eq!(encoded("é\r\n"), "%C3%A9%0D%0A");
    }
}
