//! The page's files, the generated configuration among them, wherever they are: in a bucket of the stack's own, or below a prefix of
//! one that others use as well, where nothing else is listed, read or touched.
//!
//! Each object carries an owner mark and its content's hash as metadata: an object of a wanted key without them was put there
//! by hand and is replaced; one of another key without the mark is not ours and stays.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_s3::config;
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use aws_sdk_s3::types::ServerSideEncryption;
use base64::{Engine, prelude::BASE64_STANDARD};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::Semaphore;

use super::Doing;
use super::bucket_contents::{Contents, Version};
use super::sightings::{Sightings, State};
use crate::aws::clients::timeouts_of_upload;
use crate::config::{Admission, IceServer};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Known, Operation};
use crate::engine::resource::Observed;
use crate::naming::{CONFIG_OBJECT, INDEX_DOCUMENT, Names, OWNER_METADATA};
use crate::page::{Page, PageFile};

/// The content's hash, in the object's metadata: an ETag is no hash under KMS or multipart (AWS-FACTS E4).
const HASH_METADATA: &str = "webrtc-aws-sha256";

/// How many objects are looked at side by side: a page in one go, with AWS far away.
const LOOKS_AT_ONCE: usize = 32;

/// How many are written side by side at most, and how many bytes of them: what is under way takes memory, and shares the line.
const WRITES_AT_ONCE: usize = 16;
const BYTES_AT_ONCE: u32 = 8 * 1024 * 1024;

#[derive(Debug)]
pub(crate) struct PageFiles {
    pub(crate) names: Arc<Names>,
    pub(crate) page: Page,
    pub(crate) ice_servers: Vec<IceServer>,
    /// Whether the relay has further ones for who asks.
    pub(crate) ice_servers_on_demand: bool,
    pub(crate) admission: Admission,
    pub(crate) sightings: Sightings,
}

/// What is done with objects that lie among ours and that we did not put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ForeignObjects {
    /// Where the page is to be: they stay where they are.
    Ignore,
    /// The same among what others have: stop before anything is written at one that has the name of a file of the page.
    Spare,
    /// `teardown`, and `up` where it takes the page away: stop before anything is deleted, and name them.
    Keep,
    /// `teardown --delete-foreign-objects`: delete them as well.
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

/// The generated configuration. JSON is JavaScript; `<` is escaped so that nobody who puts it into a page ends a script early.
pub(super) fn config_module(
    websocket_url: &str,
    ice_servers: &[IceServer],
    on_demand: bool,
    allowed_origins: &[String],
    join_token: bool,
) -> String {
    let mut settings = json!({ "websocketUrl": websocket_url, "iceServers": ice_servers });
    if on_demand {
        settings["iceServersOnDemand"] = true.into();
    }
    if !allowed_origins.is_empty() {
        settings["allowedOrigins"] = allowed_origins.into();
    }
    if join_token {
        // That there is one, so that the page can say what is missing.
        settings["joinToken"] = true.into();
    }
    format!("export default Object.freeze({});\n", settings.to_string().replace('<', "\\u003c"))
}

/// What is at a key, and whether it carries our mark.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    pub(super) key: String,
    spec: ObjectSpec,
    is_ours: bool,
}

impl Found {
    /// Something of which no more is known than that it is not ours.
    pub(super) fn unmarked(key: &str) -> Self {
        let spec = ObjectSpec { sha256: None, content_type: String::new(), cache_control: String::new() };
        Self { key: key.to_owned(), spec, is_ours: false }
    }
}

impl PageFiles {
    /// The page's files and the generated configuration, which replaces one of that name.
    fn wanted(&self, known: &Known) -> BTreeMap<String, PageFile> {
        let url = self.names.websocket_url(&known.api_or_placeholder());
        let origins = self.admission.origins(&self.names.page_origin());
        let has_token = self.admission.token.is_some();
        let module = config_module(&url, &self.ice_servers, self.ice_servers_on_demand, &origins, has_token);
        let mut files = self.page.files().clone();
        files.insert(CONFIG_OBJECT.to_owned(), PageFile::generated(CONFIG_OBJECT, module));
        files
    }

