//! Values that need more than a type: each parser's refusal says what is allowed.

use std::ffi::OsStr;
use std::str::FromStr;

use clap::builder::TypedValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, Command};
use url::Url;

use crate::config::{LOG_RETENTION_DAYS, SecretSource, is_host_and_port};
use crate::local::FaultRule;
use crate::naming::ANY;

/// `--stun URL` or `--stun none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StunChoice {
    /// No STUN server: calls within one network only.
    None,
    /// A `stun:` or `stuns:` URL.
    Url(String),
}

impl FromStr for StunChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "none" {
            return Ok(Self::None);
        }
        let server = text.strip_prefix("stun:").or_else(|| text.strip_prefix("stuns:"));
        // Browsers refuse anything else, and with it the page's whole configuration.
        if server.is_some_and(is_host_and_port) {
            Ok(Self::Url(text.to_owned()))
        } else {
            Err("it is 'none', or stun:HOST[:PORT] or stuns:HOST[:PORT], e.g. stun:stun.example.org:3478".to_owned())
        }
    }
}

/// Of options that say where a secret is. Unlike clap's own parsers it never repeats what it refuses: somebody may have typed the
/// secret, and terminals and logs of pipelines remember.
#[derive(Clone, Debug)]
pub(super) struct SecretSourceParser;

impl TypedValueParser for SecretSourceParser {
    type Value = SecretSource;

    fn parse_ref(&self, command: &Command, option: Option<&Arg>, value: &OsStr) -> Result<SecretSource, clap::Error> {
        value.to_str().unwrap_or_default().parse().map_err(|why: String| {
            let option = option.map(ToString::to_string).unwrap_or_default();
            let what = format!("invalid value for '{option}': {why}\n");
            let mut error = clap::Error::raw(ErrorKind::ValueValidation, what).with_cmd(command);
            // For whoever says it in other words.
            error.insert(ContextKind::Custom, ContextValue::String(why));
            error
        })
    }
}

pub(super) fn region(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split('-').collect();
    let words =
        |words: &[&str]| words.iter().all(|word| word.len() >= 2 && word.chars().all(|c| c.is_ascii_lowercase()));
    let digits = |number: &str| (1..=2).contains(&number.len()) && number.chars().all(|c| c.is_ascii_digit());
    match parts.split_last() {
        Some((number, name)) if name.len() >= 2 && words(name) && digits(number) => Ok(text.to_owned()),
        _ => Err("a region looks like eu-central-1 or us-east-1".to_owned()),
    }
}

pub(super) fn endpoint(text: &str) -> Result<Url, String> {
    match Url::parse(text) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.query().is_none() && url.fragment().is_none() => {
            Ok(url)
        }
        _ => Err("it is an http:// or https:// URL, e.g. http://127.0.0.1:5013".to_owned()),
    }
}

/// Zero would mean "let nothing through" (AWS-FACTS A5).
pub(super) fn throttle_rate(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate| (1.0..=10_000.0).contains(rate))
        .ok_or_else(|| "it is a number of messages a second from 1 to 10000".to_owned())
}

pub(super) fn throttle_burst(text: &str) -> Result<i32, String> {
    text.parse()
        .ok()
        .filter(|burst| (1..=5_000).contains(burst))
        .ok_or_else(|| "it is a number of messages from 1 to 5000".to_owned())
}

pub(super) fn minutes(text: &str) -> Result<f64, String> {
    number(text, 0.0..=44_640.0).ok_or_else(|| "it is a number of minutes of up to a month, 0 to 44640".to_owned())
}

pub(super) fn milliseconds(text: &str) -> Result<f64, String> {
    number(text, 0.0..=29_000.0).ok_or_else(|| "it is a number of milliseconds from 0 to 29000".to_owned())
}

fn number(text: &str, range: std::ops::RangeInclusive<f64>) -> Option<f64> {
    text.parse().ok().filter(|number| range.contains(number))
}

