//! CloudWatch Logs: groups with retention and tags, and the lines that functions write.

mod operations;
mod pattern;
mod store;

use std::sync::Arc;

pub(crate) use store::Store;

use super::answer::{self, Answer};
use super::call::{Call, Operation, Principal};
use super::iam::{self, Decision};
use super::lambda::Flush;
use super::world::{LogLine, World};
use store::{Event, Group};

const TARGET_PREFIX: &str = "Logs_20140328.";

const OPERATIONS: &[Operation] = &[
    Operation::write("CreateLogGroup"),
    Operation::read("DescribeLogGroups"),
    Operation::write("DeleteLogGroup"),
    Operation::write("PutRetentionPolicy"),
    Operation::write("DeleteRetentionPolicy"),
    Operation::write("TagResource"),
    Operation::write("UntagResource"),
    Operation::read("ListTagsForResource"),
    Operation::read("DescribeLogStreams"),
    Operation::read("FilterLogEvents"),
    Operation::read("GetLogEvents"),
];

/// Why lines were not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PutError {
    /// The role's policies do not allow it.
    #[error("the role is not authorized to perform: {action}")]
    Denied {
        /// What the role may not do.
        action: &'static str,
    },
}

/// Writes a function's lines as its role. A group that is absent is created only if the role may; otherwise the lines vanish
/// (AWS-FACTS C6). Whoever follows the local AWS's log sees them in any case.
pub(crate) fn put_events(
    world: &World,
    principal: &Principal,
    group: &str,
    stream: &str,
    lines: &[String],
) -> Result<(), PutError> {
    for text in lines {
        // Nobody listening is no error.
        let _ = world.log_lines.send(LogLine { group: group.to_owned(), text: text.clone() });
    }
    let mut state = world.state();
    let arn = format!("arn:aws:logs:{}:{}:log-group:{group}", world.options.region, world.options.account);
    let need = |state, action, resource: &str| match iam::is_allowed(world, state, principal, action, resource) {
        Decision::Allowed => Ok(()),
        Decision::ExplicitDeny | Decision::ImplicitDeny => Err(PutError::Denied { action }),
    };
    let stream_exists = state.logs.groups.get(group).map(|group| group.streams.contains_key(stream));
    if stream_exists.is_none() {
        need(&state, "logs:CreateLogGroup", &format!("{arn}:*"))?;
    }
    if stream_exists != Some(true) {
        need(&state, "logs:CreateLogStream", &format!("{arn}:*"))?;
    }
    need(&state, "logs:PutLogEvents", &format!("{arn}:log-stream:{stream}"))?;

    let now = jiff::Timestamp::now().as_millisecond();
    let stream = state
        .logs
        .groups
        .entry(group.to_owned())
        .or_insert_with(|| Group::new(now))
        .streams
        .entry(stream.to_owned())
        .or_insert_with(|| store::Stream::new(now));
    stream.append(lines.iter().map(|line| Event { timestamp: now, message: line.clone() }));
    Ok(())
}

/// A line as if it had been written at that time and had arrived only now.
#[cfg(test)]
pub(crate) fn arrive(world: &World, group: &str, stream: &str, timestamp: i64, message: &str) {
    let mut state = world.state();
    let group = state.logs.groups.get_mut(group).expect("the log group");
    let stream = group.streams.entry(stream.to_owned()).or_insert_with(|| store::Stream::new(timestamp));
    stream.append([Event { timestamp, message: message.to_owned() }]);
}

pub(crate) fn operation(call: &Call) -> Option<Operation> {
    let name = call.header("x-amz-target")?.strip_prefix(TARGET_PREFIX)?;
    OPERATIONS.iter().find(|operation| operation.name == name).copied()
}

/// The last lines of deleted functions that have arrived by now.
pub(crate) fn flush(world: &World) {
    let due = world.state().lambda.due_flushes(world.now());
    for Flush { group, role_name, role_id, .. } in due {
        // A function's credentials end with its role.
        let role = world.state().iam.role(&role_name).filter(|role| role.id == role_id).map(|role| role.arn.clone());
        if let Some(arn) = role {
            let principal = Principal::RoleSession { role_name, arn };
            // Lines that may not be written are lost.
            let _ = put_events(world, &principal, &group, "late", &["END".to_owned()]);
        }
    }
}

pub(crate) async fn handle(world: &Arc<World>, call: &Call) -> Answer {
    let name = operation(call).map_or("", |operation| operation.name);
    match operations::run(world, name, &call.body) {
        Ok(None) => answer::with_body(http::StatusCode::OK, "application/x-amz-json-1.1", ""),
        Ok(Some(body)) => answer::with_body(http::StatusCode::OK, "application/x-amz-json-1.1", body.to_string()),
        Err(error) => answer::error(call.service, &error, &call.request_id),
    }
}
