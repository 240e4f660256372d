//! Buckets and objects.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::super::tags::Tags;

/// Everything S3 holds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Store {
    pub(super) buckets: BTreeMap<String, Bucket>,
    /// Names that strangers' accounts have taken.
    pub(super) foreign: BTreeSet<String>,
}

/// One bucket. Ownership is always `BucketOwnerEnforced`, and objects are always encrypted with SSE-S3 (AWS-FACTS E1, E4).
#[derive(Debug, Serialize)]
pub(super) struct Bucket {
    pub(super) tags: Tags,
    pub(super) public_access_block: Option<PublicAccessBlock>,
    /// A public policy is refused until then, although the setting allows it already (AWS-FACTS E1).
    #[serde(skip)]
    pub(super) public_policy_refused_until: Option<Instant>,
    pub(super) policy: Option<Value>,
    pub(super) bucket_key: bool,
    pub(super) objects: BTreeMap<String, Object>,
    #[serde(skip)]
    pub(super) created: jiff::Timestamp,
}

impl Bucket {
    pub(super) fn new(tags: Tags) -> Self {
        Self {
            tags,
            public_access_block: Some(PublicAccessBlock::ALL),
            public_policy_refused_until: None,
            policy: None,
            bucket_key: false,
            objects: BTreeMap::new(),
            created: jiff::Timestamp::now(),
        }
    }
}

/// The four settings that block public access. Absent ones are off.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all(deserialize = "PascalCase"), default)]
pub(super) struct PublicAccessBlock {
    pub(super) block_public_acls: bool,
    pub(super) ignore_public_acls: bool,
    pub(super) block_public_policy: bool,
    pub(super) restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// What new buckets have (AWS-FACTS E1).
    const ALL: Self = Self {
        block_public_acls: true,
        ignore_public_acls: true,
        block_public_policy: true,
        restrict_public_buckets: true,
    };
}

/// One object.
#[derive(Debug, Serialize)]
pub(super) struct Object {
    /// The snapshot has `sha256` in its stead.
    #[serde(skip)]
    pub(super) body: Bytes,
    pub(super) size: usize,
    pub(super) sha256: String,
    /// The MD5 of the body in quotes, as for every single PUT with SSE-S3 (AWS-FACTS E4).
    pub(super) etag: String,
    /// `content-type`, `cache-control` and the like, and `x-amz-meta-*`: given back as they came.
    pub(super) headers: BTreeMap<String, String>,
    /// The checksums that the uploader sent, by header name.
    pub(super) checksums: BTreeMap<&'static str, String>,
    #[serde(skip)]
    pub(super) last_modified: jiff::Timestamp,
}
