//! Who may connect to the relay.

use std::str::FromStr;

use url::Url;

use super::{SecretSource, is_host_and_port};

/// Who may connect to the relay. By default everybody: then there is no `$connect` route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admission {
    /// Pages of these origins; of any, where there is none.
    pub origins: Vec<AllowedOrigin>,
    /// Where the token is that whoever connects must have.
    pub token: Option<SecretSource>,
}

impl Admission {
    pub(crate) fn is_open(&self) -> bool {
        self.origins.is_empty() && self.token.is_none()
    }

    /// The origins as browsers write them, each once.
    pub(crate) fn origins(&self, own_page: &str) -> Vec<String> {
        let mut origins: Vec<String> = Vec::new();
        for origin in &self.origins {
            let origin = match origin {
                AllowedOrigin::OwnPage => own_page,
                AllowedOrigin::Of(origin) => origin,
            };
            if !origins.iter().any(|known| known == origin) {
                origins.push(origin.to_owned());
            }
        }
        origins
    }
}

/// Whose pages may connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// The stack's own.
    OwnPage,
    /// Those of this origin, as browsers write it.
    Of(String),
}

impl FromStr for AllowedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "self" {
            return Ok(Self::OwnPage);
        }
        let bare = text.strip_suffix('/').unwrap_or(text);
        let is_origin = bare.split_once("://").is_some_and(|(scheme, place)| {
            ["http", "https"].contains(&scheme.to_ascii_lowercase().as_str()) && is_host_and_port(place)
        });
        match Url::parse(bare) {
            Ok(url) if is_origin => Ok(Self::Of(url.origin().ascii_serialization())),
            _ => {
                Err("it is 'self' for the stack's own page, or http[s]://HOST[:PORT] without path and wildcard, e.g. \
                      https://app.example.org"
                    .to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        for (given, origin) in [
            ("https://app.example.org", "https://app.example.org"),
            ("HTTPS://App.Example.ORG/", "https://app.example.org"),
            ("https://app.example.org:443", "https://app.example.org"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://127.0.0.1", "http://127.0.0.1"),
            ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
        ] {
            assert_eq!(given.parse(), Ok(AllowedOrigin::Of(origin.to_owned())), "{given}");
        }
        assert_eq!("self".parse(), Ok(AllowedOrigin::OwnPage));
        for bad in [
            "",
            "*",
            "null",
            "Self",
            "app.example.org",
            "https://",
            "https://*.example.org",
            "https://app.example.org/page",
            "https://app.example.org//",
            "https://app.example.org?x",
            "https://user@app.example.org",
            "https://a.test https://b.test",
            "wss://app.example.org",
            "https://b\u{fc}cher.example",
        ] {
            assert!(bad.parse::<AllowedOrigin>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_origin_that_is_given_twice_counts_once() {
        let origins = ["self", "https://a.test", "https://own.test", "https://A.test"];
        let origins = origins.map(|origin| origin.parse().unwrap()).to_vec();
        let admission = Admission { origins, token: None };
        assert_eq!(admission.origins("https://own.test"), ["https://own.test", "https://a.test"]);
        assert!(!admission.is_open() && Admission::default().is_open());
    }
}
