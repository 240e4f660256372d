//! The resource policy: who may invoke a function (AWS-FACTS C5).

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::Error;
use super::store::{Function, Name, Store};
use super::{new_revision, parse};
use crate::local::answer::{self, Answer};
use crate::local::call::Call;
use crate::local::iam::policy::{wildcard_match, wildcard_match_of_action};

const LONGEST_POLICY: usize = 20 * 1024;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AddPermission {
    statement_id: String,
    action: String,
    principal: String,
    source_arn: Option<String>,
    source_account: Option<String>,
    revision_id: Option<String>,
}

pub(super) fn add(store: &mut Store, call: &Call, name: &Name) -> Result<Answer, Error> {
    let input: AddPermission = parse(call)?;
    let function = store.function_mut(name)?;
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if !(1..=100).contains(&input.statement_id.len()) || !input.statement_id.chars().all(legal) {
        return Err(Error::validation(&input.statement_id, "statementId", "Member must match [a-zA-Z0-9-_]{1,100}"));
    }
    if input.action != "lambda:*" && !input.action.starts_with("lambda:") {
        return Err(Error::validation(&input.action, "action", "Member must match (lambda:[*]|lambda:[a-zA-Z]+|[*])"));
    }
    check_revision(function, input.revision_id.as_deref())?;
    if function.policy.contains_key(&input.statement_id) {
        return Err(Error::Conflict(format!(
            "The statement id ({}) provided already exists. Please provide a new statement id, or remove the existing statement.",
            input.statement_id
        )));
    }
    let statement = input.statement(&function.arn);
    function.policy.insert(input.statement_id.clone(), statement.clone());
    if function.policy_document().to_string().len() > LONGEST_POLICY {
        function.policy.remove(&input.statement_id);
        return Err(Error::PolicyTooLong("The final policy size is bigger than the limit (20480).".to_owned()));
    }
    function.policy_revision = new_revision();
    Ok(answer::json(StatusCode::CREATED, &json!({ "Statement": statement.to_string() })))
}

impl AddPermission {
    fn statement(&self, function_arn: &str) -> Value {
        let principal = if self.principal == "*" {
            json!("*")
        } else if self.principal.len() == 12 && self.principal.chars().all(|c| c.is_ascii_digit()) {
            json!({ "AWS": format!("arn:aws:iam::{}:root", self.principal) })
        } else if self.principal.starts_with("arn:") {
            json!({ "AWS": self.principal })
        } else {
            json!({ "Service": self.principal })
        };
        let mut statement = json!({
            "Sid": self.statement_id,
            "Effect": "Allow",
            "Principal": principal,
            "Action": self.action,
            "Resource": function_arn,
        });
        if let Some(arn) = &self.source_arn {
            statement["Condition"]["ArnLike"]["AWS:SourceArn"] = json!(arn);
        }
        if let Some(account) = &self.source_account {
            statement["Condition"]["StringEquals"]["AWS:SourceAccount"] = json!(account);
        }
        statement
    }
}

pub(super) fn remove(store: &mut Store, call: &Call, name: &Name, statement: &str) -> Result<Answer, Error> {
    let function = store.function_mut(name)?;
    check_revision(function, call.query("RevisionId"))?;
    if function.policy.remove(statement).is_none() {
        return Err(Error::NotFound(format!("Statement {statement} is not found in resource policy.")));
    }
    function.policy_revision = new_revision();
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

pub(super) fn get(store: &Store, name: &Name) -> Result<Answer, Error> {
    let function = store.function(name)?;
    if function.policy.is_empty() {
        return Err(Error::NotFound("The resource you requested does not exist.".to_owned()));
    }
    let shown = json!({ "Policy": function.policy_document().to_string(), "RevisionId": function.policy_revision });
    Ok(answer::json(StatusCode::OK, &shown))
}

fn check_revision(function: &Function, revision: Option<&str>) -> Result<(), Error> {
    match revision {
        Some(revision) if revision != function.policy_revision => Err(Error::PreconditionFailed(
            "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve the latest \
             Revision Id"
                .to_owned(),
        )),
        _ => Ok(()),
    }
}

impl Function {
    fn policy_document(&self) -> Value {
        let statements: Vec<&Value> = self.policy.values().collect();
        json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements })
    }

    /// Whether API Gateway may invoke the function for `source_arn`.
    pub(super) fn admits_api_gateway(&self, source_arn: &str, account: &str) -> bool {
        self.policy.values().any(|statement| admits(statement, &self.arn, source_arn, account))
    }
}

