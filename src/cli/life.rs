//! Options about a stack's tags and how long it lives.

use clap::Args;

use crate::lifetime::Lifetime;
use crate::naming::UserTag;

/// Tags beside ours.
#[derive(Debug, Args)]
pub(crate) struct TagOptions {
    /// Put a tag of your own on everything that takes tags: KEY=VALUE; may be repeated
    ///
    /// On the bucket, the API and its stage, the function, its role and its log group, beside webrtc-aws's own. One that somebody
    /// changes or removes is put back; tags that others add stay. A tag that is no longer asked for stays, too: nothing tells it from
    /// one that others added.
    #[arg(long = "tag", value_name = "KEY=VALUE")]
    pub(crate) tags: Vec<UserTag>,
}

/// How long the stack is to live.
#[derive(Debug, Args)]
pub(crate) struct LifeOptions {
    /// Let 'webrtc-aws sweep --expired' remove the stack after this time, e.g. 24h or 3d; 'never' takes that back
    ///
    /// Nothing happens by itself: the time is a tag, rounded up to the full hour in UTC. Every run with this option counts anew from
    /// now; a run without it leaves the time as it is.
    #[arg(long, value_name = "TIME|never", help_heading = "What")]
    pub(crate) expires: Option<Lifetime>,
}
