//! Policy documents: their grammar, as far as IAM checks it on a write, and their evaluation.

use http::StatusCode;
use serde_json::Value;

use super::super::answer::AwsError;
use super::condition::{self, Context};
pub(crate) use crate::naming::{wildcard_match, wildcard_match_of_action};

/// What policies say about one action on one resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Allowed,
    ExplicitDeny,
    ImplicitDeny,
}

/// Evaluates identity policies. A Deny beats every Allow. What is not understood here (a `Condition`, a policy variable) never
/// allows: it makes an Allow match nothing and a Deny match everything, so that this evaluation is at most stricter than AWS.
pub(crate) fn evaluate(documents: &[&Value], action: &str, resource: &str) -> Decision {
    decide(documents, |statement| statement_covers(statement, action, resource, None))
}

/// The same for a request of which all condition keys are known.
pub(crate) fn evaluate_in(documents: &[&Value], action: &str, resource: &str, context: &Context) -> Decision {
    decide(documents, |statement| statement_covers(statement, action, resource, Some(context)))
}

/// Evaluates a resource policy for a caller without credentials: only statements whose principal is everyone count.
pub(crate) fn evaluate_anonymous(document: &Value, action: &str, resource: &str) -> Decision {
    evaluate_for(document, names_everyone, action, resource)
}

/// Evaluates those statements of a resource policy that concern a caller.
pub(crate) fn evaluate_for(
    document: &Value,
    concerns: impl Fn(&Value) -> bool,
    action: &str,
    resource: &str,
) -> Decision {
    decide(&[document], |statement| match concerns(statement) {
        true => statement_covers(statement, action, resource, None),
        false => Coverage::No,
    })
}

/// Whether a statement's principal is this caller, its whole account, or everyone. `NotPrincipal` counts as everyone: stricter.
pub(crate) fn names_account(statement: &Value, account: &str, caller: &str) -> bool {
    let root = format!("arn:aws:iam::{account}:root");
    let names = |name: &Value| name == account || *name == root || name == caller;
    names_everyone(statement)
        || statement.get("NotPrincipal").is_some()
        || one_or_many(&statement["Principal"]["AWS"]).iter().any(names)
}

/// How a statement relates to a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Coverage {
    Yes,
    No,
    /// It may, but depends on an element that is not evaluated here.
    Unknown,
}

fn decide(documents: &[&Value], covers: impl Fn(&Value) -> Coverage) -> Decision {
    let mut decision = Decision::ImplicitDeny;
    for statement in documents.iter().flat_map(|document| statements(document)) {
        match (statement["Effect"].as_str(), covers(statement)) {
            (Some("Deny"), Coverage::Yes | Coverage::Unknown) => return Decision::ExplicitDeny,
            (Some("Allow"), Coverage::Yes) => decision = Decision::Allowed,
            _ => {}
        }
    }
    decision
}

/// The statements of a document: one object or an array of them.
pub(crate) fn statements(document: &Value) -> &[Value] {
    one_or_many(&document["Statement"])
}

/// The resources that a statement names.
pub(crate) fn resources(statement: &Value) -> impl Iterator<Item = &str> {
    ["Resource", "NotResource"].into_iter().flat_map(|name| one_or_many(&statement[name])).filter_map(Value::as_str)
}

/// Whether a statement's principal is everyone: `"*"` or `{"AWS": "*"}`.
pub(crate) fn names_everyone(statement: &Value) -> bool {
    let principal = &statement["Principal"];
    principal == "*" || one_or_many(&principal["AWS"]).iter().any(|name| name == "*")
}

fn statement_covers(statement: &Value, action: &str, resource: &str, context: Option<&Context>) -> Coverage {
    let actions = element(statement, "Action", "NotAction", |pattern| wildcard_match_of_action(pattern, action));
    let resources = element(statement, "Resource", "NotResource", |pattern| wildcard_match(pattern, resource));
    match (actions, resources) {
        (Coverage::No, _) | (_, Coverage::No) => Coverage::No,
        (Coverage::Yes, Coverage::Yes) => match statement.get("Condition") {
            None => Coverage::Yes,
            Some(condition) => match context.and_then(|context| condition::holds(condition, context)) {
                Some(true) => Coverage::Yes,
                Some(false) => Coverage::No,
                None => Coverage::Unknown,
            },
        },
        _ => Coverage::Unknown,
    }
}

