//! A role that its owner made for the relay. It is looked at before anything is written, and never changed.

use serde_json::Value;

use super::{Doing, policy_document};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Context, Operation, RelayRole};
use crate::naming::{ExistingRole, OWNER_TAG, RoleId, wildcard_match};

/// Who must be let into the role.
const LAMBDA: &str = "lambda.amazonaws.com";

/// Finds the role, or says why the relay cannot run under it.
pub(super) async fn look(context: &Context, wanted: &ExistingRole) -> Result<RelayRole, Diagnostic> {
    let (names, name) = (&context.names, wanted.name());
    let refused = |what: String, hint: String| Err(Diagnostic::new(Code::InvalidInput, what, hint));
    if let Some(other) = wanted.account_other_than(&names.partition, &names.account) {
        return refused(
            format!("{wanted} is a role of the account {other}, and this run works in {}", names.account),
            "a function runs under a role of its own account: name one that is there with --existing-role, or sign in to the other \
             account"
                .to_owned(),
        );
    }
    let role = context
        .call(Operation::repeatable("iam", "GetRole"), || context.clients.iam.get_role().role_name(name).send())
        .await
        .absent_as_none()
        .doing(|| format!("look for the role {name}"))?
        .and_then(|answer| answer.role);
    let Some(role) = role else {
        return refused(
            format!("there is no role {name} in the account {}", names.account),
            format!("name one that is there with --existing-role, or have it made: {}", needed(context)),
        );
    };
    if let Some(given) = wanted.given_arn().filter(|given| *given != role.arn()) {
        return refused(
            format!("there is no role {given}; the role of this name is {}", role.arn()),
            format!("if that one is meant, pass --existing-role {}", role.arn()),
        );
    }
    let owner = role.tags().iter().find(|tag| tag.key() == OWNER_TAG);
    if owner.is_some() || name.eq_ignore_ascii_case(&names.role()) {
        let stack = owner.map_or(names.stack.as_str(), |tag| tag.value());
        return refused(
            format!("the role {name} is one that webrtc-aws makes and removes with the stack '{stack}'"),
            "name another one with --existing-role, or leave that out: then the stack has a role of its own".to_owned(),
        );
    }
    let trust = policy_document::parse_encoded(role.assume_role_policy_document().unwrap_or_default());
    if !lets_lambda_in(&trust) {
        return refused(
            format!("the role {name} does not let Lambda assume it: its trust policy does not name {LAMBDA}"),
            format!("have its owner put that right: {}", needed(context)),
        );
    }
    Ok(RelayRole { arn: role.arn().to_owned(), id: RoleId(role.role_id().to_owned()) })
}

fn needed(context: &Context) -> String {
    format!(
        "its trust policy lets {LAMBDA} do sts:AssumeRole, and 'webrtc-aws policy {} --for relay' prints what it has to be \
         allowed",
        context.names.stack
    )
}

/// Whether a trust policy may let Lambda in. What conditions come to only Lambda can tell.
fn lets_lambda_in(trust: &Value) -> bool {
    let statements = match &trust["Statement"] {
        Value::Array(statements) => statements.as_slice(),
        statement => std::slice::from_ref(statement),
    };
    let texts = |value: &Value| -> Vec<String> {
        let all = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
        all.iter().filter_map(Value::as_str).map(str::to_ascii_lowercase).collect()
    };
    let names_lambda = |statement: &Value| {
        let principal = &statement["Principal"];
        let is_named = principal == "*" || texts(&principal["Service"]).iter().any(|service| service == LAMBDA);
        is_named && texts(&statement["Action"]).iter().any(|action| wildcard_match(action, "sts:assumerole"))
    };
    let has = |effect: &str, fits: &dyn Fn(&Value) -> bool| {
        statements.iter().any(|statement| statement["Effect"] == effect && names_lambda(statement) && fits(statement))
    };
    has("Allow", &|_| true) && !has("Deny", &|statement| statement.get("Condition").is_none())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_trust_policy_lets_lambda_in_by_name_and_action() {
        let statement = |effect: &str, principal: Value, action: Value| json!({ "Effect": effect, "Principal": principal, "Action": action });
        let (lambda, ec2) = (json!({ "Service": LAMBDA }), json!({ "Service": "ec2.amazonaws.com" }));
        let both = json!({ "Service": ["ec2.amazonaws.com", LAMBDA] });
        let assume = json!("sts:AssumeRole");
        let trusts = |statements: Value| lets_lambda_in(&json!({ "Statement": statements }));
        let allowed = statement("Allow", lambda.clone(), assume.clone());
        assert!(trusts(json!([allowed])));
        assert!(trusts(allowed.clone()));
        assert!(trusts(json!([statement("Allow", both, json!(["sts:TagSession", "sts:Assume*"]))])));
        assert!(!trusts(json!([statement("Allow", ec2, assume.clone())])));
        assert!(!trusts(json!([statement("Allow", json!({ "AWS": "arn:aws:iam::1:root" }), assume.clone())])));
        assert!(!trusts(json!([statement("Allow", lambda.clone(), json!("sts:TagSession"))])));
        let denied = statement("Deny", lambda.clone(), assume);
        assert!(!trusts(json!([allowed, denied])));
        let mut sometimes = denied;
        sometimes["Condition"] = json!({ "Bool": { "aws:SecureTransport": "false" } });
        assert!(trusts(json!([allowed, sometimes])), "only Lambda can tell");
        assert!(!lets_lambda_in(&json!("not json")));
    }
}
