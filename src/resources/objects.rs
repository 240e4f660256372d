//! The page's files in the bucket, the generated configuration among them, as one resource.
//!
//! Each object carries an owner mark and its content's hash as metadata: an object of a wanted key without them was put there
//! by hand and is replaced; one of another key without the mark is not ours and stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_s3::types::{Delete, EncodingType, ObjectIdentifier, ServerSideEncryption};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{BUCKET, Doing, OBJECTS, WEBSOCKET_API};
use crate::aws::failure::AwsFailure;
use crate::config::IceServer;
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Context, Known, Operation, all_pages};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::{CONFIG_OBJECT, INDEX_DOCUMENT, Names, OWNER_METADATA};
use crate::page::{Page, PageFile};

/// The content's hash, in the object's metadata: an ETag is no hash under KMS or multipart (AWS-FACTS E4).
const HASH_METADATA: &str = "webrtc-aws-sha256";

/// How many objects are read or written side by side.
const AT_MOST: usize = 8;

/// Most keys that one DeleteObjects call takes (AWS-FACTS E5).
const KEYS_PER_DELETE: usize = 1_000;

#[derive(Debug)]
pub(crate) struct Objects {
    pub(crate) names: Arc<Names>,
    pub(crate) page: Page,
    pub(crate) ice_servers: Vec<IceServer>,
    pub(crate) foreign: ForeignObjects,
}

/// What is done with objects in our bucket that we did not put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForeignObjects {
    /// `up`: they stay where they are.
    Ignore,
    /// `teardown`: stop before anything is deleted, and name them.
    Keep,
    /// `teardown --delete-foreign-objects`: delete them with the bucket.
    Delete,
}

#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    files: BTreeMap<String, ObjectSpec>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ObjectSpec {
    /// `null`: not put there by us.
    sha256: Option<String>,
    content_type: String,
    cache_control: String,
}

impl ObjectSpec {
    fn of(file: &PageFile) -> Self {
        Self {
            sha256: Some(file.sha256.clone()),
            content_type: file.content_type.clone(),
            // Names stay the same from deploy to deploy, so browsers must ask; the answer is mostly 304 (AWS-FACTS E4).
            cache_control: "no-cache".to_owned(),
        }
    }
}

/// One version or delete marker.
#[derive(Clone, Debug)]
struct Version {
    key: String,
    id: Option<String>,
}

impl Objects {
    fn bucket(&self) -> String {
        self.names.bucket()
    }

    /// The page's files and the generated configuration, which replaces one of that name.
    fn wanted(&self, known: &Known) -> BTreeMap<String, PageFile> {
        let settings = json!({
            "websocketUrl": self.names.websocket_url(&known.api_or_placeholder()),
            "iceServers": self.ice_servers,
        });
        let module = format!("export default Object.freeze({settings});\n");
        let mut files = self.page.files().clone();
        files.insert(CONFIG_OBJECT.to_owned(), PageFile::generated(CONFIG_OBJECT, module));
        files
    }

    async fn keys(&self, context: &Context) -> Result<Vec<String>, Diagnostic> {
        let bucket = self.bucket();
        let objects = all_pages(async |token: Option<String>| {
            let page = context
                .call(Operation::repeatable("s3", "ListObjectsV2"), || {
                    context
                        .clients
                        .s3
                        .list_objects_v2()
                        .bucket(&bucket)
                        .expected_bucket_owner(context.names.account.as_str())
                        .set_continuation_token(token.clone())
                        .send()
                })
                .await?;
            Ok((page.contents.unwrap_or_default(), page.next_continuation_token))
        })
        .await
        .absent_as_none()
        .doing(|| format!("list the objects of the bucket {bucket}"))?;
        Ok(objects.into_iter().flatten().filter_map(|object| object.key).collect())
    }