fn element(statement: &Value, name: &str, negated: &str, matches: impl Fn(&str) -> bool) -> Coverage {
    let (patterns, negated) = match (statement.get(name), statement.get(negated)) {
        (Some(patterns), None) => (patterns, false),
        (None, Some(patterns)) => (patterns, true),
        _ => return Coverage::Unknown,
    };
    let patterns = || one_or_many(patterns).iter().filter_map(Value::as_str);
    if patterns().any(matches) {
        if negated { Coverage::No } else { Coverage::Yes }
    } else if patterns().any(|pattern| pattern.contains("${")) {
        Coverage::Unknown
    } else if negated {
        Coverage::Yes
    } else {
        Coverage::No
    }
}

pub(super) fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}

/// What a document is for: trust policies name principals, identity policies resources, resource policies both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PolicyKind {
    Trust,
    Identity,
    Resource,
}

/// Reads a document and checks its grammar as IAM does when it is written.
pub(crate) fn parse(text: &str, kind: PolicyKind) -> Result<Value, AwsError> {
    /// AWS-FACTS D.
    const TRUST_LENGTH: usize = 2048;
    let malformed =
        |message: &str| AwsError::new(StatusCode::BAD_REQUEST, "MalformedPolicyDocument", message.to_owned());
    if kind == PolicyKind::Trust && text.len() > TRUST_LENGTH {
        let message = format!("Cannot exceed quota for ACLSizePerRole: {TRUST_LENGTH}");
        return Err(AwsError::new(StatusCode::CONFLICT, "LimitExceeded", message));
    }
    let document: Value = serde_json::from_str(text).map_err(|_| malformed("This policy contains invalid Json"))?;
    if !matches!(document.get("Version").map(Value::as_str), None | Some(Some("2012-10-17" | "2008-10-17"))) {
        return Err(malformed("The policy must contain a valid version string"));
    }
    let statements = statements(&document);
    if statements.is_empty() {
        return Err(malformed("Syntax errors in policy. A statement is missing."));
    }
    for statement in statements {
        check_statement(statement, kind).map_err(malformed)?;
    }
    Ok(document)
}

