//! The options of `doctor`.

use std::path::PathBuf;

use clap::Args;

use super::{BucketOptions, PlaceOptions, RoleOptions, TurnServiceOptions};
use crate::artifact::Architecture;
use crate::naming::StackName;

#[derive(Debug, Args)]
pub(crate) struct DoctorOptions {
    /// The stack for which permissions are asked about; it need not exist
    #[arg(id = "stack", value_name = "STACK", default_value = "demo")]
    pub(crate) name: StackName,

    #[command(flatten)]
    pub(crate) place: PlaceOptions,

    #[command(flatten)]
    pub(crate) bucket: BucketOptions,

    #[command(flatten)]
    pub(crate) role: RoleOptions,

    #[command(flatten)]
    pub(crate) turn: TurnServiceOptions,

    /// A finished relay, as for 'up'
    #[arg(long, value_name = "PATH")]
    pub(crate) relay: Option<PathBuf>,

    /// The processor that the relay is to run on; on the local AWS always this machine's
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Architecture::preferred(), conflicts_with = "local")]
    pub(crate) arch: Architecture,
}