fn admits(statement: &Value, function_arn: &str, source_arn: &str, account: &str) -> bool {
    let principal = &statement["Principal"];
    let names_service = principal == "*" || principal["Service"] == "apigateway.amazonaws.com";
    let action = statement["Action"].as_str().unwrap_or_default();
    names_service
        && wildcard_match_of_action(action, "lambda:InvokeFunction")
        && statement["Resource"] == function_arn
        && conditions_hold(&statement["Condition"], source_arn, account)
}

/// A condition that is not understood here holds for nobody: at most stricter than AWS.
fn conditions_hold(conditions: &Value, source_arn: &str, account: &str) -> bool {
    let Some(operators) = conditions.as_object() else { return conditions.is_null() };
    operators.iter().all(|(operator, keys)| {
        keys.as_object().is_some_and(|keys| {
            keys.iter().all(|(key, value)| {
                let value = value.as_str().unwrap_or_default();
                match (operator.as_str(), key.to_ascii_lowercase().as_str()) {
                    ("ArnLike", "aws:sourcearn") => arn_like(value, source_arn),
                    ("StringEquals", "aws:sourceaccount") => value == account,
                    _ => false,
                }
            })
        })
    })
}

/// `ArnLike`: the six parts of an ARN are compared one by one, each with wildcards.
fn arn_like(pattern: &str, arn: &str) -> bool {
    let (pattern, arn): (Vec<&str>, Vec<&str>) = (pattern.splitn(6, ':').collect(), arn.splitn(6, ':').collect());
    pattern.len() == 6
        && arn.len() == 6
        && pattern.iter().zip(&arn).all(|(pattern, part)| wildcard_match(pattern, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "arn:aws:execute-api:us-east-1:000000000000:abcdefghij/prod/$default";

    #[test]
    fn source_arns_match_part_by_part() {
        for good in [
            SOURCE,
            "arn:aws:execute-api:us-east-1:000000000000:abcdefghij/*",
            "arn:aws:execute-api:us-east-1:000000000000:abcdefghij/*/*",
            "arn:aws:execute-api:us-east-1:000000000000:abcdefghij/prod/$default",
        ] {
            assert!(arn_like(good, SOURCE), "{good}");
        }
        for bad in [
            "arn:aws:execute-api:us-east-1:000000000000:abcdefghij/*/$connect",
            "arn:aws:execute-api:us-east-1:000000000000:abcdefghij/*/*/$default",
            "arn:aws:execute-api:us-east-1:000000000000:abcdefghij",
            "arn:aws:execute-api:us-east-1:000000000000:klmnopqrst/*",
            "arn:aws:execute-api:eu-west-1:000000000000:abcdefghij/*",
            "arn:aws:execute-api:*",
            "*",
        ] {
            assert!(!arn_like(bad, SOURCE), "{bad}");
        }
    }

    #[test]
    fn only_api_gateway_with_a_matching_condition_is_admitted() {
        let statement = |principal: &str, arn: Option<&str>, account: Option<&str>| {
            let permission = AddPermission {
                statement_id: "a".to_owned(),
                action: "lambda:InvokeFunction".to_owned(),
                principal: principal.to_owned(),
                source_arn: arn.map(str::to_owned),
                source_account: account.map(str::to_owned),
                revision_id: None,
            };
            permission.statement("f")
        };
        let admits = |statement: &Value| admits(statement, "f", SOURCE, "000000000000");
        assert!(admits(&statement("apigateway.amazonaws.com", Some(SOURCE), None)));
        assert!(admits(&statement("apigateway.amazonaws.com", None, Some("000000000000"))));
        assert!(!admits(&statement("events.amazonaws.com", Some(SOURCE), None)));
        assert!(!admits(&statement("apigateway.amazonaws.com", Some(SOURCE), Some("111111111111"))));
        assert!(!admits(&statement("apigateway.amazonaws.com", Some("arn:aws:s3:::x"), None)));
        let mut unknown = statement("apigateway.amazonaws.com", Some(SOURCE), None);
        unknown["Condition"]["StringEquals"]["aws:PrincipalOrgID"] = json!("o");
        assert!(!admits(&unknown));
    }
}
