//! The scheme of coturn's `use-auth-secret`: the user name says until when it is good, and the password is its signature.

use std::time::{Duration, SystemTime};

use base64::{Engine, prelude::BASE64_STANDARD};
use ring::{digest, hmac};

use crate::{event::ConnectionId, secret::Secret};

/// User name and password. The name behind the time is one for each connection, so that a TURN server's quota for a user
/// counts.
pub(super) fn sign(secret: &Secret, asker: &ConnectionId, now: SystemTime, life: Duration) -> (String, String) {
    let expiry = (now + life).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let username = format!("{expiry}:{}", name_of(asker));
    let credential = password(secret.expose().as_bytes(), &username);
    (username, credential)
}

/// What a connection is called towards TURN servers. It does not tell the connection's id, by which its owner could be rung.
pub(super) fn name_of(asker: &ConnectionId) -> String {
    let hash = digest::digest(&digest::SHA256, asker.as_str().as_bytes());
    hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn password(key: &[u8], username: &str) -> String {
    // SHA-1 is what TURN servers take. In an HMAC it is not broken, and what it protects ends within the hour.
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key);
    BASE64_STANDARD.encode(hmac::sign(&key, username.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_the_hmac_of_the_user_name() {
        // From: printf '1700000000:demo' | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(password(b"north", "1700000000:demo"), "0fPtCL4ExhNV20Cjm4hWVgnceXs=");
        // RFC 2202, case 2.
        assert_eq!(password(b"Jefe", "what do ya want for nothing?"), "7/zfauXrL6LSdBbV8YTfnCWafHk=");
    }

    #[test]
    fn the_user_name_begins_with_its_expiry_and_hides_the_connection() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_900);
        let me = ConnectionId::new("TXzPWdnOjoECGjA=".to_owned()).expect("a valid id");
        let you = ConnectionId::new("V-M0CclhjoECETA=".to_owned()).expect("a valid id");
        let name = |who| sign(&Secret::new("north".to_owned()), who, now, Duration::from_secs(600)).0;
        let (expiry, hash) = name(&me).split_once(':').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("two parts");
        assert_eq!(expiry, "1700000600");
        assert!(hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()), "{hash}");
        assert_eq!(name(&me), name(&me));
        assert_ne!(name(&me), name(&you));
    }
}
