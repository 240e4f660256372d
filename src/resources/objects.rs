//! The page's files in the stack's own bucket, as one resource.

use std::sync::Arc;

use async_trait::async_trait;

use super::bucket_contents::Contents;
use super::page_files::{ForeignObjects, PageFiles, Spec};
use super::{BUCKET, OBJECTS, WEBSOCKET_API};
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Context, Known};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};

#[derive(Debug)]
pub(crate) struct Objects {
    pub(crate) files: Arc<PageFiles>,
    pub(crate) foreign: ForeignObjects,
}

/// All of the bucket.
fn contents(context: &Context) -> Contents<'_> {
    Contents { context, bucket: context.names.bucket(), prefix: String::new() }
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
        self.files.desired(known)
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        self.files.observe(&contents(context), self.foreign).await
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        self.files.upload(&contents(context), &Spec::default(), desired).await
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        self.files.upload(&contents(context), observed, desired).await
    }

    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        self.files.delete(&contents(context), self.foreign).await
    }
}
