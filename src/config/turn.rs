//! TURN servers, for calls across networks that allow no direct path.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// What carries calls for which there is no direct path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Servers of one's own.
    OwnServers(TurnServers),
    /// Those of Amazon Kinesis Video Streams, for which the stack has a signalling channel.
    SignalingChannel,
}

impl Turn {
    /// The secret that the relay shares with them, if it has to read one.
    pub(crate) fn secret(&self) -> Option<&SecretSource> {
        match self {
            Self::OwnServers(servers) => Some(&servers.secret),
            Self::SignalingChannel => None,
        }
    }
}

/// TURN servers that share a secret with the relay, as coturn's `use-auth-secret` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnServers {
    /// Their `turn:` and `turns:` URLs.
    pub urls: Vec<TurnUrl>,
    /// Where the secret is.
    pub secret: SecretSource,
    /// For how many seconds the credentials are good that the relay makes.
    pub life_s: u32,
}

/// How long credentials are good unless told otherwise: few calls are longer, and a leaked one is soon worth nothing.
pub(crate) const DEFAULT_TURN_LIFE: u32 = 3600;

/// A URL that browsers take for a TURN server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnUrl(String);

impl TurnUrl {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TurnUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let server = text.strip_prefix("turn:").or_else(|| text.strip_prefix("turns:"));
        let (place, transport) = match server.unwrap_or_default().split_once('?') {
            Some((place, transport)) => (place, Some(transport)),
            None => (server.unwrap_or_default(), None),
        };
        // Browsers refuse anything else, and with it the page's whole configuration.
        if is_host_and_port(place) && matches!(transport, None | Some("transport=udp" | "transport=tcp")) {
            Ok(Self(text.to_owned()))
        } else {
            Err("it is turn:HOST[:PORT][?transport=udp|tcp] or turns:…, e.g. turn:turn.example.org:3478?transport=udp"
                .to_owned())
        }
    }
}

/// A URL's parser forgives too much for that: it drops tabs and line ends, decodes `%61`, and reads `\` as `/`.
pub(crate) fn is_host_and_port(text: &str) -> bool {
    let whole_url = format!("http://{text}/");
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':' | '[' | ']');
    text.chars().all(legal)
        && !text.ends_with(':')
        && Url::parse(&whole_url).is_ok_and(|url| url.host_str().is_some_and(|host| !host.is_empty()))
}

/// Where a secret is kept that only the relay reads. It is a name: the secret itself passes nowhere through this program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretSource {
    /// A parameter of the Systems Manager, by name.
    Parameter(String),
    /// A secret of the Secrets Manager, by name or full ARN.
    Secret(String),
}

impl fmt::Display for SecretSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Parameter(name) => write!(formatter, "ssm:{name}"),
            Self::Secret(id) => write!(formatter, "secretsmanager:{id}"),
        }
    }
}

impl FromStr for SecretSource {
    type Err = String;

    /// Never repeats what it refuses: somebody may have typed the secret.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |name: &str, more: &str| {
            (1..=512).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        match text.split_once(':') {
            // A name with a slash in it must begin with one.
            Some(("ssm", name)) if legal(name, "_.-/") && (name.starts_with('/') || !name.contains('/')) => {
                Ok(Self::Parameter(name.to_owned()))
            }
            Some(("secretsmanager", arn)) if arn.starts_with("arn:") => {
                match arn.splitn(7, ':').collect::<Vec<_>>().as_slice() {
                    ["arn", partition, "secretsmanager", region, account, "secret", name]
                        if [partition, region, account].iter().all(|part| legal(part, "-"))
                            && legal(name, "/_+=.@-") =>
                    {
                        Ok(Self::Secret(arn.to_owned()))
                    }
                    _ => Err(EXPECTED.to_owned()),
                }
            }
            Some(("secretsmanager", name)) if legal(name, "/_+=.@-") => Ok(Self::Secret(name.to_owned())),
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

const EXPECTED: &str = "it is ssm:/PATH or ssm:NAME of a parameter, or secretsmanager:NAME or secretsmanager:ARN of a secret; never \
                        the secret itself";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turn_servers_are_what_browsers_accept() {
        for good in [
            "turn:turn.example.org",
            "turn:turn.example.org:3478?transport=udp",
            "turns:192.0.2.1:443?transport=tcp",
            "turn:[2001:db8::1]:3478",
        ] {
            assert_eq!(good.parse::<TurnUrl>().unwrap().as_str(), good);
        }
        for bad in [
            "",
            "turn:",
            "none",
            "stun:a:1",
            "turn:a:99999",
            "turn://a:1",
            "turn:u@a",
            "turn:a?transport=sctp",
            "turn:a?transport=udp&x=1",
            "turn:a?",
            "turn:a b",
            "turn:a\n",
            "TURN:a",
        ] {
            assert!(bad.parse::<TurnUrl>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_secret_is_named_and_never_given() {
        for good in [
            "ssm:/turn/secret",
            "ssm:turn-secret",
            "secretsmanager:turn",
            "secretsmanager:prod/turn",
            "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:turn-AbCdEf",
        ] {
            assert_eq!(good.parse::<SecretSource>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "hunter2",
            "ssm:",
            "ssm:hunter2/x",
            "ssm:a*",
            "ssm:arn:aws:ssm:eu-west-1:123456789012:parameter/turn",
            "secretsmanager:",
            "secretsmanager:tu*",
            "secretsmanager:arn:aws:ssm:eu-west-1:123456789012:parameter/turn",
            "secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:*",
            "env:hunter2",
        ] {
            let refusal = bad.parse::<SecretSource>().unwrap_err();
            assert!(!refusal.contains("hunter2"), "{bad}");
        }
    }
}
