//! What the environment says: where `@connections` is, whom requests are signed as, which TURN servers there are, and who may
//! connect.

use std::{fmt, time::Duration};

use aws_credential_types::Credentials;
use http::Uri;

/// The base URL of the stage, `https://{apiId}.execute-api.{region}.amazonaws.com/{stage}`. It comes from the deployment
/// and never from an event's `domainName`, which is whatever host the client used (AWS-FACTS A6).
pub(crate) const ENDPOINT_VARIABLE: &str = "CONNECTIONS_ENDPOINT";

/// URLs of TURN servers that share one secret, with spaces between them. Without it there are none.
const TURN_URLS_VARIABLE: &str = "TURN_URLS";
/// Where that secret is, never the secret itself: `ssm:NAME` or `secretsmanager:NAME-OR-ARN`.
const TURN_SECRET_VARIABLE: &str = "TURN_SECRET_FROM";
/// The URL of the service that has it.
const TURN_SECRET_ENDPOINT_VARIABLE: &str = "TURN_SECRET_ENDPOINT";
/// For how many seconds credentials are good.
const TURN_LIFE_VARIABLE: &str = "TURN_LIFE_SECONDS";

/// ARN of a signalling channel of Kinesis Video Streams, in place of servers of one's own.
const TURN_CHANNEL_VARIABLE: &str = "TURN_CHANNEL_ARN";
/// The URL of that service.
const TURN_CHANNEL_ENDPOINT_VARIABLE: &str = "TURN_CHANNEL_ENDPOINT";
/// Origins of the pages that may connect, with spaces between them. Without it all may.
const ALLOWED_ORIGINS_VARIABLE: &str = "ALLOWED_ORIGINS";
/// Where the token is that whoever connects must have, never the token itself. Without it nobody needs one.
const JOIN_TOKEN_VARIABLE: &str = "JOIN_TOKEN_FROM";
/// The URL of the service that has it.
const JOIN_TOKEN_ENDPOINT_VARIABLE: &str = "JOIN_TOKEN_ENDPOINT";

#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) endpoint: Endpoint,
    pub(crate) region: String,
    pub(crate) credentials: Credentials,
    pub(crate) turn: Option<TurnSettings>,
    pub(crate) admission: AdmissionSettings,
}

/// Who may connect.
#[derive(Debug)]
pub(crate) struct AdmissionSettings {
    pub(crate) origins: Option<Vec<String>>,
    pub(crate) token: Option<SecretSettings>,
}

/// Which secret, and where it is read.
#[derive(Debug)]
pub(crate) struct SecretSettings {
    pub(crate) source: SecretSource,
    pub(crate) endpoint: Endpoint,
}

/// Where TURN servers come from.
#[derive(Debug)]
pub(crate) enum TurnSettings {
    OwnServers(OwnServersSettings),
    Channel(ChannelSettings),
}

/// A signalling channel of Kinesis Video Streams.
#[derive(Debug)]
pub(crate) struct ChannelSettings {
    pub(crate) arn: String,
    pub(crate) endpoint: Endpoint,
}

/// TURN servers that know a secret of ours, as coturn's `use-auth-secret` has it.
#[derive(Debug)]
pub(crate) struct OwnServersSettings {
    pub(crate) urls: Vec<String>,
    pub(crate) life: Duration,
    pub(crate) secret: SecretSettings,
}

/// Where a secret is kept.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum SecretSource {
    /// A parameter of the Systems Manager, by name.
    Parameter(String),
    /// A secret of the Secrets Manager, by name or ARN.
    Secret(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(formatter, "the parameter {name}"),
            Self::Secret(id) => write!(formatter, "the secret {id}"),
        }
    }
}

