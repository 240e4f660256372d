//! Objects: write, read, delete (AWS-FACTS E4, E5).

use std::collections::BTreeMap;
use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use md5::Md5;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::super::answer::{self, Answer, AwsError};
use super::super::call::Call;
use super::super::world::World;
use super::super::xml;
use super::settings::require_mfa;
use super::store::{Bucket, Encryption, Object};
use super::versions::Deleted;
use super::{Result, bad_request, document, input, unsupported};

const MAXIMUM_KEY: usize = 1024;
const MAXIMUM_DELETIONS: usize = 1000;
const METADATA_PREFIX: &str = "x-amz-meta-";

/// Headers that are stored with an object and given back with it.
const STORED: &[&str] =
    &["content-type", "cache-control", "content-disposition", "content-encoding", "content-language", "expires"];

/// `x-amz-*` headers of a PutObject that need nothing done, or are looked at elsewhere.
const UNDERSTOOD: &[&str] = &[
    "x-amz-date",
    "x-amz-content-sha256",
    "x-amz-security-token",
    "x-amz-user-agent",
    "x-amz-decoded-content-length",
    "x-amz-trailer",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-expected-bucket-owner",
];

pub(super) fn put(
    world: &World,
    bucket: &mut Bucket,
    key: &str,
    call: &Call,
    checksums: BTreeMap<&'static str, String>,
) -> Result<Answer> {
    if key.len() > MAXIMUM_KEY {
        return Err(bad_request("KeyTooLongError", "Your key is too long"));
    }
    check_headers(call)?;
    check_conditions(bucket.objects.get(key), &call.headers)?;
    let object = Object {
        size: call.body.len(),
        sha256: hex::encode(Sha256::digest(&call.body)),
        etag: etag(&call.body),
        encryption: call
            .header("x-amz-server-side-encryption")
            .and_then(Encryption::parse)
            .unwrap_or(bucket.encryption),
        version: String::new(),
        is_locked: false,
        headers: stored_headers(&call.headers),
        checksums,
        last_modified: world.wall_clock(),
        body: call.body.clone(),
    };
    let mut answer = answer::empty(StatusCode::OK);
    insert(&mut answer, "etag", &object.etag);
    insert(&mut answer, "x-amz-server-side-encryption", object.encryption.algorithm());
    add_checksums(&mut answer, &object);
    bucket.insert(key, object);
    if let (Some(_), Some(object)) = (bucket.versioning, bucket.objects.get(key)) {
        insert(&mut answer, "x-amz-version-id", &object.version);
    }
    Ok(answer)
}

pub(super) fn etag(body: &[u8]) -> String {
    format!("\"{}\"", hex::encode(Md5::digest(body)))
}

fn check_headers(call: &Call) -> Result<()> {
    for name in call.headers.keys().map(HeaderName::as_str).filter(|name| name.starts_with("x-amz-")) {
        match (name, call.header(name).unwrap_or_default()) {
            // The one ACL that a bucket without ACLs takes.
            ("x-amz-acl", "bucket-owner-full-control") => {}
            ("x-amz-acl", _) => {
                return Err(bad_request("AccessControlListNotSupported", "The bucket does not allow ACLs"));
            }
            (grant, _) if grant.starts_with("x-amz-grant-") => {
                return Err(bad_request("AccessControlListNotSupported", "The bucket does not allow ACLs"));
            }
            ("x-amz-server-side-encryption", "AES256" | "aws:kms") | ("x-amz-storage-class", "STANDARD") => {}
            (known, _) if UNDERSTOOD.contains(&known) => {}
            // `checksum::verify` has been here before.
            (other, _) if other.starts_with("x-amz-checksum-") || other.starts_with(METADATA_PREFIX) => {}
            (other, value) => return Err(unsupported(&format!("The header {other}: {value}"))),
        }
    }
    Ok(())
}

/// Conditional writes: `If-None-Match: *` and `If-Match`.
fn check_conditions(existing: Option<&Object>, headers: &HeaderMap) -> Result<()> {
    let fails = match (headers.get(header::IF_NONE_MATCH), headers.get(header::IF_MATCH)) {
        (Some(etags), _) => existing.is_some_and(|object| matches_etag(etags, object)),
        (None, Some(etags)) => !existing.is_some_and(|object| matches_etag(etags, object)),
        (None, None) => false,
    };
    if fails { Err(precondition_failed()) } else { Ok(()) }
}

