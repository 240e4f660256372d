//! The roles of the account.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::super::tags::Tags;

/// Everything IAM holds.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Store {
    pub(super) roles: BTreeMap<String, Role>,
    /// Documents of managed policies, by ARN: part of how the account is set up, not of what is in it.
    #[serde(skip)]
    pub(crate) managed_policies: BTreeMap<String, Value>,
    /// The role in each, if there is one.
    pub(super) instance_profiles: BTreeMap<String, Option<String>>,
}

impl Store {
    pub(crate) fn role(&self, name: &str) -> Option<&Role> {
        self.roles.get(name)
    }

    /// The policies that give a role rights, and the boundary that limits them, as far as their documents are known.
    pub(super) fn documents<'a>(&'a self, role: &'a Role) -> (Vec<&'a Value>, Option<&'a Value>) {
        let managed = role.attached_policies.values().filter_map(|arn| self.managed_policies.get(arn));
        let given = role.inline_policies.values().chain(managed).collect();
        let limit = role.permissions_boundary.as_ref().and_then(|arn| self.managed_policies.get(arn));
        (given, limit)
    }

    pub(crate) fn role_by_arn_mut(&mut self, arn: &str) -> Option<&mut Role> {
        self.roles.values_mut().find(|role| role.arn == arn)
    }

    pub(crate) fn role_by_arn(&self, arn: &str) -> Option<&Role> {
        self.roles.values().find(|role| role.arn == arn)
    }
}

/// One role.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) arn: String,
    /// Differs between two roles of the same name: what tells a recreated role from the old one (AWS-FACTS D).
    pub(crate) id: String,
    pub(crate) description: Option<String>,
    pub(crate) max_session_duration: u32,
    pub(crate) permissions_boundary: Option<String>,
    pub(crate) tags: Tags,
    pub(crate) assume_role_policy: Value,
    /// Policy documents by policy name.
    pub(crate) inline_policies: BTreeMap<String, Value>,
    /// ARNs of managed policies by policy name.
    pub(crate) attached_policies: BTreeMap<String, String>,
    /// On the clock of the propagation delays (AWS-FACTS C1).
    #[serde(skip)]
    pub(crate) created_at: Instant,
    /// How often Lambda has refused to assume it (AWS-FACTS C1).
    #[serde(skip)]
    pub(crate) refusals: u32,
    /// As answers show it.
    #[serde(skip)]
    pub(crate) created: jiff::Timestamp,
}
