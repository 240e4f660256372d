//! What a bucket's owner may set by hand and `webrtc-aws` never does: versioning, object lock, request payment and the like.

use http::StatusCode;
use serde::Deserialize;

use super::super::answer::{self, Answer, AwsError};
use super::super::call::Call;
use super::super::xml;
use super::object::no_such_key;
use super::store::{Bucket, ObjectLock, Versioning};
use super::{Result, bad_request, document, input};

/// Changes MFA delete, or deletes a version where that is on.
const MFA: &str = "x-amz-mfa";

pub(super) fn get_versioning(bucket: &Bucket) -> Answer {
    let status = bucket.versioning.map(|versioning| format!("{versioning:?}"));
    let mfa_delete = bucket.mfa_delete.then_some("Enabled");
    let content = xml::optional("Status", status) + &xml::optional("MfaDelete", mfa_delete);
    document("VersioningConfiguration", &content)
}

pub(super) fn put_versioning(bucket: &mut Bucket, call: &Call) -> Result<Answer> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Configuration {
        status: Option<Versioning>,
        #[serde(rename = "MfaDelete", alias = "MFADelete")]
        mfa_delete: Option<String>,
    }
    let Configuration { status, mfa_delete } = input(call)?;
    if bucket.object_lock.is_some() && status != Some(Versioning::Enabled) {
        let message =
            "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.";
        return Err(AwsError::new(StatusCode::CONFLICT, "InvalidBucketState", message));
    }
    if bucket.mfa_delete || mfa_delete.is_some() {
        require_mfa(call)?;
    }
    bucket.versioning = status.or(bucket.versioning);
    if let Some(mfa_delete) = mfa_delete {
        bucket.mfa_delete = mfa_delete == "Enabled";
    }
    Ok(answer::empty(StatusCode::OK))
}

/// Any device will do: there is no second factor on this machine.
pub(super) fn require_mfa(call: &Call) -> Result<()> {
    match call.header(MFA) {
        Some(_) => Ok(()),
        None => {
            let message = "Mfa Authentication must be used for this request";
            Err(AwsError::new(StatusCode::FORBIDDEN, "AccessDenied", message))
        }
    }
}

pub(super) fn put_object_lock(bucket: &mut Bucket, call: &Call) -> Result<Answer> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Configuration {
        rule: Option<serde::de::IgnoredAny>,
    }
    require_versioning(bucket, "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration")?;
    let Configuration { rule } = input(call)?;
    bucket.object_lock = Some(ObjectLock { retains_new_versions: rule.is_some() });
    Ok(answer::empty(StatusCode::OK))
}

pub(super) fn put_legal_hold(bucket: &mut Bucket, key: &str, call: &Call) -> Result<Answer> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct LegalHold {
        status: String,
    }
    if bucket.object_lock.is_none() {
        return Err(bad_request("InvalidRequest", "Bucket is missing Object Lock Configuration"));
    }
    let LegalHold { status } = input(call)?;
    let object = bucket.object_mut(key, call.query("versionId")).ok_or_else(|| no_such_key(key))?;
    object.is_locked = status == "ON";
    Ok(answer::empty(StatusCode::OK))
}

/// Keeps a setting that changes nothing for the bucket's owner.
pub(super) fn put_other(bucket: &mut Bucket, setting: &'static str, call: &Call) -> Result<Answer> {
    if setting == "replication" {
        require_versioning(bucket, "Versioning must be 'Enabled' on the bucket to apply a replication configuration")?;
    }
    bucket.settings.insert(setting, String::from_utf8_lossy(&call.body).into_owned());
    Ok(answer::empty(StatusCode::OK))
}

/// Whether whoever reads pays, which somebody without credentials cannot.
pub(super) fn requester_pays(bucket: &Bucket) -> bool {
    bucket.settings.get("requestPayment").is_some_and(|sent| sent.contains("<Payer>Requester</Payer>"))
}

fn require_versioning(bucket: &Bucket, message: &str) -> Result<()> {
    match bucket.versioning {
        Some(Versioning::Enabled) => Ok(()),
        _ => Err(AwsError::new(StatusCode::CONFLICT, "InvalidBucketState", message)),
    }
}
