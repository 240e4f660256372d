//! CloudWatch Logs: groups with retention and tags, and the lines that functions write.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;

use super::answer::{self, Answer, AwsError};
use super::call::{Call, Operation, Principal};
use super::world::World;

/// Everything CloudWatch Logs holds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Store {
    groups: BTreeMap<String, ()>,
}

/// Why lines were not stored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PutError {
    /// The role's policies do not allow it.
    #[error("the role is not authorized to perform: {action}")]
    Denied { action: &'static str },
}

/// Writes a function's lines as its role. A group that is absent is created only if the role may; otherwise the lines vanish
/// (AWS-FACTS C6). Whoever follows the local AWS's log sees them in any case.
pub(crate) fn put_events(
    _world: &World,
    _principal: &Principal,
    _group: &str,
    _stream: &str,
    _lines: &[String],
) -> Result<(), PutError> {
    Ok(())
}

pub(crate) fn operation(_call: &Call) -> Option<Operation> {
    None
}

pub(crate) async fn handle(_world: &Arc<World>, call: &Call) -> Answer {
    let error = AwsError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "not implemented");
    answer::error(call.service, &error, &call.request_id)
}
