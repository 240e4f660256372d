//! What a stack offers once it stands: URLs and ids.

use serde::Serialize;

use crate::naming::{ApiId, Names};

/// URLs and ids of a deployed stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outputs {
    /// The stack's name.
    pub stack: String,
    /// The account's id.
    pub account: String,
    /// The region.
    pub region: String,
    /// The page, for two browsers to open.
    pub site_url: String,
    /// The relay, for a page or any WebSocket client.
    pub websocket_url: String,
    /// The WebSocket API's id.
    pub api_id: String,
    /// The page's bucket.
    pub bucket: String,
    /// The relay's function.
    pub function: String,
    /// The relay's log group.
    pub log_group: String,
}

impl Outputs {
    pub(crate) fn new(names: &Names, api: &ApiId) -> Self {
        Self {
            stack: names.stack.to_string(),
            account: names.account.to_string(),
            region: names.region.to_string(),
            site_url: names.site_url(),
            websocket_url: names.websocket_url(api),
            api_id: api.to_string(),
            bucket: names.page_bucket(),
            function: names.function(),
            log_group: names.log_group(),
        }
    }
}
