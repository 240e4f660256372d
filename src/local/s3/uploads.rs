//! Multipart uploads, as far as somebody can leave them unfinished (AWS-FACTS E5). Completing one is not implemented.

use http::{HeaderValue, StatusCode};

use super::super::answer::{self, Answer, AwsError};
use super::super::call::Call;
use super::super::xml;
use super::store::{Bucket, Upload};
use super::versions::random_id;
use super::{Result, bad_request, document};

pub(super) fn create(bucket: &mut Bucket, name: &str, key: &str) -> Answer {
    let id = random_id();
    let content = xml::text("Bucket", name) + &xml::text("Key", key) + &xml::text("UploadId", &id);
    let upload =
        Upload { key: key.to_owned(), id, parts: std::collections::BTreeMap::new(), initiated: jiff::Timestamp::now() };
    bucket.uploads.push(upload);
    bucket.uploads.sort_by(|one, other| (&one.key, &one.id).cmp(&(&other.key, &other.id)));
    document("InitiateMultipartUploadResult", &content)
}

pub(super) fn put_part(bucket: &mut Bucket, key: &str, call: &Call, etag: &str) -> Result<Answer> {
    let number = call.query("partNumber").and_then(|number| number.parse().ok()).filter(|n| (1..=10_000).contains(n));
    let number = number.ok_or_else(|| {
        bad_request("InvalidArgument", "Part number must be an integer between 1 and 10000, inclusive")
    })?;
    let at = position(bucket, key, call)?;
    bucket.uploads[at].parts.insert(number, call.body.len());
    let mut answer = answer::empty(StatusCode::OK);
    if let Ok(etag) = HeaderValue::from_str(etag) {
        answer.headers_mut().insert("etag", etag);
    }
    Ok(answer)
}

pub(super) fn abort(bucket: &mut Bucket, key: &str, call: &Call) -> Result<Answer> {
    let at = position(bucket, key, call)?;
    bucket.uploads.remove(at);
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

fn position(bucket: &Bucket, key: &str, call: &Call) -> Result<usize> {
    let id = call.query("uploadId").unwrap_or_default();
    bucket.uploads.iter().position(|upload| upload.key == key && upload.id == id).ok_or_else(|| {
        let message = "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or \
                       completed.";
        AwsError::new(StatusCode::NOT_FOUND, "NoSuchUpload", message).with("UploadId", id)
    })
}
