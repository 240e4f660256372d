//! Tags beside the owner tag: those that somebody asks for, the stack's expiry, and what it remembers of itself. Each kind that
//! takes tags shows of what is there only those, so that whatever tags other people put on our resources are no drift, and stay.

use std::collections::{BTreeMap, HashMap};

use super::Doing;
use crate::config::Tagging;
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Context, Known, Operation};
use crate::lifetime::Expiry;
use crate::naming::{EXPIRY_TAG, Memory};

/// Values by key.
pub(crate) type Tags = BTreeMap<String, String>;

impl Tagging {
    /// What every resource should carry. An expiry that nobody asks for is the latest that any part of the stack carries: a run
    /// that was killed while it renewed one leaves two.
    pub(super) fn wanted(&self, known: &Known) -> Tags {
        let mut tags = self.user.clone();
        let expires = self.expires.or_else(|| known.expires.get());
        tags.extend(expires.map(|expires| (EXPIRY_TAG.to_owned(), expires.to_string())));
        tags.extend(self.remembers.iter().map(|(memory, value)| (memory.key().to_owned(), value.clone())));
        tags
    }

    /// What of a resource's tags is to be compared with what is wanted. Writes down its expiry, where one that is none
    /// is nobody's, and what it remembers: on any one resource that counts, so that neither a run that was killed half-way nor
    /// somebody who deletes a resource makes a stack forget.
    pub(super) fn seen<'a>(&self, found: impl IntoIterator<Item = (&'a str, &'a str)>, known: &Known) -> Tags {
        let mut tags = Tags::new();
        for (key, value) in found {
            if key == EXPIRY_TAG {
                let Ok(expires) = value.parse::<Expiry>() else { continue };
                known.expires.raise(expires);
                tags.insert(key.to_owned(), expires.to_string());
            } else if let Some(memory) = Memory::of_key(key) {
                known.remembered.add(memory, value);
                if self.remembers.contains_key(&memory) {
                    tags.insert(key.to_owned(), value.to_owned());
                }
            } else if self.user.contains_key(key) {
                tags.insert(key.to_owned(), value.to_owned());
            }
        }
        tags
    }
}

/// A map of an SDK as pairs of texts.
pub(super) fn pairs(tags: Option<&HashMap<String, String>>) -> impl Iterator<Item = (&str, &str)> {
    tags.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
}

/// What has to be written: no tag is ever taken away.
pub(super) fn missing(observed: &Tags, desired: &Tags) -> HashMap<String, String> {
    let differs = |(key, value): &(&String, &String)| observed.get(*key) != Some(value);
    desired.iter().filter(differs).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// What an SDK takes as a list, in the same order each time.
pub(super) fn sorted(tags: HashMap<String, String>) -> Tags {
    tags.into_iter().collect()
}

/// Puts tags on an API or a stage.
pub(super) async fn tag_in_api_gateway(
    context: &Context,
    arn: &str,
    tags: HashMap<String, String>,
) -> Result<(), Diagnostic> {
    context
        .call(Operation::repeatable("apigateway", "TagResource"), || {
            context.clients.api_gateway.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send()
        })
        .await
        .map(drop)
        .doing(|| format!("tag {arn}"))
}
