//! What Lambda holds: functions, each with the version that serves and the statements of its resource policy.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::error::Error;
use super::package::{Architecture, Code};

/// All functions of the account.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Store {
    pub(super) functions: BTreeMap<String, Function>,
    /// What deleted functions still have to say.
    #[serde(skip)]
    flushes: Vec<Flush>,
}

/// The last lines of a deleted function's log (AWS-FACTS C6).
#[derive(Clone, Debug)]
pub(crate) struct Flush {
    pub(super) at: Instant,
    pub(crate) group: String,
    pub(crate) role_name: String,
    pub(crate) role_id: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) arn: String,
    #[serde(flatten)]
    pub(super) version: Version,
    pub(super) tags: BTreeMap<String, String>,
    /// Statements of the resource policy by their id.
    pub(super) policy: BTreeMap<String, Value>,
    pub(super) policy_revision: String,
    pub(super) reserved_concurrency: Option<u32>,
    /// When `Pending` becomes `Active` (AWS-FACTS C2).
    #[serde(skip)]
    pub(super) active_at: Instant,
    /// When the deletion in progress is through (AWS-FACTS C2).
    #[serde(skip)]
    pub(super) gone_at: Option<Instant>,
    /// What serves until the update in progress is through.
    #[serde(skip)]
    pub(super) update: Option<Update>,
}

#[derive(Debug)]
pub(super) struct Update {
    pub(super) done_at: Instant,
    pub(super) previous: Version,
}

/// Configuration and code: what an execution environment is made of.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Version {
    pub(super) role: String,
    /// The role that Lambda was granted when the role was set: another one of the same name does not count (AWS-FACTS D).
    #[serde(skip)]
    pub(super) role_id: Option<String>,
    pub(super) runtime: String,
    pub(super) handler: String,
    pub(super) description: String,
    pub(super) timeout: u64,
    pub(super) memory_size: u64,
    pub(super) architecture: Architecture,
    pub(super) environment: BTreeMap<String, String>,
    pub(super) logging: Logging,
    #[serde(serialize_with = "sha256_of")]
    pub(super) code: Arc<Code>,
    pub(super) last_modified: String,
    /// Differs after every change.
    pub(super) revision: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Logging {
    #[serde(default)]
    pub(super) log_format: LogFormat,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) application_log_level: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) system_log_level: Option<String>,
    /// Always set once stored.
    #[serde(default)]
    pub(super) log_group: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum LogFormat {
    #[default]
    Text,
    #[serde(rename = "JSON")]
    Json,
}

impl LogFormat {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Text => "Text",
            Self::Json => "JSON",
        }
    }
}

fn sha256_of<S: Serializer>(code: &Arc<Code>, serializer: S) -> Result<S::Ok, S::Error> {
    code.sha256.serialize(serializer)
}

impl Function {
    pub(super) fn is_pending(&self, now: Instant) -> bool {
        now < self.active_at
    }

    /// The version that answers now: during an update still the old one (AWS-FACTS C2).
    pub(super) fn serving(&self, now: Instant) -> &Version {
        match &self.update {
            Some(update) if now < update.done_at => &update.previous,
            _ => &self.version,
        }
    }

    /// Refuses what Lambda refuses while a function comes or goes (AWS-FACTS C2).
    pub(super) fn refuse_while_pending(&self, now: Instant) -> Result<(), Error> {
        let state = match self.gone_at {
            Some(_) => "Deleting",
            None if self.is_pending(now) => "Pending",
            None => return Ok(()),
        };
        Err(Error::Conflict(format!(
            "The operation cannot be performed at this time. The function is currently in the following state: {state}"
        )))
    }

    pub(super) fn refuse_while_changing(&self, now: Instant) -> Result<(), Error> {
        self.refuse_while_pending(now)?;
        match &self.update {
            Some(update) if now < update.done_at => Err(Error::Conflict(format!(
                "The operation cannot be performed at this time. An update is in progress for resource: {}",
                self.arn
            ))),
            _ => Ok(()),
        }
    }