fn check_statement(statement: &Value, kind: PolicyKind) -> Result<(), &'static str> {
    const KNOWN: &[&str] =
        &["Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition"];
    let Some(fields) = statement.as_object() else { return Err("Syntax errors in policy.") };
    if fields.keys().any(|field| !KNOWN.contains(&field.as_str())) {
        return Err("Syntax errors in policy. A statement has an unknown field.");
    }
    if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
        return Err("Missing required field Effect");
    }
    let has = |field: &str| fields.contains_key(field);
    let lists_text = |field: &str| {
        let values = one_or_many(&statement[field]);
        !values.is_empty() && values.iter().all(|value| value.as_str().is_some_and(|text| !text.is_empty()))
    };
    match (has("Action"), has("NotAction")) {
        (true, false) if lists_text("Action") => {}
        (false, true) if lists_text("NotAction") => {}
        _ => return Err("Policy statement must contain actions."),
    }
    let has_principal = has("Principal") || has("NotPrincipal");
    if kind == PolicyKind::Identity && has_principal {
        return Err("Policy document should not specify a principal.");
    }
    if kind != PolicyKind::Identity && !has_principal {
        return Err("Missing required field Principal");
    }
    match (kind, has("Resource"), has("NotResource")) {
        (PolicyKind::Trust, false, false) => Ok(()),
        (PolicyKind::Trust, ..) => Err("Has prohibited field Resource"),
        (_, true, false) if lists_text("Resource") => Ok(()),
        (_, false, true) if lists_text("NotResource") => Ok(()),
        _ => Err("Policy statement must contain resources."),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn allow(action: Value, resource: Value) -> Value {
        json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": action, "Resource": resource }] })
    }

    #[test]
    fn actions_ignore_case_and_resources_do_not() {
        let policy = allow(json!("Execute-API:managec*"), json!(["arn:a", "arn:b/*/POST/@connections/?"]));
        let decide = |action, resource| evaluate(&[&policy], action, resource);
        assert_eq!(decide("execute-api:ManageConnections", "arn:b/prod/POST/@connections/x"), Decision::Allowed);
        assert_eq!(decide("execute-api:ManageConnections", "arn:A"), Decision::ImplicitDeny);
        assert_eq!(decide("execute-api:ManageConnections", "arn:b/prod/POST/@connections/xy"), Decision::ImplicitDeny);
        assert_eq!(decide("execute-api:Invoke", "arn:a"), Decision::ImplicitDeny);
    }

    #[test]
    fn a_deny_in_any_document_beats_every_allow() {
        let deny = json!({ "Statement": { "Effect": "Deny", "NotAction": "s3:*", "Resource": "*" } });
        let everything = allow(json!("*"), json!("*"));
        assert_eq!(evaluate(&[&everything, &deny], "logs:PutLogEvents", "arn:x"), Decision::ExplicitDeny);
        assert_eq!(evaluate(&[&everything, &deny], "s3:GetObject", "arn:x"), Decision::Allowed);
        assert_eq!(evaluate(&[], "s3:GetObject", "arn:x"), Decision::ImplicitDeny);
    }

    #[test]
    fn what_is_not_evaluated_never_allows() {
        let mut conditional = allow(json!("s3:*"), json!("*"));
        conditional["Statement"][0]["Condition"] = json!({ "Bool": { "aws:SecureTransport": "false" } });
        assert_eq!(evaluate(&[&conditional], "s3:GetObject", "arn:x"), Decision::ImplicitDeny);
        conditional["Statement"][0]["Effect"] = json!("Deny");
        let everything = allow(json!("*"), json!("*"));
        assert_eq!(evaluate(&[&everything, &conditional], "s3:GetObject", "arn:x"), Decision::ExplicitDeny);
        assert_eq!(evaluate(&[&everything, &conditional], "sqs:Send", "arn:x"), Decision::Allowed);

        let variable = allow(json!("s3:GetObject"), json!("arn:${aws:username}"));
        assert_eq!(evaluate(&[&variable], "s3:GetObject", "arn:me"), Decision::ImplicitDeny);
        let negated =
            json!({ "Statement": { "Effect": "Allow", "Action": "*", "NotResource": "arn:${aws:username}" } });
        assert_eq!(evaluate(&[&negated], "s3:GetObject", "arn:me"), Decision::ImplicitDeny);
        let no_resource = json!({ "Statement": { "Effect": "Allow", "Action": "*" } });
        assert_eq!(evaluate(&[&no_resource], "s3:GetObject", "arn:me"), Decision::ImplicitDeny);
    }

    #[test]
    fn everyone_means_a_star_and_nothing_less() {
        let policy = |principal: Value| json!({ "Statement": [{ "Effect": "Allow", "Principal": principal, "Action": "s3:GetObject", "Resource": "*" }] });
        let decide = |principal| evaluate_anonymous(&policy(principal), "s3:GetObject", "arn:x");
        assert_eq!(decide(json!("*")), Decision::Allowed);
        assert_eq!(decide(json!({ "AWS": ["*"] })), Decision::Allowed);
        assert_eq!(decide(json!({ "AWS": "arn:aws:iam::1:root" })), Decision::ImplicitDeny);
        assert_eq!(decide(json!({ "Service": "*" })), Decision::ImplicitDeny);
    }

    #[test]
    fn malformed_documents_are_refused() {
        let identity = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" });
        let trust = json!({ "Effect": "Allow", "Action": "sts:AssumeRole", "Principal": { "Service": "lambda.amazonaws.com" } });
        let text = |statement: &Value| json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        assert!(parse(&text(&identity), PolicyKind::Identity).is_ok());
        assert!(parse(&text(&trust), PolicyKind::Trust).is_ok());
        assert!(parse(&text(&identity), PolicyKind::Trust).is_err());
        assert!(parse(&text(&trust), PolicyKind::Identity).is_err());
        for broken in ["", "[]", "{}", r#"{"Version":"2020-01-01","Statement":[]}"#, r#"{"Statement":["x"]}"#] {
            assert_eq!(parse(broken, PolicyKind::Identity).unwrap_err().code, "MalformedPolicyDocument", "{broken}");
        }
        let long = format!("{}{}", text(&trust), " ".repeat(2048));
        assert_eq!(parse(&long, PolicyKind::Trust).unwrap_err().code, "LimitExceeded");
    }

    proptest! {
        #[test]
        fn a_star_takes_any_text(head in "[a-c?]{0,4}", middle in "[a-c]{0,6}", tail in "[a-c]{0,4}") {
            let text = format!("{}{middle}{tail}", head.replace('?', "x"));
            let pattern = format!("{head}*{tail}");
            prop_assert!(wildcard_match(&pattern, &text));
            let pattern = format!("{pattern}z");
            prop_assert!(!wildcard_match(&pattern, &text));
        }
    }
}
