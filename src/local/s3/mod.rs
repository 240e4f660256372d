//! S3: buckets that block public access and refuse ACLs, their objects, and the public GET that a browser sends.

use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;

use super::answer::{self, Answer, AwsError};
use super::call::{Call, Operation};
use super::world::World;

#[derive(Debug, Default, Serialize)]
pub(crate) struct Store {}

pub(crate) fn operation(_call: &Call) -> Option<Operation> {
    None
}

pub(crate) async fn handle(_world: &Arc<World>, call: &Call) -> Answer {
    let error = AwsError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", "not implemented");
    answer::error(call.service, &error, &call.request_id)
}
pub(crate) fn seed_foreign_bucket(_state: &mut super::world::State, _name: &str) {}
pub(crate) fn public(
    _world: &World,
    _method: &http::Method,
    _path: &str,
    _headers: &http::HeaderMap,
    _request_id: &str,
) -> Answer {
    answer::empty(StatusCode::NOT_IMPLEMENTED)
}
