//! Policy documents: their grammar, as far as IAM checks it on a write, and their evaluation.

use serde_json::Value;

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
    decide(documents, |statement| statement_covers(statement, action, resource))
}

/// Evaluates a resource policy for a caller without credentials: only statements whose principal is everyone count.
pub(crate) fn evaluate_anonymous(document: &Value, action: &str, resource: &str) -> Decision {
    decide(&[document], |statement| match names_everyone(statement) {
        true => statement_covers(statement, action, resource),
        false => Coverage::No,
    })
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

/// Whether a statement's principal is everyone: `"*"` or `{"AWS": "*"}`.
pub(crate) fn names_everyone(statement: &Value) -> bool {
    let principal = &statement["Principal"];
    principal == "*" || one_or_many(&principal["AWS"]).iter().any(|name| name == "*")
}

/// Whether `text` matches `pattern`, where `*` stands for any text and `?` for any one character.
pub(crate) fn wildcard_match(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at_pattern, mut at_text) = (0, 0);
    // Where to go on if the text does not fit: behind the last `*`, which then takes one more character.
    let mut retry: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                retry = Some((at_pattern + 1, at_text));
                at_pattern += 1;
            }
            Some(expected) if *expected == '?' || *expected == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => match &mut retry {
                Some((behind_star, taken)) => {
                    *taken += 1;
                    (at_pattern, at_text) = (*behind_star, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(|rest| *rest == '*')
}

fn statement_covers(statement: &Value, action: &str, resource: &str) -> Coverage {
    let action = action.to_ascii_lowercase();
    let actions =
        element(statement, "Action", "NotAction", |pattern| wildcard_match(&pattern.to_ascii_lowercase(), &action));
    let resources = element(statement, "Resource", "NotResource", |pattern| wildcard_match(pattern, resource));
    match (actions, resources) {
        (Coverage::No, _) | (_, Coverage::No) => Coverage::No,
        (Coverage::Yes, Coverage::Yes) if statement.get("Condition").is_none() => Coverage::Yes,
        _ => Coverage::Unknown,
    }
}

fn element(statement: &Value, name: &str, negated: &str, matches: impl Fn(&str) -> bool) -> Coverage {
    let (patterns, wanted) = match (statement.get(name), statement.get(negated)) {
        (Some(patterns), None) => (patterns, true),
        (None, Some(patterns)) => (patterns, false),
        _ => return Coverage::Unknown,
    };
    let patterns: Vec<&str> = one_or_many(patterns).iter().filter_map(Value::as_str).collect();
    if patterns.iter().any(|pattern| matches(pattern)) == wanted {
        Coverage::Yes
    } else if patterns.iter().any(|pattern| pattern.contains("${")) {
        Coverage::Unknown
    } else {
        Coverage::No
    }
}

fn one_or_many(value: &Value) -> &[Value] {
    match value {
        Value::Array(values) => values,
        Value::Null => &[],
        one => std::slice::from_ref(one),
    }
}
