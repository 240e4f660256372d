//! The options of `build`.

use std::path::PathBuf;

use clap::Args;

use crate::artifact::Architecture;

#[derive(Debug, Args)]
pub(crate) struct BuildOptions {
    /// The processor that the relay runs on
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Architecture::preferred(), conflicts_with = "local")]
    pub(crate) arch: Architecture,

    /// For the local AWS of this machine; on Linux that is the relay which Lambda gets, too
    #[arg(long)]
    pub(crate) local: bool,

    /// Where to put the zip; otherwise it stays in the cache
    #[arg(long, value_name = "FILE")]
    pub(crate) to: Option<PathBuf>,
}
