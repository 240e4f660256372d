//! What keeps secrets: parameters of the Systems Manager, and the Secrets Manager. The deployer puts them in and takes them out; a
//! function's role reads what its policy allows.
//!
//! There is no KMS: values are taken to be encrypted with the services' own keys, for which no caller needs `kms:Decrypt`. A key
//! of one's own is refused.

mod manager;
mod parameters;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::answer::{self, Answer, AwsError};
use super::call::{Call, Operation, Service};
use super::world::{State, World};
pub(crate) use parameters::arn as parameter_arn;

const PARAMETER_OPERATIONS: &[Operation] =
    &[Operation::write("PutParameter"), Operation::read("GetParameter"), Operation::write("DeleteParameter")];

const SECRET_OPERATIONS: &[Operation] = &[
    Operation::write("CreateSecret"),
    Operation::write("PutSecretValue"),
    Operation::read("GetSecretValue"),
    Operation::write("DeleteSecret"),
];

/// All that is kept. Values stay out of snapshots of the account.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Store {
    parameters: BTreeMap<String, parameters::Parameter>,
    secrets: BTreeMap<String, manager::Secret>,
}

impl Store {
    /// The full ARN of a secret, which ends in characters that nobody chooses; none if there is no such secret.
    pub(crate) fn secret_arn(&self, name_or_arn: &str) -> Option<&str> {
        manager::find(&self.secrets, name_or_arn).map(|secret| secret.arn.as_str())
    }
}

pub(super) fn seed_parameter(state: &mut State, name: &str, value: &str) {
    state.secrets.parameters.insert(name.to_owned(), parameters::Parameter::secure(value.to_owned()));
}

pub(crate) fn operation(call: &Call) -> Option<Operation> {
    let (prefix, operations) = match call.service {
        Service::SecretsManager => ("secretsmanager.", SECRET_OPERATIONS),
        _ => ("AmazonSSM.", PARAMETER_OPERATIONS),
    };
    let name = call.header("x-amz-target")?.strip_prefix(prefix)?;
    operations.iter().find(|operation| operation.name == name).copied()
}

pub(crate) async fn handle(world: &Arc<World>, call: &Call) -> Answer {
    let name = operation(call).map_or("", |operation| operation.name);
    let result = match call.service {
        Service::SecretsManager => manager::run(world, name, &call.body),
        _ => parameters::run(world, name, &call.body),
    };
    match result {
        Ok(body) => answer::with_body(StatusCode::OK, "application/x-amz-json-1.1", body.to_string()),
        Err(error) => answer::error(call.service, &error, &call.request_id),
    }
}

/// Key and value, as both services spell a tag.
#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Tag {
    key: String,
    value: String,
}

fn input<T: DeserializeOwned>(body: &[u8]) -> Result<T, AwsError> {
    serde_json::from_slice(body).map_err(|error| refusal("SerializationException", error.to_string()))
}

fn invalid(message: impl Into<String>) -> AwsError {
    refusal("ValidationException", message)
}

/// awsJson reports every error of a client as 400.
fn refusal(code: &str, message: impl Into<String>) -> AwsError {
    AwsError::new(StatusCode::BAD_REQUEST, code, message)
}

fn check_tags(tags: Vec<Tag>) -> Result<(), AwsError> {
    let pairs = tags.into_iter().map(|Tag { key, value }| (key, value));
    super::tags::collect(pairs).map(drop).map_err(invalid)
}

fn now() -> Value {
    let milliseconds = jiff::Timestamp::now().as_millisecond();
    Value::from(milliseconds as f64 / 1_000.0)
}
