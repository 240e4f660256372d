//! The relay's role: Lambda may assume it, and it may do only what its one inline policy says.

use async_trait::async_trait;
use aws_sdk_iam::types::Tag;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Doing, FUNCTION, ROLE, ROLE_POLICY, policy_document};
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Absence, Context, Known, Operation};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};

#[derive(Debug)]
pub(crate) struct Role;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    trust: Value,
}

fn tags(context: &Context) -> Result<Vec<Tag>, Diagnostic> {
    context
        .tags()
        .into_iter()
        .map(|(key, value)| {
            Tag::builder().key(key).value(value).build().map_err(|error| context.mistake("an IAM tag", &error))
        })
        .collect()
}

/// Everything attached to the role by somebody else would make DeleteRole fail (AWS-FACTS D).
async fn detach_everything(context: &Context, role: &str) -> Result<(), Diagnostic> {
    let iam = &context.clients.iam;
    let doing = || format!("clear the role {role}");
    let profiles = context
        .call(Operation::repeatable("iam", "ListInstanceProfilesForRole"), || {
            iam.list_instance_profiles_for_role().role_name(role).send()
        })
        .await
        .absent_as_none()
        .doing(doing)?;
    for profile in profiles.iter().flat_map(|answer| answer.instance_profiles()) {
        let name = profile.instance_profile_name();
        context
            .call(Operation::repeatable("iam", "RemoveRoleFromInstanceProfile"), || {
                iam.remove_role_from_instance_profile().instance_profile_name(name).role_name(role).send()
            })
            .await
            .absent_as_none()
            .doing(doing)?;
    }
    let attached = context
        .call(Operation::repeatable("iam", "ListAttachedRolePolicies"), || {
            iam.list_attached_role_policies().role_name(role).send()
        })
        .await
        .absent_as_none()
        .doing(doing)?;
    for arn in attached.iter().flat_map(|answer| answer.attached_policies()).filter_map(|policy| policy.policy_arn()) {
        context
            .call(Operation::repeatable("iam", "DetachRolePolicy"), || {
                iam.detach_role_policy().role_name(role).policy_arn(arn).send()
            })
            .await
            .absent_as_none()
            .doing(doing)?;
    }
    let inline = context
        .call(Operation::repeatable("iam", "ListRolePolicies"), || iam.list_role_policies().role_name(role).send())
        .await
        .absent_as_none()
        .doing(doing)?;
    for policy in inline.iter().flat_map(|answer| answer.policy_names()) {
        context
            .call(Operation::repeatable("iam", "DeleteRolePolicy"), || {
                iam.delete_role_policy().role_name(role).policy_name(policy).send()
            })
            .await
            .absent_as_none()
            .doing(doing)?;
    }
    Ok(())
}

#[async_trait]
impl Kind for Role {
    type Spec = Spec;

    fn address(&self) -> Address {
        ROLE
    }

    fn deleted_after(&self) -> Vec<Address> {
        vec![FUNCTION, ROLE_POLICY]
    }

    fn desired(&self, _: &Known) -> Spec {
        Spec {
            trust: policy_document::wanted(json!({
                "Version": "2012-10-17",
                "Statement": [{
                    "Effect": "Allow",
                    "Principal": { "Service": "lambda.amazonaws.com" },
                    "Action": "sts:AssumeRole",
                }],
            })),
        }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        let name = context.names.role();
        let answer = context
            .call(Operation::repeatable("iam", "GetRole"), || context.clients.iam.get_role().role_name(&name).send())
            .await
            .absent_as_none()
            .doing(|| format!("look for the role {name}"))?;
        let Some(role) = answer.and_then(|answer| answer.role) else { return Ok(Observed::Absent) };
        if let Err(why) = context.ownership(role.tags().iter().map(|tag| (tag.key(), tag.value()))) {
            return Ok(Observed::Foreign(format!("the role {name} {why}")));
        }
        let trust = policy_document::parse_encoded(role.assume_role_policy_document().unwrap_or_default());
        Ok(Observed::Owned(Spec { trust }))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let name = context.names.role();
        let tags = tags(context)?;
        context
            .call(Operation::once("iam", "CreateRole"), || {
                context
                    .clients
                    .iam
                    .create_role()
                    .role_name(&name)
                    .description(format!("Relay of the webrtc-aws stack '{}'", context.names.stack))
                    .assume_role_policy_document(desired.trust.to_string())
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await
            .map(drop)
            .doing(|| format!("create the role {name}"))
    }

    async fn update(&self, context: &Context, _: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let name = context.names.role();
        context
            .call(Operation::repeatable("iam", "UpdateAssumeRolePolicy"), || {
                context
                    .clients
                    .iam
                    .update_assume_role_policy()
                    .role_name(&name)
                    .policy_document(desired.trust.to_string())
                    .send()
            })
            .await
            .map(drop)
            .doing(|| format!("repair the trust policy of the role {name}"))
    }

    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        let name = context.names.role();
        detach_everything(context, &name).await?;
        context
            .call(Operation::repeatable("iam", "DeleteRole"), || {
                context.clients.iam.delete_role().role_name(&name).send()
            })
            .await
            .absent_as_none()
            .map(drop)
            .doing(|| format!("delete the role {name}"))
    }
}
