//! Listings: buckets, objects, versions, uploads.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::super::answer::Answer;
use super::super::call::Call;
use super::super::world::World;
use super::super::xml;
use super::store::{Bucket, Object, Store};
use super::versions::Entry;
use super::{Result, bad_request, document};

const MAXIMUM_KEYS: usize = 1000;
/// What `encoding-type=url` leaves as it is.
const UNENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'/').remove(b'*');
const TIME: &str = "%Y-%m-%dT%H:%M:%S.000Z";

pub(super) fn list_buckets(world: &World, store: &Store, call: &Call) -> Answer {
    let prefix = call.query("prefix").unwrap_or_default();
    let here = store.buckets.iter().map(|(name, bucket)| (name, &world.options.region, bucket.created));
    let elsewhere = store.elsewhere.iter().map(|(name, region)| (name, region, jiff::Timestamp::UNIX_EPOCH));
    let buckets = here.chain(elsewhere).filter(|(name, ..)| name.starts_with(prefix));
    let buckets = xml::list("Bucket", buckets, |(name, region, created)| {
        xml::text("Name", name)
            + &xml::text("CreationDate", created.strftime(TIME))
            + &xml::text("BucketRegion", region)
            + &xml::text("BucketArn", format!("arn:aws:s3:::{name}"))
    });
    document("ListAllMyBucketsResult", &(owner(world) + &xml::element("Buckets", &buckets)))
}

/// What a listing is asked for, under the names that all listings share.
struct Query<'a> {
    prefix: &'a str,
    delimiter: &'a str,
    /// Keys up to and including this one are left out.
    after: &'a str,
    maximum: usize,
    encode: bool,
}

impl<'a> Query<'a> {
    fn new(world: &World, call: &'a Call, after: &'a str) -> Result<Self> {
        let maximum = match call.query("max-keys").or(call.query("max-uploads")).map(str::parse::<usize>) {
            None => MAXIMUM_KEYS,
            Some(Ok(maximum)) => maximum.min(MAXIMUM_KEYS),
            Some(Err(_)) => {
                return Err(bad_request("InvalidArgument", "Provided max-keys not an integer or within integer range"));
            }
        };
        let maximum = world.options.manners.page(maximum);
        let encode = match call.query("encoding-type") {
            None => false,
            Some("url") => true,
            Some(_) => return Err(bad_request("InvalidArgument", "Invalid Encoding Method specified in Request")),
        };
        let text = |name| call.query(name).unwrap_or_default();
        Ok(Self { prefix: text("prefix"), delimiter: text("delimiter"), after, maximum, encode })
    }

    /// A name as `encoding-type` wants it.
    fn name<'n>(&self, name: &'n str) -> Cow<'n, str> {
        // As in a form: a space becomes a plus sign.
        if self.encode {
            utf8_percent_encode(name, UNENCODED).to_string().replace("%20", "+").into()
        } else {
            name.into()
        }
    }

    fn echo(&self, bucket: &str) -> String {
        let delimiter = Some(self.delimiter).filter(|delimiter| !delimiter.is_empty());
        xml::text("Name", bucket)
            + &xml::text("Prefix", self.name(self.prefix))
            + &xml::optional("Delimiter", delimiter.map(|delimiter| self.name(delimiter)))
            + &xml::text("MaxKeys", self.maximum)
            + &xml::optional("EncodingType", self.encode.then_some("url"))
    }
}

/// One page of a listing.
struct Page<'a> {
    objects: Vec<(&'a str, &'a Object)>,
    common_prefixes: Vec<&'a str>,
    /// The last name on the page, if there are more behind it.
    next: Option<&'a str>,
}

impl<'a> Page<'a> {
    fn of(bucket: &'a Bucket, query: &Query<'_>) -> Self {
        let mut page = Self { objects: Vec::new(), common_prefixes: Vec::new(), next: None };
        let mut last = None;
        for (key, object) in bucket.objects.iter().filter(|(key, _)| key.starts_with(query.prefix)) {
            let rest = &key[query.prefix.len()..];
            let group = match query.delimiter {
                "" => None,
                delimiter => rest.find(delimiter).map(|at| &key[..query.prefix.len() + at + delimiter.len()]),
            };
            let name = group.unwrap_or(key);
            if name <= query.after || page.common_prefixes.last() == Some(&name) {
                continue;
            }
            if page.objects.len() + page.common_prefixes.len() == query.maximum {
                page.next = last;
                break;
            }
            match group {
                Some(group) => page.common_prefixes.push(group),
                None => page.objects.push((key, object)),
            }
            last = Some(name);
        }
        page
    }

    fn common_prefixes(&self, query: &Query<'_>) -> String {
        xml::list("CommonPrefixes", &self.common_prefixes, |prefix| xml::text("Prefix", query.name(prefix)))
    }
}

fn entry(query: &Query<'_>, key: &str, object: &Object) -> String {
    let algorithm = |header: &str| header.trim_start_matches("x-amz-checksum-").to_ascii_uppercase();
    xml::text("Key", query.name(key))
        + &xml::text("LastModified", object.last_modified.strftime(TIME))
        + &xml::text("ETag", &object.etag)
        + &object.checksums.keys().map(|header| xml::text("ChecksumAlgorithm", algorithm(header))).collect::<String>()
        + &xml::text("Size", object.size)
        + &xml::text("StorageClass", "STANDARD")
}