fn stored_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut stored = BTreeMap::new();
    for (name, value) in headers {
        let (name, Ok(value)) = (name.as_str(), value.to_str()) else { continue };
        if !STORED.contains(&name) && !name.starts_with(METADATA_PREFIX) {
            continue;
        }
        // `aws-chunked` described the transfer, not the object (AWS-FACTS J2).
        let value = match name {
            "content-encoding" => {
                value.split(',').map(str::trim).filter(|coding| *coding != "aws-chunked").collect::<Vec<_>>().join(",")
            }
            _ => value.to_owned(),
        };
        if !value.is_empty() {
            stored.insert(name.to_owned(), value);
        }
    }
    // AWS-FACTS E4.
    stored.entry("content-type".to_owned()).or_insert_with(|| "binary/octet-stream".to_owned());
    stored
}

/// GetObject and HeadObject: the server leaves the body out for the latter.
pub(super) fn get(bucket: &Bucket, key: &str, version: Option<&str>, headers: &HeaderMap) -> Result<Answer> {
    let object = bucket.object(key, version).ok_or_else(|| no_such_key(key))?;
    if headers.get(header::IF_MATCH).is_some_and(|etags| !matches_etag(etags, object)) {
        return Err(precondition_failed());
    }
    let is_unchanged = headers.get(header::IF_NONE_MATCH).is_some_and(|etags| matches_etag(etags, object));
    let mut answer = if is_unchanged { answer::empty(StatusCode::NOT_MODIFIED) } else { content(object, headers)? };
    for (name, value) in &object.headers {
        insert(&mut answer, name, value);
    }
    insert(&mut answer, "etag", &object.etag);
    insert(&mut answer, "last-modified", &object.last_modified.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string());
    insert(&mut answer, "accept-ranges", "bytes");
    insert(&mut answer, "x-amz-server-side-encryption", object.encryption.algorithm());
    if bucket.versioning.is_some() {
        insert(&mut answer, "x-amz-version-id", &object.version);
    }
    if headers.get("x-amz-checksum-mode").is_some_and(|mode| mode == "ENABLED") && !headers.contains_key(header::RANGE)
    {
        add_checksums(&mut answer, object);
    }
    Ok(answer)
}

fn content(object: &Object, headers: &HeaderMap) -> Result<Answer> {
    let range = headers
        .get(header::RANGE)
        .and_then(|range| range.to_str().ok())
        .and_then(|range| parse_range(range, object.size));
    let with_body = |status, body: Bytes| {
        let mut answer = answer::empty(status);
        *answer.body_mut() = body;
        answer
    };
    match range {
        None => Ok(with_body(StatusCode::OK, object.body.clone())),
        Some(range) if range.is_empty() => {
            let message = "The requested range is not satisfiable";
            Err(AwsError::new(StatusCode::RANGE_NOT_SATISFIABLE, "InvalidRange", message))
        }
        Some(range) => {
            let described = format!("bytes {}-{}/{}", range.start, range.end - 1, object.size);
            let mut answer = with_body(StatusCode::PARTIAL_CONTENT, object.body.slice(range));
            insert(&mut answer, "content-range", &described);
            Ok(answer)
        }
    }
}

/// One byte range; none where the header is to be ignored, an empty one where it cannot be satisfied.
fn parse_range(header: &str, size: usize) -> Option<Range<usize>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) if first <= last => Some(first.min(size)..last.saturating_add(1).min(size)),
        (Ok(first), Err(_)) if last.is_empty() => Some(first.min(size)..size),
        (Err(_), Ok(length)) if first.is_empty() => Some(size.saturating_sub(length)..size),
        _ => None,
    }
}

pub(super) fn delete(world: &World, bucket: &mut Bucket, key: &str, call: &Call) -> Result<Answer> {
    // An absent object counts as deleted.
    let deleted = match call.query("versionId") {
        Some(version) => {
            if bucket.mfa_delete {
                require_mfa(call)?;
            }
            bucket.remove_version(key, version)?
        }
        None => bucket.remove(key, world.wall_clock()),
    };
    let mut answer = answer::empty(StatusCode::NO_CONTENT);
    if let Some(version) = &deleted.version {
        insert(&mut answer, "x-amz-version-id", version);
    }
    if deleted.is_marker {
        insert(&mut answer, "x-amz-delete-marker", "true");
    }
    Ok(answer)
}

