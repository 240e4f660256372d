//! Parameters of the Systems Manager, in awsJson 1.1.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Tag, check_tags, input, invalid, now, refusal};
use crate::local::answer::AwsError;
use crate::local::world::World;

const LONGEST_NAME: usize = 1_011;
/// Of a standard parameter.
const LONGEST_VALUE: usize = 4_096;

/// What GetParameter without decryption gives of a SecureString, in place of the value.
const CIPHERTEXT: &str = "AQICAHhOZW5jcnlwdGVkIGJ5IHRoZSBsb2NhbCBBV1M=";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
enum Type {
    String,
    StringList,
    SecureString,
}

#[derive(Debug, Serialize)]
pub(super) struct Parameter {
    r#type: Type,
    version: u64,
    #[serde(skip)]
    value: String,
}

impl Parameter {
    pub(super) fn secure(value: String) -> Self {
        Self { r#type: Type::SecureString, version: 1, value }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Put {
    name: String,
    value: String,
    r#type: Option<Type>,
    #[serde(default)]
    overwrite: bool,
    #[serde(rename = "Description")]
    _description: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Get {
    name: String,
    #[serde(default)]
    with_decryption: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Delete {
    name: String,
}

pub(super) fn run(world: &World, operation: &str, body: &[u8]) -> Result<Value, AwsError> {
    let mut state = world.state();
    let parameters = &mut state.secrets.parameters;
    match operation {
        "PutParameter" => {
            let Put { name, value, r#type, overwrite, tags, .. } = input(body)?;
            check_name(&name)?;
            if value.is_empty() || value.len() > LONGEST_VALUE {
                return Err(invalid(format!("A standard parameter has 1 to {LONGEST_VALUE} characters.")));
            }
            if overwrite && !tags.is_empty() {
                return Err(invalid("Invalid request: tags and overwrite can't be used together."));
            }
            check_tags(tags)?;
            let known = parameters.get(&name);
            if known.is_some() && !overwrite {
                let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
                return Err(refusal("ParameterAlreadyExists", message));
            }
            let version = known.map_or(1, |known| known.version + 1);
            let r#type = r#type
                .or(known.map(|known| known.r#type))
                .ok_or_else(|| invalid("A parameter type is required when you create a parameter."))?;
            parameters.insert(name, Parameter { r#type, version, value });
            Ok(json!({ "Tier": "Standard", "Version": version }))
        }
        "GetParameter" => {
            let Get { name, with_decryption } = input(body)?;
            check_name(&name)?;
            let parameter = parameters.get(&name).ok_or_else(not_found)?;
            let value = match parameter.r#type {
                Type::SecureString if !with_decryption => CIPHERTEXT,
                _ => &parameter.value,
            };
            Ok(json!({ "Parameter": {
                "ARN": arn(&world.options.region, &world.options.account, &name),
                "DataType": "text",
                "LastModifiedDate": now(),
                "Name": name,
                "Type": parameter.r#type,
                "Value": value,
                "Version": parameter.version,
            } }))
        }
        "DeleteParameter" => {
            let Delete { name } = input(body)?;
            parameters.remove(&name).ok_or_else(not_found).map(|_| json!({}))
        }
        // `super::PARAMETER_OPERATIONS` lets nothing else through.
        other => Err(refusal("UnknownOperationException", other)),
    }
}

/// The slash with which a hierarchy begins is the one behind `parameter`, too.
pub(crate) fn arn(region: &str, account: &str, name: &str) -> String {
    format!("arn:aws:ssm:{region}:{account}:parameter/{}", name.trim_start_matches('/'))
}

fn check_name(name: &str) -> Result<(), AwsError> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_.-/".contains(c);
    if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(legal) {
        return Err(invalid(
            "Parameter name must be 1 to 1011 of the letters a-z, A-Z, digits and the symbols . - _ and /.",
        ));
    }
    if name.contains('/') && !name.starts_with('/') {
        return Err(invalid("Parameter name must be a fully qualified name."));
    }
    let root = name.trim_start_matches('/').to_ascii_lowercase();
    if root.starts_with("aws") || root.starts_with("ssm") {
        return Err(invalid("Parameter name: can't be prefixed with \"aws\" or \"ssm\" (case-insensitive)."));
    }
    Ok(())
}

/// AWS gives no message.
fn not_found() -> AwsError {
    refusal("ParameterNotFound", "")
}