    /// An object and whether it carries our mark.
    async fn look(&self, context: &Context, key: String) -> Result<Option<(String, ObjectSpec, bool)>, Diagnostic> {
        let bucket = self.bucket();
        let head = context
            .call(Operation::repeatable("s3", "HeadObject"), || {
                context
                    .clients
                    .s3
                    .head_object()
                    .bucket(&bucket)
                    .expected_bucket_owner(context.names.account.as_str())
                    .key(&key)
                    .send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("look at the object {key} of the bucket {bucket}"))?;
        let Some(head) = head else { return Ok(None) };
        let metadata = head.metadata.unwrap_or_default();
        let is_ours = metadata.get(OWNER_METADATA).is_some_and(|owner| owner == context.names.stack.as_str());
        let spec = ObjectSpec {
            sha256: metadata.get(HASH_METADATA).filter(|_| is_ours).cloned(),
            content_type: head.content_type.unwrap_or_default(),
            cache_control: head.cache_control.unwrap_or_default(),
        };
        Ok(Some((key, spec, is_ours)))
    }

    async fn look_at_all(&self, context: &Context) -> Result<Vec<(String, ObjectSpec, bool)>, Diagnostic> {
        let keys = self.keys(context).await?;
        stream::iter(keys)
            .map(|key| self.look(context, key))
            .buffer_unordered(AT_MOST)
            .try_filter_map(async |found| Ok(found))
            .try_collect()
            .await
    }

    fn refuse_foreign(&self, found: &[(String, ObjectSpec, bool)]) -> Result<(), Diagnostic> {
        let foreign: Vec<_> = found.iter().filter(|(_, _, is_ours)| !is_ours).map(|(key, _, _)| key.as_str()).collect();
        let Some(first) = foreign.first() else { return Ok(()) };
        let others = match foreign.len() - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        Err(Diagnostic::new(
            Code::NotOurs,
            format!("the bucket {} holds {first:?}{others}, which webrtc-aws did not put there", self.bucket()),
            "move it elsewhere, or run 'teardown --delete-foreign-objects' to delete everything in the bucket",
        ))
    }

    async fn put(&self, context: &Context, key: &str, file: &PageFile) -> Result<(), Diagnostic> {
        let bucket = self.bucket();
        let wanted = ObjectSpec::of(file);
        let bytes = file.read().await?;
        let checksum = hex::decode(&file.sha256).map_err(|error| context.mistake("a checksum", &error))?;
        let checksum = BASE64_STANDARD.encode(checksum);
        context
            .call(Operation::repeatable("s3", "PutObject"), || {
                context
                    .clients
                    .s3
                    .put_object()
                    .bucket(&bucket)
                    .expected_bucket_owner(context.names.account.as_str())
                    .key(key)
                    .content_type(&wanted.content_type)
                    .cache_control(&wanted.cache_control)
                    // Objects under a KMS key cannot be read anonymously (AWS-FACTS E4).
                    .server_side_encryption(ServerSideEncryption::Aes256)
                    .checksum_sha256(&checksum)
                    .metadata(OWNER_METADATA, context.names.stack.as_str())
                    .metadata(HASH_METADATA, &file.sha256)
                    .body(bytes.clone().into())
                    .send()
            })
            .await
            .map(drop)
            .doing(|| format!("upload {key} to the bucket {bucket}"))
    }

    /// Brings the bucket to what is wanted. The entry point goes last, so that it never names a module that is not there yet.
    async fn upload(&self, context: &Context, observed: &Spec, desired: &Spec) -> Result<(), Diagnostic> {
        let files = self.wanted(&context.known);
        let (index, others): (Vec<_>, Vec<_>) = files
            .into_iter()
            .filter(|(key, _)| observed.files.get(key) != desired.files.get(key))
            .partition(|(key, _)| key == INDEX_DOCUMENT);
        for batch in [others, index] {
            stream::iter(batch)
                .map(|(key, file)| async move { self.put(context, &key, &file).await })
                .buffer_unordered(AT_MOST)
                .try_collect::<()>()
                .await?;
        }
        let removed = observed.files.keys().filter(|key| !desired.files.contains_key(*key));
        let removed = removed.map(|key| Version { key: key.clone(), id: None }).collect();
        self.delete_versions(context, removed).await
    }

    async fn versions(&self, context: &Context) -> Result<Vec<Version>, Diagnostic> {
        let bucket = self.bucket();
        let mut versions = Vec::new();
        let mut marker: (Option<String>, Option<String>) = (None, None);
        loop {
            let page = context
                .call(Operation::repeatable("s3", "ListObjectVersions"), || {
                    context
                        .clients
                        .s3
                        .list_object_versions()
                        .bucket(&bucket)
                        .expected_bucket_owner(context.names.account.as_str())
                        .encoding_type(EncodingType::Url)
                        .set_key_marker(marker.0.clone())
                        .set_version_id_marker(marker.1.clone())
                        .send()
                })
                .await
                .absent_as_none()
                .doing(|| format!("list the object versions of the bucket {bucket}"))?;
            let Some(page) = page else { return Ok(versions) };
            let decode = |key: &str| {
                percent_encoding::percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
            };
            let found = page.versions().iter().map(|version| (version.key(), version.version_id()));
            let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
            versions.extend(
                found
                    .chain(markers)
                    .filter_map(|(key, id)| Some(Version { key: decode(key?), id: id.map(str::to_owned) })),
            );
            if page.is_truncated != Some(true) {
                return Ok(versions);
            }
            marker = (page.next_key_marker.as_deref().map(decode), page.next_version_id_marker.clone());
        }
    }

    async fn delete_versions(&self, context: &Context, versions: Vec<Version>) -> Result<(), Diagnostic> {
        let bucket = self.bucket();
        for batch in versions.chunks(KEYS_PER_DELETE) {
            let objects = batch
                .iter()
                .map(|version| {
                    ObjectIdentifier::builder()
                        .key(&version.key)
                        .set_version_id(version.id.clone())
                        .build()
                        .map_err(|error| context.mistake("a key to delete", &error))
                })
                .collect::<Result<Vec<_>, _>>()?;
            let delete = Delete::builder()
                .set_objects(Some(objects))
                .quiet(true)
                .build()
                .map_err(|error| context.mistake("a list of keys to delete", &error))?;
            let answer = context
                .call(Operation::repeatable("s3", "DeleteObjects"), || {
                    context
                        .clients
                        .s3
                        .delete_objects()
                        .bucket(&bucket)
                        .expected_bucket_owner(context.names.account.as_str())
                        .delete(delete.clone())
                        .send()
                })
                .await
                .doing(|| format!("delete objects of the bucket {bucket}"))?;
            // A 200 may carry a refusal for each key (AWS-FACTS E5).
            if let Some(refused) = answer.errors().first() {
                let message = refused.message().unwrap_or_default();
                if message.contains("not authorized to perform") {
                    let code = refused.code().unwrap_or_default().to_owned();
                    let failure = AwsFailure::in_an_answer("s3", "DeleteObjects", code, message.to_owned());
                    return Err(failure).doing(|| format!("delete objects of the bucket {bucket}"));
                }
                return Err(Diagnostic::new(
                    Code::Leftover,
                    format!(
                        "{} objects of the bucket {bucket} could not be deleted, the first is {:?}: {} ({})",
                        answer.errors().len(),
                        refused.key().unwrap_or_default(),
                        refused.message().unwrap_or_default(),
                        refused.code().unwrap_or_default()
                    ),
                    "remove the object lock, legal hold or denying policy, or see to s3:DeleteObject and s3:DeleteObjectVersion, \
                     then run the command again",
                ));
            }
        }
        Ok(())
    }

    async fn abort_uploads(&self, context: &Context) -> Result<(), Diagnostic> {
        let bucket = self.bucket();
        let owner = context.names.account.as_str();
        let uploads = context
            .call(Operation::repeatable("s3", "ListMultipartUploads"), || {
                context.clients.s3.list_multipart_uploads().bucket(&bucket).expected_bucket_owner(owner).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("list the unfinished uploads of the bucket {bucket}"))?;
        for upload in uploads.iter().flat_map(|answer| answer.uploads()) {
            let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) else { continue };
            context
                .call(Operation::repeatable("s3", "AbortMultipartUpload"), || {
                    context
                        .clients
                        .s3
                        .abort_multipart_upload()
                        .bucket(&bucket)
                        .expected_bucket_owner(owner)
                        .key(key)
                        .upload_id(id)
                        .send()
                })
                .await
                .absent_as_none()
                .doing(|| format!("abort the unfinished upload of {key} to the bucket {bucket}"))?;
        }
        Ok(())
    }
}

#[async_trait]
impl Kind for Objects {
    type Spec = Spec;