/// DeleteObjects: 200 even where single keys fail (AWS-FACTS E5).
pub(super) fn delete_many(
    world: &World,
    bucket: &mut Bucket,
    call: &Call,
    may_delete: impl Fn(&Bucket, &str, Option<&str>) -> Result<()>,
) -> Result<Answer> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Delete {
        object: Vec<Identifier>,
        #[serde(default)]
        quiet: bool,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Identifier {
        key: String,
        version_id: Option<String>,
    }
    let has_checksum =
        call.headers.keys().map(HeaderName::as_str).any(|name| {
            name == "content-md5" || (name.starts_with("x-amz-checksum-") && name != "x-amz-checksum-mode")
        });
    if !has_checksum {
        let message = "Missing required header for this request: Content-MD5 OR x-amz-checksum-*";
        return Err(bad_request("InvalidRequest", message));
    }
    let Delete { object: identifiers, quiet } = input(call)?;
    if identifiers.len() > MAXIMUM_DELETIONS {
        return Err(bad_request("MalformedXML", "A DeleteObjects request can name at most 1000 keys"));
    }
    // One version among the keys, and the whole request needs the second factor (AWS-FACTS E5).
    if bucket.mfa_delete && identifiers.iter().any(|identifier| identifier.version_id.is_some()) {
        require_mfa(call)?;
    }
    let mut result = String::new();
    for Identifier { key, version_id } in identifiers {
        let version = version_id.as_deref().filter(|version| !version.is_empty());
        let named = xml::text("Key", &key) + &xml::optional("VersionId", version);
        let deleted = may_delete(bucket, &key, version).and_then(|()| match version {
            Some(version) => bucket.remove_version(&key, version),
            None => Ok(bucket.remove(&key, world.wall_clock())),
        });
        match deleted {
            Ok(Deleted { .. }) if quiet => {}
            Ok(Deleted { version: made, is_marker }) => {
                let marker = xml::optional("DeleteMarker", is_marker.then_some(true))
                    + &xml::optional("DeleteMarkerVersionId", made.filter(|_| is_marker));
                result += &xml::element("Deleted", &(named + &marker));
            }
            Err(error) => {
                let problem = xml::text("Code", &error.code) + &xml::text("Message", &error.message);
                result += &xml::element("Error", &(named + &problem));
            }
        }
    }
    Ok(document("DeleteResult", &result))
}

fn matches_etag(etags: &HeaderValue, object: &Object) -> bool {
    etags.to_str().is_ok_and(|etags| {
        etags.split(',').map(str::trim).any(|etag| etag == "*" || etag.trim_start_matches("W/") == object.etag)
    })
}

fn add_checksums(answer: &mut Answer, object: &Object) {
    for (name, value) in &object.checksums {
        insert(answer, name, value);
    }
    if !object.checksums.is_empty() {
        insert(answer, "x-amz-checksum-type", "FULL_OBJECT");
    }
}

fn insert(answer: &mut Answer, name: &str, value: &str) {
    // Both came in as headers, or were made here.
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        answer.headers_mut().insert(name, value);
    }
}

fn precondition_failed() -> AwsError {
    let message = "At least one of the pre-conditions you specified did not hold";
    AwsError::new(StatusCode::PRECONDITION_FAILED, "PreconditionFailed", message)
}

pub(super) fn no_such_key(key: &str) -> AwsError {
    AwsError::new(StatusCode::NOT_FOUND, "NoSuchKey", "The specified key does not exist.").with("Key", key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_keeps_its_own_headers_and_none_of_the_transfer() {
        let sent = [
            ("content-encoding", "gzip, aws-chunked"),
            ("x-amz-meta-source", "a"),
            ("x-amz-date", "20260101T000000Z"),
            ("content-length", "1"),
        ];
        let headers =
            sent.into_iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let stored = stored_headers(&HeaderMap::from_iter(headers));
        let expected =
            [("content-encoding", "gzip"), ("content-type", "binary/octet-stream"), ("x-amz-meta-source", "a")];
        assert_eq!(stored, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    }

    #[test]
    fn ranges_are_read_as_http_defines_them() {
        assert_eq!(parse_range("bytes=0-3", 10), Some(0..4));
        assert_eq!(parse_range("bytes=4-", 10), Some(4..10));
        assert_eq!(parse_range("bytes=-3", 10), Some(7..10));
        assert_eq!(parse_range("bytes=8-100", 10), Some(8..10));
        assert!(parse_range("bytes=10-", 10).unwrap().is_empty());
        assert!(parse_range("bytes=-0", 10).unwrap().is_empty());
        for ignored in ["bytes=3-2", "bytes=a-b", "items=0-1", "bytes=0-1,3-4", "bytes=-"] {
            assert_eq!(parse_range(ignored, 10), None, "{ignored}");
        }
    }
}
