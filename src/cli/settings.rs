//! The options that are about settings as such.

use std::path::PathBuf;

use clap::{Args, Command};

use super::{ContentOptions, StackOptions};
use crate::settings;

/// Where settings are read from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct SettingsOptions {
    /// Read settings from this file; 'none' reads none. Otherwise WEBRTC_AWS_CONFIG, or webrtc-aws.toml in the current directory
    #[arg(long, value_name = "PATH|none", global = true)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct ConfigOptions {
    #[command(flatten)]
    pub(crate) stack: StackOptions,
    #[command(flatten)]
    pub(crate) content: ContentOptions,
}

const ELSEWHERE: &str = "Options can also be set in the environment, --region as WEBRTC_AWS_REGION, and in webrtc-aws.toml, as \
    region = \"eu-central-1\". An option that is given comes first, then the environment. 'webrtc-aws config' shows what is set \
    where.";

/// A command whose help says that its options can be set elsewhere, if so.
pub(super) fn explained(command: Command) -> Command {
    if settings::has_settings(&command) { command.after_help(ELSEWHERE) } else { command }
}
