//! A function's configuration: its limits, and the role that Lambda must be able to assume.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::error::Error;
use super::store::{LogFormat, Logging, Version};
use crate::local::iam::policy;
use crate::local::manners::Manners;
use crate::local::world::State;

/// AWS-FACTS C3.
const LARGEST_ENVIRONMENT: usize = 4096;

/// AWS-FACTS C4: these are Lambda's to set.
const RESERVED_VARIABLES: [&str; 19] = [
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_DEFAULT_REGION",
    "AWS_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_LAMBDA_RUNTIME_API",
    "LAMBDA_TASK_ROOT",
    "LAMBDA_RUNTIME_DIR",
    "AWS_LAMBDA_METADATA_API",
];

/// What UpdateFunctionConfiguration, and CreateFunction likewise, may send: absent members stay.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Configuration {
    pub(super) role: Option<String>,
    pub(super) runtime: Option<String>,
    pub(super) handler: Option<String>,
    pub(super) description: Option<String>,
    pub(super) timeout: Option<u64>,
    pub(super) memory_size: Option<u64>,
    pub(super) environment: Option<Environment>,
    pub(super) logging_config: Option<Logging>,
    pub(super) tracing_config: Option<Value>,
    pub(super) ephemeral_storage: Option<Value>,
    pub(super) layers: Option<Vec<String>>,
    pub(super) revision_id: Option<String>,
}

/// `Environment:{}` keeps the variables, `Variables:{}` clears them (AWS-FACTS C2).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Environment {
    variables: Option<BTreeMap<String, String>>,
}

