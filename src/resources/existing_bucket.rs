//! The page's files in a bucket that its owner made, below a prefix of the stack's. The bucket is looked at before anything is
//! written, and never changed: neither its policy and settings nor what lies beside the prefix.
//!
//! A stack has its files in one such bucket at a time, which the tags of its other resources remember.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::bucket_contents::Contents;
use super::page_files::{ForeignObjects, PageFiles, Spec};
use super::{FUNCTION, LOG_GROUP, OBJECTS_IN_EXISTING_BUCKET, ROLE, STAGE, WEBSOCKET_API};
use crate::aws::failure::FailureClass;
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Context, Known};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::{ExistingBucket, Memory, Territory};

#[derive(Debug)]
pub(crate) struct ObjectsInExistingBucket {
    pub(crate) files: Arc<PageFiles>,
    /// Where the files are to be, if not in a bucket of the stack's own.
    pub(crate) wanted: Option<ExistingBucket>,
    /// Where they may be, as somebody says who wants nothing to be there.
    pub(crate) told: Option<ExistingBucket>,
    pub(crate) foreign: ForeignObjects,
}

/// A bucket, as far as this is about it.
fn contents<'a>(context: &'a Context, bucket: &ExistingBucket) -> Contents<'a> {
    Contents { context, bucket: bucket.name().to_owned(), prefix: bucket.prefix_of(&context.names.stack) }
}

/// What came of looking for a bucket.
enum Look {
    There,
    Missing,
    InAnotherRegion,
    NotOurs,
}

/// Asks for keys of the stack alone, which a policy may allow where it allows nothing else of the bucket.
async fn look(context: &Context, bucket: &ExistingBucket) -> Result<Look, Diagnostic> {
    match contents(context, bucket).glance().await {
        Ok(()) => Ok(Look::There),
        Err(failure) => match failure.code.as_deref() {
            Some("NoSuchBucket") => Ok(Look::Missing),
            // The latter where the region of the signature is another one (AWS-FACTS E3).
            Some("PermanentRedirect" | "TemporaryRedirect" | "AuthorizationHeaderMalformed") => {
                Ok(Look::InAnotherRegion)
            }
            // Within an account it says who is not authorized to do what.
            _ if failure.class == FailureClass::AccessDenied && !failure.message.contains("not authorized") => {
                Ok(Look::NotOurs)
            }
            _ => {
                let was_denied = failure.class == FailureClass::AccessDenied;
                let (name, stack) = (bucket.name(), &context.names.stack);
                let mut problem = Diagnostic::from_aws(&format!("look at the bucket {name}"), failure);
                if was_denied {
                    problem.hint += &format!(
                        "; the settings or the tags of the stack name this bucket: ask for what 'webrtc-aws policy {stack} \
                         --existing-bucket {bucket}' prints; if the page is there no more, the tag '{}' on the stack's parts may go",
                        Memory::Bucket.key()
                    );
                }
                Err(problem)
            }
        },
    }
}

/// Says why the page cannot be in a bucket.
pub(crate) async fn check(context: &Context, bucket: &ExistingBucket) -> Result<(), Diagnostic> {
    let refused = |what: String, hint: String| Err(Diagnostic::new(Code::InvalidInput, what, hint));
    let (names, name) = (&context.names, bucket.name());
    if let Some(stack) = Territory::of(names).stack_of_bucket(name) {
        return refused(
            format!("the bucket {name} is one that webrtc-aws makes and removes with the stack '{stack}'"),
            "name another one with --existing-bucket, or leave that out: then the stack has a bucket of its own"
                .to_owned(),
        );
    }
    match look(context, bucket).await? {
        Look::There => Ok(()),
        Look::Missing => refused(
            format!("there is no bucket {name}"),
            format!(
                "name one that is there with --existing-bucket, or have it made in the account {}, region {}",
                names.account, names.region
            ),
        ),
        Look::InAnotherRegion => refused(
            format!("the bucket {name} is not in the region {}", names.region),
            "name one that is there with --existing-bucket, or deploy to the bucket's region with --region".to_owned(),
        ),
        Look::NotOurs => refused(
            format!(
                "the bucket {name} does not belong to the account {}, or its policy does not let these credentials list it",
                names.account
            ),
            format!(
                "name one of this account with --existing-bucket, or have its owner let these credentials in below {}",
                bucket.prefix_of(&names.stack)
            ),
        ),
    }
}

