//! S3: buckets that block public access and refuse ACLs, their objects, and the public GET that a browser sends.

mod access;
mod bucket;
mod checksum;
mod listing;
mod object;
mod public;
mod route;
mod settings;
mod store;
mod uploads;
mod versions;

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{HeaderValue, StatusCode};
use serde::de::DeserializeOwned;

pub(crate) use public::public;
pub(crate) use store::Store;

use super::answer::{self, Answer, AwsError};
use super::call::{Call, Operation};
use super::hold::Hold;
use super::world::{State, World};
use route::Target;
use store::Bucket;

type Result<T> = std::result::Result<T, AwsError>;

pub(crate) fn operation(call: &Call) -> Option<Operation> {
    route::operation(call)
}

pub(crate) async fn handle(world: &Arc<World>, call: &Call) -> Answer {
    let Some(operation) = operation(call) else {
        return answer::error(call.service, &unsupported("This operation"), &call.request_id);
    };
    let result = held(world, call, operation).await;
    let mut answer = result.unwrap_or_else(|error| answer::error(call.service, &error, &call.request_id));
    // Present on refusals too: it is how clients find a bucket's region (AWS-FACTS E3).
    let bucket = Target::of(&call.path).bucket;
    let region = world.state().s3.elsewhere.get(&bucket).unwrap_or(&world.options.region).clone();
    if let (false, Ok(region)) = (bucket.is_empty(), HeaderValue::from_str(&region)) {
        answer.headers_mut().insert("x-amz-bucket-region", region);
    }
    answer
}

/// Runs a call. A write to a bucket's settings holds the bucket (AWS-FACTS E3).
async fn held(world: &World, call: &Call, operation: Operation) -> Result<Answer> {
    let target = Target::of(&call.path);
    let _hold = match target.key.is_empty() && operation.is_write && operation.name != "DeleteObjects" {
        true => {
            let hold = Hold::take(world, format!("buckets/{}", target.bucket), world.options.manners.bucket_write);
            Some(hold.await.ok_or_else(bucket::conflicting_operation)?)
        }
        false => None,
    };
    let (manners, now) = (&world.options.manners, world.now());
    let mut state = world.state();
    let store = &mut state.s3;
    if operation.is_write {
        run(world, store.change(now, manners.memory()), call, operation.name)
    } else if operation.name.contains("Object") || operation.name == "ListMultipartUploads" {
        // Objects are shown as they are, buckets and their settings as they were (AWS-FACTS E1).
        run(world, store, call, operation.name)
    } else {
        run(world, &mut store.seen(now, manners.bucket_lag).clone(), call, operation.name)
    }
}

fn run(world: &World, store: &mut Store, call: &Call, operation: &str) -> Result<Answer> {
    let target = Target::of(&call.path);
    let checksums = checksum::verify(&call.headers, &call.body)?;
    match operation {
        "ListBuckets" => return Ok(listing::list_buckets(world, store, call)),
        "GetAccountPublicAccessBlock" => return access::get_account_public_access_block(world, store, call),
        "CreateBucket" => return bucket::create(world, store, &target.bucket, call),
        _ => {}
    }
    let account_block = store.account_access_block;
    let bucket = owned_bucket(world, store, &target.bucket, call)?;
    access::check_call(world, bucket, call, operation, &target)?;
    match operation {
        "HeadBucket" => Ok(answer::empty(StatusCode::OK)),
        "DeleteBucket" => bucket::delete(world, store, &target.bucket),
        "GetBucketLocation" => Ok(bucket::location(world)),
        "GetBucketVersioning" => Ok(settings::get_versioning(bucket)),
        "PutBucketVersioning" => settings::put_versioning(bucket, call),
        "PutObjectLockConfiguration" => settings::put_object_lock(bucket, call),
        "PutBucketLifecycleConfiguration" => settings::put_other(bucket, "lifecycle", call),
        "PutBucketReplication" => settings::put_other(bucket, "replication", call),
        "PutBucketRequestPayment" => settings::put_other(bucket, "requestPayment", call),
        "GetBucketOwnershipControls" => Ok(bucket::ownership_controls()),
        "GetBucketTagging" => bucket::get_tagging(bucket),
        "PutBucketTagging" => bucket::put_tagging(bucket, call),
        "DeleteBucketTagging" => {
            bucket.tags.clear();
            Ok(answer::empty(StatusCode::NO_CONTENT))
        }
        "GetBucketEncryption" => Ok(bucket::get_encryption(bucket)),
        "PutBucketEncryption" => bucket::put_encryption(bucket, call),
        "GetPublicAccessBlock" => access::get_public_access_block(bucket),
        "PutPublicAccessBlock" => access::put_public_access_block(world, bucket, call),
        "DeletePublicAccessBlock" => {
            access::set_public_access_block(world, bucket, None);
            Ok(answer::empty(StatusCode::NO_CONTENT))
        }
        "GetBucketPolicy" => access::get_policy(bucket),
        "PutBucketPolicy" => access::put_policy(world, account_block, bucket, &target.bucket, call),
        "DeleteBucketPolicy" => {
            bucket.policy = None;
            Ok(answer::empty(StatusCode::NO_CONTENT))
        }
        "GetBucketPolicyStatus" => access::get_policy_status(bucket),
        "ListObjectsV2" => listing::list_objects(world, bucket, &target.bucket, call),
        "ListObjectVersions" => listing::list_versions(world, bucket, &target.bucket, call),
        "ListMultipartUploads" => listing::list_uploads(world, bucket, &target.bucket, call),
        "CreateMultipartUpload" => Ok(uploads::create(bucket, &target.bucket, &target.key)),
        "UploadPart" => uploads::put_part(bucket, &target.key, call, &object::etag(&call.body)),
        "AbortMultipartUpload" => uploads::abort(bucket, &target.key, call),
        "PutObjectLegalHold" => settings::put_legal_hold(bucket, &target.key, call),
        "DeleteObjects" => object::delete_many(world, bucket, call, |bucket, key, version| {
            access::check(world, bucket, call, access::delete_action(version), &format!("{}/{key}", target.bucket))
        }),
        "PutObject" => object::put(world, bucket, &target.key, call, checksums),
        "GetObject" | "HeadObject" => object::get(bucket, &target.key, call.query("versionId"), &call.headers),
        "DeleteObject" => object::delete(world, bucket, &target.key, call),
        // `route::ROUTES` lets nothing else through.
        other => Err(unsupported(other)),
    }
}