    /// The function as GetFunctionConfiguration shows it.
    pub(super) fn configuration(&self, now: Instant) -> Value {
        let version = &self.version;
        let mut shown = json!({
            "FunctionName": self.name,
            "FunctionArn": self.arn,
            "Runtime": version.runtime,
            "Role": version.role,
            "Handler": version.handler,
            "CodeSize": version.code.zip.len(),
            "CodeSha256": version.code.sha256,
            "Description": version.description,
            "Timeout": version.timeout,
            "MemorySize": version.memory_size,
            "LastModified": version.last_modified,
            "Version": "$LATEST",
            "TracingConfig": { "Mode": "PassThrough" },
            "RevisionId": version.revision,
            "PackageType": "Zip",
            "Architectures": [version.architecture],
            "EphemeralStorage": { "Size": 512 },
            "SnapStart": { "ApplyOn": "None", "OptimizationStatus": "Off" },
            "LoggingConfig": version.logging,
        });
        if !version.environment.is_empty() {
            shown["Environment"] = json!({ "Variables": version.environment });
        }
        if self.is_pending(now) {
            shown["State"] = "Pending".into();
            shown["StateReason"] = "The function is being created.".into();
            shown["StateReasonCode"] = "Creating".into();
            shown["LastUpdateStatus"] = "InProgress".into();
        } else {
            shown["State"] = if self.gone_at.is_some() { "Deleting" } else { "Active" }.into();
            let updating = self.update.as_ref().is_some_and(|update| now < update.done_at);
            shown["LastUpdateStatus"] = if updating { "InProgress" } else { "Successful" }.into();
        }
        shown
    }
}

impl Store {
    /// Whether Lambda holds a grant to this very role for the function.
    #[cfg(test)]
    pub(crate) fn is_bound_to(&self, function: &str, role_id: &str) -> bool {
        self.functions.get(function).and_then(|function| function.version.role_id.as_deref()) == Some(role_id)
    }

    /// Drops the functions whose deletion is through.
    pub(super) fn bury(&mut self, now: Instant) {
        self.functions.retain(|_, function| function.gone_at.is_none_or(|gone| now < gone));
    }

    pub(super) fn flush_later(&mut self, flush: Flush) {
        self.flushes.push(flush);
    }

    /// Takes what has arrived by now.
    pub(crate) fn due_flushes(&mut self, now: Instant) -> Vec<Flush> {
        self.flushes.extract_if(.., |flush| flush.at <= now).collect()
    }

    pub(super) fn function(&self, name: &Name) -> Result<&Function, Error> {
        self.functions.get(name.as_str()).ok_or_else(|| name.unknown())
    }

    pub(super) fn function_mut(&mut self, name: &Name) -> Result<&mut Function, Error> {
        self.functions.get_mut(name.as_str()).ok_or_else(|| name.unknown())
    }
}

/// A function's name, taken from a name, a partial ARN or a full ARN of this account and region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    name: String,
    arn: String,
}

impl Name {
    pub(super) fn parse(text: &str, region: &str, account: &str) -> Result<Self, Error> {
        let own = format!("arn:aws:lambda:{region}:{account}:function:");
        let name = match text.strip_prefix(&own).or_else(|| text.strip_prefix(&format!("{account}:function:"))) {
            Some(name) => name,
            None if text.starts_with("arn:") => return Err(Error::NotFound(format!("Function not found: {text}"))),
            None => text,
        };
        let name = name.strip_suffix(":$LATEST").unwrap_or(name);
        // AWS-FACTS C3.
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if !(1..=64).contains(&name.len()) || !name.chars().all(legal) {
            return Err(Error::validation(name, "functionName", "Member must match [a-zA-Z0-9-_]{1,64}"));
        }
        Ok(Self { name: name.to_owned(), arn: format!("{own}{name}") })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.name
    }

    pub(super) fn arn(&self) -> &str {
        &self.arn
    }

    fn unknown(&self) -> Error {
        Error::NotFound(format!("Function not found: {}", self.arn))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_named_by_its_name_or_its_arn() {
        for text in ["relay", "1:function:relay", "arn:aws:lambda:r:1:function:relay", "relay:$LATEST"] {
            assert_eq!(Name::parse(text, "r", "1").unwrap().as_str(), "relay", "{text}");
        }
        assert!(matches!(Name::parse("arn:aws:lambda:r:2:function:relay", "r", "1"), Err(Error::NotFound(_))));
        assert!(matches!(Name::parse("a b", "r", "1"), Err(Error::Validation(_))));
        assert!(matches!(Name::parse(&"a".repeat(65), "r", "1"), Err(Error::Validation(_))));
    }
}
