//! IAM: roles with inline policies, the evaluation of those policies, and the temporary credentials issued for a role.

mod condition;
mod form;
mod instance_profiles;
mod model;
mod operations;
pub(crate) mod policy;
mod session;
mod simulation;

use std::sync::Arc;

pub(crate) use condition::Context;
pub(crate) use model::Store;
pub(crate) use policy::Decision;
#[cfg(test)]
pub(crate) use session::SessionCredentials;
pub(crate) use session::{Sessions, find_session, issue_session};

use super::answer::{self, Answer};
use super::call::{Call, Operation, Principal};
use super::world::{State, World};
use form::Form;

const OPERATIONS: &[Operation] = &[
    Operation::write("CreateRole"),
    Operation::read("GetRole"),
    Operation::read("ListRoles"),
    Operation::write("DeleteRole"),
    Operation::write("UpdateAssumeRolePolicy"),
    Operation::write("TagRole"),
    Operation::write("UntagRole"),
    Operation::read("SimulatePrincipalPolicy"),
    Operation::read("ListRoleTags"),
    Operation::write("PutRolePolicy"),
    Operation::read("GetRolePolicy"),
    Operation::read("ListRolePolicies"),
    Operation::write("DeleteRolePolicy"),
    Operation::write("AttachRolePolicy"),
    Operation::write("DetachRolePolicy"),
    Operation::read("ListAttachedRolePolicies"),
    Operation::read("ListInstanceProfilesForRole"),
    Operation::write("CreateInstanceProfile"),
    Operation::write("DeleteInstanceProfile"),
    Operation::write("AddRoleToInstanceProfile"),
    Operation::write("RemoveRoleFromInstanceProfile"),
    Operation::write("PutRolePermissionsBoundary"),
    Operation::write("DeleteRolePermissionsBoundary"),
];

pub(crate) fn operation(call: &Call) -> Option<Operation> {
    let form = Form::parse(&call.body);
    OPERATIONS.iter().find(|operation| operation.name == form.action()).copied()
}

pub(crate) async fn handle(world: &Arc<World>, call: &Call) -> Answer {
    let form = Form::parse(&call.body);
    let operation = operation(call).unwrap_or(Operation::read("Unknown"));
    match operations::run(world, operation, &form) {
        Ok(result) => operations::answer(form.action(), &result, &call.request_id),
        Err(error) => answer::error(call.service, &error, &call.request_id),
    }
}

/// Whether a principal may do `action` on `resource`: the deployer everything, as far as this goes ([`super::authorization`] holds
/// it to a policy where there is one); a role's session what its policies say, within its permissions boundary, as they were a
/// while ago (AWS-FACTS A6). A managed policy whose document is not known allows nothing, and such a boundary limits nothing.
pub(crate) fn is_allowed(
    world: &World,
    state: &State,
    principal: &Principal,
    action: &str,
    resource: &str,
) -> Decision {
    let Principal::RoleSession { role_name, .. } = principal else { return Decision::Allowed };
    let iam = state.iam.seen(world.now(), world.options.manners.policy_propagation);
    let Some(role) = iam.role(role_name) else { return Decision::ImplicitDeny };
    let (given, limit) = iam.documents(role);
    match policy::evaluate(&given, action, resource) {
        Decision::Allowed => limit.map_or(Decision::Allowed, |limit| policy::evaluate(&[limit], action, resource)),
        refused => refused,
    }
}
