//! The signalling channel of Amazon Kinesis Video Streams. Nobody connects to it: it is what AWS gives TURN servers to, for the page's
//! calls that have no direct path (AWS-FACTS H). Few stacks have one, so the tags of the others' resources remember it.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_kinesisvideo::types::{ChannelInfo, ChannelType, Status, Tag};
use serde::{Deserialize, Serialize};

use super::tagging::{self, Tags};
use super::{BUCKET, Doing, FUNCTION, LOG_GROUP, ROLE, SIGNALING_CHANNEL, STAGE, WEBSOCKET_API};
use crate::aws::failure::{AwsFailure, FailureClass};
use crate::aws::retry::Look;
use crate::config::Tagging;
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Context, Known, Operation, all_pages};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::Memory;

/// Neither is documented to last; both take seconds (AWS-FACTS H).
const SETTLE_DEADLINE: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub(crate) struct SignalingChannel {
    /// Where it is not, it is looked for only if a tag remembers it.
    pub(crate) is_wanted: bool,
    pub(crate) tagging: Tagging,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    /// It can be used. One that an interrupted run left half-made is waited for.
    is_active: bool,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

impl SignalingChannel {
    async fn describe(&self, context: &Context) -> Result<Option<ChannelInfo>, AwsFailure> {
        let name = context.names.signaling_channel();
        let answer = context
            .call(Operation::repeatable("kinesisvideo", "DescribeSignalingChannel"), || {
                context.clients.kinesis_video.describe_signaling_channel().channel_name(&name).send()
            })
            .await
            .absent_as_none()?;
        Ok(answer.and_then(|answer| answer.channel_info))
    }

    async fn found(&self, context: &Context) -> Result<Option<ChannelInfo>, Diagnostic> {
        let name = context.names.signaling_channel();
        self.describe(context).await.map_err(|failure| {
            let is_denied = failure.class == FailureClass::AccessDenied;
            let problem = Diagnostic::from_aws(&format!("look for the signalling channel {name}"), failure);
            if self.is_wanted || !is_denied {
                return problem;
            }
            let hint = format!(
                "nobody asks for it now, but the tags of the stack remember one: let these credentials look, with the policy that \
                 'webrtc-aws policy {} --turn kvs' prints",
                context.names.stack
            );
            Diagnostic { hint, ..problem }
        })
    }

    async fn settle(&self, context: &Context) -> Result<(), Diagnostic> {
        let name = context.names.signaling_channel();
        let settled = context.until(Look::Call, "the signalling channel is being set up", SETTLE_DEADLINE, || async {
            let channel = self.found(context).await?;
            Ok(channel.filter(|channel| channel.channel_status() == Some(&Status::Active)))
        });
        let channel = settled.await?.ok_or_else(|| {
            Diagnostic::new(
                Code::TimedOut,
                format!("the signalling channel {name} is still being set up after {} s", SETTLE_DEADLINE.as_secs()),
                "run 'up' again: it continues where this run stopped",
            )
        })?;
        known(context, &channel);
        Ok(())
    }

    /// Deletion goes on after the answer, and holds the name (AWS-FACTS H).
    async fn gone(&self, context: &Context) -> Result<(), Diagnostic> {
        let name = context.names.signaling_channel();
        let gone = context.until(Look::Call, "the signalling channel is being deleted", SETTLE_DEADLINE, || async {
            Ok(self.found(context).await?.is_none().then_some(()))
        });
        gone.await?.ok_or_else(|| {
            Diagnostic::new(
                Code::TimedOut,
                format!("the signalling channel {name} is still being deleted after {} s", SETTLE_DEADLINE.as_secs()),
                "run the command again",
            )
        })
    }

    async fn tags(&self, context: &Context, arn: &str) -> Result<Option<Tags>, Diagnostic> {
        let client = &context.clients.kinesis_video;
        let pages = all_pages(async |token: Option<String>| {
            let page = context
                .call(Operation::repeatable("kinesisvideo", "ListTagsForResource"), || {
                    client.list_tags_for_resource().resource_arn(arn).set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.tags.unwrap_or_default().into_iter().collect(), page.next_token))
        });
        let tags = pages.await.absent_as_none();
        let tags = tags.doing(|| format!("read the tags of the signalling channel {arn}"))?;
        Ok(tags.map(|tags| tags.into_iter().collect()))
    }
}

/// The ARN ends in the time of its creation.
fn known(context: &Context, channel: &ChannelInfo) {
    if let Some(arn) = channel.channel_arn() {
        context.known.signaling_channel.set(arn.to_owned());
    }
}

#[async_trait]
impl Kind for SignalingChannel {
    type Spec = Spec;

    fn address(&self) -> Address {
        SIGNALING_CHANNEL
    }

    /// Two that remember it, of which no run and no person is likely to lose both.
    fn needs(&self) -> Vec<Address> {
        vec![LOG_GROUP, WEBSOCKET_API]
    }

    fn remembered_by(&self) -> Vec<Address> {
        vec![BUCKET, LOG_GROUP, ROLE, WEBSOCKET_API, FUNCTION, STAGE]
    }

    fn may_stand_unseen(&self, known: &Known) -> bool {
        !known.remembered.values(Memory::Turn).is_empty()
    }

    fn desired(&self, known: &Known) -> Spec {
        Spec { is_active: true, tags: self.tagging.wanted(known) }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        if !self.is_wanted && !self.may_stand_unseen(&context.known) {
            return Ok(Observed::Absent);
        }
        let Some(channel) = self.found(context).await? else { return Ok(Observed::Absent) };
        let name = context.names.signaling_channel();
        let Some(tags) = self.tags(context, channel.channel_arn().unwrap_or_default()).await? else {
            // It went between the two looks.
            return Ok(Observed::Absent);
        };
        let pairs = || tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        if let Err(why) = context.ownership(pairs()) {
            return Ok(Observed::Foreign(format!("the signalling channel {name} {why}")));
        }
        if channel.channel_status() == Some(&Status::Deleting) {
            self.gone(context).await?;
            return Ok(Observed::Absent);
        }
        known(context, &channel);
        let is_active = channel.channel_status() == Some(&Status::Active);
        Ok(Observed::Owned(Spec { is_active, tags: self.tagging.seen(pairs(), &context.known) }))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let name = context.names.signaling_channel();
        let tags = tag_list(context, tagging::sorted(context.tags(&desired.tags)))?;
        context
            .call(Operation::once("kinesisvideo", "CreateSignalingChannel"), || {
                context
                    .clients
                    .kinesis_video
                    .create_signaling_channel()
                    .channel_name(&name)
                    .channel_type(ChannelType::SingleMaster)
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await
            .doing(|| format!("create the signalling channel {name}"))?;
        self.settle(context).await
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        self.settle(context).await?;
        let missing = tagging::missing(&observed.tags, &desired.tags);
        if missing.is_empty() {
            return Ok(());
        }
        let tags = tag_list(context, tagging::sorted(missing))?;
        let arn = context.known.signaling_channel.get();
        context
            .call(Operation::repeatable("kinesisvideo", "TagResource"), || {
                let tagging = context.clients.kinesis_video.tag_resource().set_resource_arn(arn.clone());
                tagging.set_tags(Some(tags.clone())).send()
            })
            .await
            .map(drop)
            .doing(|| format!("tag the signalling channel {}", context.names.signaling_channel()))
    }

    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        let Some(arn) = context.known.signaling_channel.get() else { return Ok(()) };
        context
            .call(Operation::repeatable("kinesisvideo", "DeleteSignalingChannel"), || {
                context.clients.kinesis_video.delete_signaling_channel().channel_arn(&arn).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("delete the signalling channel {arn}"))?;
        self.gone(context).await
    }
}

fn tag_list(context: &Context, tags: Tags) -> Result<Vec<Tag>, Diagnostic> {
    let tag = |(key, value)| Tag::builder().key(key).value(value).build();
    let tags: Result<Vec<_>, _> = tags.into_iter().map(tag).collect();
    tags.map_err(|error| context.mistake("a tag", &error))
}