    async fn look(&self, contents: &Contents<'_>, version: Version) -> Result<Option<Found>, Diagnostic> {
        let Contents { context, bucket, .. } = contents;
        if let Some(found) = self.sightings.unchanged(bucket, &version) {
            return Ok(Some(found));
        }
        let key = &version.key;
        // Asking for the latest by its id would need the right to read older versions too.
        let id = version.id.clone().filter(|_| !version.is_latest);
        let head = context
            .call(Operation::repeatable("s3", "HeadObject"), || {
                context
                    .clients
                    .s3
                    .head_object()
                    .bucket(bucket)
                    .expected_bucket_owner(context.names.account.as_str())
                    .key(key)
                    .set_version_id(id.clone())
                    .send()
            })
            .await;
        let head = match head {
            // Encrypted with a key that the reader must send along: nothing of ours is. But without a body nothing tells that from
            // credentials that have expired meanwhile; a GET does.
            Err(failure) if failure.status == Some(400) => {
                contents.glance().await.doing(|| format!("look at the object {key:?} of the bucket {bucket}"))?;
                return Ok(Some(Found::unmarked(key)));
            }
            head => head.absent_as_none().doing(|| format!("look at the object {key:?} of the bucket {bucket}"))?,
        };
        let Some(head) = head else { return Ok(None) };
        // What was put there since the list is another version. Without a date it would be any put of this content.
        let is_listed =
            version.id.is_none() || head.version_id().is_none() || head.version_id() == version.id.as_deref();
        let state = State::of(head.e_tag(), head.last_modified()).filter(|state| is_listed && state.modified.is_some());
        let metadata = head.metadata.unwrap_or_default();
        let is_ours = metadata.get(OWNER_METADATA).is_some_and(|owner| owner == context.names.stack.as_str());
        let spec = ObjectSpec {
            sha256: metadata.get(HASH_METADATA).filter(|_| is_ours).cloned(),
            content_type: head.content_type.unwrap_or_default(),
            cache_control: head.cache_control.unwrap_or_default(),
        };
        let found = Found { key: key.clone(), spec, is_ours };
        self.sightings.remember(bucket, &version, state, &found);
        Ok(Some(found))
    }

    async fn look_at(&self, contents: &Contents<'_>, versions: Vec<Version>) -> Result<Vec<Found>, Diagnostic> {
        stream::iter(versions)
            .map(|version| self.look(contents, version))
            .buffer_unordered(LOOKS_AT_ONCE)
            .try_filter_map(async |found| Ok(found))
            .try_collect()
            .await
    }

    /// Stops at what somebody else put there. A delete marker holds nothing, an older version does.
    async fn refuse_foreign(&self, contents: &Contents<'_>, versions: &[Version]) -> Result<(), Diagnostic> {
        let objects = versions.iter().filter(|version| !version.is_delete_marker).cloned().collect();
        let found = self.look_at(contents, objects).await?;
        let mut foreign: Vec<_> = found.iter().filter(|found| !found.is_ours).map(|found| found.key.as_str()).collect();
        foreign.sort_unstable();
        foreign.dedup();
        let Some(first) = foreign.first() else { return Ok(()) };
        let others = match foreign.len() - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        Err(Diagnostic::new(
            Code::NotOurs,
            format!("the bucket {} holds {first:?}{others}, which webrtc-aws did not put there", contents.bucket),
            format!(
                "move it elsewhere, or run 'webrtc-aws teardown {} --delete-foreign-objects', which removes the stack and everything \
                 {}, older versions too",
                contents.context.names.stack,
                contents.whole()
            ),
        ))
    }

    async fn put(&self, contents: &Contents<'_>, name: &str, file: &PageFile) -> Result<(), Diagnostic> {
        let Contents { context, bucket, prefix } = contents;
        let key = format!("{prefix}{name}");
        let wanted = ObjectSpec::of(file);
        let body = file.body().await?;
        let checksum = hex::decode(&file.sha256).map_err(|error| context.mistake("a checksum", &error))?;
        let checksum = BASE64_STANDARD.encode(checksum);
        let put = context
            .call(Operation::repeatable("s3", "PutObject"), || {
                context
                    .clients
                    .s3
                    .put_object()
                    .bucket(bucket)
                    .expected_bucket_owner(context.names.account.as_str())
                    .key(&key)
                    .content_type(&wanted.content_type)
                    .cache_control(&wanted.cache_control)
                    // Objects under a KMS key cannot be read anonymously (AWS-FACTS E4).
                    .server_side_encryption(ServerSideEncryption::Aes256)
                    .checksum_sha256(&checksum)
                    .metadata(OWNER_METADATA, context.names.stack.as_str())
                    .metadata(HASH_METADATA, &file.sha256)
                    .body(ByteStream::new(body.try_clone().unwrap_or_else(SdkBody::taken)))
                    .customize()
                    .config_override(config::Builder::new().timeout_config(timeouts_of_upload(file.size)))
                    .send()
            })
            .await;
        if put.is_err() {
            // What comes of a file that is written meanwhile says little of the cause.
            file.check().await?;
        }
        let put = put.doing(|| format!("upload {key} to the bucket {bucket}"))?;
        // One is looked at in the end, for all of them: an endpoint that is not AWS's may have dropped types and marks.
        let state = State::of(put.e_tag(), None).filter(|_| name != INDEX_DOCUMENT);
        let found = Found { key: key.clone(), spec: wanted, is_ours: true };
        self.sightings.remember(bucket, &Version::latest(&key), state, &found);
        Ok(())
    }

