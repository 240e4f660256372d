//! The `Condition` element of a statement: the operators that policies of deployers and permissions boundaries use.

use std::collections::BTreeMap;

use serde_json::Value;

use super::policy::{one_or_many, wildcard_match};

/// What is known of a request besides its action and resource: the values of each condition key. Keys ignore case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Adds a value to a key.
    pub(crate) fn with(mut self, key: &str, value: impl Into<String>) -> Self {
        self.0.entry(key.to_ascii_lowercase()).or_default().push(value.into());
        self
    }

    fn values(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }
}

/// Whether every test of a `Condition` holds; none where that depends on an operator that is not evaluated here.
pub(super) fn holds(condition: &Value, context: &Context) -> Option<bool> {
    let mut all = Some(true);
    for (operator, tests) in condition.as_object()? {
        let operator = Operator::parse(operator);
        for (key, expected) in tests.as_object()? {
            match operator.as_ref().map(|operator| operator.holds(context.values(key), one_or_many(expected))) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => all = None,
            }
        }
    }
    all
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantifier {
    /// The key has one value.
    One,
    Any,
    All,
}

struct Operator {
    quantifier: Quantifier,
    /// A key that is absent makes the test hold.
    if_exists: bool,
    negated: bool,
    test: Test,
}

#[derive(Clone, Copy)]
enum Test {
    Equal,
    EqualIgnoringCase,
    /// With `*` and `?`; ARNs part by part, so that a `*` does not reach over a colon of the first five.
    Like,
    ArnLike,
    /// Whether the key is absent.
    Null,
}

impl Operator {
    fn parse(name: &str) -> Option<Self> {
        let (quantifier, name) = match name.split_once(':') {
            None => (Quantifier::One, name),
            Some(("ForAnyValue", name)) => (Quantifier::Any, name),
            Some(("ForAllValues", name)) => (Quantifier::All, name),
            Some(_) => return None,
        };
        let (if_exists, name) = match name.strip_suffix("IfExists") {
            Some(name) => (true, name),
            None => (false, name),
        };
        let (test, negated) = match name {
            "StringEquals" => (Test::Equal, false),
            "StringNotEquals" => (Test::Equal, true),
            "StringEqualsIgnoreCase" | "Bool" => (Test::EqualIgnoringCase, false),
            "StringNotEqualsIgnoreCase" => (Test::EqualIgnoringCase, true),
            "StringLike" => (Test::Like, false),
            "StringNotLike" => (Test::Like, true),
            "ArnEquals" | "ArnLike" => (Test::ArnLike, false),
            "ArnNotEquals" | "ArnNotLike" => (Test::ArnLike, true),
            "Null" => (Test::Null, false),
            _ => return None,
        };
        Some(Self { quantifier, if_exists, negated, test })
    }

    fn holds(&self, found: Option<&[String]>, expected: &[Value]) -> bool {
        if matches!(self.test, Test::Null) {
            return expected.iter().any(|wanted| text(wanted) == found.is_none().to_string());
        }
        let Some(found) = found else {
            return self.if_exists || self.negated || self.quantifier == Quantifier::All;
        };
        let fits = |value: &String| expected.iter().any(|wanted| self.test.fits(&text(wanted), value)) != self.negated;
        match self.quantifier {
            Quantifier::Any => found.iter().any(fits),
            Quantifier::One | Quantifier::All => found.iter().all(fits),
        }
    }
}

impl Test {
    fn fits(self, wanted: &str, value: &str) -> bool {
        match self {
            Self::Equal => wanted == value,
            Self::EqualIgnoringCase => wanted.eq_ignore_ascii_case(value),
            Self::Like => wildcard_match(wanted, value),
            Self::ArnLike => {
                let (wanted, value) = (wanted.splitn(6, ':'), value.splitn(6, ':'));
                wanted.clone().count() == value.clone().count()
                    && wanted.zip(value).all(|(wanted, value)| wildcard_match(wanted, value))
            }
            Self::Null => false,
        }
    }
}

/// Values may be written as text, numbers or truth values.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn context() -> Context {
        Context::default()
            .with("aws:RequestTag/team", "blue")
            .with("aws:TagKeys", "team")
            .with("aws:TagKeys", "cost")
            .with("aws:SecureTransport", "true")
            .with("iam:PermissionsBoundary", "arn:aws:iam::1:policy/limit")
    }

    #[test]
    fn every_operator_that_is_known_holds_and_fails() {
        for (condition, expected) in [
            (json!({ "StringEquals": { "aws:requesttag/TEAM": ["red", "blue"] } }), true),
            (json!({ "StringEquals": { "aws:RequestTag/team": "bl*" } }), false),
            (json!({ "StringNotEquals": { "aws:RequestTag/team": ["red", "blue"] } }), false),
            (json!({ "StringNotEquals": { "aws:RequestTag/other": "x" } }), true),
            (json!({ "StringEqualsIgnoreCase": { "aws:RequestTag/team": "BLUE" } }), true),
            (json!({ "StringLike": { "aws:RequestTag/team": "b?ue" } }), true),
            (json!({ "StringNotLike": { "aws:RequestTag/team": "b*" } }), false),
            (json!({ "StringEquals": { "aws:RequestTag/other": "x" } }), false),
            (json!({ "StringEqualsIfExists": { "aws:RequestTag/other": "x" } }), true),
            (json!({ "ArnLike": { "iam:PermissionsBoundary": "arn:aws:iam::*:policy/*" } }), true),
            (json!({ "ArnLike": { "iam:PermissionsBoundary": "arn:*:policy/limit" } }), false),
            (json!({ "ArnNotEquals": { "iam:PermissionsBoundary": "arn:aws:iam::1:policy/limit" } }), false),
            (json!({ "Bool": { "aws:SecureTransport": false } }), false),
            (json!({ "Bool": { "aws:SecureTransport": "true" } }), true),
            (json!({ "Null": { "aws:RequestTag/team": "false", "aws:RequestTag/other": true } }), true),
            (json!({ "Null": { "aws:RequestTag/team": "true" } }), false),
            (json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["team", "cost", "more"] } }), true),
            (json!({ "ForAllValues:StringEquals": { "aws:TagKeys": ["team"] } }), false),
            (json!({ "ForAllValues:StringEquals": { "aws:Missing": ["team"] } }), true),
            (json!({ "ForAnyValue:StringLike": { "aws:TagKeys": "t*" } }), true),
            (json!({ "ForAnyValue:StringEquals": { "aws:Missing": "t" } }), false),
            (json!({ "Null": { "a": true }, "StringEquals": { "aws:RequestTag/team": "red" } }), false),
        ] {
            assert_eq!(holds(&condition, &context()), Some(expected), "{condition}");
        }
    }

    #[test]
    fn what_is_not_known_is_neither_true_nor_false_unless_another_test_fails() {
        let ip = json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } });
        assert_eq!(holds(&ip, &context()), None);
        let with_false = json!({ "IpAddress": { "aws:SourceIp": "10.0.0.0/8" }, "Null": { "aws:TagKeys": true } });
        assert_eq!(holds(&with_false, &context()), Some(false));
        assert_eq!(holds(&json!("x"), &context()), None);
    }
}
