//! The operations of CloudWatch Logs, in awsJson 1.1. One without a result gives None.

use http::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::super::answer::AwsError;
use super::super::tags::{self, Tags};
use super::super::world::World;
use super::pattern::{InvalidPattern, Pattern};
use super::store::{Event, Group, Store, Stream};

/// The values that PutRetentionPolicy takes.
const RETENTION_DAYS: &[u32] =
    &[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// How many events one FilterLogEvents searches.
const SEARCHED_AT_ONCE: usize = 1_000;

type Output = Result<Option<Value>, AwsError>;

pub(super) fn run(world: &World, operation: &str, body: &[u8]) -> Output {
    let mut state = world.state();
    let store = &mut state.logs;
    match operation {
        "CreateLogGroup" => create_group(store, input(body)?),
        "DescribeLogGroups" => describe_groups(world, store, &input(body)?),
        "DeleteLogGroup" => {
            let GroupName { log_group_name: name } = input(body)?;
            store.groups.remove(&name).ok_or_else(no_such_group).map(|_| None)
        }
        "PutRetentionPolicy" => {
            let PutRetention { log_group_name: name, retention_in_days: days } = input(body)?;
            if !RETENTION_DAYS.contains(&days) {
                return Err(invalid(format!("{days} is no retention in days; valid are {RETENTION_DAYS:?}")));
            }
            group_mut(store, &name)?.retention_days = Some(days);
            Ok(None)
        }
        "DeleteRetentionPolicy" => {
            let GroupName { log_group_name: name } = input(body)?;
            group_mut(store, &name)?.retention_days = None;
            Ok(None)
        }
        "TagResource" => {
            let TagResource { resource_arn, tags } = input(body)?;
            let more = tags::collect(tags).map_err(invalid)?;
            tags::add(&mut group_of_arn(world, store, &resource_arn)?.tags, more)
                .map_err(|message| AwsError::new(StatusCode::BAD_REQUEST, "TooManyTagsException", message))?;
            Ok(None)
        }
        "UntagResource" => {
            let UntagResource { resource_arn, tag_keys } = input(body)?;
            let group = group_of_arn(world, store, &resource_arn)?;
            group.tags.retain(|key, _| !tag_keys.contains(key));
            Ok(None)
        }
        "ListTagsForResource" => {
            let ResourceArn { resource_arn } = input(body)?;
            Ok(Some(json!({ "tags": group_of_arn(world, store, &resource_arn)?.tags })))
        }
        "DescribeLogStreams" => describe_streams(world, store, &input(body)?),
        "FilterLogEvents" => filter_events(world, store, &input(body)?),
        "GetLogEvents" => get_events(store, &input(body)?),
        // `super::OPERATIONS` lets nothing else through.
        other => Err(AwsError::new(StatusCode::BAD_REQUEST, "UnknownOperationException", other)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupName {
    log_group_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateGroup {
    log_group_name: String,
    #[serde(default)]
    tags: Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PutRetention {
    log_group_name: String,
    retention_in_days: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TagResource {
    resource_arn: String,
    tags: Tags,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UntagResource {
    resource_arn: String,
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceArn {
    resource_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeGroups {
    log_group_name_prefix: Option<String>,
    limit: Option<usize>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DescribeStreams {
    log_group_name: String,
    log_stream_name_prefix: Option<String>,
    #[serde(default)]
    order_by: OrderBy,
    #[serde(default)]
    descending: bool,
    limit: Option<usize>,
    next_token: Option<String>,
}

#[derive(Default, Deserialize, PartialEq, Eq)]
enum OrderBy {
    #[default]
    LogStreamName,
    LastEventTime,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct FilterEvents {
    log_group_name: String,
    #[serde(default)]
    log_stream_names: Vec<String>,
    log_stream_name_prefix: Option<String>,
    start_time: Option<i64>,
    end_time: Option<i64>,
    #[serde(default)]
    filter_pattern: String,
    limit: Option<usize>,
    next_token: Option<String>,
    /// Long without effect; the AWS CLI still sends it.
    #[serde(rename = "interleaved")]
    _interleaved: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GetEvents {
    log_group_name: String,
    log_stream_name: String,
    start_time: Option<i64>,
    end_time: Option<i64>,
    #[serde(default)]
    start_from_head: bool,
    limit: Option<usize>,
    next_token: Option<String>,
}

/// Reads a request. A member that is not implemented here is refused, not ignored.
fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, AwsError> {
    serde_json::from_slice(body)
        .map_err(|error| AwsError::new(StatusCode::BAD_REQUEST, "SerializationException", error.to_string()))
}

fn create_group(store: &mut Store, CreateGroup { log_group_name: name, tags }: CreateGroup) -> Output {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-/#".contains(c);
    if name.is_empty() || name.len() > 512 || !name.chars().all(legal) {
        return Err(invalid(format!(
            "1 validation error detected: Value '{name}' at 'logGroupName' failed to satisfy constraint: Member must satisfy \
             regular expression pattern: [\\.\\-_/#A-Za-z0-9]+ and have length between 1 and 512"
        )));
    }
    let tags = tags::collect(tags).map_err(invalid)?;
    if store.groups.contains_key(&name) {
        let message = "The specified log group already exists";
        return Err(AwsError::new(StatusCode::BAD_REQUEST, "ResourceAlreadyExistsException", message));
    }
    store.groups.insert(name, Group { tags, ..Group::new(jiff::Timestamp::now().as_millisecond()) });
    Ok(None)
}

fn describe_groups(world: &World, store: &Store, input: &DescribeGroups) -> Output {
    let prefix = input.log_group_name_prefix.as_deref().unwrap_or_default();
    let groups: Vec<_> = store.groups.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
    let (page, next_token) = page(&groups, limit(input.limit, 50)?, world, input.next_token.as_deref())?;
    let groups: Vec<Value> = page
        .iter()
        .map(|(name, group)| {
            let arn = group_arn(world, name);
            let mut entry = json!({
                "logGroupName": name,
                "creationTime": group.created,
                "metricFilterCount": 0,
                "arn": format!("{arn}:*"),
                "logGroupArn": arn,
                "storedBytes": 0,
                "logGroupClass": "STANDARD",
            });
            if let Some(days) = group.retention_days {
                entry["retentionInDays"] = days.into();
            }
            entry
        })
        .collect();
    Ok(Some(with_token(json!({ "logGroups": groups }), next_token)))
}

fn describe_streams(world: &World, store: &mut Store, input: &DescribeStreams) -> Output {
    let group = group_mut(store, &input.log_group_name)?;
    let prefix = input.log_stream_name_prefix.as_deref().unwrap_or_default();
    let last_event = |stream: &Stream| stream.events.back().map(|event| event.timestamp);
    let mut streams: Vec<_> = group.streams.iter().filter(|(name, _)| name.starts_with(prefix)).collect();
    if input.order_by == OrderBy::LastEventTime {
        if !prefix.is_empty() {
            return Err(invalid("Cannot order by LastEventTime with a logStreamNamePrefix.".to_owned()));
        }
        streams.sort_by_key(|(_, stream)| last_event(stream));
    }
    if input.descending {
        streams.reverse();
    }
    let (page, next_token) = page(&streams, limit(input.limit, 50)?, world, input.next_token.as_deref())?;
    let streams: Vec<Value> = page
        .iter()
        .map(|(name, stream)| {
            json!({
                "logStreamName": name,
                "creationTime": stream.created,
                "firstEventTimestamp": stream.events.front().map(|event| event.timestamp),
                "lastEventTimestamp": last_event(stream),
                "lastIngestionTime": last_event(stream),
                "arn": format!("{}:log-stream:{name}", group_arn(world, &input.log_group_name)),
                "storedBytes": 0,
            })
        })
        .collect();
    Ok(Some(with_token(json!({ "logStreams": streams }), next_token)))
}

/// Searched in spans, not by matches: a page may have few events or none and yet not be the last, as on AWS.
fn filter_events(world: &World, store: &mut Store, input: &FilterEvents) -> Output {
    let group = group_mut(store, &input.log_group_name)?;
    let pattern: Pattern = input.filter_pattern.parse().map_err(|error: InvalidPattern| invalid(error.to_string()))?;
    if !input.log_stream_names.is_empty() && input.log_stream_name_prefix.is_some() {
        return Err(invalid("logStreamNames and logStreamNamePrefix cannot be used together.".to_owned()));
    }
    let limit = limit(input.limit, 10_000)?;
    let wanted = |name: &String| {
        (input.log_stream_names.is_empty() || input.log_stream_names.contains(name))
            && input.log_stream_name_prefix.as_ref().is_none_or(|prefix| name.starts_with(prefix))
    };
    let mut events: Vec<(&Event, &String, usize)> = group
        .streams
        .iter()
        .filter(|(name, _)| wanted(name))
        .flat_map(|(name, stream)| stream.numbered().map(move |(number, event)| (event, name, number)))
        .filter(|(event, ..)| within(event, input.start_time, input.end_time))
        .collect();
    events.sort_by_key(|(event, ..)| event.timestamp);
    let (mut page, mut next_token) = page(&events, SEARCHED_AT_ONCE, world, input.next_token.as_deref())?;
    let start = input.next_token.as_deref().and_then(|token| token.parse::<usize>().ok()).unwrap_or_default();
    let matches = |(event, ..): &&(&Event, &String, usize)| pattern.matches(&event.message);
    if let Some((last, _)) = page.iter().enumerate().filter(|(_, event)| matches(event)).nth(limit - 1) {
        next_token = (start + last + 1 < events.len()).then(|| (start + last + 1).to_string());
        page = &page[..=last];
    }
    let events: Vec<Value> = page
        .iter()
        .filter(matches)
        .map(|(event, stream, number)| {
            json!({
                "logStreamName": stream,
                "timestamp": event.timestamp,
                "message": event.message,
                "ingestionTime": event.timestamp,
                "eventId": format!("{stream}/{number}"),
            })
        })
        .collect();
    Ok(Some(with_token(json!({ "events": events, "searchedLogStreams": [] }), next_token)))
}

/// Both tokens of an answer carry a place in the stream; at its end the forward token comes back unchanged, as on AWS.
fn get_events(store: &mut Store, input: &GetEvents) -> Output {
    let group = group_mut(store, &input.log_group_name)?;
    let stream = group.streams.get(&input.log_stream_name).ok_or_else(|| {
        let message = "The specified log stream does not exist.";
        AwsError::new(StatusCode::BAD_REQUEST, "ResourceNotFoundException", message)
    })?;
    let events: Vec<&Event> =
        stream.events.iter().filter(|event| within(event, input.start_time, input.end_time)).collect();
    let limit = limit(input.limit, 10_000)?;
    let place = |token: &str| {
        let (direction, place) = token.split_once('/')?;
        Some((direction.to_owned(), place.parse::<usize>().ok()?.min(events.len())))
    };
    let range = match input.next_token.as_deref().map(place) {
        None if input.start_from_head => 0..limit.min(events.len()),
        None => events.len().saturating_sub(limit)..events.len(),
        Some(Some((direction, start))) if direction == "f" => start..(start + limit).min(events.len()),
        Some(Some((direction, end))) if direction == "b" => end.saturating_sub(limit)..end,
        Some(_) => return Err(invalid("The specified nextToken is invalid.".to_owned())),
    };
    let page: Vec<Value> = events[range.clone()]
        .iter()
        .map(
            |event| json!({ "timestamp": event.timestamp, "message": event.message, "ingestionTime": event.timestamp }),
        )
        .collect();
    Ok(Some(json!({
        "events": page,
        "nextForwardToken": format!("f/{}", range.end),
        "nextBackwardToken": format!("b/{}", range.start),
    })))
}

fn within(event: &Event, start: Option<i64>, end: Option<i64>) -> bool {
    start.is_none_or(|start| event.timestamp >= start) && end.is_none_or(|end| event.timestamp < end)
}

fn limit(limit: Option<usize>, maximum: usize) -> Result<usize, AwsError> {
    match limit {
        None => Ok(maximum),
        Some(limit) if (1..=maximum).contains(&limit) => Ok(limit),
        Some(limit) => Err(invalid(format!("{limit} is no limit from 1 to {maximum}"))),
    }
}

/// The page behind a token, which is an index, and the next page's token.
fn page<'a, T>(
    items: &'a [T],
    asked: usize,
    world: &World,
    token: Option<&str>,
) -> Result<(&'a [T], Option<String>), AwsError> {
    let start = match token.map(str::parse::<usize>) {
        None => 0,
        Some(Ok(start)) => start.min(items.len()),
        Some(Err(_)) => return Err(invalid("The specified nextToken is invalid.".to_owned())),
    };
    let end = (start + world.options.manners.page(asked)).min(items.len());
    Ok((&items[start..end], (end < items.len()).then(|| end.to_string())))
}

fn with_token(mut body: Value, token: Option<String>) -> Value {
    if let Some(token) = token {
        body["nextToken"] = token.into();
    }
    body
}

fn group_arn(world: &World, name: &str) -> String {
    format!("arn:aws:logs:{}:{}:log-group:{name}", world.options.region, world.options.account)
}

/// The tag operations take a group's ARN without the `:*` that DescribeLogGroups shows in `arn`.
fn group_of_arn<'a>(world: &World, store: &'a mut Store, arn: &str) -> Result<&'a mut Group, AwsError> {
    match arn.strip_prefix(&group_arn(world, "")) {
        Some(name) if !name.contains(':') => group_mut(store, name),
        _ => Err(invalid(format!("{arn} is no ARN of a log group in this account and region"))),
    }
}

fn group_mut<'a>(store: &'a mut Store, name: &str) -> Result<&'a mut Group, AwsError> {
    store.groups.get_mut(name).ok_or_else(no_such_group)
}

fn no_such_group() -> AwsError {
    AwsError::new(StatusCode::BAD_REQUEST, "ResourceNotFoundException", "The specified log group does not exist.")
}

fn invalid(message: String) -> AwsError {
    AwsError::new(StatusCode::BAD_REQUEST, "InvalidParameterException", message)
}
