//! The options of `open`.

use clap::Args;

use super::StackOptions;

#[derive(Debug, Args)]
pub(crate) struct OpenOptions {
    #[command(flatten)]
    pub(crate) stack: StackOptions,

    #[command(flatten)]
    pub(crate) code: CodeOptions,
}

/// Whether the page's URL is shown for a phone, too.
#[derive(Debug, Args)]
pub(crate) struct CodeOptions {
    /// Show the page's URL as a QR code for a phone, on a terminal
    #[arg(long)]
    pub(crate) qr: bool,
}