pub(super) fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.chars().all(|c| c.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account id is 12 digits, e.g. 123456789012".to_owned())
    }
}

pub(super) fn account_or_any(text: &str) -> Result<String, String> {
    if text == ANY { Ok(text.to_owned()) } else { account(text).map_err(|why| format!("{why}, or '*' for any")) }
}

pub(super) fn region_or_any(text: &str) -> Result<String, String> {
    if text == ANY { Ok(text.to_owned()) } else { region(text).map_err(|why| format!("{why}, or '*' for any")) }
}

pub(super) fn managed_policy(text: &str) -> Result<String, String> {
    match text.splitn(6, ':').collect::<Vec<_>>().as_slice() {
        ["arn", partition, "iam", "", _, resource]
            if !partition.is_empty() && resource.starts_with("policy/") && resource.len() > "policy/".len() =>
        {
            Ok(text.to_owned())
        }
        _ => Err("it is the ARN of a managed policy, e.g. arn:aws:iam::123456789012:policy/limit".to_owned()),
    }
}

pub(super) fn repository(text: &str) -> Result<String, String> {
    let legal = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    match text.split_once('/') {
        Some((owner, name)) if legal(owner) && legal(name) => Ok(text.to_owned()),
        _ => Err("a GitHub repository looks like OWNER/NAME".to_owned()),
    }
}

/// Anything else than printable text would be a mistake of quoting.
pub(super) fn subject(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.chars().all(|c| c.is_ascii_graphic() && c != '"') {
        Ok(text.to_owned())
    } else {
        Err("it is e.g. pull_request, ref:refs/heads/main, environment:production, or '*'".to_owned())
    }
}

pub(super) fn log_retention(text: &str) -> Result<i32, String> {
    match text.parse() {
        Ok(days) if LOG_RETENTION_DAYS.contains(&days) => Ok(days),
        _ => {
            let allowed: Vec<String> = LOG_RETENTION_DAYS.iter().map(i32::to_string).collect();
            Err(format!("CloudWatch keeps logs for one of these numbers of days: {}", allowed.join(", ")))
        }
    }
}

