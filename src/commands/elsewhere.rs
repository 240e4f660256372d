//! Whether a stack stands in another region. Somebody who looks in the wrong one must not be told that all is well.
//!
//! Two lists of the whole account tell it, with no state file and no call to any other region: S3's, for a bucket's name carries
//! a hash over account and region, and IAM's, which is global, for a role's name carries the region. Of a stack that has lost
//! both, nothing is seen from here. Who may not read a list is told so.

use std::collections::BTreeMap;

use super::place::SamePlace;
use super::session::Session;
use crate::aws::failure::{AwsFailure, FailureClass};
use crate::config::Target;
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Context, Operation, all_pages};
use crate::engine::observe::interrupted;
use crate::naming::Region;

/// What was found of the stack outside of the region that was looked at.
pub(super) struct Elsewhere {
    /// What is there, in words, by region.
    found: BTreeMap<String, Vec<String>>,
    /// Why a list could not be read.
    unseen: Vec<AwsFailure>,
}

/// Looks for buckets and roles of the stack in other regions.
pub(super) async fn look(session: &Session<'_>) -> Result<Elsewhere, Diagnostic> {
    let context = &session.context;
    let mut elsewhere = Elsewhere { found: BTreeMap::new(), unseen: Vec::new() };
    // On the heap, as they are rarely needed: within the futures of the commands they would make all of those larger.
    let (buckets, roles) = session
        .run
        .unless_interrupted(async { Ok(tokio::join!(Box::pin(buckets(context)), Box::pin(roles(context)))) })
        .await?;
    for list in [buckets, roles] {
        match list {
            Ok(found) => {
                for (region, what) in found.into_iter().filter(|(region, _)| *region != context.names.region) {
                    elsewhere.found.entry(region.to_string()).or_default().push(what);
                }
            }
            Err(failure) if failure.class == FailureClass::Interrupted => return Err(interrupted()),
            Err(failure) => elsewhere.unseen.push(failure),
        }
    }
    Ok(elsewhere)
}

async fn buckets(context: &Context) -> Result<Vec<(Region, String)>, AwsFailure> {
    let prefix = context.names.bucket_prefix();
    let buckets = all_pages(async |token: Option<String>| {
        let page = context
            .call(Operation::repeatable("s3", "ListBuckets"), || {
                context.clients.s3.list_buckets().prefix(&prefix).set_continuation_token(token.clone()).send()
            })
            .await?;
        Ok((page.buckets.unwrap_or_default(), page.continuation_token))
    })
    .await?;
    let ours = buckets.into_iter().filter_map(|bucket| {
        let region = Region(bucket.bucket_region?);
        let name = bucket.name.filter(|name| *name == context.names.in_region(region.clone()).bucket())?;
        Some((region, format!("the bucket {name}")))
    });
    Ok(ours.collect())
}

async fn roles(context: &Context) -> Result<Vec<(Region, String)>, AwsFailure> {
    let iam = &context.clients.iam;
    let roles = all_pages(async |marker: Option<String>| {
        let page = context
            .call(Operation::repeatable("iam", "ListRoles"), || {
                iam.list_roles().max_items(1000).set_marker(marker.clone()).send()
            })
            .await?;
        Ok((page.roles, page.marker))
    })
    .await?;
    let mut ours = Vec::new();
    for role in roles {
        let Some(region) = context.names.region_of_role(role.role_name()) else { continue };
        // The list leaves tags out.
        let answer = context
            .call(Operation::repeatable("iam", "GetRole"), || iam.get_role().role_name(role.role_name()).send())
            .await
            .absent_as_none()?;
        let Some(role) = answer.and_then(|answer| answer.role) else { continue };
        if context.ownership(role.tags().iter().map(|tag| (tag.key(), tag.value()))).is_ok() {
            ours.push((region, format!("the role {}", role.role_name())));
        }
    }
    Ok(ours)
}

impl Elsewhere {
    /// Says what `command` should be given instead; where nothing was found, says where it was looked for.
    pub(super) fn conclude(&self, session: &Session<'_>, command: &str) -> Option<Diagnostic> {
        let nothing = format!("there is nothing of {}", session.whole());
        let Some(first) = self.found.keys().next() else {
            let events = &session.run.events;
            let no = match self.unseen.as_slice() {
                [] => "; no other region has a bucket or a role of it either",
                _ => "",
            };
            events.note(format!("{nothing}{no}"));
            for failure in &self.unseen {
                events.warn(format!(
                    "other regions were not fully looked at: {failure}; to have that done, let these credentials make the calls \
                     s3:ListAllMyBuckets, iam:ListRoles and iam:GetRole, or run this in the other regions as well"
                ));
            }
            return None;
        };
        let there: Vec<_> =
            self.found.iter().map(|(region, what)| format!("{region} has {}", what.join(" and "))).collect();
        let others = match self.found.len() {
            1 => String::new(),
            _ => format!(", and likewise for {}", self.found.keys().skip(1).cloned().collect::<Vec<_>>().join(", ")),
        };
        let (stack, place) = (&session.config.stack, in_region(&session.config.target, first));
        Some(Diagnostic::new(
            Code::Elsewhere,
            format!("{nothing}, but {}", there.join(", ")),
            format!("if you mean that one, run 'webrtc-aws {command} {stack}{}'{others}", SamePlace(&place)),
        ))
    }
}

fn in_region(target: &Target, region: &str) -> Target {
    let mut target = target.clone();
    match &mut target {
        Target::Aws { region: there, .. } | Target::Local { region: there, .. } => *there = Some(region.to_owned()),
    }
    target
}
