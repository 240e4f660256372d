//! The published schema of the events against the source: it knows every event and every word of the closed sets.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

#[path = "support/source.rs"]
mod source;

use std::collections::BTreeSet;

use serde_json::Value;
use source::{read, variants};

fn schema() -> Value {
    serde_json::from_str(&read("schema/events.schema.json")).unwrap()
}

fn words(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_event_is_in_the_schema() {
    let schema = schema();
    let offered = schema["oneOf"].as_array().unwrap().iter();
    let offered: BTreeSet<_> = offered.map(|event| event["$ref"].as_str().unwrap().replace("#/$defs/", "")).collect();
    assert_eq!(offered, variants("src/events.rs", "Event"));
    for event in offered {
        let definition = &schema["$defs"][&event];
        let variants = definition["oneOf"].as_array().cloned().unwrap_or_else(|| vec![definition.clone()]);
        assert!(
            !variants.is_empty() && variants.iter().all(|one| one["properties"]["event"]["const"] == *event),
            "{event}"
        );
    }
}

#[test]
fn every_word_of_the_closed_sets_is_in_the_schema() {
    let schema = schema();
    let sets = [
        ("/$defs/problem/properties/code/enum", "src/diagnostics.rs", "Code"),
        ("/$defs/aws_failure/properties/class/enum", "src/aws/failure.rs", "FailureClass"),
        ("/$defs/phase/properties/phase/enum", "src/events.rs", "Phase"),
        ("/$defs/step_finished/properties/outcome/enum", "src/events.rs", "StepOutcome"),
        ("/$defs/target/properties/endpoint_from/enum", "src/events.rs", "EndpointSource"),
        ("/$defs/page/properties/shown/enum", "src/events.rs", "PageShown"),
        ("/$defs/policy/properties/kind/enum", "src/events.rs", "PolicyKind"),
        ("/$defs/finding/properties/subject/enum", "src/doctor/mod.rs", "Subject"),
        ("/$defs/finding/properties/verdict/enum", "src/doctor/mod.rs", "Verdict"),
        ("/$defs/action/enum", "src/engine/plan.rs", "Action"),
        ("/$defs/resource_status/properties/state/enum", "src/engine/status.rs", "State"),
        ("/$defs/part/enum", "src/fleet/mod.rs", "Part"),
        ("/$defs/log_record/properties/source/enum", "src/relay_log/mod.rs", "Source"),
        ("/$defs/log_record/properties/level/enum", "src/relay_log/mod.rs", "Level"),
        ("/$defs/check_id/enum", "src/verify/check.rs", "CheckId"),
    ];
    for (place, file, name) in sets {
        assert_eq!(words(schema.pointer(place).unwrap_or_else(|| panic!("{place}"))), variants(file, name), "{name}");
    }
}