/// Gives a bucket name to a stranger's account.
pub(crate) fn seed_foreign_bucket(state: &mut State, name: &str) {
    state.s3.foreign.insert(name.to_owned());
}

/// Forbids public access in all buckets of the account.
#[cfg(test)]
pub(crate) fn seed_account_access_block(state: &mut State) {
    state.s3.account_access_block = Some(store::PublicAccessBlock::ALL);
}

/// Puts a bucket of this account into another region.
pub(crate) fn seed_bucket_elsewhere(state: &mut State, name: &str, region: &str) {
    state.s3.elsewhere.insert(name.to_owned(), region.to_owned());
}

/// The bucket, if it is this account's, and the caller expects it to be.
fn owned_bucket<'a>(world: &World, store: &'a mut Store, name: &str, call: &Call) -> Result<&'a mut Bucket> {
    check_exists(&store.foreign, name)?;
    if let Some(region) = store.elsewhere.get(name) {
        let message = "The bucket you are attempting to access must be addressed using the specified endpoint. Please send all \
                       future requests to this endpoint.";
        let moved = AwsError::new(StatusCode::MOVED_PERMANENTLY, "PermanentRedirect", message);
        return Err(moved.with("Endpoint", format!("{name}.s3.{region}.amazonaws.com")));
    }
    let bucket = store.buckets.get_mut(name).ok_or_else(|| no_such_bucket(name))?;
    match call.header("x-amz-expected-bucket-owner") {
        Some(owner) if owner != world.options.account => Err(access_denied()),
        _ => Ok(bucket),
    }
}

fn check_exists(foreign: &BTreeSet<String>, name: &str) -> Result<()> {
    if foreign.contains(name) { Err(access_denied()) } else { Ok(()) }
}

fn no_such_bucket(name: &str) -> AwsError {
    AwsError::new(StatusCode::NOT_FOUND, "NoSuchBucket", "The specified bucket does not exist").with("BucketName", name)
}

fn access_denied() -> AwsError {
    AwsError::new(StatusCode::FORBIDDEN, "AccessDenied", "Access Denied")
}

fn bad_request(code: &'static str, message: &str) -> AwsError {
    AwsError::new(StatusCode::BAD_REQUEST, code, message)
}

fn unsupported(what: &str) -> AwsError {
    let message = format!("{what} implies functionality that the local AWS does not implement");
    AwsError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message)
}

/// An XML answer in S3's namespace.
fn document(root: &str, content: &str) -> Answer {
    let body = format!("<{root} xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{content}</{root}>");
    answer::xml(StatusCode::OK, "application/xml", &body)
}

/// Reads an XML body.
fn input<T: DeserializeOwned>(call: &Call) -> Result<T> {
    let malformed = || {
        bad_request(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        )
    };
    let text = str::from_utf8(&call.body).map_err(|_| malformed())?;
    // XML has no way to write any other character.
    if !text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)) {
        return Err(malformed());
    }
    quick_xml::de::from_str(text).map_err(|_| malformed())
}