/// A latency of every call is a fault rule like any other.
pub(super) fn latency(text: &str) -> Result<FaultRule, String> {
    format!("*=latency:{text}").parse().map_err(|_| "it is a number with ms or s, e.g. 40ms or 2s".to_owned())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::local::Fault;
    use crate::local::tests::cases;

    #[test]
    fn stun_servers_are_what_browsers_accept() {
        for good in
            ["stun:stun.example.org", "stun:stun.example.org:3478", "stuns:192.0.2.1:5349", "stun:[2001:db8::1]:3478"]
        {
            assert_eq!(good.parse(), Ok(StunChoice::Url(good.to_owned())));
        }
        assert_eq!("none".parse(), Ok(StunChoice::None));
        for bad in [
            "",
            "stun:",
            "stun.example.org",
            "turn:a:1",
            "stun:a:99999",
            "stun://a:1",
            "stun:u@a",
            "None",
            "stun:a\tb",
            "stun:a\n",
            "stun:a\\b",
            "stun:%61",
            "stun:a:",
            "stun:</script>",
        ] {
            assert!(bad.parse::<StunChoice>().is_err(), "{bad}");
        }
    }

    #[test]
    fn regions_of_every_partition_pass_and_typos_do_not() {
        for good in ["us-east-1", "ap-northeast-2", "us-gov-west-1", "eusc-de-east-1", "us-isob-east-1"] {
            assert!(region(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "frankfurt",
            "eu-central",
            "eu-1",
            "EU-central-1",
            "eu-central-1a",
            "eu_central_1",
            "us-east-1/",
            "us-east-+1",
        ] {
            assert!(region(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn endpoints_are_http_urls() {
        assert!(endpoint("http://127.0.0.1:5013").is_ok());
        for bad in ["127.0.0.1:5013", "ftp://a", "localhost:5013", "http://", "http://a/?q"] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    /// Anything, often something that is nearly right.
    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            any::<String>(),
            "[+-]?[0-9]{0,22}(\\.[0-9]{0,3})?(ms|s|e9|x)?",
            "(stuns?:|http://|https://|wss?://)?[a-zA-Z0-9.:%@/\\\\{}<>\\[\\] \t\n-]{0,20}",
            "[a-z]{0,5}(-[a-z]{0,9}){0,3}-[0-9+]{0,3}",
            "(s3|lambda|\\*|iam)(:[A-Za-z*]{0,8})?(#[0-9-]{0,20})?=(latency|throttle|lost|fail|garbled|kill)(:[0-9a-z-]{0,20}){0,3}",
            prop::sample::select(vec!["NaN", "inf", "-0", "1e400", "none", "NONE", "\u{ff11}"]).prop_map(str::to_owned),
        ]
    }

    proptest! {
        #![proptest_config(cases(2_000))]

        #[test]
        fn every_value_is_refused_or_means_what_it_says(text in text()) {
            let printable = |text: &str| !text.chars().any(|c| c.is_control() || c.is_whitespace());
            match text.parse() {
                Ok(StunChoice::Url(url)) => {
                    prop_assert_eq!(&url, &text);
                    prop_assert!(printable(&url) && url.is_ascii() && !url.contains(['<', '"', '\\', '%']), "{:?}", url);
                }
                Ok(StunChoice::None) => prop_assert_eq!(&text, "none"),
                Err(refusal) => prop_assert!(refusal.contains("stun:HOST")),
            }
            if let Ok(region) = region(&text) {
                prop_assert!(region.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-'), "{}", region);
            }
            if let Ok(url) = endpoint(&text) {
                prop_assert_eq!(endpoint(url.as_str()), Ok(url.clone()));
                prop_assert!(url.has_host());
            }
            if let Ok(rate) = throttle_rate(&text) {
                prop_assert!((1.0..=10_000.0).contains(&rate));
            }
            if let Ok(burst) = throttle_burst(&text) {
                prop_assert!((1..=5_000).contains(&burst));
            }
            if let Ok(account) = account(&text) {
                prop_assert!(account.len() == 12 && account.bytes().all(|c| c.is_ascii_digit()));
            }
            if let Ok(days) = log_retention(&text) {
                prop_assert!(LOG_RETENTION_DAYS.contains(&days));
            }
            for rule in [latency(&text).ok(), text.parse().ok()].into_iter().flatten() {
                if let Fault::Latency(duration) = rule.fault {
                    prop_assert!(duration <= Duration::from_secs(3600), "{:?}", duration);
                }
                prop_assert_ne!(rule.nth, Some(0));
            }
        }
    }

    #[test]
    fn latencies_that_add_up_beyond_all_time_are_refused() {
        assert!(latency("18446744073709551615s").is_err());
        assert!(latency("1h").is_err());
        assert!(latency("3600s").is_ok());
    }

    #[test]
    fn a_boundary_is_a_managed_policy_and_a_repository_has_an_owner() {
        for good in ["arn:aws:iam::123456789012:policy/limit", "arn:aws-cn:iam::aws:policy/path/PowerUserAccess"] {
            assert!(managed_policy(good).is_ok(), "{good}");
        }
        for bad in ["", "limit", "arn:aws:iam::1:role/x", "arn:aws:iam::1:policy/", "arn::iam::1:policy/x"] {
            assert!(managed_policy(bad).is_err(), "{bad}");
        }
        assert!(repository("owner/some.repo_name-1").is_ok());
        for bad in ["", "name", "owner/", "/name", "a/b/c", "owner/*", "https://github.com/a/b"] {
            assert!(repository(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn log_retention_is_one_of_the_days_that_cloudwatch_knows() {
        assert_eq!(log_retention("7"), Ok(7));
        assert!(log_retention("8").unwrap_err().contains("1, 3, 5, 7, 14"));
        assert!(log_retention("0").is_err());
    }
}
