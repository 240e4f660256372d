//! What a browser without credentials gets: objects that a public policy gives to everyone (AWS-FACTS E1, E2).

use http::{HeaderMap, Method};

use super::super::answer::{self, Answer};
use super::super::call::Service;
use super::super::world::World;
use super::route::Target;
use super::store::Encryption;
use super::{Result, access, access_denied, check_exists, no_such_bucket, object, settings};

/// Answers a GET or HEAD without credentials. `path` is path-style.
pub(crate) fn public(world: &World, method: &Method, path: &str, headers: &HeaderMap, request_id: &str) -> Answer {
    read(world, method, &Target::of(path), headers)
        .unwrap_or_else(|error| answer::error(Service::S3, &error, request_id))
}

fn read(world: &World, method: &Method, target: &Target, headers: &HeaderMap) -> Result<Answer> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(access_denied());
    }
    let state = world.state();
    // Without a bucket it is ListBuckets, which nobody is allowed without credentials.
    if target.bucket.is_empty() {
        return Err(access_denied());
    }
    check_exists(&state.s3.foreign, &target.bucket)?;
    let bucket = state.s3.buckets.get(&target.bucket).ok_or_else(|| no_such_bucket(&target.bucket))?;
    let arn = format!("arn:aws:s3:::{}", target.bucket);
    // There is no index document: `/` is a listing, and listings are not served to the public here (AWS-FACTS E2).
    if target.key.is_empty() || !access::allows_everyone(bucket, "s3:GetObject", &format!("{arn}/{}", target.key)) {
        return Err(access_denied());
    }
    // Nobody without credentials can pay, or use a key of KMS (AWS-FACTS E4).
    let needs_credentials = settings::requester_pays(bucket)
        || bucket.objects.get(&target.key).is_some_and(|object| object.encryption == Encryption::Kms);
    if needs_credentials {
        return Err(access_denied());
    }
    object::get(bucket, &target.key, None, headers).map_err(|error| match error.code.as_str() {
        // Who may not list is not told whether a key exists (AWS-FACTS E2).
        "NoSuchKey" if !access::allows_everyone(bucket, "s3:ListBucket", &arn) => access_denied(),
        _ => error,
    })
}
