//! The relay's role: Lambda may assume it, and it may do only what its one inline policy says. Where the relay runs under a role
//! that somebody else made, one of our own is what an earlier run left.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_iam::types::Tag;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::tagging::{self, Tags};
use super::{Doing, FUNCTION, ROLE, ROLE_POLICY, existing_role, policy_document};
use crate::aws::failure::FailureClass;
use crate::aws::retry::Look;
use crate::config::{RoleSettings, Tagging};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Context, Known, Operation, RelayRole, SHOWN, all_pages};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::RoleId;

#[derive(Debug)]
pub(crate) struct Role {
    pub(crate) settings: RoleSettings,
    pub(crate) tagging: Tagging,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    trust: Value,
    /// Names of inline and ARNs of attached policies beside our own: the relay may do nothing else.
    other_policies: Vec<String>,
    path: String,
    permissions_boundary: Option<String>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

fn as_tags(context: &Context, tags: HashMap<String, String>) -> Result<Vec<Tag>, Diagnostic> {
    tags.into_iter()
        .map(|(key, value)| {
            Tag::builder().key(key).value(value).build().map_err(|error| context.mistake("an IAM tag", &error))
        })
        .collect()
}

/// What gives or lends the role rights.
struct Attachments {
    inline: Vec<String>,
    attached: Vec<String>,
}

async fn attachments(context: &Context, role: &str) -> Result<Attachments, Diagnostic> {
    let iam = &context.clients.iam;
    let doing = || format!("list the policies of the role {role}");
    let inline = all_pages(async |marker: Option<String>| {
        let page = context
            .call(Operation::repeatable("iam", "ListRolePolicies"), || {
                iam.list_role_policies().role_name(role).set_marker(marker.clone()).send()
            })
            .await?;
        Ok((page.policy_names, page.marker))
    });
    let attached = all_pages(async |marker: Option<String>| {
        let page = context
            .call(Operation::repeatable("iam", "ListAttachedRolePolicies"), || {
                iam.list_attached_role_policies().role_name(role).set_marker(marker.clone()).send()
            })
            .await?;
        Ok((page.attached_policies.unwrap_or_default(), page.marker))
    });
    let (inline, attached) = tokio::join!(inline, attached);
    let attached = attached.absent_as_none().doing(doing)?.unwrap_or_default();
    Ok(Attachments {
        inline: inline.absent_as_none().doing(doing)?.unwrap_or_default(),
        attached: attached.into_iter().filter_map(|policy| policy.policy_arn).collect(),
    })
}

/// Takes policies from the role.
async fn detach(context: &Context, role: &str, policies: Attachments) -> Result<(), Diagnostic> {
    let iam = &context.clients.iam;
    for arn in policies.attached {
        context
            .call(Operation::repeatable("iam", "DetachRolePolicy"), || {
                iam.detach_role_policy().role_name(role).policy_arn(&arn).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("detach the policy {arn} from the role {role}"))?;
    }
    for name in policies.inline {
        context
            .call(Operation::repeatable("iam", "DeleteRolePolicy"), || {
                iam.delete_role_policy().role_name(role).policy_name(&name).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("delete the inline policy {name} of the role {role}"))?;
    }
    Ok(())
}

async fn set_boundary(context: &Context, role: &str, boundary: &str) -> Result<(), Diagnostic> {
    context
        .call(Operation::repeatable("iam", "PutRolePermissionsBoundary"), || {
            let put = context.clients.iam.put_role_permissions_boundary().role_name(role);
            put.permissions_boundary(boundary).send()
        })
        .await
        .map(drop)
        .doing(|| format!("set the permissions boundary of the role {role}"))
}

async fn leave_instance_profiles(context: &Context, role: &str) -> Result<(), Diagnostic> {
    let iam = &context.clients.iam;
    let doing = || format!("take the role {role} out of its instance profiles");
    let profiles = all_pages(async |marker: Option<String>| {
        let page = context
            .call(Operation::repeatable("iam", "ListInstanceProfilesForRole"), || {
                iam.list_instance_profiles_for_role().role_name(role).set_marker(marker.clone()).send()
            })
            .await?;
        Ok((page.instance_profiles, page.marker))
    })
    .await
    .absent_as_none()
    .doing(doing)?;
    for profile in profiles.iter().flatten() {
        let name = profile.instance_profile_name();
        context
            .call(Operation::repeatable("iam", "RemoveRoleFromInstanceProfile"), || {
                iam.remove_role_from_instance_profile().instance_profile_name(name).role_name(role).send()
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

    fn desired(&self, known: &Known) -> Spec {
        Spec {
            other_policies: Vec::new(),
            tags: self.tagging.wanted(known),
            path: self.settings.path.to_string(),
            // A limit that somebody set is theirs to lift: leaving out an option must not do it.
            permissions_boundary: self
                .settings
                .permissions_boundary
                .clone()
                .or_else(|| known.permissions_boundary.get()),
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
        context.known.role.clear();
        context.known.permissions_boundary.clear();
        let existing = match &self.settings.existing {
            Some(existing) => Some(existing_role::look(context, existing).await?),
            None => None,
        };
        if let Some(existing) = &existing {
            context.known.role.set(existing.clone());
        }
        let answer = context
            .call(Operation::repeatable("iam", "GetRole"), || context.clients.iam.get_role().role_name(&name).send())
            .await
            .absent_as_none()
            .doing(|| format!("look for the role {name}"))?;
        let Some(role) = answer.and_then(|answer| answer.role) else { return Ok(Observed::Absent) };
        if let Err(why) = context.ownership(role.tags().iter().map(|tag| (tag.key(), tag.value()))) {
            return Ok(Observed::Foreign(format!("the role {name} {why}")));
        }
        if existing.is_none() {
            let (arn, id) = (context.names.role_arn(), RoleId(role.role_id().to_owned()));
            context.known.role.set(RelayRole { arn, id });
        }
        let trust = policy_document::parse_encoded(role.assume_role_policy_document().unwrap_or_default());
        let Attachments { inline, attached } = attachments(context, &name).await?;
        let ours = context.names.role_policy();
        let mut other_policies: Vec<_> = inline.into_iter().filter(|name| name != ours).chain(attached).collect();
        other_policies.sort();
        let path = role.path().to_owned();
        // IAM tells keys apart without regard to case: setting one replaces the other.
        let spelled = |key: &str| self.tagging.user.keys().find(|wanted| wanted.eq_ignore_ascii_case(key)).cloned();
        let found: Vec<(String, &str)> = role
            .tags()
            .iter()
            .map(|tag| (spelled(tag.key()).unwrap_or_else(|| tag.key().to_owned()), tag.value()))
            .collect();
        let tags = self.tagging.seen(found.iter().map(|(key, value)| (key.as_str(), *value)), &context.known);
        let permissions_boundary = role.permissions_boundary.and_then(|boundary| boundary.permissions_boundary_arn);
        if let Some(boundary) = &permissions_boundary {
            context.known.permissions_boundary.set(boundary.clone());
        }
        Ok(Observed::Owned(Spec { trust, other_policies, path, permissions_boundary, tags }))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let name = context.names.role();
        let tags = as_tags(context, context.tags(&desired.tags))?;
        let created = context
            .call(Operation::once("iam", "CreateRole"), || {
                context
                    .clients
                    .iam
                    .create_role()
                    .role_name(&name)
                    .description(format!("Relay of the webrtc-aws stack '{}'", context.names.stack))
                    .path(&desired.path)
                    .set_permissions_boundary(desired.permissions_boundary.clone())
                    .assume_role_policy_document(desired.trust.to_string())
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await
            .doing(|| format!("create the role {name}"))?;
        let id = RoleId(created.role.map(|role| role.role_id).unwrap_or_default());
        context.known.role.set(RelayRole { arn: context.names.role_arn(), id });
        Ok(())
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let name = context.names.role();
        if observed.path != desired.path {
            return Err(Diagnostic::new(
                Code::InvalidInput,
                format!("the role {name} stands under the path {}, and IAM cannot move a role", observed.path),
                format!(
                    "pass --role-path {} to leave it there, or run 'teardown' and then 'up', which gives the stack a new URL",
                    observed.path
                ),
            ));
        }
        // First: where it is demanded, nothing else may be changed before.
        if let Some(boundary) = &desired.permissions_boundary
            && observed.permissions_boundary != desired.permissions_boundary
        {
            set_boundary(context, &name, boundary).await?;
        }
        let missing = tagging::missing(&observed.tags, &desired.tags);
        if !missing.is_empty() {
            let tags = as_tags(context, missing)?;
            context
                .call(Operation::repeatable("iam", "TagRole"), || {
                    context.clients.iam.tag_role().role_name(&name).set_tags(Some(tags.clone())).send()
                })
                .await
                .doing(|| format!("tag the role {name}"))?;
        }
        if observed.trust != desired.trust {
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
                .doing(|| format!("repair the trust policy of the role {name}"))?;
        }
        if observed.other_policies != desired.other_policies {
            let mut others = attachments(context, &name).await?;
            others.inline.retain(|policy| policy != context.names.role_policy());
            detach(context, &name, others).await?;
        }
        Ok(())
    }

    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        let name = context.names.role();
        let doing = || format!("delete the role {name}");
        // DeleteRole refuses while anything is attached, whoever attached it, and lists show that late (AWS-FACTS D).
        let deleted =
            context.until(Look::Call, "something hangs on the role that IAM does not list yet", SHOWN, || async {
                // No write is dropped half-way because a list fails.
                let (left, all) = tokio::join!(leave_instance_profiles(context, &name), attachments(context, &name));
                left?;
                detach(context, &name, all?).await?;
                let answer = context
                    .call(Operation::repeatable("iam", "DeleteRole"), || {
                        context.clients.iam.delete_role().role_name(&name).send()
                    })
                    .await
                    .absent_as_none();
                match answer {
                    Err(failure) if failure.class == FailureClass::InUse => Ok(None),
                    answer => answer.map(|_| Some(())).doing(doing),
                }
            });
        deleted.await?.ok_or_else(|| {
            Diagnostic::new(
                Code::TimedOut,
                format!("could not {}: something hangs on it that IAM does not list", doing()),
                "look at the role in the IAM console, then run 'teardown' again",
            )
        })
    }
}
