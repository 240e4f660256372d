//! Which operation an S3 request asks for: method, bucket or key, and the subresource in the query.

use super::super::call::{Call, Operation};

/// The bucket and the key that a path names; empty where it names none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) bucket: String,
    pub(super) key: String,
}

impl Target {
    /// Reads a path-style path, still percent-encoded.
    pub(super) fn of(path: &str) -> Self {
        let path = path.strip_prefix('/').unwrap_or(path);
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let decode = |text| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        Self { bucket: decode(bucket), key: decode(key) }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Level {
    Service,
    Bucket,
    Object,
}

struct Route {
    level: Level,
    method: &'static str,
    /// The query parameter that tells the operation from others of its method; empty for the plain one.
    subresource: &'static str,
    /// Further query parameters that are understood. Any other makes the request one that is not implemented.
    parameters: &'static [&'static str],
    operation: Operation,
}

const fn route(
    level: Level,
    method: &'static str,
    subresource: &'static str,
    parameters: &'static [&'static str],
    operation: Operation,
) -> Route {
    Route { level, method, subresource, parameters, operation }
}

use Level::{Bucket, Object, Service};

const ROUTES: &[Route] = &[
    route(Service, "GET", "", &["max-buckets", "prefix", "continuation-token"], Operation::read("ListBuckets")),
    route(Bucket, "PUT", "", &[], Operation::write("CreateBucket")),
    route(Bucket, "HEAD", "", &[], Operation::read("HeadBucket")),
    route(Bucket, "DELETE", "", &[], Operation::write("DeleteBucket")),
    route(Bucket, "GET", "location", &[], Operation::read("GetBucketLocation")),
    route(Bucket, "GET", "versioning", &[], Operation::read("GetBucketVersioning")),
    route(Bucket, "PUT", "versioning", &[], Operation::write("PutBucketVersioning")),
    route(Bucket, "PUT", "object-lock", &[], Operation::write("PutObjectLockConfiguration")),
    route(Bucket, "PUT", "lifecycle", &[], Operation::write("PutBucketLifecycleConfiguration")),
    route(Bucket, "PUT", "replication", &[], Operation::write("PutBucketReplication")),
    route(Bucket, "PUT", "requestPayment", &[], Operation::write("PutBucketRequestPayment")),
    route(Bucket, "GET", "ownershipControls", &[], Operation::read("GetBucketOwnershipControls")),
    route(Bucket, "GET", "tagging", &[], Operation::read("GetBucketTagging")),
    route(Bucket, "PUT", "tagging", &[], Operation::write("PutBucketTagging")),
    route(Bucket, "DELETE", "tagging", &[], Operation::write("DeleteBucketTagging")),
    route(Bucket, "GET", "encryption", &[], Operation::read("GetBucketEncryption")),
    route(Bucket, "PUT", "encryption", &[], Operation::write("PutBucketEncryption")),
    route(Bucket, "GET", "publicAccessBlock", &[], Operation::read("GetPublicAccessBlock")),
    route(Bucket, "PUT", "publicAccessBlock", &[], Operation::write("PutPublicAccessBlock")),
    route(Bucket, "DELETE", "publicAccessBlock", &[], Operation::write("DeletePublicAccessBlock")),
    route(Bucket, "GET", "policy", &[], Operation::read("GetBucketPolicy")),
    route(Bucket, "PUT", "policy", &[], Operation::write("PutBucketPolicy")),
    route(Bucket, "DELETE", "policy", &[], Operation::write("DeleteBucketPolicy")),
    route(Bucket, "GET", "policyStatus", &[], Operation::read("GetBucketPolicyStatus")),
    route(
        Bucket,
        "GET",
        "list-type",
        &["prefix", "delimiter", "max-keys", "continuation-token", "start-after", "encoding-type", "fetch-owner"],
        Operation::read("ListObjectsV2"),
    ),
    route(
        Bucket,
        "GET",
        "versions",
        &["prefix", "max-keys", "key-marker", "version-id-marker", "encoding-type"],
        Operation::read("ListObjectVersions"),
    ),
    route(
        Bucket,
        "GET",
        "uploads",
        &["prefix", "max-uploads", "key-marker", "upload-id-marker", "encoding-type"],
        Operation::read("ListMultipartUploads"),
    ),
    route(Bucket, "POST", "delete", &[], Operation::write("DeleteObjects")),
    route(Object, "POST", "uploads", &[], Operation::write("CreateMultipartUpload")),
    route(Object, "PUT", "uploadId", &["partNumber"], Operation::write("UploadPart")),
    route(Object, "DELETE", "uploadId", &[], Operation::write("AbortMultipartUpload")),
    route(Object, "PUT", "legal-hold", &["versionId"], Operation::write("PutObjectLegalHold")),
    route(Object, "PUT", "", &[], Operation::write("PutObject")),
    route(Object, "GET", "", &["versionId"], Operation::read("GetObject")),
    route(Object, "HEAD", "", &["versionId"], Operation::read("HeadObject")),
    route(Object, "DELETE", "", &["versionId"], Operation::write("DeleteObject")),
];

/// S3 Control, which on AWS has a host of its own (AWS-FACTS E1); here its header tells it from an object of that name.
pub(super) const ACCOUNT_ACCESS: &str = "/v20180820/configuration/publicAccessBlock";
pub(super) const ACCOUNT_ID: &str = "x-amz-account-id";

pub(super) fn operation(call: &Call) -> Option<Operation> {
    if call.header(ACCOUNT_ID).is_some() {
        let is_known = call.path == ACCOUNT_ACCESS && call.method == http::Method::GET && call.query.is_empty();
        return is_known.then(|| Operation::read("GetAccountPublicAccessBlock"));
    }
    let target = Target::of(&call.path);
    let level = match (target.bucket.is_empty(), target.key.is_empty()) {
        (true, _) => Service,
        (false, true) => Bucket,
        (false, false) => Object,
    };
    let fits = |route: &&Route| {
        route.level == level
            && route.method == call.method.as_str()
            && (route.subresource.is_empty() || call.query(route.subresource).is_some())
            && call.query.iter().all(|(name, _)| {
                // `x-id` repeats the operation's name, for load balancers.
                name == "x-id" || name == route.subresource || route.parameters.contains(&name.as_str())
            })
    };
    ROUTES.iter().find(fits).map(|route| route.operation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_bucket_and_a_key_with_its_slashes() {
        let target = |bucket: &str, key: &str| Target { bucket: bucket.to_owned(), key: key.to_owned() };
        assert_eq!(Target::of("/"), target("", ""));
        assert_eq!(Target::of("/demo"), target("demo", ""));
        assert_eq!(Target::of("/demo/"), target("demo", ""));
        assert_eq!(Target::of("/demo/js//a%20b%2Fc.js"), target("demo", "js//a b/c.js"));
        assert_eq!(Target::of("/demo/%ff"), target("demo", "\u{fffd}"));
    }
}
