//! What this machine says of itself, and what that means. No call is made here.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::credential_feature::AwsCredentialFeature;
use jiff::Timestamp;
use url::Url;

use super::{Finding, Subject};
use crate::aws::proxy::Proxy;
use crate::events::EndpointSource;

/// AWS refuses signatures that are five minutes off; S3 gives fifteen.
const REFUSED_SKEW: Duration = Duration::from_secs(5 * 60);
const WORTH_A_WORD: Duration = Duration::from_secs(60);
/// A first `up` with a build of the relay may take some minutes.
const SHORT_LIFE: Duration = Duration::from_secs(15 * 60);

/// Where calls go.
pub(crate) fn endpoints(
    endpoint: Option<&str>,
    source: Option<EndpointSource>,
    overridden: &[(String, String)],
    proxy: Option<&Proxy>,
) -> Vec<Finding> {
    let mut findings = vec![match (endpoint, source) {
        (None, _) => Finding::ok(Subject::Endpoint, "AWS itself"),
        (Some(url), Some(EndpointSource::Local)) => Finding::ok(Subject::Endpoint, format!("the local AWS at {url}")),
        (Some(url), Some(EndpointSource::Option)) => {
            Finding::ok(Subject::Endpoint, format!("{}, by --endpoint-url: this is not AWS", without_secrets(url)))
        }
        (Some(url), _) => Finding::warning(
            Subject::Endpoint,
            format!(
                "this is not AWS: every call goes to {}, by AWS_ENDPOINT_URL or the profile's endpoint_url",
                without_secrets(url)
            ),
            "unset AWS_ENDPOINT_URL, or take endpoint_url out of the profile, if AWS is meant",
        ),
    }];
    findings.extend(overridden.iter().map(|(name, url)| {
        Finding::warning(
            Subject::Endpoint,
            format!("{name} sends the calls of one service to {}", without_secrets(url)),
            format!("unset {name} if AWS is meant"),
        )
    }));
    if let Some(proxy) = proxy
        && source != Some(EndpointSource::Local)
    {
        findings.push(Finding::ok(Subject::Endpoint, format!("https goes through the proxy {proxy}")));
    }
    findings
}

/// User and password of a URL are nobody else's business.
fn without_secrets(text: &str) -> String {
    let Ok(mut url) = text.parse::<Url>() else { return text.to_owned() };
    // Fails only where a URL can have neither.
    let _ = url.set_username("").and_then(|()| url.set_password(None));
    url.to_string().trim_end_matches('/').to_owned()
}

/// What signs the calls.
pub(crate) fn credentials(credentials: &Credentials, now: SystemTime, is_local: bool) -> Finding {
    let features = credentials.get_property::<Vec<AwsCredentialFeature>>();
    let source = if is_local {
        "those of the local AWS"
    } else {
        // The last one is where they came from; earlier ones led there.
        features.and_then(|features| features.last()).map_or("found by the default chain", source)
    };
    let Some(expiry) = credentials.expiry() else {
        let life =
            if credentials.session_token().is_some() { ", for a session that does not say when it ends" } else { "" };
        return Finding::ok(Subject::Credentials, format!("{source}{life}"));
    };
    let until = Timestamp::try_from(expiry).map_or_else(|_| "?".to_owned(), |time| format!("{time:.0}"));
    let again = "sign in again ('aws login', or 'aws sso login --profile NAME')";
    match expiry.duration_since(now) {
        Err(_) => Finding::problem(Subject::Credentials, format!("{source}, expired at {until}"), again),
        Ok(left) if left < SHORT_LIFE => Finding::warning(
            Subject::Credentials,
            format!("{source}, good for {} more minutes, until {until}", left.as_secs() / 60),
            format!("{again} before a first 'up'; one that they end in the middle of is continued by the next"),
        ),
        Ok(_) => Finding::ok(Subject::Credentials, format!("{source}, until {until}")),
    }
}

fn source(feature: &AwsCredentialFeature) -> &'static str {
    use AwsCredentialFeature as F;
    match feature {
        F::CredentialsEnvVars => "from the environment (AWS_ACCESS_KEY_ID)",
        F::CredentialsEnvVarsStsWebIdToken | F::CredentialsProfileStsWebIdToken | F::CredentialsStsAssumeRoleWebId => {
            "from a web identity"
        }
        F::CredentialsStsAssumeRole => "from a role that the profile takes",
        F::CredentialsProfile => "from the AWS configuration files",
        F::CredentialsProfileSso | F::CredentialsSso => "from 'aws sso login'",
        F::CredentialsProfileLogin => "from 'aws login'",
        F::CredentialsProfileProcess | F::CredentialsProcess => "from a credential process",
        F::CredentialsHttp => "from this container",
        F::CredentialsImds => "from this machine's instance role",
        _ => "found by the default chain",
    }
}

