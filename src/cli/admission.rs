//! Options about who may connect.

use clap::Args;

use super::values::SecretSourceParser;
use crate::config::{AllowedOrigin, SecretSource};

/// Who may connect to the relay.
#[derive(Debug, Args)]
pub(crate) struct AdmissionOptions {
    /// Let only pages of this origin connect to the relay: 'self' for the stack's own, or e.g. https://app.example.org; may be repeated
    ///
    /// Browsers say which page opens a connection, and any other is refused; programs that are no browsers may say what they like.
    /// Otherwise all pages may connect. All pages in one bucket have one origin, which matters with --existing-bucket.
    #[arg(long = "allowed-origin", value_name = "URL|self")]
    pub(crate) allowed_origins: Vec<AllowedOrigin>,

    /// Let only who has this token connect to the relay: ssm:/PATH of a parameter, or secretsmanager:NAME-OR-ARN
    ///
    /// The token goes with the link to the page, as ...#&token=TOKEN. Only the relay reads it where it is kept; its role may read this
    /// one and no other. Otherwise everybody who knows the address may connect.
    #[arg(long, value_name = "SOURCE", value_parser = SecretSourceParser)]
    pub(crate) join_token_from: Option<SecretSource>,
}
