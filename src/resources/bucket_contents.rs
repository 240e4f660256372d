//! Everything that a bucket can hold, or that lies below a prefix of it, whoever put it there: objects and their older versions,
//! delete markers, unfinished uploads. None may be left when a bucket is deleted (AWS-FACTS E5).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::types::{Delete, EncodingType, Error as Refusal, Object, ObjectIdentifier};

use super::Doing;
use super::sightings::State;
use crate::aws::failure::{AwsFailure, FailureClass};
use crate::aws::retry::Look;
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Context, Operation, all_pages};

/// Most keys that one DeleteObjects call takes (AWS-FACTS E5).
const KEYS_PER_DELETE: usize = 1_000;

/// How long single keys are tried again that S3 was too busy to delete.
const BUSY_DEADLINE: Duration = Duration::from_secs(60);

/// How many of the keys that could not be deleted are named.
const NAMED: usize = 3;

/// One object, version or delete marker.
#[derive(Clone, Debug)]
pub(super) struct Version {
    pub(super) key: String,
    /// `None`: whatever is the latest.
    pub(super) id: Option<String>,
    pub(super) is_latest: bool,
    pub(super) is_delete_marker: bool,
    /// As the list shows it.
    pub(super) state: Option<State>,
}

impl Version {
    fn has_id_of(&self, refusal: &Refusal) -> bool {
        refusal.version_id().filter(|id| !id.is_empty()) == self.id.as_deref()
    }

    pub(super) fn latest(key: &str) -> Self {
        Self { key: key.to_owned(), id: None, is_latest: true, is_delete_marker: false, state: None }
    }
}

/// An upload that was begun and neither completed nor aborted. Nobody can read it, and somebody pays for its parts.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    key: String,
    id: String,
}

/// A key or version that S3 did not delete.
struct Kept {
    key: String,
    code: String,
    message: String,
}

pub(super) struct Contents<'a> {
    pub(super) context: &'a Context,
    pub(super) bucket: String,
    /// How the keys begin that this is about; empty for all of them.
    pub(super) prefix: String,
}

/// Keys are asked for in this form: XML cannot carry every character that a key may have.
fn decoded(name: &str) -> String {
    percent_encoding::percent_decode_str(&name.replace('+', " ")).decode_utf8_lossy().into_owned()
}

/// Whether a key can stand in a DeleteObjects request, which is XML.
fn fits_xml(key: &str) -> bool {
    key.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..))
}

fn is_busy(refusal: &Refusal) -> bool {
    matches!(refusal.code(), Some("InternalError" | "SlowDown" | "ServiceUnavailable" | "RequestTimeout"))
}

