//! The generic difference between what is wanted and what is there: a list of changed fields.

use serde::Serialize;
use serde_json::Value;

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Where, e.g. `environment.CONNECTIONS_ENDPOINT` or `files["index.html"].sha256`.
    pub field: String,
    /// What is there; `null` for nothing.
    pub observed: Value,
    /// What is wanted; `null` for nothing.
    pub desired: Value,
}

/// All fields that differ, in a stable order. Objects are compared key by key, lists of one length item by item, everything
/// else as a whole.
pub(crate) fn diff(observed: &Value, desired: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    compare(String::new(), observed, desired, &mut changes);
    changes
}

fn compare(field: String, observed: &Value, desired: &Value, changes: &mut Vec<Change>) {
    match (observed, desired) {
        (Value::Object(there), Value::Object(wanted)) => {
            let mut keys: Vec<&String> = there.keys().chain(wanted.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                compare(
                    join(&field, key),
                    there.get(key).unwrap_or(&Value::Null),
                    wanted.get(key).unwrap_or(&Value::Null),
                    changes,
                );
            }
        }
        (Value::Array(there), Value::Array(wanted)) if there.len() == wanted.len() => {
            for (index, (there, wanted)) in there.iter().zip(wanted).enumerate() {
                compare(format!("{field}[{index}]"), there, wanted, changes);
            }
        }
        _ if observed == desired => {}
        _ => changes.push(Change { field, observed: observed.clone(), desired: desired.clone() }),
    }
}

fn join(field: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    match (plain, field.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{field}.{key}"),
        (false, _) => format!("{field}[{key:?}]"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn names_each_changed_field() {
        let observed = json!({"memory": 128, "environment": {"A": "1", "B": "2"}, "files": {"a.js": {"hash": "x"}}});
        let desired = json!({"memory": 256, "environment": {"A": "1", "C": "3"}, "files": {"a.js": {"hash": "y"}}});
        let fields: Vec<_> = diff(&observed, &desired).into_iter().map(|change| change.field).collect();
        assert_eq!(fields, ["environment.B", "environment.C", "files[\"a.js\"].hash", "memory"]);
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".*".prop_map(Value::from)
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,4}", inner, 0..4).prop_map(|map| json!(map)),
            ]
        })
    }

    /// JSON pointers to everything that is neither object nor list.
    fn leaves(path: String, value: &Value, paths: &mut Vec<String>) {
        let escaped = |key: &str| key.replace('~', "~0").replace('/', "~1");
        match value {
            Value::Object(map) => {
                map.iter().for_each(|(key, value)| leaves(format!("{path}/{}", escaped(key)), value, paths))
            }
            Value::Array(items) => {
                items.iter().enumerate().for_each(|(index, value)| leaves(format!("{path}/{index}"), value, paths));
            }
            _ => paths.push(path),
        }
    }

    proptest! {
        #[test]
        fn equal_values_have_no_changes(value in any_json()) {
            prop_assert_eq!(diff(&value, &value), Vec::new());
        }

        #[test]
        fn a_changed_leaf_is_the_only_change(value in any_json(), choice in any::<prop::sample::Index>()) {
            let mut paths = Vec::new();
            leaves(String::new(), &value, &mut paths);
            prop_assume!(!paths.is_empty());
            let path = choice.get(&paths);
            let mut changed = value.clone();
            *changed.pointer_mut(path).unwrap() = json!("no other leaf says this");
            let changes = diff(&value, &changed);
            prop_assert_eq!(changes.len(), 1);
            prop_assert_eq!(&changes[0].desired, "no other leaf says this");
            prop_assert_eq!(&changes[0].observed, value.pointer(path).unwrap());
        }
    }
}
