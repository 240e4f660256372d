//! Options of the commands that are about many stacks.

use clap::Args;

use super::{AccessOptions, PlaceOptions, values};
use crate::lifetime::Age;
use crate::naming::StackPattern;

#[derive(Debug, Args)]
pub(crate) struct ListOptions {
    /// Only stacks whose names fit: 'pr-*'
    #[arg(long = "match", value_name = "PATTERN")]
    pub(crate) pattern: Option<StackPattern>,

    #[command(flatten)]
    pub(crate) account: AccountOptions,
}

#[derive(Debug, Args)]
#[group(id = "rule", required = true, multiple = true, args = ["older_than", "expired"])]
pub(crate) struct SweepOptions {
    /// Take stacks to which nothing was done for this long, e.g. 3d: neither deployed nor any part of them made
    ///
    /// A stack whose '--expires' is still to come, or is 'never', stays.
    #[arg(long, value_name = "TIME")]
    pub(crate) older_than: Option<Age>,

    /// Take stacks whose '--expires' has passed
    ///
    /// One that was deployed in the last hour stays, as it may be in the making, unless --older-than says that it is old enough.
    #[arg(long)]
    pub(crate) expired: bool,

    /// Only stacks whose names fit: 'pr-*'
    #[arg(long = "match", value_name = "PATTERN")]
    pub(crate) pattern: Option<StackPattern>,

    /// Delete; otherwise nothing is changed, and what would be deleted is shown
    #[arg(long, short)]
    pub(crate) yes: bool,

    /// Also delete objects in the stacks' buckets that something else put there; otherwise such a stack stays, and is a failure
    #[arg(long)]
    pub(crate) delete_foreign_objects: bool,

    #[command(flatten)]
    pub(crate) account: AccountOptions,
}

/// Which account and regions, and as whom.
#[derive(Debug, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct AccountOptions {
    /// The AWS region, e.g. eu-central-1; may be repeated; otherwise AWS_REGION or the profile's
    #[arg(id = "region", long, value_name = "REGION", value_parser = values::region)]
    pub(crate) regions: Vec<String>,

    /// Every region in which the account has a bucket or a role of a stack
    #[arg(long, conflicts_with = "region")]
    pub(crate) all_regions: bool,

    #[command(flatten)]
    pub(crate) access: AccessOptions,
}

impl AccountOptions {
    /// The same for one region.
    pub(crate) fn place(&self, region: Option<String>) -> PlaceOptions {
        PlaceOptions { region, access: self.access.clone() }
    }
}