impl Contents<'_> {
    fn owner(&self) -> &str {
        self.context.names.account.as_str()
    }

    /// `None` where all keys are meant.
    fn asked_prefix(&self) -> Option<String> {
        Some(self.prefix.clone()).filter(|prefix| !prefix.is_empty())
    }

    /// What this is about, for people.
    pub(super) fn whole(&self) -> String {
        match self.asked_prefix() {
            Some(prefix) => format!("below {prefix} in it"),
            None => "in the bucket".to_owned(),
        }
    }

    /// Whether it can be looked at, in one call; an answer with a body says why not.
    pub(super) async fn glance(&self) -> Result<(), AwsFailure> {
        self.context
            .call(Operation::repeatable("s3", "ListObjectsV2"), || {
                let list = self.context.clients.s3.list_objects_v2().bucket(&self.bucket).max_keys(1);
                list.expected_bucket_owner(self.owner())
                    .encoding_type(EncodingType::Url)
                    .set_prefix(self.asked_prefix())
                    .send()
            })
            .await
            .map(drop)
    }

    /// What a reader sees.
    pub(super) async fn objects(&self) -> Result<Vec<Version>, Diagnostic> {
        let objects = all_pages(async |token: Option<String>| {
            let page = self
                .context
                .call(Operation::repeatable("s3", "ListObjectsV2"), || {
                    self.context
                        .clients
                        .s3
                        .list_objects_v2()
                        .bucket(&self.bucket)
                        .expected_bucket_owner(self.owner())
                        .encoding_type(EncodingType::Url)
                        .set_prefix(self.asked_prefix())
                        .set_continuation_token(token.clone())
                        .send()
                })
                .await?;
            Ok((page.contents.unwrap_or_default(), page.next_continuation_token))
        })
        .await
        .absent_as_none()
        .doing(|| format!("list the objects of the bucket {}", self.bucket))?;
        let version = |object: Object| {
            let state = State::of(object.e_tag(), object.last_modified());
            Some(Version { state, ..Version::latest(&decoded(object.key()?)) })
        };
        Ok(objects.into_iter().flatten().filter_map(version).collect())
    }

    /// All versions and delete markers; without versioning, the objects.
    pub(super) async fn versions(&self) -> Result<Vec<Version>, Diagnostic> {
        let mut all = Vec::new();
        let mut marker: (Option<String>, Option<String>) = (None, None);
        loop {
            let page = self
                .context
                .call(Operation::repeatable("s3", "ListObjectVersions"), || {
                    self.context
                        .clients
                        .s3
                        .list_object_versions()
                        .bucket(&self.bucket)
                        .expected_bucket_owner(self.owner())
                        .encoding_type(EncodingType::Url)
                        .set_prefix(self.asked_prefix())
                        .set_key_marker(marker.0.clone())
                        .set_version_id_marker(marker.1.clone())
                        .send()
                })
                .await
                .absent_as_none()
                .doing(|| format!("list the object versions of the bucket {}", self.bucket))?;
            let Some(page) = page else { return Ok(all) };
            let version = |key: Option<&str>, id: Option<&str>, is_latest: Option<bool>| {
                let latest = Version::latest(&decoded(key?));
                Some(Version { id: id.map(str::to_owned), is_latest: is_latest == Some(true), ..latest })
            };
            all.extend(page.versions().iter().filter_map(|found| {
                let state = State::of(found.e_tag(), found.last_modified());
                Some(Version { state, ..version(found.key(), found.version_id(), found.is_latest())? })
            }));
            all.extend(page.delete_markers().iter().filter_map(|found| {
                let version = version(found.key(), found.version_id(), found.is_latest())?;
                Some(Version { is_delete_marker: true, ..version })
            }));
            if page.is_truncated != Some(true) {
                return Ok(all);
            }
            marker = (page.next_key_marker.as_deref().map(decoded), page.next_version_id_marker);
        }
    }

    pub(super) async fn uploads(&self) -> Result<Vec<Upload>, Diagnostic> {
        let mut all = Vec::new();
        let mut marker: (Option<String>, Option<String>) = (None, None);
        loop {
            let page = self
                .context
                .call(Operation::repeatable("s3", "ListMultipartUploads"), || {
                    self.context
                        .clients
                        .s3
                        .list_multipart_uploads()
                        .bucket(&self.bucket)
                        .expected_bucket_owner(self.owner())
                        .encoding_type(EncodingType::Url)
                        .set_prefix(self.asked_prefix())
                        .set_key_marker(marker.0.clone())
                        .set_upload_id_marker(marker.1.clone())
                        .send()
                })
                .await
                .absent_as_none()
                .doing(|| format!("list the unfinished uploads of the bucket {}", self.bucket))?;
            let Some(page) = page else { return Ok(all) };
            all.extend(
                page.uploads()
                    .iter()
                    .filter_map(|found| Some(Upload { key: decoded(found.key()?), id: found.upload_id()?.to_owned() })),
            );
            if page.is_truncated != Some(true) {
                return Ok(all);
            }
            marker = (page.next_key_marker.as_deref().map(decoded), page.next_upload_id_marker);
        }
    }

    pub(super) async fn abort(&self, uploads: Vec<Upload>) -> Result<(), Diagnostic> {
        for Upload { key, id } in uploads {
            self.context
                .call(Operation::repeatable("s3", "AbortMultipartUpload"), || {
                    self.context
                        .clients
                        .s3
                        .abort_multipart_upload()
                        .bucket(&self.bucket)
                        .expected_bucket_owner(self.owner())
                        .key(&key)
                        .upload_id(&id)
                        .send()
                })
                .await
                .absent_as_none()
                .doing(|| format!("abort the unfinished upload of {key:?} to the bucket {}", self.bucket))?;
        }
        Ok(())
    }

    /// Deletes all that can be deleted, and then names what could not.
    pub(super) async fn delete(&self, versions: Vec<Version>) -> Result<(), Diagnostic> {
        let (many, singly): (Vec<_>, Vec<_>) = versions.into_iter().partition(|version| fits_xml(&version.key));
        let mut kept = Vec::new();
        for batch in many.chunks(KEYS_PER_DELETE) {
            kept.extend(self.delete_batch(batch).await?);
        }
        for version in singly {
            if let Err(failure) = self.delete_one(&version).await {
                match failure.class {
                    FailureClass::AccessDenied => kept.push(Kept {
                        key: version.key,
                        code: failure.code.unwrap_or_default(),
                        message: failure.message,
                    }),
                    _ => {
                        return Err(failure)
                            .doing(|| format!("delete {:?} of the bucket {}", version.key, self.bucket));
                    }
                }
            }
        }
        self.nothing_kept(&kept)
    }

    fn nothing_kept(&self, kept: &[Kept]) -> Result<(), Diagnostic> {
        let Some(Kept { code, message, .. }) = kept.first() else { return Ok(()) };
        if let Some(Kept { code, message, .. }) = kept.iter().find(|kept| kept.is_for_lack_of_rights()) {
            let failure = AwsFailure::in_an_answer("s3", "DeleteObjects", code.clone(), message.clone());
            return Err(failure).doing(|| format!("delete the objects of the bucket {}", self.bucket));
        }
        let mut named: Vec<_> = kept.iter().take(NAMED).map(|kept| format!("{:?}", kept.key)).collect();
        if kept.len() > NAMED {
            named.push("…".to_owned());
        }
        Err(Diagnostic::new(
            Code::Leftover,
            format!(
                "{} object versions of the bucket {} could not be deleted ({}): {message} ({code})",
                kept.len(),
                self.bucket,
                named.join(", ")
            ),
            format!(
                "let these credentials make s3:DeleteObject and s3:DeleteObjectVersion; lift an object lock or legal hold, or wait until \
                 it ends; {}; then run 'teardown' again",
                match self.asked_prefix() {
                    None => "'up' takes a denying bucket policy away again",
                    Some(_) => "have the bucket's owner take a denying policy away",
                }
            ),
        ))
    }

    async fn delete_one(&self, version: &Version) -> Result<(), AwsFailure> {
        self.context
            .call(Operation::repeatable("s3", "DeleteObject"), || {
                self.context
                    .clients
                    .s3
                    .delete_object()
                    .bucket(&self.bucket)
                    .expected_bucket_owner(self.owner())
                    .key(&version.key)
                    .set_version_id(version.id.clone())
                    .send()
            })
            .await
            .absent_as_none()
            .map(drop)
    }

    /// A 200 may carry a refusal for each key (AWS-FACTS E5): those for which S3 was too busy are asked for again.
    async fn delete_batch(&self, batch: &[Version]) -> Result<Vec<Kept>, Diagnostic> {
        // What is still to be deleted, and what S3 will not delete.
        let state = Mutex::new((batch.to_vec(), Vec::new()));
        let locked = || state.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = self.context.until(Look::Call, "S3 is too busy to delete all of them", BUSY_DEADLINE, || async {
            let mut wanted = locked().0.clone();
            let (busy, refused): (Vec<_>, Vec<_>) =
                Box::pin(self.delete_once(&wanted)).await?.into_iter().partition(is_busy);
            wanted
                .retain(|version| busy.iter().any(|busy| busy.key() == Some(&version.key) && version.has_id_of(busy)));
            let is_over = wanted.is_empty();
            let mut state = locked();
            state.0 = wanted;
            state.1.extend(refused.iter().map(Kept::of));
            Ok(is_over.then_some(()))
        });
        busy.await?;
        let (busy, mut kept) = state.into_inner().unwrap_or_else(PoisonError::into_inner);
        kept.extend(busy.into_iter().map(|version| Kept {
            key: version.key,
            code: "SlowDown".to_owned(),
            message: "S3 was too busy".to_owned(),
        }));
        Ok(kept)
    }

    async fn delete_once(&self, versions: &[Version]) -> Result<Vec<Refusal>, Diagnostic> {
        let objects = versions
            .iter()
            .map(|version| {
                ObjectIdentifier::builder()
                    .key(&version.key)
                    .set_version_id(version.id.clone())
                    .build()
                    .map_err(|error| self.context.mistake("a key to delete", &error))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let delete = Delete::builder()
            .set_objects(Some(objects))
            .quiet(true)
            .build()
            .map_err(|error| self.context.mistake("a list of keys to delete", &error))?;
        let answer = self
            .context
            .call(Operation::repeatable("s3", "DeleteObjects"), || {
                self.context
                    .clients
                    .s3
                    .delete_objects()
                    .bucket(&self.bucket)
                    .expected_bucket_owner(self.owner())
                    .delete(delete.clone())
                    .send()
            })
            .await
            .map_err(|failure| {
                let denied = failure.class == FailureClass::AccessDenied;
                let mut problem =
                    Diagnostic::from_aws(&format!("delete the objects of the bucket {}", self.bucket), failure);
                if denied {
                    // MFA delete refuses the whole call, in the words of any denial (AWS-FACTS E5).
                    problem.hint +=
                        "; if MFA delete is on for this bucket, its account's root user must switch that off before";
                }
                problem
            })?;
        Ok(answer.errors.unwrap_or_default())
    }
}

impl Kept {
    /// Whether other credentials of the account could delete it: a bucket's policy may forbid it to everybody.
    fn is_for_lack_of_rights(&self) -> bool {
        self.message.contains("not authorized to perform") && !self.message.contains("resource-based policy")
    }

    fn of(refusal: &Refusal) -> Self {
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self { key: text(refusal.key()), code: text(refusal.code()), message: text(refusal.message()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_out_of_a_listing_as_they_went_in() {
        assert_eq!(decoded("a+b%2Bc%20d/%E2%82%AC%01"), "a b+c d/€\u{1}");
    }

    #[test]
    fn only_what_xml_can_say_is_said_in_xml() {
        for key in ["a b", "/", "ü€😀", "a&<>'\"", "a\tb\r\nc", "\u{7f}\u{85}\u{2028}"] {
            assert!(fits_xml(key), "{key:?}");
        }
        for key in ["a\u{1}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
            assert!(!fits_xml(key), "{key:?}");
        }
    }
}
