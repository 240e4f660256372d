//! Who can connect to the relay: a page that may, and strangers. Nobody who guesses is in any browser's place, but what the relay
//! says to them is what it says to browsers.

use std::fmt;
use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::time::Instant;
use url::Url;

use super::check::CheckId;
use super::symptom::{Opening, Symptom};
use super::{Passed, Verification};
use crate::aws::visitor::{NoWebSocket, WebSocket};

pub(super) const NO_JOIN_TOKEN: &str = "whoever connects needs the join token: give it with --join-token-file";

/// Nobody has a page there (RFC 2606).
const STRANGER: &str = "https://stranger.invalid";

/// Strangers may have been let in until the stage moved, a moment ago.
const PATIENCE_WITH_STRANGERS: Duration = Duration::from_secs(5);

/// The token of a relay that wants one. No `{:?}` shows it.
#[derive(Clone)]
pub(crate) struct JoinToken(String);

impl JoinToken {
    /// A file may end with a line end; no token does.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let token = text.trim_end_matches(['\r', '\n']);
        (!token.is_empty()).then(|| Self(token.to_owned()))
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JoinToken(…)")
    }
}

/// Who is to be let in, by what config.js says.
#[derive(Debug, Default)]
pub(super) struct Doors {
    /// Whose pages; all, where there is none.
    pub(super) allowed_origins: Vec<String>,
    pub(super) join_token: bool,
}

impl Doors {
    pub(super) fn are_guarded(&self) -> bool {
        !self.allowed_origins.is_empty() || self.join_token
    }
}

/// What somebody says of themselves who connects.
#[derive(Clone, Debug)]
pub(super) struct Guest {
    origin: Option<String>,
    token: Option<JoinToken>,
}

impl Verification<'_> {
    /// One who may connect: the stack's own page, if that may.
    pub(super) fn guest(&self, doors: &Doors) -> Guest {
        let own = self.site.origin().ascii_serialization();
        let first = doors.allowed_origins.first().filter(|_| !doors.allowed_origins.contains(&own));
        let token = self.token.clone().filter(|_| doors.join_token);
        Guest { origin: Some(first.unwrap_or(&own).clone()), token }
    }

    pub(super) async fn enter(&self, guest: &Guest) -> Result<WebSocket, Symptom> {
        let url = with_token(&self.websocket, guest.token.as_ref());
        self.visitor.open_socket(&url, guest.origin.as_deref()).await.map_err(|failure| match failure {
            NoWebSocket::Refused(status) => Symptom::HandshakeRefused(status),
            // Without the token.
            NoWebSocket::Failed(error) => Symptom::Unreachable { what: self.outputs.websocket_url.clone(), error },
        })
    }

    /// Who may not connect. A wrong token also shows that the relay knows the right one: else it fails.
    pub(super) async fn admission(&self, doors: &Doors) -> Result<Passed, Symptom> {
        let guest = self.guest(doors);
        let mut strangers = Vec::new();
        if !doors.allowed_origins.is_empty() {
            strangers.push(("a page of another origin", Guest { origin: Some(STRANGER.to_owned()), ..guest.clone() }));
            strangers.push(("somebody without an origin", Guest { origin: None, ..guest.clone() }));
        }
        if doors.join_token {
            let wrong = JoinToken(hex::encode(rand::random::<[u8; 16]>()));
            strangers.push(("somebody without the token", Guest { token: None, ..guest.clone() }));
            strangers.push(("somebody with a wrong token", Guest { token: Some(wrong), ..guest }));
        }
        let deadline = self.deadline.max(Instant::now() + PATIENCE_WITH_STRANGERS);
        let mut refused = Vec::new();
        for (who, stranger) in strangers {
            self.patiently(CheckId::Admission, deadline, async || match self.enter(&stranger).await {
                Ok(_) => Err(Symptom::TooOpen(Opening::Door(who))),
                Err(Symptom::HandshakeRefused(403)) => Ok(()),
                Err(other) => Err(other),
            })
            .await?;
            refused.push(who);
        }
        Ok(Passed::saw(format!("403 for {}", refused.join(", "))))
    }
}

fn with_token(websocket: &Url, token: Option<&JoinToken>) -> Url {
    let mut url = websocket.clone();
    if let Some(JoinToken(token)) = token {
        url.set_query(Some(&format!("token={}", utf8_percent_encode(token, NON_ALPHANUMERIC))));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_travels_whatever_is_in_it_and_is_shown_to_nobody() {
        let url: Url = "wss://a.test/prod".parse().unwrap();
        let token = JoinToken::new("a+b &c=%41#/é\n").unwrap();
        let query = with_token(&url, Some(&token)).query().unwrap().to_owned();
        assert_eq!(query, "token=a%2Bb%20%26c%3D%2541%23%2F%C3%A9");
        assert_eq!(with_token(&url, None), url);
        assert_eq!(format!("{token:?}"), "JoinToken(…)");
        assert!(JoinToken::new("\r\n").is_none());
    }
}
