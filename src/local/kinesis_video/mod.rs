//! Kinesis Video Streams, as far as it has TURN servers: signalling channels, and the servers that are granted for one. Nobody can
//! connect to a channel here.

mod channels;
mod ice_servers;
mod turn_server;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::time::Instant;

use super::answer::{self, Answer, AwsError};
use super::call::{Call, Operation};
use super::tags::Tags;
use super::world::World;
pub(crate) use turn_server::{TurnServerSlot, has_turn_server};

const OPERATIONS: &[(&str, Operation)] = &[
    ("/createSignalingChannel", Operation::write("CreateSignalingChannel")),
    ("/describeSignalingChannel", Operation::read("DescribeSignalingChannel")),
    ("/deleteSignalingChannel", Operation::write("DeleteSignalingChannel")),
    ("/TagResource", Operation::write("TagResource")),
    ("/UntagResource", Operation::write("UntagResource")),
    ("/ListTagsForResource", Operation::read("ListTagsForResource")),
    ("/getSignalingChannelEndpoint", Operation::read("GetSignalingChannelEndpoint")),
    ("/v1/get-ice-server-config", Operation::read("GetIceServerConfig")),
];

#[derive(Debug, Default, Serialize)]
pub(crate) struct Store {
    channels: BTreeMap<String, Channel>,
}

#[derive(Clone, Debug, Serialize)]
struct Channel {
    arn: String,
    tags: Tags,
    #[serde(skip)]
    created_at: jiff::Timestamp,
    #[serde(skip)]
    active_at: Instant,
    /// Until when a deleted one shows, and holds its name.
    #[serde(skip)]
    gone_at: Option<Instant>,
}

impl Channel {
    fn status(&self, now: Instant) -> &'static str {
        match self.gone_at {
            Some(_) => "DELETING",
            None if now < self.active_at => "CREATING",
            None => "ACTIVE",
        }
    }
}

impl Store {
    /// The ARN of a channel, which ends in the time of its creation; none if there is no such channel.
    pub(crate) fn channel_arn(&self, name: &str) -> Option<&str> {
        self.channels.get(name).map(|channel| channel.arn.as_str())
    }
}

/// What was being deleted may be gone.
pub(crate) fn flush(world: &World) {
    let now = world.now();
    world.state().kinesis_video.channels.retain(|_, channel| channel.gone_at.is_none_or(|gone_at| now < gone_at));
}

pub(crate) fn operation(call: &Call) -> Option<Operation> {
    let known = OPERATIONS.iter().find(|(path, _)| call.method == Method::POST && call.path == *path);
    known.map(|(_, operation)| *operation)
}

pub(crate) async fn handle(world: &Arc<World>, call: &Call) -> Answer {
    let result = match operation(call).map_or("", |operation| operation.name) {
        "CreateSignalingChannel" => channels::create(world, call),
        "DescribeSignalingChannel" => channels::describe(world, call),
        "DeleteSignalingChannel" => channels::delete(world, call),
        "TagResource" => channels::tag(world, call),
        "UntagResource" => channels::untag(world, call),
        "ListTagsForResource" => channels::list_tags(world, call),
        "GetSignalingChannelEndpoint" => ice_servers::endpoint(world, call),
        // `OPERATIONS` lets nothing else through.
        _ => ice_servers::grant(world, call).await,
    };
    match result {
        Ok(body) => answer::json(StatusCode::OK, &body),
        Err(error) => answer::error(call.service, &error, &call.request_id),
    }
}

/// Key and value, as the service spells a tag.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

fn collected(tags: Vec<Tag>) -> Result<Tags, AwsError> {
    super::tags::collect(tags.into_iter().map(|Tag { key, value }| (key, value))).map_err(invalid)
}

fn input<T: DeserializeOwned>(call: &Call) -> Result<T, AwsError> {
    serde_json::from_slice(&call.body).map_err(|error| invalid(error.to_string()))
}

fn invalid(message: impl Into<String>) -> AwsError {
    AwsError::new(StatusCode::BAD_REQUEST, "InvalidArgumentException", message)
}

fn in_use(message: &str) -> AwsError {
    AwsError::new(StatusCode::BAD_REQUEST, "ResourceInUseException", message)
}

fn not_found() -> AwsError {
    let message = "The requested channel is not found or not active.";
    AwsError::new(StatusCode::NOT_FOUND, "ResourceNotFoundException", message)
}

/// The channel of that ARN: one that was made before under its name has another.
fn by_arn<'a>(channels: &'a mut BTreeMap<String, Channel>, arn: &str) -> Result<&'a mut Channel, AwsError> {
    channels.values_mut().find(|channel| channel.arn == arn).ok_or_else(not_found)
}

fn done() -> Value {
    Value::Object(serde_json::Map::new())
}