/// What is wrong with the environment of a relay.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A variable is not there, or empty.
    #[error("the environment variable {0} is not set; the relay runs inside AWS Lambda, deployed by `webrtc-aws up`")]
    Missing(&'static str),
    /// A variable holds something that the relay cannot use.
    #[error("{variable} is \"{value}\": {problem}")]
    Invalid {
        /// Its name.
        variable: &'static str,
        /// What it holds.
        value: String,
        /// What is wrong with that.
        problem: &'static str,
    },
    /// The cipher suites and versions of TLS do not fit together.
    #[error("TLS could not be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl Settings {
    pub(crate) fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let get = |name| variable(name).filter(|value| !value.is_empty());
        let need = |name| get(name).ok_or(SettingsError::Missing(name));
        // Without these the official runtime crate would panic instead of saying what is wrong (AWS-FACTS C4).
        for name in [
            "AWS_LAMBDA_RUNTIME_API",
            "AWS_LAMBDA_FUNCTION_NAME",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
            "AWS_LAMBDA_FUNCTION_VERSION",
        ] {
            need(name)?;
        }
        let turn = match (get(TURN_CHANNEL_VARIABLE), get(TURN_URLS_VARIABLE)) {
            (Some(arn), _) => Some(TurnSettings::Channel(ChannelSettings {
                arn,
                endpoint: Endpoint::parse(TURN_CHANNEL_ENDPOINT_VARIABLE, &need(TURN_CHANNEL_ENDPOINT_VARIABLE)?)?,
            })),
            (None, Some(urls)) => Some(TurnSettings::OwnServers(OwnServersSettings {
                urls: words(&urls),
                life: life(&need(TURN_LIFE_VARIABLE)?)?,
                secret: SecretSettings {
                    source: SecretSource::parse(TURN_SECRET_VARIABLE, &need(TURN_SECRET_VARIABLE)?)?,
                    endpoint: Endpoint::parse(TURN_SECRET_ENDPOINT_VARIABLE, &need(TURN_SECRET_ENDPOINT_VARIABLE)?)?,
                },
            })),
            (None, None) => None,
        };
        let token = match get(JOIN_TOKEN_VARIABLE) {
            Some(source) => Some(SecretSettings {
                source: SecretSource::parse(JOIN_TOKEN_VARIABLE, &source)?,
                endpoint: Endpoint::parse(JOIN_TOKEN_ENDPOINT_VARIABLE, &need(JOIN_TOKEN_ENDPOINT_VARIABLE)?)?,
            }),
            None => None,
        };
        let admission = AdmissionSettings { origins: get(ALLOWED_ORIGINS_VARIABLE).map(|it| words(&it)), token };
        Ok(Self {
            turn,
            admission,
            endpoint: Endpoint::parse(ENDPOINT_VARIABLE, &need(ENDPOINT_VARIABLE)?)?,
            region: need("AWS_REGION")?,
            credentials: Credentials::new(
                need("AWS_ACCESS_KEY_ID")?,
                need("AWS_SECRET_ACCESS_KEY")?,
                get("AWS_SESSION_TOKEN"),
                None,
                "environment",
            ),
        })
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_ascii_whitespace().map(str::to_owned).collect()
}

fn life(value: &str) -> Result<Duration, SettingsError> {
    match value.parse() {
        Ok(seconds) if (1..=86_400).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err(SettingsError::Invalid {
            variable: TURN_LIFE_VARIABLE,
            value: value.to_owned(),
            problem: "a number of seconds up to a day is needed",
        }),
    }
}

impl SecretSource {
    /// The region that an ARN names: the secret need not be where the relay is.
    pub(crate) fn region(&self) -> Option<&str> {
        match self {
            Self::Secret(arn) if arn.starts_with("arn:") => arn.split(':').nth(3),
            _ => None,
        }
    }

    fn parse(variable: &'static str, value: &str) -> Result<Self, SettingsError> {
        match value.split_once(':') {
            Some(("ssm", name)) if !name.is_empty() => Ok(Self::Parameter(name.to_owned())),
            Some(("secretsmanager", id)) if !id.is_empty() => Ok(Self::Secret(id.to_owned())),
            // The value is not shown: somebody may have put the secret itself there.
            _ => Err(SettingsError::Invalid {
                variable,
                value: "…".to_owned(),
                problem: "ssm:NAME or secretsmanager:NAME-OR-ARN is needed",
            }),
        }
    }
}

/// A URL to which `/@connections/{id}` and other paths can be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint(String);

