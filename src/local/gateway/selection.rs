//! Route selection: from a message's body to a route key (AWS-FACTS A3).

use serde_json::Value;

use crate::local::apigateway::{DeployedRoute, ServedStage};

const DEFAULT: &str = "$default";

/// The route that serves a message, with its key; none means the client gets `Forbidden`.
pub(super) fn select<'a>(stage: &'a ServedStage, body: &str) -> Option<(&'a str, &'a DeployedRoute)> {
    let wanted = evaluate(&stage.snapshot.route_selection_expression, body);
    let routes = &stage.snapshot.routes;
    // No message reaches `$connect` or `$disconnect`, whatever it says.
    let chosen = if wanted.starts_with('$') { None } else { routes.get_key_value(&wanted) };
    chosen.or_else(|| routes.get_key_value(DEFAULT)).map(|(key, route)| (key.as_str(), route))
}

/// Evaluates a selection expression: `$request.body.a.b`, `${request.body.a}` inside text, `\$default`, or a plain word.
fn evaluate(expression: &str, body: &str) -> String {
    if let Some(literal) = expression.strip_prefix('\\') {
        return literal.to_owned();
    }
    if let Some(variable) = expression.strip_prefix('$').filter(|rest| !rest.starts_with('{')) {
        return look_up(variable, body);
    }
    let mut result = String::new();
    let mut rest = expression;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((variable, after)) = after.split_once('}') else { break };
        result.push_str(before);
        result.push_str(&look_up(variable, body));
        rest = after;
    }
    result + rest
}

/// A missing path, or a body that is no JSON, gives the empty text; other values are put into text.
fn look_up(variable: &str, body: &str) -> String {
    let Some(path) = variable.strip_prefix("request.body.") else { return String::new() };
    let Ok(value) = serde_json::from_str::<Value>(body) else { return String::new() };
    let found = path.split('.').try_fold(&value, |value, name| value.get(name));
    match found {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_reads_the_body() {
        for (expression, body, key) in [
            ("$request.body.action", r#"{"action":"join"}"#, "join"),
            ("${request.body.action}", r#"{"action":"join"}"#, "join"),
            ("$request.body.a.b", r#"{"a":{"b":"deep"}}"#, "deep"),
            ("${request.body.a}/${request.body.b}", r#"{"a":"x","b":"y"}"#, "x/y"),
            ("$request.body.action", r#"{"action":7}"#, "7"),
            ("$request.body.action", r#"{"action":true}"#, "true"),
            ("$request.body.action", r#"{"action":null}"#, ""),
            ("$request.body.action", r#"{"other":1}"#, ""),
            ("$request.body.action", r#"["action"]"#, ""),
            ("$request.body.action", "hi", ""),
            ("$request.body.action", "", ""),
            ("$request.header.x", "{}", ""),
            (r"\$default", "anything", "$default"),
            ("fixed", "anything", "fixed"),
            ("${open", "{}", "${open"),
        ] {
            assert_eq!(evaluate(expression, body), key, "{expression} on {body}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_expression_or_body_breaks_it(expression: String, body: String) {
            evaluate(&expression, &body);
        }
    }
}
