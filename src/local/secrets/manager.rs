//! The Secrets Manager, in awsJson 1.1.

use std::collections::BTreeMap;

use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Tag, check_tags, input, invalid, now, refusal};
use crate::local::answer::AwsError;
use crate::local::lambda::new_uuid;
use crate::local::world::World;

const LONGEST_NAME: usize = 512;
const LONGEST_VALUE: usize = 65_536;

#[derive(Debug, Serialize)]
pub(super) struct Secret {
    pub(super) arn: String,
    #[serde(skip)]
    version: String,
    #[serde(skip)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Create {
    name: String,
    secret_string: String,
    client_request_token: Option<String>,
    #[serde(rename = "Description")]
    _description: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Put {
    secret_id: String,
    secret_string: String,
    client_request_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Get {
    secret_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Delete {
    secret_id: String,
    #[serde(default)]
    force_delete_without_recovery: bool,
}

pub(super) fn run(world: &World, operation: &str, body: &[u8]) -> Result<Value, AwsError> {
    let mut state = world.state();
    let secrets = &mut state.secrets.secrets;
    match operation {
        "CreateSecret" => {
            let Create { name, secret_string: value, client_request_token, tags, .. } = input(body)?;
            check_name(&name)?;
            check_value(&value)?;
            check_tags(tags)?;
            if secrets.contains_key(&name) {
                let message = format!("The operation failed because the secret {name} already exists.");
                return Err(refusal("ResourceExistsException", message));
            }
            let options = &world.options;
            let suffix = Alphanumeric.sample_string(&mut rand::rng(), 6);
            let arn = format!("arn:aws:secretsmanager:{}:{}:secret:{name}-{suffix}", options.region, options.account);
            let version = client_request_token.unwrap_or_else(new_uuid);
            let told = json!({ "ARN": arn, "Name": name, "VersionId": version });
            secrets.insert(name, Secret { arn, version, value });
            Ok(told)
        }
        "PutSecretValue" => {
            let Put { secret_id, secret_string: value, client_request_token } = input(body)?;
            check_value(&value)?;
            let name = name_of(secrets, &secret_id).ok_or_else(not_found)?;
            let secret = secrets.get_mut(&name).ok_or_else(not_found)?;
            secret.value = value;
            secret.version = client_request_token.unwrap_or_else(new_uuid);
            Ok(json!({
                "ARN": secret.arn, "Name": name, "VersionId": secret.version, "VersionStages": ["AWSCURRENT"],
            }))
        }
        "GetSecretValue" => {
            let Get { secret_id } = input(body)?;
            let name = name_of(secrets, &secret_id).ok_or_else(not_found)?;
            let secret = secrets.get(&name).ok_or_else(not_found)?;
            Ok(json!({
                "ARN": secret.arn,
                "CreatedDate": now(),
                "Name": name,
                "SecretString": secret.value,
                "VersionId": secret.version,
                "VersionStages": ["AWSCURRENT"],
            }))
        }
        "DeleteSecret" => {
            let Delete { secret_id, force_delete_without_recovery } = input(body)?;
            // A secret that is scheduled for deletion is a state that nothing of ours needs.
            if !force_delete_without_recovery {
                return Err(invalid("The local AWS deletes secrets only with ForceDeleteWithoutRecovery."));
            }
            let name = name_of(secrets, &secret_id).ok_or_else(not_found)?;
            let secret = secrets.remove(&name).ok_or_else(not_found)?;
            Ok(json!({ "ARN": secret.arn, "DeletionDate": now(), "Name": name }))
        }
        // `super::SECRET_OPERATIONS` lets nothing else through.
        other => Err(refusal("UnknownOperationException", other)),
    }
}

/// By name or full ARN. A part of an ARN is refused: AWS finds the secret only where the name does not look like it ends in a
/// suffix.
pub(super) fn find<'a>(secrets: &'a BTreeMap<String, Secret>, name_or_arn: &str) -> Option<&'a Secret> {
    secrets.get(name_or_arn).or_else(|| secrets.values().find(|secret| secret.arn == name_or_arn))
}

fn name_of(secrets: &BTreeMap<String, Secret>, name_or_arn: &str) -> Option<String> {
    let arn = &find(secrets, name_or_arn)?.arn;
    secrets.iter().find(|(_, secret)| secret.arn == *arn).map(|(name, _)| name.clone())
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(legal) {
        let message =
            "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!";
        return Err(invalid(message));
    }
    Ok(())
}

fn check_value(value: &str) -> Result<(), AwsError> {
    if value.is_empty() || value.len() > LONGEST_VALUE {
        return Err(invalid(format!("SecretString must have 1 to {LONGEST_VALUE} bytes.")));
    }
    Ok(())
}

fn not_found() -> AwsError {
    refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
}
