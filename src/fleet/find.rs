//! Which stacks there are in one account and region. An API carries its tags in the list; of everything else lists show the name
//! alone, which makes it a candidate, and its own tags are read where no API vouches for it.

use std::collections::BTreeMap;
use std::error::Error;

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{FoundStack, Part};
use crate::aws::clients::Clients;
use crate::aws::failure::AwsFailure;
use crate::diagnostics::Diagnostic;
use crate::engine::context::{self, Absence, Operation, all_pages};
use crate::engine::resource::Address;
use crate::events::Events;
use crate::lifetime::{Age, Expiry, LastDeploy};
use crate::naming::{EXPIRY_TAG, Memory, OWNER_TAG, Region, StackName, StackPattern, Territory};
use crate::resources::Doing;

/// Waits here are no single resource's.
const ALL_STACKS: Address = Address::new("stacks", "all");

/// How many tags are read side by side.
const AT_MOST: usize = 8;

/// How much is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Depth {
    /// What has an API with the stack's tag is that stack; the tags of its other parts say the same.
    Quick,
    /// The tags of every part: before a stack is deleted, no part may say that it is to live.
    Thorough,
}

/// Looks at one account and region. Reads only.
#[derive(Clone, Debug)]
pub(crate) struct Finder<'a> {
    pub(crate) clients: &'a Clients,
    pub(crate) territory: &'a Territory,
    pub(crate) events: &'a Events,
    pub(crate) cancel: &'a CancellationToken,
    /// Ages are counted up to here.
    pub(crate) now: Timestamp,
}

/// Something that may be a part of a stack.
#[derive(Clone, Debug)]
struct Sighting {
    stack: StackName,
    part: Part,
    name: String,
    since: Option<Timestamp>,
    /// `None`: not read yet.
    tags: Option<BTreeMap<String, String>>,
}

impl Sighting {
    fn tag(&self, key: &str) -> Option<&str> {
        self.tags.as_ref()?.get(key).map(String::as_str)
    }

    fn is_ours(&self) -> bool {
        self.tag(OWNER_TAG) == Some(self.stack.as_str())
    }
}

type Sightings = Result<Vec<Sighting>, Diagnostic>;

