//! Signalling channels: made and deleted in the background, as AWS does (AWS-FACTS H).

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Channel, Tag, by_arn, collected, done, in_use, input, invalid, not_found};
use crate::local::answer::AwsError;
use crate::local::call::Call;
use crate::local::tags;
use crate::local::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Create {
    channel_name: String,
    channel_type: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Describe {
    #[serde(rename = "ChannelName")]
    name: Option<String>,
    #[serde(rename = "ChannelARN")]
    arn: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delete {
    #[serde(rename = "ChannelARN")]
    arn: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TagResource {
    #[serde(rename = "ResourceARN")]
    arn: String,
    #[serde(rename = "Tags")]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct UntagResource {
    #[serde(rename = "ResourceARN")]
    arn: String,
    #[serde(rename = "TagKeyList")]
    keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListTags {
    #[serde(rename = "ResourceARN")]
    arn: String,
    #[serde(rename = "NextToken")]
    next_token: Option<String>,
}

pub(super) fn create(world: &World, call: &Call) -> Result<Value, AwsError> {
    let Create { channel_name: name, channel_type, tags } = input(call)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    if name.is_empty() || name.len() > 256 || !name.chars().all(legal) {
        return Err(invalid("ChannelName has 1 to 256 of the letters a-z, A-Z, digits and the symbols _ . and -."));
    }
    if channel_type.is_some_and(|kind| kind != "SINGLE_MASTER") {
        return Err(invalid("The local AWS has channels of the type SINGLE_MASTER."));
    }
    let tags = collected(tags)?;
    let (now, created_at) = (world.now(), world.wall_clock());
    let mut state = world.state();
    let channels = &mut state.kinesis_video.channels;
    if channels.contains_key(&name) {
        return Err(in_use("A channel with this name already exists, or is being deleted."));
    }
    let arn = format!(
        "arn:aws:kinesisvideo:{}:{}:channel/{name}/{}",
        world.options.region,
        world.options.account,
        created_at.as_millisecond()
    );
    let active_at = now + world.options.manners.channel_pending;
    channels.insert(name, Channel { arn: arn.clone(), tags, created_at, active_at, gone_at: None });
    Ok(json!({ "ChannelARN": arn }))
}

pub(super) fn describe(world: &World, call: &Call) -> Result<Value, AwsError> {
    let Describe { name, arn } = input(call)?;
    let now = world.now();
    let mut state = world.state();
    let channels = &mut state.kinesis_video.channels;
    let found = match (name, arn) {
        (Some(name), None) => channels.get_key_value(&name),
        (None, Some(arn)) => channels.iter().find(|(_, channel)| channel.arn == arn),
        _ => return Err(invalid("Either ChannelName or ChannelARN must be given.")),
    };
    let (name, channel) = found.ok_or_else(not_found)?;
    Ok(json!({ "ChannelInfo": {
        "ChannelName": name,
        "ChannelARN": channel.arn,
        "ChannelType": "SINGLE_MASTER",
        "ChannelStatus": channel.status(now),
        "CreationTime": channel.created_at.as_second(),
        "SingleMasterConfiguration": { "MessageTtlSeconds": 60 },
        "Version": "1",
    } }))
}

pub(super) fn delete(world: &World, call: &Call) -> Result<Value, AwsError> {
    let Delete { arn } = input(call)?;
    let now = world.now();
    let gone_at = now + world.options.manners.channel_deletion;
    let mut state = world.state();
    let channel = by_arn(&mut state.kinesis_video.channels, &arn)?;
    if channel.status(now) != "ACTIVE" {
        return Err(in_use("The channel is not active."));
    }
    channel.gone_at = Some(gone_at);
    Ok(done())
}

pub(super) fn tag(world: &World, call: &Call) -> Result<Value, AwsError> {
    let TagResource { arn, tags: more } = input(call)?;
    let more = collected(more)?;
    let mut state = world.state();
    tags::add(&mut by_arn(&mut state.kinesis_video.channels, &arn)?.tags, more).map_err(invalid)?;
    Ok(done())
}

pub(super) fn untag(world: &World, call: &Call) -> Result<Value, AwsError> {
    let UntagResource { arn, keys } = input(call)?;
    let mut state = world.state();
    by_arn(&mut state.kinesis_video.channels, &arn)?.tags.retain(|key, _| !keys.contains(key));
    Ok(done())
}

/// In pages, where AWS's manners ask for that.
pub(super) fn list_tags(world: &World, call: &Call) -> Result<Value, AwsError> {
    let ListTags { arn, next_token } = input(call)?;
    let mut state = world.state();
    let tags = &by_arn(&mut state.kinesis_video.channels, &arn)?.tags;
    let start: usize = match next_token {
        Some(token) => token.parse().map_err(|_| invalid("NextToken is not valid."))?,
        None => 0,
    };
    let size = world.options.manners.page(50);
    let page: tags::Tags = tags.clone().into_iter().skip(start).take(size).collect();
    let next = start + page.len();
    Ok(json!({ "Tags": page, "NextToken": (next < tags.len()).then(|| next.to_string()) }))
}
