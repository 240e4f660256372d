//! IAM: roles with inline policies, the evaluation of those policies, and the temporary credentials issued for a role.

mod model;
pub(crate) mod policy;
mod session;

use std::sync::Arc;

use http::StatusCode;

pub(crate) use model::{Role, Store};
pub(crate) use policy::Decision;
pub(crate) use session::{SessionCredentials, Sessions, issue_session};

use super::answer::{self, Answer, AwsError};
use super::call::{Call, Operation, Principal};
use super::world::{State, World};

pub(crate) fn operation(_call: &Call) -> Option<Operation> {
    None
}

pub(crate) async fn handle(_world: &Arc<World>, call: &Call) -> Answer {
    let error = AwsError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "not implemented");
    answer::error(call.service, &error, &call.request_id)
}

/// Whether a principal may do `action` on `resource`: the deployer everything, a role's session what its role's policies say.
pub(crate) fn is_allowed(state: &State, principal: &Principal, action: &str, resource: &str) -> Decision {
    match principal {
        Principal::Deployer { .. } => Decision::Allowed,
        Principal::RoleSession { role_name, .. } => match state.iam.role(role_name) {
            Some(role) => policy::evaluate(&role.inline_policies.values().collect::<Vec<_>>(), action, resource),
            None => Decision::ImplicitDeny,
        },
    }
}