    /// Brings the bucket to what is wanted. The entry point goes last, so that it never names a module that is not there yet.
    pub(super) async fn upload(
        &self,
        contents: &Contents<'_>,
        observed: &Spec,
        desired: &Spec,
    ) -> Result<(), Diagnostic> {
        let files = self.wanted(&contents.context.known);
        let (index, others): (Vec<_>, Vec<_>) = files
            .into_iter()
            .filter(|(key, _)| observed.files.get(key) != desired.files.get(key))
            .partition(|(key, _)| key == INDEX_DOCUMENT);
        // One that is larger than all of it goes alone.
        let room = &Semaphore::new(BYTES_AT_ONCE as usize);
        for batch in [others, index] {
            stream::iter(batch)
                .map(|(name, file)| async move {
                    let size = u32::try_from(file.size).unwrap_or(u32::MAX);
                    let place = room.acquire_many(size.min(BYTES_AT_ONCE)).await;
                    let put = self.put(contents, &name, &file).await;
                    drop(place);
                    put
                })
                .buffer_unordered(WRITES_AT_ONCE)
                .try_collect::<()>()
                .await?;
        }
        let removed = observed.files.keys().filter(|name| !desired.files.contains_key(*name));
        let removed = removed.map(|name| Version::latest(&format!("{}{name}", contents.prefix)));
        contents.delete(removed.collect()).await
    }

    pub(super) fn desired(&self, known: &Known) -> Spec {
        let files = self.wanted(known);
        Spec { files: files.iter().map(|(name, file)| (name.clone(), ObjectSpec::of(file))).collect() }
    }

    pub(super) async fn observe(
        &self,
        contents: &Contents<'_>,
        foreign: ForeignObjects,
    ) -> Result<Observed<Spec>, Diagnostic> {
        if matches!(foreign, ForeignObjects::Keep | ForeignObjects::Delete) {
            // Nothing is to be left, whatever it is.
            let (versions, uploads) = tokio::try_join!(contents.versions(), contents.uploads())?;
            if foreign == ForeignObjects::Keep {
                self.refuse_foreign(contents, &versions).await?;
            }
            let is_empty = versions.is_empty() && uploads.is_empty();
            return Ok(if is_empty { Observed::Absent } else { Observed::Owned(Spec::default()) });
        }
        let found = self.look_at(contents, contents.objects().await?).await?;
        let wanted = self.page.files();
        let named = found.into_iter().filter_map(|found| {
            let name = found.key.strip_prefix(&contents.prefix)?.to_owned();
            Some((name, found))
        });
        let mut files = BTreeMap::new();
        for (name, found) in named {
            if !found.is_ours && !wanted.contains_key(&name) && name != CONFIG_OBJECT {
                continue;
            }
            if !found.is_ours && foreign == ForeignObjects::Spare {
                return Ok(Observed::Foreign(format!(
                    "the bucket {} holds {:?}, which webrtc-aws did not put there",
                    contents.bucket, found.key
                )));
            }
            files.insert(name, found.spec);
        }
        Ok(if files.is_empty() { Observed::Absent } else { Observed::Owned(Spec { files }) })
    }

    /// Whether anything is there that was put there by us, be it an older version.
    pub(super) async fn has_ours(&self, contents: &Contents<'_>) -> Result<bool, Diagnostic> {
        let versions = contents.versions().await?.into_iter().filter(|version| !version.is_delete_marker);
        let found = self.look_at(contents, versions.collect()).await?;
        Ok(found.iter().any(|found| found.is_ours))
    }

    pub(super) async fn delete(&self, contents: &Contents<'_>, foreign: ForeignObjects) -> Result<(), Diagnostic> {
        let versions = contents.versions().await?;
        // Looked at again: somebody may have put a file there since.
        if foreign != ForeignObjects::Delete {
            self.refuse_foreign(contents, &versions).await?;
        }
        contents.delete(versions).await?;
        contents.abort(contents.uploads().await?).await
    }
}
