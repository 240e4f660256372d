//! `verify`: whether a deployed stack does what it is for. Reads and sockets only.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::configure;
use super::place::{self, SamePlace};
use super::session::Session;
use super::{Ending, Run};
use crate::cli::{TokenOptions, VerifyOptions};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Operation};
use crate::engine::graph::Graph;
use crate::engine::observe::{Observations, observe};
use crate::engine::outputs::Outputs;
use crate::engine::plan::{Goal, plan};
use crate::engine::resource::Observed;
use crate::engine::status::{ResourceStatus, status};
use crate::events::{Event, Phase};
use crate::naming::{ApiId, Names};
use crate::page::Page;
use crate::resources::{BUCKET, FUNCTION, OBJECTS, OBJECTS_IN_EXISTING_BUCKET, ROLE, ROLE_POLICY, WEBSOCKET_API};
use crate::verify::{Advice, JoinToken, Summary, Survey, Verification};

/// What was just made may need as long until it is in effect everywhere (AWS-FACTS A6, B3, E1).
pub(super) const PATIENCE_WITH_NEW: Duration = Duration::from_secs(60);

/// What has stood for a while has had its time; a moment's trouble is still outlasted.
pub(super) const PATIENCE_WITH_OLD: Duration = Duration::from_secs(10);

/// A stage that was moved less long ago is new.
const NEW: Duration = Duration::from_secs(5 * 60);

pub(super) async fn run(options: &VerifyOptions, run: &Run) -> Result<Ending, Diagnostic> {
    let token = join_token(&options.token)?;
    let config = configure::bare(&options.stack);
    let place = place::existing(&config.target, run).await?;
    let session = Session::open(config, &place, run).await?;
    let (session, outputs) = what_is_there(session).await?;
    let patience = match options.patience {
        Some(seconds) => Duration::from_secs(seconds),
        None => patience_with_age(&session).await?,
    };
    let graph = session.graph_to_look_at(Page::none(), None);
    let problem = verify(&session, &graph, &outputs, patience, token).await?;
    Ok(Ending { outputs: Some(outputs), problem, ..Ending::default() })
}

