//! One file for each AWS kind: what is wanted, what is there, and the calls between the two.

pub(crate) mod bucket;
mod bucket_contents;
pub(crate) mod existing_bucket;
mod existing_role;
pub(crate) mod function;
pub(crate) mod integration;
pub(crate) mod log_group;
pub(crate) mod objects;
pub(crate) mod page_files;
pub(crate) mod permission;
mod policy_document;
pub(crate) mod role;
pub(crate) mod role_policy;
pub(crate) mod route;
pub(crate) mod sightings;
pub(crate) mod signaling_channel;
pub(crate) mod stage;
mod superseded;
mod tagging;
#[cfg(test)]
mod tests;
pub(crate) mod websocket_api;

use crate::aws::failure::AwsFailure;
use crate::diagnostics::Diagnostic;
use crate::engine::resource::Address;

pub(crate) const BUCKET: Address = Address::new("bucket", "page");
pub(crate) const OBJECTS: Address = Address::new("objects", "page");
pub(crate) const OBJECTS_IN_EXISTING_BUCKET: Address = Address::new("objects", "existing_bucket");
pub(crate) const LOG_GROUP: Address = Address::new("log_group", "relay");
pub(crate) const ROLE: Address = Address::new("role", "relay");
pub(crate) const SIGNALING_CHANNEL: Address = Address::new("signaling_channel", "turn");
pub(crate) const ROLE_POLICY: Address = Address::new("role_policy", "relay");
pub(crate) const FUNCTION: Address = Address::new("function", "relay");
pub(crate) const PERMISSION: Address = Address::new("permission", "api");
pub(crate) const WEBSOCKET_API: Address = Address::new("websocket_api", "relay");
pub(crate) const INTEGRATION: Address = Address::new("integration", "relay");
pub(crate) const ROUTE: Address = Address::new("route", "default");
pub(crate) const STAGE: Address = Address::new("stage", "live");

/// Says what we were doing when AWS refused.
pub(crate) trait Doing<T> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Diagnostic>;
}

impl<T> Doing<T> for Result<T, AwsFailure> {
    fn doing(self, what: impl FnOnce() -> String) -> Result<T, Diagnostic> {
        self.map_err(|failure| Diagnostic::from_aws(&what(), failure))
    }
}
