//! Buckets and objects.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::super::tags::Tags;

/// Everything S3 holds.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Store {
    pub(super) buckets: BTreeMap<String, Bucket>,
    /// Names that strangers' accounts have taken.
    pub(super) foreign: BTreeSet<String>,
    /// Regions of this account's buckets that are not in the local AWS's own.
    pub(super) elsewhere: BTreeMap<String, String>,
    /// Until when the names of deleted buckets stay taken (AWS-FACTS E3).
    #[serde(skip)]
    pub(super) released_at: BTreeMap<String, Instant>,
}

/// One bucket. Ownership is always `BucketOwnerEnforced` (AWS-FACTS E1).
#[derive(Clone, Debug, Serialize)]
pub(super) struct Bucket {
    pub(super) tags: Tags,
    pub(super) public_access_block: Option<PublicAccessBlock>,
    /// A public policy is refused until then, although the setting allows it already (AWS-FACTS E1).
    #[serde(skip)]
    pub(super) public_policy_refused_until: Option<Instant>,
    pub(super) policy: Option<Value>,
    /// What objects are encrypted with whose upload does not say (AWS-FACTS E4).
    pub(super) encryption: Encryption,
    pub(super) bucket_key: bool,
    /// `None`: never switched on.
    pub(super) versioning: Option<Versioning>,
    pub(super) mfa_delete: bool,
    pub(super) object_lock: Option<ObjectLock>,
    /// Other settings, as sent: none of them changes what the bucket's owner may do.
    pub(super) settings: BTreeMap<&'static str, String>,
    /// What a reader gets: the latest versions that are no delete markers.
    pub(super) objects: BTreeMap<String, Object>,
    /// What lies below, newest first.
    pub(super) history: BTreeMap<String, Vec<Past>>,
    /// Multipart uploads that were neither completed nor aborted, by key and then id.
    pub(super) uploads: Vec<Upload>,
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
            encryption: Encryption::S3,
            bucket_key: false,
            versioning: None,
            mfa_delete: false,
            object_lock: None,
            settings: BTreeMap::new(),
            objects: BTreeMap::new(),
            history: BTreeMap::new(),
            uploads: Vec::new(),
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
#[derive(Clone, Debug, Serialize)]
pub(super) struct Object {
    /// The snapshot has `sha256` in its stead.
    #[serde(skip)]
    pub(super) body: Bytes,
    pub(super) size: usize,
    pub(super) sha256: String,
    /// The MD5 of the body in quotes, as for every single PUT with SSE-S3 (AWS-FACTS E4).
    pub(super) etag: String,
    pub(super) encryption: Encryption,
    /// `null` in a bucket without versioning. Random, so not part of the snapshot.
    #[serde(skip)]
    pub(super) version: String,
    /// A legal hold or a retention: this version cannot be deleted.
    pub(super) is_locked: bool,
    /// `content-type`, `cache-control` and the like, and `x-amz-meta-*`: given back as they came.
    pub(super) headers: BTreeMap<String, String>,
    /// The checksums that the uploader sent, by header name.
    pub(super) checksums: BTreeMap<&'static str, String>,
    #[serde(skip)]
    pub(super) last_modified: jiff::Timestamp,
}

/// With which key an object is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) enum Encryption {
    #[serde(rename = "AES256")]
    S3,
    #[serde(rename = "aws:kms")]
    Kms,
}

impl Encryption {
    pub(super) fn parse(algorithm: &str) -> Option<Self> {
        [Self::S3, Self::Kms].into_iter().find(|encryption| encryption.algorithm() == algorithm)
    }

    pub(super) fn algorithm(self) -> &'static str {
        match self {
            Self::S3 => "AES256",
            Self::Kms => "aws:kms",
        }
    }
}

/// Whether writes keep what they replace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(super) enum Versioning {
    Enabled,
    Suspended,
}

/// Versions can be locked, and with a default retention each new one is.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct ObjectLock {
    pub(super) retains_new_versions: bool,
}

/// A version that is not, or no longer, what a reader gets.
#[derive(Clone, Debug, Serialize)]
pub(super) enum Past {
    Object(Object),
    DeleteMarker(DeleteMarker),
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct DeleteMarker {
    #[serde(skip)]
    pub(super) version: String,
    #[serde(skip)]
    pub(super) last_modified: jiff::Timestamp,
}

impl Past {
    pub(super) fn version(&self) -> &str {
        match self {
            Self::Object(object) => &object.version,
            Self::DeleteMarker(marker) => &marker.version,
        }
    }
}

/// A multipart upload under way.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Upload {
    pub(super) key: String,
    #[serde(skip)]
    pub(super) id: String,
    /// Sizes by part number.
    pub(super) parts: BTreeMap<u16, usize>,
    #[serde(skip)]
    pub(super) initiated: jiff::Timestamp,
}
