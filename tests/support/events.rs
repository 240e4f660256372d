//! Every event line that a test reads is held to the published schema: strictly, so that no field is missing there.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

/// The schema's name for the validator, which needs one and never looks for it.
const NAME: &str = "http://schema.test/events.json";

thread_local! {
    static SCHEMA: (Schemas, SchemaIndex) = {
        let mut schema: Value = serde_json::from_str(include_str!("../../schema/events.schema.json")).unwrap();
        allow_nothing_else(&mut schema);
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(NAME, schema).unwrap();
        let index = compiler.compile(NAME, &mut schemas).unwrap();
        (schemas, index)
    };
}

/// An event, which must be as published.
pub fn parsed(line: &str) -> Value {
    let event: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
    SCHEMA.with(|(schemas, index)| {
        if let Err(error) = schemas.validate(&event, *index) {
            panic!("not as in schema/events.schema.json: {line}\n{error:#}");
        }
    });
    event
}

/// Readers must bear more fields than they know. The schema itself must know all.
fn allow_nothing_else(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(allow_nothing_else);
            if object.get("properties").is_some_and(Value::is_object) && object.contains_key("required") {
                object.insert("additionalProperties".into(), false.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(allow_nothing_else),
        _ => {}
    }
}

#[test]
#[should_panic(expected = "not as in schema/events.schema.json")]
fn a_field_that_is_not_published_is_noticed() {
    parsed(r#"{"event":"note","message":"m","more":1}"#);
}

#[test]
fn what_is_published_passes() {
    parsed(r#"{"event":"finished","ok":true,"changed":false}"#);
}
