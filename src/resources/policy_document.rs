//! IAM policy documents as AWS gives them back: parsed, and with the spellings that mean the same made one.

use serde_json::Value;

/// Elements of a policy where AWS turns a list of one into its only member, and back, as it likes.
const SCALAR_OR_LIST: [&str; 6] = ["Action", "NotAction", "Resource", "NotResource", "Statement", "Principal"];

/// Parses a policy and normalises it. What does not parse is kept as text, so that it shows as a difference.
pub(super) fn parse(text: &str) -> Value {
    serde_json::from_str(text).map_or_else(|_| Value::String(text.to_owned()), normalise)
}

/// Parses a policy that IAM gave back percent-encoded (AWS-FACTS D).
pub(super) fn parse_encoded(text: &str) -> Value {
    parse(&percent_encoding::percent_decode_str(text).decode_utf8_lossy())
}

fn normalise(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| {
                    let value = normalise(value);
                    let value = if SCALAR_OR_LIST.contains(&key.as_str()) { only_member(value) } else { value };
                    (key, value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(normalise).collect()),
        other => other,
    }
}

fn only_member(value: Value) -> Value {
    match value {
        Value::Array(mut items) if items.len() == 1 => items.remove(0),
        Value::Array(mut items) if items.iter().all(Value::is_string) => {
            items.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
            Value::Array(items)
        }
        other => other,
    }
}

/// A policy written by us, in the same normal form.
pub(super) fn wanted(policy: Value) -> Value {
    normalise(policy)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spellings_that_mean_the_same_are_equal() {
        let ours = wanted(
            json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["b", "a"], "Resource": ["x"]}]}),
        );
        let theirs =
            parse(r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["a","b"],"Resource":"x"}}"#);
        assert_eq!(ours, theirs);
    }

    #[test]
    fn what_is_no_policy_shows_as_itself() {
        assert_eq!(parse("not json"), json!("not json"));
        assert_eq!(parse_encoded("%7B%22a%22%3A1%7D"), json!({"a": 1}));
    }
}
