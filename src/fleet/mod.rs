//! Many stacks of one account: which there are, and which of them are to go. Found by tag and name, as everything is; there is no
//! list of them anywhere.

mod find;
mod judge;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::lifetime::{Age, Expiry, LastDeploy};
use crate::naming::{Region, StackName};

pub(crate) use find::{Depth, Finder};
pub(crate) use judge::Rules;

/// What of a stack is looked for: its five parts that stand for themselves. The others live in these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The WebSocket API.
    Api,
    /// The page's bucket.
    Bucket,
    /// The relay's function.
    Function,
    /// The function's role.
    Role,
    /// The function's log group.
    LogGroup,
}

impl Part {
    pub(crate) const ALL: [Self; 5] = [Self::Api, Self::Bucket, Self::Function, Self::Role, Self::LogGroup];

    /// In words for people.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Api => "API",
            Self::Bucket => "bucket",
            Self::Function => "function",
            Self::Role => "role",
            Self::LogGroup => "log group",
        }
    }
}

/// A stack of which at least one part is there.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FoundStack {
    /// Its name.
    pub stack: StackName,
    /// Where it is.
    pub region: Region,
    /// What of it is there.
    pub parts: Vec<Part>,
    /// What of it is not there; nothing, where it is complete.
    pub missing: Vec<Part>,
    /// When the oldest of its parts was made.
    #[serde(serialize_with = "as_text", skip_serializing_if = "Option::is_none")]
    pub created: Option<Timestamp>,
    /// When something was last done to it, as far as AWS shows: its last deploy, or the making of its newest part.
    #[serde(serialize_with = "as_text", skip_serializing_if = "Option::is_none")]
    pub last_activity: Option<Timestamp>,
    /// Seconds since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_s: Option<u64>,
    /// Its last deploy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed: Option<LastDeploy>,
    /// Until when it is to live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<Expiry>,
    /// Its page, where there is a bucket.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site_url: Option<String>,
}

impl FoundStack {
    pub(crate) fn is_complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// How long nothing was done to it.
    pub(crate) fn age(&self) -> Option<Age> {
        self.age_s.map(Age::of_seconds)
    }
}

fn as_text<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(time),
        None => serializer.serialize_none(),
    }
}

/// A stack, and what is to become of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// The stack.
    #[serde(flatten)]
    pub stack: FoundStack,
    /// Whether it is to be deleted.
    pub delete: bool,
    /// Why, or why not.
    pub reason: String,
}
