//! The relay's CloudWatch log group. Made by us with a retention, so that the role needs no right to make one: a group that
//! Lambda makes keeps everything for ever and comes back after a teardown (AWS-FACTS C6).

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::tagging::{self, Tags};
use super::{Doing, LOG_GROUP};
use crate::config::Tagging;
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Absence, Context, Known, Operation, all_pages};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};

#[derive(Debug)]
pub(crate) struct LogGroup {
    pub(crate) retention_days: i32,
    pub(crate) tagging: Tagging,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// `None`: kept for ever.
    retention_days: Option<i32>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

impl LogGroup {
    async fn put_retention(&self, context: &Context, days: Option<i32>) -> Result<(), Diagnostic> {
        let name = context.names.log_group();
        context
            .call(Operation::repeatable("logs", "PutRetentionPolicy"), || {
                context.clients.logs.put_retention_policy().log_group_name(&name).set_retention_in_days(days).send()
            })
            .await
            .map(drop)
            .doing(|| format!("set the retention of the log group {name}"))
    }
}

#[async_trait]
impl Kind for LogGroup {
    type Spec = Spec;

    fn address(&self) -> Address {
        LOG_GROUP
    }

    /// A late line of a running function would be lost, or make the group again where the role may (AWS-FACTS C6).
    fn deleted_after(&self) -> Vec<Address> {
        vec![super::FUNCTION]
    }

    fn desired(&self, known: &Known) -> Spec {
        Spec { retention_days: Some(self.retention_days), tags: self.tagging.wanted(known) }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        let name = context.names.log_group();
        let logs = &context.clients.logs;
        // The filter is a prefix, so a namesake with a longer name may come first, or fill a page.
        let groups = all_pages(async |token: Option<String>| {
            let page = context
                .call(Operation::repeatable("logs", "DescribeLogGroups"), || {
                    logs.describe_log_groups().log_group_name_prefix(&name).set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.log_groups.unwrap_or_default(), page.next_token))
        })
        .await
        .doing(|| format!("look for the log group {name}"))?;
        let Some(group) = groups.into_iter().find(|group| group.log_group_name() == Some(&name)) else {
            return Ok(Observed::Absent);
        };
        let arn = context.names.log_group_arn();
        let found = context
            .call(Operation::repeatable("logs", "ListTagsForResource"), || {
                logs.list_tags_for_resource().resource_arn(&arn).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("read the tags of the log group {name}"))?;
        // It may have gone between the two looks, and is then nobody else's.
        let Some(found) = found.map(|answer| answer.tags.unwrap_or_default()) else { return Ok(Observed::Absent) };
        if let Err(why) = context.ownership(tagging::pairs(Some(&found))) {
            return Ok(Observed::Foreign(format!("the log group {name} {why}")));
        }
        let tags = self.tagging.seen(tagging::pairs(Some(&found)), &context.known);
        Ok(Observed::Owned(Spec { retention_days: group.retention_in_days, tags }))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let name = context.names.log_group();
        let tags = context.tags(&desired.tags);
        context
            .call(Operation::once("logs", "CreateLogGroup"), || {
                context.clients.logs.create_log_group().log_group_name(&name).set_tags(Some(tags.clone())).send()
            })
            .await
            .doing(|| format!("create the log group {name}"))?;
        self.put_retention(context, desired.retention_days).await
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let missing = tagging::missing(&observed.tags, &desired.tags);
        if !missing.is_empty() {
            let (name, arn) = (context.names.log_group(), context.names.log_group_arn());
            context
                .call(Operation::repeatable("logs", "TagResource"), || {
                    context.clients.logs.tag_resource().resource_arn(&arn).set_tags(Some(missing.clone())).send()
                })
                .await
                .doing(|| format!("tag the log group {name}"))?;
        }
        if observed.retention_days != desired.retention_days {
            self.put_retention(context, desired.retention_days).await?;
        }
        Ok(())
    }

    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        let name = context.names.log_group();
        context
            .call(Operation::repeatable("logs", "DeleteLogGroup"), || {
                context.clients.logs.delete_log_group().log_group_name(&name).send()
            })
            .await
            .absent_as_none()
            .map(drop)
            .doing(|| format!("delete the log group {name}"))
    }
}