impl Endpoint {
    pub(crate) fn parse(variable: &'static str, value: &str) -> Result<Self, SettingsError> {
        let refuse = |problem| SettingsError::Invalid { variable, value: value.to_owned(), problem };
        let uri: Uri = value.parse().map_err(|_| refuse("this is not a URL"))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(refuse("a URL with scheme and host is needed, such as https://host/stage"));
        };
        if uri.query().is_some() || authority.as_str().contains('@') {
            return Err(refuse("a query or user name has no place in it"));
        }
        match scheme {
            "https" => {}
            // Signed requests carry a session token: in clear only to this very machine.
            "http" if is_loopback(authority.host()) => {}
            "http" => return Err(refuse("http is accepted only for this machine (127.0.0.1, [::1], localhost)")),
            _ => return Err(refuse("only https, or http on this machine, can be used")),
        }
        Ok(Self(value.trim_end_matches('/').to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || address.parse::<std::net::IpAddr>().is_ok_and(|it| it.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPLETE: [(&str, &str); 8] = [
        ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
        ("AWS_LAMBDA_FUNCTION_NAME", "relay"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        (ENDPOINT_VARIABLE, "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/prod"),
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];

    fn from(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        Settings::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn every_variable_is_needed_and_named_when_missing() {
        assert_eq!(from(&COMPLETE).expect("complete").region, "eu-central-1");
        for (missing, _) in COMPLETE {
            let rest: Vec<_> = COMPLETE.into_iter().filter(|(name, _)| *name != missing).collect();
            let error = from(&rest).expect_err(missing).to_string();
            assert!(error.contains(missing), "{error}");
            let emptied: Vec<_> = COMPLETE.map(|(name, value)| (name, if name == missing { "" } else { value })).into();
            assert!(from(&emptied).is_err(), "{missing} is empty");
        }
    }

    #[test]
    fn turn_is_off_without_urls_and_whole_with_them() {
        let turn = [
            (TURN_URLS_VARIABLE, "turn:a.test:3478?transport=udp turns:a.test"),
            (TURN_SECRET_VARIABLE, "ssm:/turn/secret"),
            (TURN_SECRET_ENDPOINT_VARIABLE, "https://ssm.eu-central-1.amazonaws.com"),
            (TURN_LIFE_VARIABLE, "600"),
        ];
        let all: Vec<_> = COMPLETE.into_iter().chain(turn).collect();
        assert!(from(&COMPLETE).expect("complete").turn.is_none());
        let own = |settings: Settings| match settings.turn {
            Some(TurnSettings::OwnServers(own)) => own,
            other => panic!("no servers of our own: {other:?}"),
        };
        let settings = own(from(&all).expect("complete"));
        assert_eq!(settings.urls, ["turn:a.test:3478?transport=udp", "turns:a.test"]);
        assert_eq!(
            (settings.life.as_secs(), settings.secret.source),
            (600, SecretSource::Parameter("/turn/secret".to_owned()))
        );
        for (missing, _) in &turn[1..] {
            let rest: Vec<_> = all.iter().copied().filter(|(name, _)| name != missing).collect();
            assert!(from(&rest).expect_err(missing).to_string().contains(missing));
        }
        let with = |name: &str, value| {
            let changed: Vec<_> = all.iter().map(|(n, v)| (*n, if *n == name { value } else { *v })).collect();
            from(&changed)
        };
        let arn = "secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:turn-AbCdEf";
        let secret = own(with(TURN_SECRET_VARIABLE, arn).expect(arn)).secret.source;
        assert_eq!(secret.region(), Some("eu-central-1"));
        assert_eq!(secret, SecretSource::Secret(arn["secretsmanager:".len()..].to_owned()));
        for (name, bad) in [
            (TURN_LIFE_VARIABLE, "0"),
            (TURN_LIFE_VARIABLE, "-1"),
            (TURN_LIFE_VARIABLE, "90000"),
            (TURN_SECRET_VARIABLE, "hunter2"),
            (TURN_SECRET_VARIABLE, "ssm:"),
            (TURN_SECRET_ENDPOINT_VARIABLE, "http://ssm.test"),
        ] {
            let error = with(name, bad).expect_err(bad).to_string();
            assert!(error.contains(name) && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn everybody_may_connect_unless_told_otherwise() {
        let open = from(&COMPLETE).expect("complete").admission;
        assert!(open.origins.is_none() && open.token.is_none());
        let access = [
            (ALLOWED_ORIGINS_VARIABLE, "https://a.test https://b.test:8443"),
            (JOIN_TOKEN_VARIABLE, "ssm:/join"),
            (JOIN_TOKEN_ENDPOINT_VARIABLE, "https://ssm.eu-central-1.amazonaws.com"),
        ];
        let all: Vec<_> = COMPLETE.into_iter().chain(access).collect();
        let closed = from(&all).expect("complete").admission;
        assert_eq!(closed.origins.expect("origins"), ["https://a.test", "https://b.test:8443"]);
        assert_eq!(closed.token.expect("a token").source, SecretSource::Parameter("/join".to_owned()));
        let homeless: Vec<_> = all.iter().copied().filter(|(name, _)| *name != JOIN_TOKEN_ENDPOINT_VARIABLE).collect();
        assert!(from(&homeless).is_err(), "half a setting lets nobody in");
        let mistaken: Vec<_> = COMPLETE.into_iter().chain([(JOIN_TOKEN_VARIABLE, "hunter2")]).collect();
        let error = from(&mistaken).expect_err("no source").to_string();
        assert!(error.contains(JOIN_TOKEN_VARIABLE) && !error.contains("hunter2"), "{error}");
    }

    #[test]
    fn a_channel_is_named_with_the_place_of_its_service() {
        let arn = "arn:aws:kinesisvideo:eu-central-1:123456789012:channel/webrtc-aws-demo/1700000000000";
        let with = |more: &[(&'static str, &'static str)]| {
            let all = COMPLETE.into_iter().chain([(TURN_CHANNEL_VARIABLE, arn)]).chain(more.iter().copied());
            from(&all.collect::<Vec<_>>())
        };
        let endpoint = "https://kinesisvideo.eu-central-1.amazonaws.com";
        let settings = with(&[(TURN_CHANNEL_ENDPOINT_VARIABLE, endpoint)]).expect("complete");
        let Some(TurnSettings::Channel(channel)) = settings.turn else { panic!("no channel: {settings:?}") };
        assert_eq!((channel.arn.as_str(), channel.endpoint.as_str()), (arn, endpoint));
        for more in [&[][..], &[(TURN_CHANNEL_ENDPOINT_VARIABLE, "http://kinesisvideo.test")]] {
            let error = with(more).expect_err("not whole").to_string();
            assert!(error.contains(TURN_CHANNEL_ENDPOINT_VARIABLE), "{error}");
        }
    }

    #[test]
    fn an_endpoint_is_https_or_on_this_machine() {
        for good in [
            "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com/prod",
            "https://example.org",
            "http://127.0.0.1:5013/_aws/execute-api/a1b2c3d4e5/prod",
            "http://127.8.9.1/prod",
            "http://[::1]:80/prod",
            "http://localhost:1/prod",
        ] {
            assert_eq!(Endpoint::parse(ENDPOINT_VARIABLE, good).expect(good).as_str(), good);
        }
        assert_eq!(
            Endpoint::parse(ENDPOINT_VARIABLE, "https://example.org/prod/").expect("slash").as_str(),
            "https://example.org/prod"
        );
        for bad in [
            "",
            "prod",
            "/prod",
            "example.org/prod",
            "http://example.org/prod",
            "http://localhost.example.org/prod",
            "http://127.0.0.1.example.org/prod",
            "http://127.0.0.1@example.org/prod",
            "http://169.254.169.254/prod",
            "ftp://127.0.0.1/prod",
            "https://example.org/prod?a=b",
            "https://user@example.org/prod",
        ] {
            assert!(Endpoint::parse(ENDPOINT_VARIABLE, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        let shown = format!("{:?}", from(&COMPLETE).expect("complete"));
        assert!(!shown.contains("\"secret\""), "{shown}");
    }
}
