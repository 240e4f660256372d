//! STS: who is calling.

use std::sync::Arc;

use http::StatusCode;
use quick_xml::escape::escape;

use super::answer::{self, Answer};
use super::call::{Call, Operation, Principal};
use super::world::World;

pub(crate) fn operation(call: &Call) -> Option<Operation> {
    let parameters = form_urlencoded::parse(&call.body);
    match parameters.into_iter().find(|(name, _)| name == "Action")?.1.as_ref() {
        "GetCallerIdentity" => Some(Operation::read("GetCallerIdentity")),
        _ => None,
    }
}

/// GetCallerIdentity, the only operation. It needs no permission.
pub(crate) async fn handle(world: &Arc<World>, call: &Call) -> Answer {
    let user_id = match &call.principal {
        Principal::Deployer { .. } => "AIDALOCALDEPLOYER".to_owned(),
        Principal::RoleSession { role_name, arn } => {
            let role_id = world.state().iam.role(role_name).map(|role| role.id.clone()).unwrap_or_default();
            format!("{role_id}:{}", arn.rsplit('/').next().unwrap_or_default())
        }
    };
    answer::xml(
        StatusCode::OK,
        "text/xml",
        &format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>{arn}</Arn><UserId>{user_id}</UserId><Account>{account}</Account></GetCallerIdentityResult>\
             <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></GetCallerIdentityResponse>",
            arn = escape(call.principal.arn()),
            account = world.options.account,
            request_id = call.request_id,
        ),
    )
}
