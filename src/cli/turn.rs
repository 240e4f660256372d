//! Options of the TURN servers.

use clap::{Args, ValueEnum};

use super::values::SecretSourceParser;
use crate::config::{DEFAULT_TURN_LIFE, SecretSource, TurnUrl};

/// Who has TURN servers, so that nobody needs to run one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TurnService {
    /// Amazon Kinesis Video Streams
    Kvs,
}

/// Whose TURN servers a stack uses without running one.
#[derive(Clone, Debug, Args)]
pub(crate) struct TurnServiceOptions {
    /// Whose TURN servers carry calls for which there is no direct path: those of Amazon Kinesis Video Streams
    ///
    /// The stack gets a signalling channel, which AWS bills by the month in which it is used and by the minutes of its TURN servers. The
    /// page gets credentials that are good for minutes from the relay when a call begins.
    #[arg(long, value_name = "SERVICE")]
    pub(crate) turn: Option<TurnService>,
}

/// What carries calls for which there is no path.
#[derive(Debug, Args)]
pub(crate) struct TurnOptions {
    #[command(flatten)]
    pub(crate) service: TurnServiceOptions,

    /// TURN server that carries calls for which there is no direct path, e.g. turn:turn.example.org:3478?transport=udp; may be repeated
    ///
    /// Any server that takes the credentials of coturn's use-auth-secret. The page gets short-lived ones from the relay when a call
    /// begins; they stand in no file.
    #[arg(long, value_name = "URL", requires = "turn_secret_from", conflicts_with = "turn")]
    pub(crate) turn_url: Vec<TurnUrl>,

    /// Where the secret of these TURN servers is: ssm:/PATH of a parameter, or secretsmanager:NAME-OR-ARN
    ///
    /// Only the relay reads it, when it needs it; its role may read this one and no other. Encrypted with the account's own AWS key.
    /// With a key of yours, that key's policy must let the relay's role decrypt.
    #[arg(long, value_name = "SOURCE", requires = "turn_url", conflicts_with = "turn", value_parser = SecretSourceParser)]
    pub(crate) turn_secret_from: Option<SecretSource>,

    /// For how many seconds TURN credentials are good, 10 to 86400; the page renews them in longer calls
    #[arg(long, value_name = "SECONDS", default_value_t = DEFAULT_TURN_LIFE,
          value_parser = clap::value_parser!(u32).range(10..=86_400))]
    pub(crate) turn_life: u32,
}
