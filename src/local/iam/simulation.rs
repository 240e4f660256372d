//! SimulatePrincipalPolicy: what the policies of a user or role would say, and never whether anything is there.

use http::StatusCode;

use super::super::answer::AwsError;
use super::super::world::{State, World};
use super::super::xml;
use super::condition::Context;
use super::form::{Form, validation};
use super::policy::{self, Decision};

/// AWS takes more; nobody here asks so much at once.
const MOST_RESULTS: usize = 1000;

pub(super) fn simulate(world: &World, state: &State, form: &Form) -> Result<String, AwsError> {
    let source = form.required("PolicySourceArn")?;
    let actions: Vec<&str> = form.list("ActionNames").collect();
    if actions.is_empty() {
        return Err(validation("1 validation error detected: Value null at 'actionNames' failed to satisfy constraint: Member must not be null".to_owned()));
    }
    if let Some(action) = actions.iter().find(|action| !action.contains(':')) {
        return Err(AwsError::new(StatusCode::BAD_REQUEST, "InvalidInput", format!("Invalid Action: {action}")));
    }
    let mut resources: Vec<&str> = form.list("ResourceArns").collect();
    if resources.is_empty() {
        resources.push("*");
    }
    if actions.len() * resources.len() > MOST_RESULTS || form.get("Marker").is_some() {
        return Err(AwsError::new(
            StatusCode::BAD_REQUEST,
            "InvalidInput",
            "The local AWS simulates at most 1000 at once.",
        ));
    }
    let context = context(form);
    let documents = documents(world, state, source)?;
    let decide = |action: &str, resource: &str| {
        let (given, limit) = &documents;
        match given {
            None => Decision::Allowed,
            Some(given) => {
                let given: Vec<_> = given.iter().collect();
                match (policy::evaluate_in(&given, action, resource, &context), limit) {
                    (Decision::Allowed, Some(limit)) => policy::evaluate_in(&[limit], action, resource, &context),
                    (decision, _) => decision,
                }
            }
        }
    };
    let pairs = actions.iter().flat_map(|action| resources.iter().map(move |resource| (*action, *resource)));
    let results = xml::list("member", pairs, |(action, resource)| {
        let decision = match decide(action, resource) {
            Decision::Allowed => "allowed",
            Decision::ExplicitDeny => "explicitDeny",
            Decision::ImplicitDeny => "implicitDeny",
        };
        [
            xml::text("EvalActionName", action),
            xml::text("EvalResourceName", resource),
            xml::text("EvalDecision", decision),
            "<MatchedStatements></MatchedStatements><MissingContextValues></MissingContextValues>".to_owned(),
        ]
        .concat()
    });
    Ok(xml::element("EvaluationResults", &results) + "<IsTruncated>false</IsTruncated>")
}

/// What is given, everything where there is no policy, and what limits it.
type Documents = (Option<Vec<serde_json::Value>>, Option<serde_json::Value>);

fn documents(world: &World, state: &State, source: &str) -> Result<Documents, AwsError> {
    let account = &world.options.account;
    if source == format!("arn:aws:iam::{account}:user/local") {
        let policy = world.deployer_policy().as_ref().map(|policy| vec![policy.value().clone()]);
        return Ok((policy, None));
    }
    let name = source.rsplit('/').next().unwrap_or_default();
    match state.iam.role(name).filter(|role| role.arn == source) {
        Some(role) => {
            let (given, limit) = state.iam.documents(role);
            Ok((Some(given.into_iter().cloned().collect()), limit.cloned()))
        }
        None => Err(AwsError::new(StatusCode::NOT_FOUND, "NoSuchEntity", format!("{source} cannot be found."))),
    }
}

fn context(form: &Form) -> Context {
    let entries = (1..).map_while(|index: usize| {
        let name = form.get(&format!("ContextEntries.member.{index}.ContextKeyName"))?;
        Some((name.to_owned(), format!("ContextEntries.member.{index}.ContextKeyValues")))
    });
    entries.fold(Context::default(), |context, (name, values)| {
        form.list(&values).fold(context, |context, value| context.with(&name, value))
    })
}
