//! Who may connect: pages of the allowed origins, and whoever has the token. Whatever is in doubt is refused.
//!
//! An origin tells what browsers let a page do; any other program may claim one. The token is what keeps strangers out.

use std::{fmt, sync::Arc, time::SystemTime};

use percent_encoding::percent_decode_str;
use ring::hmac;

use crate::{
    aws::Aws,
    event::Handshake,
    secret::{Secret, SecretReader, Unreadable},
    settings::AdmissionSettings,
};

/// Longer ones are cut off in the log.
const SHOWN_OF_AN_ORIGIN: usize = 200;

pub(crate) struct Admission {
    origins: Option<Vec<String>>,
    token: Option<SecretReader>,
}

/// Why somebody may not connect.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoOrigin,
    ForeignOrigin(String),
    NoToken,
    WrongToken,
    /// The relay does not know the token itself.
    Unreadable(Unreadable),
}

impl Refusal {
    /// The handshake fails with it (AWS-FACTS A4).
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::NoOrigin | Self::ForeignOrigin(_) | Self::NoToken | Self::WrongToken => 403,
            Self::Unreadable(_) => 500,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOrigin => formatter.write_str("the handshake has no Origin"),
            Self::ForeignOrigin(origin) => {
                let shown: String = origin.chars().take(SHOWN_OF_AN_ORIGIN).collect();
                write!(formatter, "the origin {shown:?} is not allowed")
            }
            Self::NoToken => formatter.write_str("the handshake has no token"),
            Self::WrongToken => formatter.write_str("the handshake has a wrong token"),
            Self::Unreadable(unreadable) => formatter.write_str(&unreadable.detail),
        }
    }
}

impl Admission {
    /// None where everybody may connect.
    pub(crate) fn new(AdmissionSettings { origins, token }: AdmissionSettings, aws: &Arc<Aws>) -> Option<Self> {
        let is_open = origins.is_none() && token.is_none();
        let token = token.map(|token| SecretReader::new(token, Arc::clone(aws)));
        (!is_open).then_some(Self { origins, token })
    }

    pub(crate) async fn judge(&self, handshake: &Handshake, now: SystemTime) -> Result<(), Refusal> {
        if let Some(allowed) = &self.origins {
            check_origin(allowed, &handshake.origins)?;
        }
        let Some(reader) = &self.token else { return Ok(()) };
        // Nobody makes the relay read the secret without having something to compare.
        let token = handshake.token.as_deref().filter(|token| !token.is_empty()).ok_or(Refusal::NoToken)?;
        let secret = reader.read(now).await.map_err(Refusal::Unreadable)?;
        if is_token(&secret, token) { Ok(()) } else { Err(Refusal::WrongToken) }
    }
}

fn check_origin(allowed: &[String], origins: &[String]) -> Result<(), Refusal> {
    if origins.is_empty() {
        return Err(Refusal::NoOrigin);
    }
    let is_allowed = |origin: &&String| allowed.iter().any(|allowed| serialized(allowed) == serialized(origin));
    match origins.iter().find(|origin| !is_allowed(origin)) {
        Some(foreign) => Err(Refusal::ForeignOrigin(foreign.clone())),
        None => Ok(()),
    }
}

/// As browsers write an origin: in lower case, and without the scheme's own port.
fn serialized(origin: &str) -> String {
    let origin = origin.to_ascii_lowercase();
    let own_port = if origin.starts_with("https://") { ":443" } else { ":80" };
    origin.strip_suffix(own_port).map(str::to_owned).unwrap_or(origin)
}

/// Whether API Gateway decodes a query parameter is not documented for WebSocket APIs, so that both spellings count. Takes the same
/// time whatever the two have in common.
fn is_token(secret: &Secret, token: &str) -> bool {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let tag = hmac::sign(&key, secret.expose().as_bytes());
    let is = |text: &[u8]| hmac::verify(&key, text, tag.as_ref()).is_ok();
    let decoded: Vec<u8> = percent_decode_str(token).collect();
    is(token.as_bytes()) | is(&decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_and_nothing_less() {
        let allowed = strings(&["https://a.test", "http://127.0.0.1:4566", "https://b.test:8443"]);
        let judged = |origins: &[&str]| check_origin(&allowed, &strings(origins));
        for good in
            ["https://a.test", "HTTPS://A.TEST", "https://a.test:443", "http://127.0.0.1:4566", "https://b.test:8443"]
        {
            assert_eq!(judged(&[good]), Ok(()), "{good}");
        }
        for foreign in [
            "",
            "null",
            "http://a.test",
            "https://a.test:80",
            "https://a.test:8443",
            "https://b.test",
            "https://a.test.evil.test",
            "https://evil.test/https://a.test",
            "https://sub.a.test",
            "https://a.test/",
            "a.test",
            " https://a.test",
            "https://a.test https://b.test:8443",
        ] {
            assert_eq!(judged(&[foreign]), Err(Refusal::ForeignOrigin(foreign.to_owned())), "{foreign}");
        }
        assert_eq!(judged(&[]), Err(Refusal::NoOrigin));
        let two = judged(&["https://a.test", "https://evil.test"]);
        assert_eq!(two, Err(Refusal::ForeignOrigin("https://evil.test".to_owned())));
        assert_eq!(check_origin(&[], &strings(&["https://a.test"])).map_err(|refusal| refusal.status()), Err(403));
    }

    #[test]
    fn a_token_is_the_secret_itself_decoded_or_not() {
        let secret = Secret::new("a+b/c=d%41".to_owned());
        for good in ["a+b/c=d%41", "a%2Bb%2Fc%3Dd%2541"] {
            assert!(is_token(&secret, good), "{good}");
        }
        for bad in ["", "a", "a+b/c=d%4", "a+b/c=d%411", "a b/c=dA", "a+b/c=dA", "A+B/C=D%41"] {
            assert!(!is_token(&secret, bad), "{bad}");
        }
    }

    #[test]
    fn a_long_origin_is_cut_off() {
        let shown = Refusal::ForeignOrigin("x".repeat(10_000)).to_string();
        assert!(shown.len() < 2 * SHOWN_OF_AN_ORIGIN, "{shown}");
    }
}
