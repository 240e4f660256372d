//! Ids of API Gateway's own making.

use std::borrow::Borrow;
use std::fmt;

use rand::RngExt;
use serde::{Deserialize, Serialize};

const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

fn random(length: usize) -> String {
    let mut random = rand::rng();
    (0..length).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $name(String);

        impl $name {
            pub(super) fn generate() -> Self {
                Self(random($length))
            }

            pub(crate) fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

id!(
    /// 10 lowercase alphanumerics (AWS-FACTS A1).
    ApiId, 10
);
id!(IntegrationId, 7);
id!(RouteId, 7);
id!(RouteResponseId, 7);
id!(DeploymentId, 6);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_ids_are_ten_lowercase_alphanumerics_and_differ() {
        let (one, other) = (ApiId::generate(), ApiId::generate());
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), 10);
        assert!(one.as_str().chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit()));
    }
}
