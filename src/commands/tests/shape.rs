//! What a snapshot holds apart from what every run makes anew: ids, times, revisions.

use serde_json::{Map, Value};

use crate::naming::{CONFIG_OBJECT, DEPLOYED_AT_TAG, OWNER_TAG};

/// Ids, times and revisions.
const VOLATILE: [&str; 9] = [
    DEPLOYED_AT_TAG,
    "id",
    "createdDate",
    "lastUpdatedDate",
    "last_modified",
    "modified",
    "revision",
    "policy_revision",
    "created",
];

/// The API's id is in the generated file, and so in every hash of it.
const HASHES: [&str; 4] = ["checksums", "etag", "x-amz-meta-webrtc-aws-sha256", "sha256"];

/// How the description of a deployment begins; the fingerprint, of ids too, follows.
const FINGERPRINTED: &str = "webrtc-aws ";

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

/// Those of them that have a stage: whose URL somebody may know.
pub(super) fn serving(snapshot: &Value) -> Vec<String> {
    let mut apis = apis(snapshot);
    let stages = |api: &String| snapshot["apigateway"]["apis"][api]["stages"].as_object().map_or(0, Map::len);
    apis.retain(|api| stages(api) > 0);
    apis
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
            let mut fields: Vec<_> = fields.iter().collect();
            // Routes stand under their ids, whose order is chance; the key of each tells them apart.
            fields.sort_by_key(|(_, value)| value["routeKey"].as_str());
            for (name, value) in fields {
                match value.as_str() {
                    Some(id)
                        if (is_id(name) || id.starts_with(ROLE_ID) || id.starts_with(CHANNEL))
                            && !ids.iter().any(|(_, known)| known == id) =>
                    {
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

/// How the ARN of a channel begins, which ends in the time of its creation.
const CHANNEL: &str = "arn:aws:kinesisvideo:";

/// How the unique id of a role begins.
const ROLE_ID: &str = "AROA";

fn is_id(name: &str) -> bool {
    ["apiId", "integrationId", "routeId", "routeResponseId", "deploymentId"].contains(&name)
}

fn without_volatile(value: &Value) -> Value {
    without(value, &VOLATILE)
}

fn without(value: &Value, left_out: &[&str]) -> Value {
    let is_left_out = |name: &str, value: &Value| {
        left_out.contains(&name) || value.as_str().is_some_and(|text| text.starts_with(FINGERPRINTED))
    };
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, value)| !is_left_out(name, value));
            let inner = |(name, value): (&String, &Value)| match name.as_str() {
                key if key.rsplit('/').next() == Some(CONFIG_OBJECT) => (name.clone(), without(value, &HASHES)),
                _ => (name.clone(), without(value, left_out)),
            };
            Value::Object(kept.map(inner).collect::<Map<_, _>>())
        }
        Value::Array(values) => values.iter().map(|value| without(value, left_out)).collect(),
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