    fn address(&self) -> Address {
        OBJECTS
    }

    /// The configuration names the API.
    fn needs(&self) -> Vec<Address> {
        vec![WEBSOCKET_API]
    }

    fn contained_in(&self) -> Option<Address> {
        Some(BUCKET)
    }

    fn desired(&self, known: &Known) -> Spec {
        let files = self.wanted(known);
        Spec { files: files.iter().map(|(key, file)| (key.clone(), ObjectSpec::of(file))).collect() }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        let found = self.look_at_all(context).await?;
        if self.foreign == ForeignObjects::Keep {
            self.refuse_foreign(&found)?;
        }
        let wanted = self.page.files();
        let files: BTreeMap<_, _> = found
            .into_iter()
            .filter(|(key, _, is_ours)| *is_ours || wanted.contains_key(key) || key == CONFIG_OBJECT)
            .map(|(key, spec, _)| (key, spec))
            .collect();
        // A bucket cannot be deleted while it holds anything at all: somebody's files, old versions.
        let is_empty = match self.foreign {
            ForeignObjects::Ignore => files.is_empty(),
            ForeignObjects::Keep | ForeignObjects::Delete => self.versions(context).await?.is_empty(),
        };
        Ok(if is_empty { Observed::Absent } else { Observed::Owned(Spec { files }) })
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        self.upload(context, &Spec::default(), desired).await
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        self.upload(context, observed, desired).await
    }

    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        // Looked at again: somebody may have put a file there since.
        if self.foreign != ForeignObjects::Delete {
            self.refuse_foreign(&self.look_at_all(context).await?)?;
        }
        let versions = self.versions(context).await?;
        self.delete_versions(context, versions).await?;
        self.abort_uploads(context).await
    }
}
