//! The API Gateway v2 control plane.

use std::sync::Arc;

use serde::Serialize;

use super::answer::{self, Answer};
use super::call::{Call, Operation};
use super::world::World;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Store {}

pub(crate) fn operation(_call: &Call) -> Option<Operation> {
    None
}

pub(crate) async fn handle(_world: &Arc<World>, _call: &Call) -> Answer {
    answer::empty(http::StatusCode::NOT_IMPLEMENTED)
}