impl Finder<'_> {
    /// The stacks whose names fit, by name.
    pub(crate) async fn stacks(&self, of: Option<&StackPattern>, depth: Depth) -> Result<Vec<FoundStack>, Diagnostic> {
        // On the heap: together they are large.
        let (apis, buckets, functions, roles, groups) = tokio::join!(
            Box::pin(self.apis()),
            Box::pin(self.buckets()),
            Box::pin(self.functions()),
            Box::pin(self.roles()),
            Box::pin(self.log_groups()),
        );
        let mut candidates: BTreeMap<StackName, Vec<Sighting>> = BTreeMap::new();
        for sighting in apis?.into_iter().chain(buckets?).chain(functions?).chain(roles?).chain(groups?) {
            if of.is_none_or(|pattern| pattern.matches(&sighting.stack)) {
                candidates.entry(sighting.stack.clone()).or_default().push(sighting);
            }
        }
        let vouched = |parts: &[Sighting]| depth == Depth::Quick && parts.iter().any(|part| part.part == Part::Api);
        let (vouched, others): (Vec<_>, Vec<_>) =
            candidates.into_values().partition(|parts: &Vec<Sighting>| vouched(parts));
        let tagged: Vec<Sighting> = stream::iter(others.into_iter().flatten())
            .map(|sighting| self.with_tags(sighting))
            .buffer_unordered(AT_MOST)
            .try_collect()
            .await?;
        let mut stacks: BTreeMap<StackName, Vec<Sighting>> = BTreeMap::new();
        let ours = tagged.into_iter().filter(Sighting::is_ours);
        for sighting in vouched.into_iter().flatten().chain(ours) {
            stacks.entry(sighting.stack.clone()).or_default().push(sighting);
        }
        Ok(stacks.into_iter().map(|(stack, parts)| self.found(stack, &parts)).collect())
    }

    fn found(&self, stack: StackName, sightings: &[Sighting]) -> FoundStack {
        let (parts, mut missing): (Vec<_>, Vec<_>) =
            Part::ALL.into_iter().partition(|part| sightings.iter().any(|sighting| sighting.part == *part));
        let mut names = self.territory.names(stack.clone());
        if !parts.contains(&Part::Bucket) {
            let remembered = sightings.iter().find_map(|sighting| sighting.tag(Memory::Bucket.key())?.parse().ok());
            names.existing_bucket = remembered;
        }
        let existing_bucket = names.existing_bucket.is_some();
        missing.retain(|part| *part != Part::Bucket || !existing_bucket);
        let deployed = sightings.iter().filter_map(|sighting| {
            let tags = sighting.tags.as_ref()?;
            LastDeploy::of(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())))
        });
        let deployed = deployed.max_by_key(|deployed| deployed.at);
        let expires = sightings.iter().filter_map(|sighting| sighting.tag(EXPIRY_TAG)?.parse::<Expiry>().ok()).max();
        let since = || sightings.iter().filter_map(|sighting| sighting.since);
        let last_activity = since().max().max(deployed.as_ref().map(|deployed| deployed.at));
        FoundStack {
            site_url: (parts.contains(&Part::Bucket) || existing_bucket).then(|| names.site_url()),
            stack,
            region: self.territory.region.clone(),
            parts,
            missing,
            created: since().min(),
            last_activity,
            age_s: last_activity.map(|then| Age::since(then, self.now).seconds()),
            deployed,
            expires,
        }
    }

    /// The regions in which there is a bucket or a role of any stack: what tells it without a call to any other region. A stack that
    /// has lost both is not seen from here.
    pub(crate) async fn regions(&self) -> Result<Vec<Region>, Diagnostic> {
        let (buckets, roles) = tokio::join!(Box::pin(self.listed_buckets()), Box::pin(self.listed_roles()));
        let mut regions = vec![self.territory.region.clone()];
        for bucket in buckets? {
            let Some(region) = bucket.bucket_region.map(Region) else { continue };
            let there = self.territory.in_region(region.clone());
            if bucket.name.is_some_and(|name| there.stack_of_bucket(&name).is_some()) {
                regions.push(region);
            }
        }
        for role in roles? {
            let Some(region) = self.territory.region_of_role(role.role_name()) else { continue };
            if regions.contains(&region) {
                continue;
            }
            let Some(stack) = self.territory.in_region(region.clone()).stack_of_role(role.role_name()) else {
                continue;
            };
            let sighting = Sighting { stack, part: Part::Role, name: role.role_name, since: None, tags: None };
            if self.with_tags(sighting).await?.is_ours() {
                regions.push(region);
            }
        }
        regions.sort();
        regions.dedup();
        Ok(regions)
    }

    async fn apis(&self) -> Sightings {
        let apis = all_pages(async |token: Option<String>| {
            let page = self
                .call(Operation::repeatable("apigateway", "GetApis"), || {
                    self.clients.api_gateway.get_apis().max_results("500").set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.items.unwrap_or_default(), page.next_token))
        })
        .await
        .doing(|| "list the WebSocket APIs".to_owned())?;
        let sighting = |api: aws_sdk_apigatewayv2::types::Api| {
            let is_websocket = api.protocol_type() == Some(&aws_sdk_apigatewayv2::types::ProtocolType::Websocket);
            let tags: BTreeMap<_, _> = api.tags?.into_iter().collect();
            let stack = tags.get(OWNER_TAG).filter(|_| is_websocket)?.parse().ok()?;
            let since = api.created_date.and_then(time);
            Some(Sighting { stack, part: Part::Api, name: api.api_id?, since, tags: Some(tags) })
        };
        Ok(apis.into_iter().filter_map(sighting).collect())
    }

    async fn listed_buckets(&self) -> Result<Vec<aws_sdk_s3::types::Bucket>, Diagnostic> {
        all_pages(async |token: Option<String>| {
            let page = self
                .call(Operation::repeatable("s3", "ListBuckets"), || {
                    let list = self.clients.s3.list_buckets().prefix(Territory::bucket_prefix());
                    list.set_continuation_token(token.clone()).send()
                })
                .await?;
            Ok((page.buckets.unwrap_or_default(), page.continuation_token))
        })
        .await
        .doing(|| "list the buckets".to_owned())
    }

    async fn buckets(&self) -> Sightings {
        let sighting = |bucket: aws_sdk_s3::types::Bucket| {
            let name = bucket.name?;
            let stack = self.territory.stack_of_bucket(&name)?;
            Some(Sighting { stack, part: Part::Bucket, name, since: bucket.creation_date.and_then(time), tags: None })
        };
        Ok(self.listed_buckets().await?.into_iter().filter_map(sighting).collect())
    }

    async fn functions(&self) -> Sightings {
        let functions = all_pages(async |marker: Option<String>| {
            let page = self
                .call(Operation::repeatable("lambda", "ListFunctions"), || {
                    self.clients.lambda.list_functions().set_marker(marker.clone()).send()
                })
                .await?;
            Ok((page.functions.unwrap_or_default(), page.next_marker))
        })
        .await
        .doing(|| "list the functions".to_owned())?;
        let sighting = |function: aws_sdk_lambda::types::FunctionConfiguration| {
            let name = function.function_name?;
            let stack = Territory::stack_of_function(&name)?;
            let since = function.last_modified.and_then(|text| seconds(text.parse::<Timestamp>().ok()?));
            Some(Sighting { stack, part: Part::Function, name, since, tags: None })
        };
        Ok(functions.into_iter().filter_map(sighting).collect())
    }

    async fn listed_roles(&self) -> Result<Vec<aws_sdk_iam::types::Role>, Diagnostic> {
        all_pages(async |marker: Option<String>| {
            let page = self
                .call(Operation::repeatable("iam", "ListRoles"), || {
                    self.clients.iam.list_roles().max_items(1000).set_marker(marker.clone()).send()
                })
                .await?;
            Ok((page.roles, page.marker))
        })
        .await
        .doing(|| "list the roles".to_owned())
    }

    async fn roles(&self) -> Sightings {
        let sighting = |role: aws_sdk_iam::types::Role| {
            let stack = self.territory.stack_of_role(role.role_name())?;
            let since = time(*role.create_date());
            Some(Sighting { stack, part: Part::Role, name: role.role_name, since, tags: None })
        };
        Ok(self.listed_roles().await?.into_iter().filter_map(sighting).collect())
    }

    async fn log_groups(&self) -> Sightings {
        let prefix = Territory::log_group_prefix();
        let groups = all_pages(async |token: Option<String>| {
            let page = self
                .call(Operation::repeatable("logs", "DescribeLogGroups"), || {
                    let describe = self.clients.logs.describe_log_groups().log_group_name_prefix(&prefix);
                    describe.set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.log_groups.unwrap_or_default(), page.next_token))
        })
        .await
        .doing(|| "list the log groups".to_owned())?;
        let sighting = |group: aws_sdk_cloudwatchlogs::types::LogGroup| {
            let name = group.log_group_name?;
            let stack = Territory::stack_of_log_group(&name)?;
            let since = group.creation_time.and_then(|time| seconds(Timestamp::from_millisecond(time).ok()?));
            Some(Sighting { stack, part: Part::LogGroup, name, since, tags: None })
        };
        Ok(groups.into_iter().filter_map(sighting).collect())
    }

    /// Reads the tags that a list did not show. What is gone meanwhile has none.
    async fn with_tags(&self, mut sighting: Sighting) -> Result<Sighting, Diagnostic> {
        if sighting.tags.is_none() {
            let tags = match sighting.part {
                Part::Api => Ok(None),
                Part::Bucket => self.tags_of_bucket(&sighting.name).await,
                Part::Function => self.tags_of_function(&sighting.stack).await,
                Part::Role => self.tags_of_role(&sighting.name).await,
                Part::LogGroup => self.tags_of_log_group(&sighting.stack).await,
            };
            let doing = || format!("read the tags of the {} {}", sighting.part.name(), sighting.name);
            sighting.tags = Some(tags.doing(doing)?.unwrap_or_default());
        }
        Ok(sighting)
    }

    async fn tags_of_bucket(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, AwsFailure> {
        let owner = self.territory.account.as_str();
        let answer = self
            .call(Operation::repeatable("s3", "GetBucketTagging"), || {
                self.clients.s3.get_bucket_tagging().bucket(name).expected_bucket_owner(owner).send()
            })
            .await
            .absent_as_none()?;
        Ok(answer.map(|answer| answer.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect()))
    }

    async fn tags_of_function(&self, stack: &StackName) -> Result<Option<BTreeMap<String, String>>, AwsFailure> {
        let arn = self.territory.names(stack.clone()).function_arn();
        let answer = self
            .call(Operation::repeatable("lambda", "ListTags"), || self.clients.lambda.list_tags().resource(&arn).send())
            .await
            .absent_as_none()?;
        Ok(answer.map(|answer| answer.tags.unwrap_or_default().into_iter().collect()))
    }

    async fn tags_of_role(&self, name: &str) -> Result<Option<BTreeMap<String, String>>, AwsFailure> {
        let answer = self
            .call(Operation::repeatable("iam", "GetRole"), || self.clients.iam.get_role().role_name(name).send())
            .await
            .absent_as_none()?;
        let tags = answer.and_then(|answer| answer.role?.tags);
        Ok(tags.map(|tags| tags.into_iter().map(|tag| (tag.key, tag.value)).collect()))
    }

    async fn tags_of_log_group(&self, stack: &StackName) -> Result<Option<BTreeMap<String, String>>, AwsFailure> {
        let arn = self.territory.names(stack.clone()).log_group_arn();
        let answer = self
            .call(Operation::repeatable("logs", "ListTagsForResource"), || {
                self.clients.logs.list_tags_for_resource().resource_arn(&arn).send()
            })
            .await
            .absent_as_none()?;
        Ok(answer.map(|answer| answer.tags.unwrap_or_default().into_iter().collect()))
    }

    async fn call<T, E, Call, Answer>(&self, operation: Operation, call: Call) -> Result<T, AwsFailure>
    where
        Call: FnMut() -> Answer,
        Answer: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: Error + ProvideErrorMetadata + 'static,
    {
        context::call(self.events, self.cancel, ALL_STACKS, operation, call).await
    }
}

/// No service shows more, but for Lambda and CloudWatch.
fn seconds(time: Timestamp) -> Option<Timestamp> {
    Timestamp::from_second(time.as_second()).ok()
}

fn time(date: DateTime) -> Option<Timestamp> {
    Timestamp::from_second(date.secs()).ok()
}