/// The region, and what says so.
pub(crate) fn region(
    region: Option<&str>,
    option: Option<&str>,
    is_local: bool,
    variable: impl Fn(&str) -> Option<String>,
) -> Finding {
    let Some(region) = region else {
        return Finding::problem(
            Subject::Region,
            "none is set",
            "pass --region, e.g. --region eu-central-1, or set AWS_REGION, or 'aws configure set region …'",
        );
    };
    let named = ["AWS_REGION", "AWS_DEFAULT_REGION"].into_iter().find(|name| variable(name).is_some());
    let source = match (is_local, option, named) {
        (true, ..) => "the local AWS's own",
        (_, Some(_), _) => "by --region",
        (_, _, Some(name)) => return Finding::ok(Subject::Region, format!("{region}, by {name}")),
        _ => "by the profile, or this machine's metadata",
    };
    Finding::ok(Subject::Region, format!("{region}, {source}"))
}

/// This machine's clock against that of whoever answered.
pub(crate) fn clock(server: SystemTime, now: SystemTime) -> Finding {
    let (off, word) = match server.duration_since(now) {
        Ok(behind) => (behind, "behind"),
        Err(error) => (error.duration(), "ahead"),
    };
    let seconds = off.as_secs();
    let remedy = "set it, e.g. by NTP: AWS refuses signatures that are five minutes off";
    if off >= REFUSED_SKEW {
        Finding::problem(Subject::Clock, format!("{seconds} s {word}"), remedy)
    } else if off >= WORTH_A_WORD {
        Finding::warning(Subject::Clock, format!("{seconds} s {word}"), remedy)
    } else {
        // The header has whole seconds, and took a moment to come.
        Finding::ok(Subject::Clock, "right to the second or so")
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn is_ok(finding: &Finding) -> bool {
        finding.verdict == Verdict::Ok
    }

    #[test]
    fn a_clock_is_right_worth_a_word_or_refused() {
        let now = SystemTime::now();
        let after = |seconds| clock(now + Duration::from_secs(seconds), now);
        assert!(is_ok(&after(0)) && is_ok(&after(59)) && is_ok(&clock(now - Duration::from_secs(59), now)));
        assert!(matches!(after(60).verdict, Verdict::Warning { .. }));
        let refused = clock(now - Duration::from_secs(300), now);
        assert!(matches!(refused.verdict, Verdict::Problem { .. }));
        assert_eq!((refused.seen.as_str(), after(90).seen.as_str()), ("300 s ahead", "90 s behind"));
    }

    #[test]
    fn whatever_leads_elsewhere_is_said_without_its_secrets() {
        assert_eq!(endpoints(None, None, &[], None), [Finding::ok(Subject::Endpoint, "AWS itself")]);
        let overridden = [("AWS_ENDPOINT_URL_S3".to_owned(), "http://me:pass@127.0.0.1:9".to_owned())];
        let proxy = Proxy::of(|name| (name == "HTTPS_PROXY").then(|| "http://me:pass@proxy.test".to_owned())).unwrap();
        let proxied = proxy.as_ref();
        let all = endpoints(Some("http://me:pass@127.0.0.1:5013"), None, &overridden, proxied);
        assert_eq!(all.iter().map(is_ok).collect::<Vec<_>>(), [false, false, true]);
        for finding in &all {
            assert!(!format!("{finding:?}").contains("pass"), "{finding:?}");
        }
        let local = endpoints(Some("http://127.0.0.1:4580"), Some(EndpointSource::Local), &[], proxied);
        assert!(local.len() == 1 && is_ok(&local[0]), "no proxy is asked for this machine: {local:?}");
    }

    #[test]
    fn credentials_are_good_short_or_over() {
        let now = SystemTime::now();
        let until =
            |seconds| Credentials::new("a", "b", Some("c".into()), Some(now + Duration::from_secs(seconds)), "test");
        assert!(is_ok(&credentials(&until(3_600), now, false)));
        let short = credentials(&until(600), now, false);
        assert!(
            matches!(short.verdict, Verdict::Warning { .. }) && short.seen.contains("10 more minutes"),
            "{short:?}"
        );
        let over = credentials(&until(0), now + Duration::from_secs(1), false);
        assert!(matches!(over.verdict, Verdict::Problem { .. }), "{over:?}");
        let mut keys = Credentials::from_keys("a", "b", None);
        keys.get_property_mut_or_default::<Vec<AwsCredentialFeature>>().push(AwsCredentialFeature::CredentialsEnvVars);
        assert_eq!(credentials(&keys, now, false).seen, "from the environment (AWS_ACCESS_KEY_ID)");
    }

    #[test]
    fn a_region_is_named_with_what_set_it() {
        let environment = |name: &str| (name == "AWS_DEFAULT_REGION").then(|| "eu-west-1".to_owned());
        let none = |_: &str| None;
        assert!(matches!(region(None, None, false, none).verdict, Verdict::Problem { .. }));
        let seen = |finding: Finding| finding.seen;
        assert_eq!(seen(region(Some("eu-west-1"), None, false, environment)), "eu-west-1, by AWS_DEFAULT_REGION");
        assert_eq!(seen(region(Some("eu-west-2"), Some("eu-west-2"), false, environment)), "eu-west-2, by --region");
        assert_eq!(seen(region(Some("us-east-1"), None, true, environment)), "us-east-1, the local AWS's own");
    }
}