impl Configuration {
    /// Checks every member, then writes those that were sent into `version`.
    pub(super) fn apply(&self, version: &mut Version, name: &str) -> Result<(), Error> {
        self.check()?;
        if let Some(role) = &self.role {
            version.role.clone_from(role);
        }
        if let Some(runtime) = &self.runtime {
            version.runtime.clone_from(runtime);
        }
        if let Some(handler) = &self.handler {
            version.handler.clone_from(handler);
        }
        if let Some(description) = &self.description {
            version.description.clone_from(description);
        }
        version.timeout = self.timeout.unwrap_or(version.timeout);
        version.memory_size = self.memory_size.unwrap_or(version.memory_size);
        if let Some(variables) = self.environment.as_ref().and_then(|environment| environment.variables.as_ref()) {
            version.environment.clone_from(variables);
        }
        if let Some(logging) = &self.logging_config {
            version.logging = logging.clone();
            if version.logging.log_group.is_empty() {
                version.logging.log_group = format!("/aws/lambda/{name}");
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        match self.runtime.as_deref() {
            None | Some("provided.al2023" | "provided.al2") => {}
            Some(other) => return Err(Error::NotCarried(format!("Runtime {other}"))),
        }
        let sent = |value: &Option<Value>, member: &str, default: Value| match value {
            Some(value) if value[member] != default => Err(Error::NotCarried(format!("{member} {}", value[member]))),
            _ => Ok(()),
        };
        sent(&self.tracing_config, "Mode", "PassThrough".into())?;
        sent(&self.ephemeral_storage, "Size", 512.into())?;
        if self.layers.as_ref().is_some_and(|layers| !layers.is_empty()) {
            return Err(Error::NotCarried("Layers".to_owned()));
        }
        if let Some(handler) = &self.handler
            && (!(1..=128).contains(&handler.len()) || handler.contains(char::is_whitespace))
        {
            return Err(Error::validation(
                handler,
                "handler",
                "Member must match [^\\s]+ and have 1 to 128 characters",
            ));
        }
        if let Some(text) = self.description.as_ref().filter(|text| text.chars().count() > 256) {
            return Err(Error::validation(text, "description", "Member must have length less than or equal to 256"));
        }
        if let Some(timeout) = self.timeout.filter(|timeout| !(1..=900).contains(timeout)) {
            return Err(Error::validation(timeout, "timeout", "Member must be between 1 and 900"));
        }
        if let Some(memory) = self.memory_size.filter(|memory| !(128..=10_240).contains(memory)) {
            return Err(Error::validation(memory, "memorySize", "Member must be between 128 and 10240"));
        }
        if let Some(logging) = &self.logging_config
            && logging.log_format == LogFormat::Text
            && (logging.application_log_level.is_some() || logging.system_log_level.is_some())
        {
            // AWS-FACTS C6.
            return Err(Error::invalid("Log levels can only be set when LogFormat is JSON."));
        }
        match self.environment.as_ref().and_then(|environment| environment.variables.as_ref()) {
            Some(variables) => check_variables(variables),
            None => Ok(()),
        }
    }
}

fn check_variables(variables: &BTreeMap<String, String>) -> Result<(), Error> {
    let reserved: Vec<&str> =
        variables.keys().map(String::as_str).filter(|name| RESERVED_VARIABLES.contains(name)).collect();
    if !reserved.is_empty() {
        return Err(Error::InvalidParameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             contains reserved keys that are currently not supported for modification. Reserved keys used in this request: {}",
            reserved.join(", ")
        )));
    }
    let legal = |name: &str| {
        name.len() >= 2
            && name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    if let Some(name) = variables.keys().find(|name| !legal(name)) {
        return Err(Error::validation(name, "environment.variables", "Map keys must match [a-zA-Z]([a-zA-Z0-9_])+"));
    }
    if let Some(name) = variables.iter().find_map(|(name, value)| value.contains('\0').then_some(name)) {
        return Err(Error::validation(name, "environment.variables", "Map values must not contain NUL"));
    }
    let size = serde_json::to_string(variables).map_or(usize::MAX, |text| text.len());
    if size > LARGEST_ENVIRONMENT {
        return Err(Error::InvalidParameter(format!(
            "Lambda was unable to configure your environment variables because the environment variables you have provided \
             exceeded the 4KB limit. ({size} bytes)"
        )));
    }
    Ok(())
}

/// AWS says in two ways that a role cannot be assumed yet (AWS-FACTS C1).
const NOT_ASSUMABLE: [&str; 2] = [
    "The role defined for the function cannot be assumed by Lambda.",
    "The provided execution role does not have permissions to be assumed by Lambda.",
];

/// Lambda must be able to assume the role: it exists, Lambda has heard of it, and it trusts Lambda (AWS-FACTS C1). All three
/// failures read alike on AWS.
pub(super) fn check_role(state: &mut State, arn: &str, now: Instant, manners: &Manners) -> Result<(), Error> {
    let Some(role) = state.iam.role_by_arn_mut(arn) else { return Err(Error::invalid(NOT_ASSUMABLE[0])) };
    let is_heard_of = role.created_at + manners.role_propagation <= now && manners.role_refusals <= role.refusals;
    if is_heard_of && trusts_lambda(&role.assume_role_policy) {
        return Ok(());
    }
    let text = NOT_ASSUMABLE[role.refusals as usize % NOT_ASSUMABLE.len()];
    role.refusals = role.refusals.saturating_add(1);
    Err(Error::invalid(text))
}

/// A statement with a Condition is not evaluated here: it allows nothing and denies everything, at most stricter than AWS.
pub(super) fn trusts_lambda(trust: &Value) -> bool {
    let names = |value: &Value, accepted: &[&str]| match value {
        Value::String(text) => accepted.contains(&text.as_str()),
        Value::Array(texts) => texts.iter().any(|text| text.as_str().is_some_and(|text| accepted.contains(&text))),
        _ => false,
    };
    let covers = |statement: &&Value| {
        names(&statement["Action"], &["sts:AssumeRole", "sts:*", "*"])
            && (statement["Principal"] == "*" || names(&statement["Principal"]["Service"], &["lambda.amazonaws.com"]))
    };
    let (mut allowed, mut denied) = (false, false);
    for statement in policy::statements(trust).iter().filter(covers) {
        allowed |= statement["Effect"] == "Allow" && statement.get("Condition").is_none();
        denied |= statement["Effect"] == "Deny";
    }
    allowed && !denied
}

/// The wall clock as Lambda writes it.
pub(super) fn now_text() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3f+0000").to_string()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reserved_and_oversized_variables_are_refused() {
        let variables = |name: &str, length: usize| BTreeMap::from([(name.to_owned(), "x".repeat(length))]);
        assert!(check_variables(&variables("ENDPOINT", 10)).is_ok());
        assert!(check_variables(&variables("AWS_REGION", 1)).unwrap_err().to_string().contains("reserved keys"));
        assert!(check_variables(&variables("ENDPOINT", 4097)).unwrap_err().to_string().contains("4KB"));
        assert!(check_variables(&variables("1A", 1)).is_err());
    }

    #[test]
    fn a_role_must_trust_lambda_itself() {
        let trust = |effect: &str, service: Value, action: &str| json!({ "Statement": [{ "Effect": effect, "Principal": { "Service": service }, "Action": action }] });
        assert!(trusts_lambda(&trust("Allow", json!("lambda.amazonaws.com"), "sts:AssumeRole")));
        assert!(trusts_lambda(&trust("Allow", json!(["ec2.amazonaws.com", "lambda.amazonaws.com"]), "sts:AssumeRole")));
        assert!(!trusts_lambda(&trust("Allow", json!("ec2.amazonaws.com"), "sts:AssumeRole")));
        assert!(!trusts_lambda(&trust("Deny", json!("lambda.amazonaws.com"), "sts:AssumeRole")));
        assert!(!trusts_lambda(&trust("Allow", json!("lambda.amazonaws.com"), "sts:TagSession")));
        assert!(!trusts_lambda(&Value::Null));
    }
}
