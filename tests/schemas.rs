//! The published schema of the events against the source: it knows every event and every word of the closed sets.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test")]

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn schema() -> Value {
    serde_json::from_str(&read("schema/events.schema.json")).unwrap()
}

/// The variants of an enum, as serde spells them.
fn variants(file: &str, name: &str) -> BTreeSet<String> {
    let source = read(file);
    let body = source.split(&format!("pub enum {name} {{")).nth(1).unwrap_or_else(|| panic!("{file} has no {name}"));
    let body = body.split("\n}\n").next().unwrap();
    body.lines()
        .filter(|line| line.starts_with("    ") && line[4..].starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| snake_case(line.trim().split(|c: char| !c.is_alphanumeric()).next().unwrap()))
        .collect()
}

fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
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