/// A continuation token is the last key of the page before it, in hexadecimal so that nobody takes it for one.
pub(super) fn list_objects(world: &World, bucket: &Bucket, name: &str, call: &Call) -> Result<Answer> {
    if call.query("list-type") != Some("2") {
        return Err(bad_request("InvalidArgument", "Invalid List Type specified in Request"));
    }
    let after = match call.query("continuation-token") {
        Some(token) => hex::decode(token)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| bad_request("InvalidArgument", "The continuation token provided is incorrect"))?,
        None => call.query("start-after").unwrap_or_default().to_owned(),
    };
    let query = Query::new(world, call, &after)?;
    let page = Page::of(bucket, &query);
    let content = query.echo(name)
        + &xml::optional("StartAfter", call.query("start-after").map(|key| query.name(key)))
        + &xml::optional("ContinuationToken", call.query("continuation-token"))
        + &xml::text("KeyCount", page.objects.len() + page.common_prefixes.len())
        + &xml::text("IsTruncated", page.next.is_some())
        + &xml::optional("NextContinuationToken", page.next.map(hex::encode))
        + &xml::list("Contents", &page.objects, |(key, object)| entry(&query, key, object))
        + &page.common_prefixes(&query);
    Ok(document("ListBucketResult", &content))
}

/// Versions and delete markers count alike towards a page (AWS-FACTS E5).
pub(super) fn list_versions(world: &World, bucket: &Bucket, name: &str, call: &Call) -> Result<Answer> {
    let (key_marker, version_marker) = (call.query("key-marker"), call.query("version-id-marker"));
    if key_marker.is_none() && version_marker.is_some_and(|marker| !marker.is_empty()) {
        return Err(bad_request("InvalidArgument", "A version-id marker cannot be specified without a key marker."));
    }
    let after = key_marker.unwrap_or_default();
    let query = Query::new(world, call, after)?;
    // A marker that was deleted meanwhile hides nothing.
    let mut passed = version_marker
        .is_some_and(|marker| !bucket.entries().any(|(key, entry)| key == after && entry.version() == marker));
    let mut rest = bucket.entries().filter(|(key, entry)| {
        if !key.starts_with(query.prefix) || *key < after {
            return false;
        }
        if *key > after || key_marker.is_none() {
            return true;
        }
        // Of the marker's own key, what comes behind the marker's version; without one, nothing.
        let is_behind = passed;
        passed |= version_marker == Some(entry.version());
        is_behind
    });
    let page: Vec<_> = rest.by_ref().take(query.maximum).collect();
    let next = page.last().filter(|_| rest.next().is_some());
    let entries: String = page
        .iter()
        .map(|(key, entry)| match entry {
            Entry::Object { object, is_latest } => {
                let content = self::entry(&query, key, object)
                    + &xml::text("VersionId", &object.version)
                    + &xml::text("IsLatest", is_latest);
                xml::element("Version", &(content + &owner(world)))
            }
            Entry::DeleteMarker { marker, is_latest } => {
                let content = xml::text("Key", query.name(key))
                    + &xml::text("LastModified", marker.last_modified.strftime(TIME))
                    + &xml::text("VersionId", &marker.version)
                    + &xml::text("IsLatest", is_latest);
                xml::element("DeleteMarker", &(content + &owner(world)))
            }
        })
        .collect();
    let content = query.echo(name)
        + &xml::text("KeyMarker", query.name(after))
        + &xml::text("VersionIdMarker", version_marker.unwrap_or_default())
        + &xml::text("IsTruncated", next.is_some())
        + &xml::optional("NextKeyMarker", next.map(|(key, _)| query.name(key)))
        + &xml::optional("NextVersionIdMarker", next.map(|(_, entry)| entry.version()))
        + &entries;
    Ok(document("ListVersionsResult", &content))
}

pub(super) fn list_uploads(world: &World, bucket: &Bucket, name: &str, call: &Call) -> Result<Answer> {
    let after = call.query("key-marker").unwrap_or_default();
    // Without a key marker it means nothing.
    let after_id = call.query("upload-id-marker").filter(|_| !after.is_empty()).unwrap_or_default();
    let query = Query::new(world, call, after)?;
    let mut rest = bucket.uploads.iter().filter(|upload| {
        let is_behind = match after_id {
            "" => upload.key.as_str() > after,
            id => (upload.key.as_str(), upload.id.as_str()) > (after, id),
        };
        is_behind && upload.key.starts_with(query.prefix)
    });
    let page: Vec<_> = rest.by_ref().take(query.maximum).collect();
    let next = page.last().filter(|_| rest.next().is_some());
    let uploads = xml::list("Upload", &page, |upload| {
        xml::text("Key", query.name(&upload.key))
            + &xml::text("UploadId", &upload.id)
            + &xml::text("Initiated", upload.initiated.strftime(TIME))
            + &xml::text("StorageClass", "STANDARD")
    });
    let content = xml::text("Bucket", name)
        + &xml::text("KeyMarker", query.name(after))
        + &xml::text("UploadIdMarker", after_id)
        + &xml::optional("NextKeyMarker", next.map(|upload| query.name(&upload.key)))
        + &xml::optional("NextUploadIdMarker", next.map(|upload| &upload.id))
        + &xml::text("MaxUploads", query.maximum)
        + &xml::optional("EncodingType", query.encode.then_some("url"))
        + &xml::text("IsTruncated", next.is_some())
        + &uploads;
    Ok(document("ListMultipartUploadsResult", &content))
}

fn owner(world: &World) -> String {
    xml::element("Owner", &xml::text("ID", &world.options.account))
}
