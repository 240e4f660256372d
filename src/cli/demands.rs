//! What an account may forbid or demand of everybody.

use clap::Args;

use super::values;
use crate::naming::{ExistingBucket, ExistingRole, RolePath};

/// The relay's role, and what an account may demand of every role.
#[derive(Clone, Debug, Args)]
pub(crate) struct RoleOptions {
    /// Run the relay under this role, which is there already, instead of one of the stack's own: its name or ARN
    ///
    /// For accounts where nobody may create roles. It has to let Lambda assume it, and to be allowed what 'webrtc-aws policy --for relay'
    /// prints; it is never changed or removed. Of a role under a path, 'policy' needs the ARN.
    #[arg(long, value_name = "NAME|ARN", conflicts_with_all = ["permissions_boundary", "role_path"])]
    pub(crate) existing_role: Option<ExistingRole>,

    /// Limit the relay's role by this managed policy; some accounts demand one for every role
    #[arg(long, value_name = "ARN", value_parser = values::managed_policy)]
    pub(crate) permissions_boundary: Option<String>,

    /// Put the relay's role under this path, e.g. /team/; a role that stands is not moved
    #[arg(long, value_name = "PATH", default_value = "/")]
    pub(crate) role_path: RolePath,
}

/// Where the page is.
#[derive(Clone, Debug, Args)]
pub(crate) struct BucketOptions {
    /// Put the page into this bucket, which is there already, instead of one of the stack's own
    ///
    /// For accounts where nobody may create public buckets. The files go below webrtc-aws/STACK/, or PREFIX/webrtc-aws/STACK/, and nothing
    /// else of the bucket is looked at or changed: its owner lets everybody read them, adding what 'webrtc-aws policy --for bucket' prints
    /// to its policy. 'teardown' finds the bucket by the stack's tags, and needs this where none is left.
    #[arg(long, value_name = "NAME[/PREFIX]")]
    pub(crate) existing_bucket: Option<ExistingBucket>,
}