/// What the deployer has of the token. No error shows what the file holds.
pub(super) fn join_token(options: &TokenOptions) -> Result<Option<JoinToken>, Diagnostic> {
    let Some(path) = &options.join_token_file else { return Ok(None) };
    let refuse = |what: String| {
        let hint = "name a file that holds the token alone, or leave --join-token-file out";
        Diagnostic::new(Code::InvalidInput, format!("{} {what}", path.display()), hint)
    };
    let text = std::fs::read_to_string(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    JoinToken::new(&text).map(Some).ok_or_else(|| refuse("holds no token".to_owned()))
}

/// Makes all checks; the problem, if one fails.
pub(super) async fn verify(
    session: &Session<'_>,
    graph: &Graph,
    outputs: &Outputs,
    patience: Duration,
    token: Option<JoinToken>,
) -> Result<Option<Diagnostic>, Diagnostic> {
    let run = session.run;
    run.events.emit(Event::Phase { phase: Phase::Checking });
    let names = &session.context.names;
    let verification = Verification::new(outputs, &names.reach, names.page_prefix(), patience, token, &run.events)?;
    let here = |command: &str| format!("webrtc-aws {command} {}{}", outputs.stack, SamePlace(&session.config.target));
    let advice =
        Advice { outputs, up: here("up"), verify: here("verify"), existing_bucket: names.existing_bucket.as_ref() };
    let checks = async { Ok(verification.run(&advice, async || look(session, graph).await).await) };
    let summary = run.unless_interrupted(checks).await?;
    Ok((!summary.failed.is_empty()).then(|| failed(&summary, &session.context.names)))
}

fn failed(summary: &Summary, names: &Names) -> Diagnostic {
    let failed: Vec<_> = summary.failed.iter().map(ToString::to_string).collect();
    let all = summary.passed + summary.failed.len() + summary.skipped.len();
    Diagnostic::new(
        Code::CheckFailed,
        format!(
            "the stack '{}' stands, but {} of {all} checks failed: {}",
            names.stack,
            failed.len(),
            failed.join(", ")
        ),
        "each failed check above names its cause and what to do",
    )
}

/// The stack as the deployer sees it. That these credentials may not look is no failure of the stack.
async fn look(session: &Session<'_>, graph: &Graph) -> Survey {
    let context = session.fresh_context();
    let seen = async {
        let observations = observe(graph, &context, &session.run.cancel).await?;
        let resources = status(graph, &observations, &context.known)?;
        let existing_role = existing_role(&observations, &context.names);
        let resources = if existing_role.is_some() { without_the_own_role(resources) } else { resources };
        Ok::<_, Diagnostic>(Survey::Seen { resources, files: files(&observations), existing_role })
    };
    seen.await.unwrap_or_else(|problem| Survey::Unseen(problem.to_string()))
}

/// With which options the stack was deployed is not known here; the function tells whose role it has.
fn existing_role(observations: &Observations, names: &Names) -> Option<String> {
    let (Some(Observed::Owned(function)), Some(Observed::Absent)) =
        (observations.get(&FUNCTION), observations.get(&ROLE))
    else {
        return None;
    };
    let role = function["role"].as_str()?.rsplit('/').next()?;
    (role != names.role()).then(|| role.to_owned())
}

/// Nothing of it is missing where the stack does without.
fn without_the_own_role(mut resources: Vec<ResourceStatus>) -> Vec<ResourceStatus> {
    resources.retain(|resource| ![ROLE, ROLE_POLICY].contains(&resource.address));
    for function in resources.iter_mut().filter(|resource| resource.address == FUNCTION) {
        function.changes.retain(|change| !["role", "role_id"].contains(&change.field.as_str()));
    }
    resources
}

fn files(observations: &Observations) -> BTreeSet<String> {
    let places = [OBJECTS, OBJECTS_IN_EXISTING_BUCKET].into_iter().filter_map(|address| observations.get(&address));
    let specs = places.filter_map(|observed| match observed {
        Observed::Owned(spec) => spec["files"].as_object(),
        _ => None,
    });
    specs.flat_map(|files| files.keys().cloned()).collect()
}

/// URLs and ids: all that the checks need to know, found by the API's tags. The session is then one that knows where the page is.
pub(super) async fn what_is_there(session: Session<'_>) -> Result<(Session<'_>, Outputs), Diagnostic> {
    let whole = session.graph_to_look_at(Page::none(), None);
    let part = |address| {
        let resources = whole.resources().iter();
        Graph::new(resources.filter(|resource| resource.address() == address).cloned().collect())
    };
    let api = part(WEBSOCKET_API);
    let observations = session.observe(&api).await?;
    // Refuses what is not ours, or is there twice.
    plan(&api, &observations, &session.context.known, Goal::Present)?;
    let Some(outputs) = session.outputs() else { return Err(not_deployed(&session, &whole).await?) };
    let look = async |address| {
        session.run.unless_interrupted(observe(&part(address), &session.context, &session.run.cancel)).await
    };
    let mut observations = look(OBJECTS_IN_EXISTING_BUCKET).await?;
    if session.page_bucket(&observations).is_some() {
        // Nothing but a tag may lead there by now, which a stack with a bucket of its own may have kept.
        observations.extend(look(BUCKET).await?);
    }
    let Some(bucket) = session.page_bucket(&observations) else { return Ok((session, outputs)) };
    let session = session.with_page_in(bucket);
    let outputs = session.outputs().unwrap_or(outputs);
    Ok((session, outputs))
}

/// Nothing at all, or something that an interrupted run left.
async fn not_deployed(session: &Session<'_>, graph: &Graph) -> Result<Diagnostic, Diagnostic> {
    let observations = session.run.unless_interrupted(observe(graph, &session.context, &session.run.cancel)).await?;
    let names = &session.context.names;
    let up = format!("webrtc-aws up {}{}", names.stack, SamePlace(&session.config.target));
    let place = format!("account {}, region {}", names.account, names.region);
    let is_there = |observed: &Observed<_>| matches!(observed, Observed::Owned(_) | Observed::Several(_));
    let there: Vec<_> =
        observations.iter().filter(|(_, observed)| is_there(observed)).map(|(address, _)| address).collect();
    Ok(if there.is_empty() {
        Diagnostic::new(
            Code::NotDeployed,
            format!("there is no stack '{}' in {place}", names.stack),
            format!("deploy it with '{up}', or look elsewhere with --region and --profile"),
        )
    } else {
        let there: Vec<_> = there.iter().map(ToString::to_string).collect();
        Diagnostic::new(
            Code::NotDeployed,
            format!(
                "the stack '{}' in {place} is half made: it has no WebSocket API, only {}",
                names.stack,
                there.join(", ")
            ),
            format!(
                "run '{up}': it makes what is missing; 'webrtc-aws teardown {}' removes what is there",
                names.stack
            ),
        )
    })
}

/// Longer for a stage that was moved lately. One that is not there, or cannot be looked at, is found out about by the checks.
async fn patience_with_age(session: &Session<'_>) -> Result<Duration, Diagnostic> {
    let context = &session.context;
    let Some(api) = context.known.api.get() else { return Ok(PATIENCE_WITH_OLD) };
    let moved = session.run.unless_interrupted(async { Ok(stage_moved(session, &api).await) }).await?;
    let age = moved.map(|moved| Timestamp::now().duration_since(moved).unsigned_abs());
    Ok(if age.is_some_and(|age| age < NEW) { PATIENCE_WITH_NEW } else { PATIENCE_WITH_OLD })
}

async fn stage_moved(session: &Session<'_>, api: &ApiId) -> Option<Timestamp> {
    let context = &session.context;
    let stage = context.call(Operation::repeatable("apigateway", "GetStage"), || {
        let get = context.clients.api_gateway.get_stage().api_id(api.as_str());
        get.stage_name(context.names.stage.as_str()).send()
    });
    let moved = stage.await.absent_as_none().ok()??.last_updated_date?;
    Timestamp::from_second(moved.secs()).ok()
}
