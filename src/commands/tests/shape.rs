//! What a snapshot holds apart from what every run makes anew: ids, times, revisions.

use serde_json::{Map, Value};

use crate::naming::OWNER_TAG;

/// Times and hashes; a hash of generated content changes with the API's id.
const VOLATILE: [&str; 13] = [
    "id",
    "checksums",
    "createdDate",
    "lastUpdatedDate",
    "last_modified",
    "modified",
    "revision",
    "policy_revision",
    "created",
    "etag",
    "x-amz-meta-webrtc-aws-sha256",
    "sha256",
    "description",
];

/// The ids of the APIs with a stack's tag, oldest first.
pub(super) fn apis(snapshot: &Value) -> Vec<String> {
    let Value::Object(apis) = &snapshot["apigateway"]["apis"] else { return Vec::new() };
    let mut ours: Vec<_> = apis
        .iter()
        .filter(|(_, api)| api["tags"].get(OWNER_TAG).is_some())
        .map(|(id, api)| (api["createdDate"].as_str().unwrap_or_default().to_owned(), id.clone()))
        .collect();
    ours.sort();
    ours.into_iter().map(|(_, id)| id).collect()
}

/// The snapshot with every generated id replaced by its kind and number.
pub(super) fn of(snapshot: &Value) -> Value {
    let mut snapshot = snapshot.clone();
    if let Value::Object(apis) = &mut snapshot["apigateway"]["apis"] {
        apis.retain(|_, api| api["tags"].get(OWNER_TAG).is_some());
    }
    let mut ids = Vec::new();
    collect(&snapshot, &mut ids);
    let mut text = without_volatile(&snapshot).to_string();
    for (name, id) in ids {
        text = text.replace(&id, &name);
    }
    serde_json::from_str(&text).unwrap()
}

fn collect(value: &Value, ids: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(id) if is_id(name) && !ids.iter().any(|(_, known)| known == id) => {
                        let number = ids.iter().filter(|(known, _)| known.starts_with(&format!("<{name} "))).count();
                        ids.push((format!("<{name} {number}>"), id.to_owned()));
                    }
                    _ => collect(value, ids),
                }
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect(value, ids)),
        _ => {}
    }
}

fn is_id(name: &str) -> bool {
    ["apiId", "integrationId", "routeId", "routeResponseId", "deploymentId", "role_id", "RoleId"].contains(&name)
}

fn without_volatile(value: &Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .iter()
                .filter(|(name, _)| !VOLATILE.contains(&name.as_str()))
                .map(|(name, value)| (name.clone(), without_volatile(value)))
                .collect::<Map<_, _>>(),
        ),
        Value::Array(values) => values.iter().map(without_volatile).collect(),
        other => other.clone(),
    }
}

/// What differs, in words.
pub(super) fn difference(expected: &Value, found: &Value) -> String {
    crate::engine::diff::diff(found, expected)
        .iter()
        .map(|change| format!("{}: {} instead of {}", change.field, change.observed, change.desired))
        .collect::<Vec<_>>()
        .join("; ")
}
