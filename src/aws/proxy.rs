//! The proxy that leads out of a company's network, found where curl and the AWS CLI find it: in the environment.

use std::fmt;

use aws_smithy_http_client::proxy::ProxyConfig;
use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::diagnostics::{Code, Diagnostic};

/// Those that count, the first of them that is set.
const VARIABLES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// For https alone: what is called without TLS is an emulator, or the credentials service of the machine or container, and those are
/// near.
#[derive(Clone)]
pub(crate) struct Proxy {
    variable: &'static str,
    url: Uri,
    exceptions: String,
}

impl Proxy {
    pub(crate) fn of_environment() -> Result<Option<Self>, Diagnostic> {
        Self::of(|name| std::env::var(name).ok())
    }

    pub(crate) fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, Diagnostic> {
        let set = |name: &&'static str| variable(name).filter(|value| !value.is_empty()).map(|value| (*name, value));
        let Some((name, value)) = VARIABLES.iter().find_map(set) else { return Ok(None) };
        let value = if value.contains("://") { value } else { format!("http://{value}") };
        // The value may hold a password: it is not shown.
        let unusable = |why: String| {
            Diagnostic::new(
                Code::InvalidInput,
                format!("{name} is no proxy that can be used: {why}"),
                format!("set {name} to the http:// or https:// URL of the proxy, or unset it"),
            )
        };
        let url: Uri = value.parse().map_err(|_| unusable("it is no URL".to_owned()))?;
        ProxyConfig::https(url.clone()).map_err(|error| unusable(error.to_string()))?;
        let exceptions = EXCEPTIONS.iter().find_map(set).map(|(_, value)| value).unwrap_or_default();
        Ok(Some(Self { variable: name, url, exceptions }))
    }

    /// For the SDK's clients.
    pub(super) fn config(&self) -> ProxyConfig {
        match ProxyConfig::https(self.url.clone()) {
            Ok(config) => config.no_proxy(&self.exceptions),
            // Looked at when it was read.
            Err(_) => ProxyConfig::disabled(),
        }
    }

    /// Where to connect instead of this host.
    pub(super) fn instead_of(&self, host: &str, port: u16) -> Option<Intercept> {
        let target =
            Uri::builder().scheme("https").authority(format!("{host}:{port}")).path_and_query("/").build().ok()?;
        Matcher::builder().https(self.url.to_string()).no(self.exceptions.as_str()).build().intercept(&target)
    }
}

/// Without user and password.
impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host) = (self.url.scheme_str().unwrap_or_default(), self.url.host().unwrap_or_default());
        let port = self.url.port().map(|port| format!(":{port}")).unwrap_or_default();
        write!(formatter, "{scheme}://{host}{port} ({})", self.variable)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(set: &[(&str, &str)]) -> Result<Option<Proxy>, Diagnostic> {
        Proxy::of(|name| set.iter().find(|(other, _)| *other == name).map(|(_, value)| (*value).to_owned()))
    }

    fn leads(set: &[(&str, &str)], host: &str) -> Option<String> {
        of(set).unwrap()?.instead_of(host, 443).map(|proxy| proxy.uri().to_string())
    }

    #[test]
    fn the_first_variable_counts_and_exceptions_are_heeded() {
        let here = "sts.eu-west-1.amazonaws.com";
        assert_eq!(leads(&[], here), None);
        assert_eq!(leads(&[("HTTPS_PROXY", "")], here), None);
        assert_eq!(leads(&[("HTTP_PROXY", "http://proxy:1")], here), None, "nothing of ours goes over http to AWS");
        let both = [("ALL_PROXY", "http://all:2"), ("https_proxy", "http://proxy:1")];
        assert_eq!(leads(&both, here).as_deref(), Some("http://proxy:1/"));
        assert_eq!(leads(&[("all_proxy", "proxy:3128")], here).as_deref(), Some("http://proxy:3128/"));
        let excepted = [("HTTPS_PROXY", "http://proxy:1"), ("NO_PROXY", "example.test,.amazonaws.com")];
        assert_eq!(leads(&excepted, here), None);
    }

    #[test]
    fn a_password_is_used_and_not_shown() {
        let proxy = of(&[("HTTPS_PROXY", "http://me:pass@proxy.test:3128")]).unwrap().unwrap();
        assert_eq!(proxy.to_string(), "http://proxy.test:3128 (HTTPS_PROXY)");
        assert!(!format!("{proxy:?}").contains("pass"));
        let used = proxy.instead_of("sts.amazonaws.com", 443).unwrap();
        assert_eq!(used.basic_auth().unwrap(), "Basic bWU6cGFzcw==");
    }

    #[test]
    fn what_cannot_be_used_is_said_and_not_passed_by() {
        for value in ["socks5://me:pass@proxy:1", "http://me:pass@", "http://pass word@x"] {
            let problem = of(&[("HTTPS_PROXY", value)]).unwrap_err();
            assert!(problem.summary.starts_with("HTTPS_PROXY is no proxy that can be used"), "{problem:?}");
            assert!(!format!("{problem:?}").contains("pass"), "{problem:?}");
        }
    }
}
