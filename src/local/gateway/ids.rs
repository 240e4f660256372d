//! Ids of the data plane: connections, requests and messages share one shape (AWS-FACTS A1).

use std::borrow::Borrow;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE;

/// 11 bytes make 15 characters and one `=`.
const BYTES: usize = 11;

/// A fresh id for a request or a message.
pub(super) fn generate() -> String {
    URL_SAFE.encode(rand::random::<[u8; BYTES]>())
}

/// A connection's id, e.g. `TXzPWdnOjoECGjA=`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct ConnectionId(String);

impl ConnectionId {
    pub(super) fn generate() -> Self {
        Self(generate())
    }

    /// Takes a text that has the shape of a connection id.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE.decode(text).ok()?;
        (bytes.len() == BYTES).then(|| Self(text.to_owned()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ConnectionId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_ids_look_like_awss() {
        let id = ConnectionId::generate();
        assert_eq!(id.as_str().len(), 16);
        assert!(id.as_str().ends_with('=') && !id.as_str().ends_with("=="));
        assert_ne!(id, ConnectionId::generate());
        for recorded in ["TXzPWdnOjoECGjA=", "e_d2EewNLPECIGw=", "V-M0CclhjoECETA="] {
            assert!(ConnectionId::parse(recorded).is_some(), "{recorded}");
        }
        for wrong in ["", "x", "TXzPWdnOjoECGjA", "TXzPWdnOjoECGjA==", "TXzPWdnOjoE=", "../../secretsss="] {
            assert_eq!(ConnectionId::parse(wrong), None, "{wrong}");
        }
    }
}