fn remembers(known: &Known, bucket: &ExistingBucket) -> bool {
    known.remembered.values(Memory::Bucket).contains(&bucket.to_string())
}

impl ObjectsInExistingBucket {
    /// The buckets that the stack remembers, or was told of, and that are not the wanted one.
    fn others(&self, known: &Known) -> BTreeSet<ExistingBucket> {
        // A tag that somebody else wrote may hold anything.
        let remembered = known.remembered.values(Memory::Bucket).into_iter().filter_map(|name| name.parse().ok());
        remembered.chain(self.told.clone()).filter(|bucket| self.wanted.as_ref() != Some(bucket)).collect()
    }

    /// What is in a bucket that the stack remembers. One that is gone, or was made anew elsewhere, has lost it.
    async fn observe_other(&self, context: &Context, bucket: &ExistingBucket) -> Result<Observed<Spec>, Diagnostic> {
        match look(context, bucket).await? {
            Look::There => self.files.observe(&contents(context, bucket), self.foreign).await,
            Look::Missing | Look::InAnotherRegion => Ok(Observed::Absent),
            Look::NotOurs => Ok(Observed::Foreign(format!(
                "the bucket {}, where the tags of the stack say that it had its page, belongs to another account or does not let these \
                 credentials list it; if it is to, 'webrtc-aws teardown {} --existing-bucket {bucket}' looks there once more",
                bucket.name(),
                context.names.stack
            ))),
        }
    }

    /// With the page in two such buckets, its tags would have to remember both of them.
    async fn refuse_a_second(&self, context: &Context, wanted: &ExistingBucket) -> Result<(), Diagnostic> {
        for other in self.others(&context.known) {
            let Look::There = look(context, &other).await? else { continue };
            if !self.files.has_ours(&contents(context, &other)).await? {
                continue;
            }
            return Err(Diagnostic::new(
                Code::InvalidInput,
                format!("the page is in the bucket {other}, and does not move from one existing bucket to another"),
                format!(
                    "pass --existing-bucket {other} to leave it there; run 'up' without --existing-bucket, which moves it to a bucket \
                     of the stack's own, and then with --existing-bucket {wanted}; or run 'teardown' first, which gives the stack new \
                     URLs"
                ),
            ));
        }
        Ok(())
    }
}

#[async_trait]
impl Kind for ObjectsInExistingBucket {
    type Spec = Spec;

    fn address(&self) -> Address {
        OBJECTS_IN_EXISTING_BUCKET
    }

    /// The configuration names the API. Two services remember the bucket before a file is in it: a run right after one that failed
    /// may not see the API's tags yet.
    fn needs(&self) -> Vec<Address> {
        vec![LOG_GROUP, WEBSOCKET_API]
    }

    fn remembered_by(&self) -> Vec<Address> {
        vec![LOG_GROUP, ROLE, FUNCTION, WEBSOCKET_API, STAGE]
    }

    fn may_stand_unseen(&self, known: &Known) -> bool {
        !self.others(known).is_empty()
    }

    fn desired(&self, known: &Known) -> Spec {
        self.files.desired(known)
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        context.known.page_bucket.clear();
        if let Some(wanted) = &self.wanted {
            check(context, wanted).await?;
            self.refuse_a_second(context, wanted).await?;
            return self.files.observe(&contents(context, wanted), ForeignObjects::Spare).await;
        }
        // A name that nothing but a person's word leads to, and that may be mistyped: without it the page would stay, unseen.
        if let Some(told) = self.told.as_ref().filter(|told| !remembers(&context.known, told)) {
            check(context, told).await?;
        }
        let mut all = Observed::Absent;
        for bucket in self.others(&context.known) {
            match self.observe_other(context, &bucket).await? {
                Observed::Absent => {}
                Observed::Owned(spec) => {
                    context.known.page_bucket.set(bucket);
                    all = Observed::Owned(spec);
                }
                foreign if all == Observed::Absent => all = foreign,
                _ => {}
            }
        }
        Ok(all)
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        self.update(context, &Spec::default(), desired, &[]).await
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        match &self.wanted {
            Some(bucket) => self.files.upload(&contents(context, bucket), observed, desired).await,
            None => Ok(()),
        }
    }

    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        for bucket in self.others(&context.known) {
            if let Look::There = look(context, &bucket).await? {
                self.files.delete(&contents(context, &bucket), self.foreign).await?;
            }
        }
        Ok(())
    }
}
