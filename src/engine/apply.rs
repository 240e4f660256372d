//! Carries a plan out. No rollback: a failed run says what stands, `up` continues from there, `teardown` removes it.

use std::sync::Mutex;
use std::sync::PoisonError;

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::graph::Graph;
use super::observe::{Observations, interrupted};
use super::plan::{Action, towards};
use super::resource::{Address, Observed, Resource};
use super::walk::{Visit, walk};
use crate::aws::failure::FailureClass;
use crate::diagnostics::{Code, Diagnostic};
use crate::events::{Event, StepOutcome};

/// How many resources are worked on side by side.
const AT_MOST: usize = 8;

/// How often a resource is looked at again after an answer was lost or somebody else was quicker.
const LOOKS: u32 = 3;

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Whether any call may have changed something.
    pub(crate) changed: bool,
    /// The first problem, in the order of `stack.rs`.
    pub(crate) problem: Option<Diagnostic>,
}

/// Brings every resource to what is wanted.
pub(crate) async fn apply_present(
    graph: &Graph,
    context: &Context,
    observations: &Observations,
    cancel: &CancellationToken,
) -> Outcome {
    let changed = Mutex::new(false);
    let visits = walk(&graph.apply_order(), AT_MOST, cancel, |node| {
        let resource = graph.resources()[node].clone();
        let changed = &changed;
        async move {
            let address = resource.address();
            let observed = observations.get(&address).cloned().unwrap_or(Observed::Absent);
            let desired = resource.desired(&context.known)?;
            let action = towards(address, &observed, &desired).action;
            if action == Action::Keep {
                return Ok(());
            }
            *changed.lock().unwrap_or_else(PoisonError::into_inner) = true;
            reported(context, address, action, converge(resource.as_ref(), &context.of(address), observed)).await
        }
    })
    .await;
    let changed = changed.into_inner().unwrap_or_else(PoisonError::into_inner);
    let standing = |address: &Address| !matches!(observations.get(address), None | Some(Observed::Absent));
    conclude(graph, context, visits, changed, standing)
}

/// Removes everything that was found.
pub(crate) async fn apply_absent(
    graph: &Graph,
    context: &Context,
    observations: &Observations,
    cancel: &CancellationToken,
) -> Outcome {
    let found = |address: &Address| !matches!(observations.get(address), None | Some(Observed::Absent));
    let visits = walk(&graph.delete_order(), AT_MOST, cancel, |node| {
        let resource = graph.resources()[node].clone();
        async move {
            let address = resource.address();
            if !found(&address) {
                return Ok(());
            }
            let context = context.of(address);
            let deleting = async {
                // AWS removes it together with its container, which the order puts first.
                if graph.goes_with_its_container(resource.as_ref()) { Ok(()) } else { resource.delete(&context).await }
            };
            reported(&context, address, Action::Delete, deleting).await
        }
    })
    .await;
    let changed = graph.resources().iter().any(|resource| found(&resource.address()));
    conclude(graph, context, visits, changed, found)
}

/// Acts on one resource until it is as wanted. After a lost answer, or when somebody else was quicker, it looks before it acts
/// again: repeating a create blindly would leave two.
async fn converge(resource: &dyn Resource, context: &Context, mut observed: Observed<Value>) -> Result<(), Diagnostic> {
    let mut looks = 0;
    loop {
        let desired = resource.desired(&context.known)?;
        let step = towards(resource.address(), &observed, &desired);
        let result = match (&observed, step.action) {
            (_, Action::Keep | Action::Delete) => return Ok(()),
            (Observed::Owned(there), _) => resource.update(context, there, &desired, &step.changes).await,
            (Observed::Foreign(what), _) => return Err(not_ours(resource.address(), what)),
            (Observed::Several(ids), _) => return Err(not_ours(resource.address(), &ids.join(", "))),
            (Observed::Absent, _) => resource.create(context, &desired).await,
        };
        match result {
            Ok(()) => return Ok(()),
            Err(problem) if looks < LOOKS && may_have_happened(&problem) => {
                looks += 1;
                observed = resource.observe(context).await?;
            }
            Err(problem) => return Err(problem),
        }
    }
}

fn may_have_happened(problem: &Diagnostic) -> bool {
    problem.aws.as_ref().is_some_and(|aws| matches!(aws.class, FailureClass::Transient | FailureClass::AlreadyExists))
}

fn not_ours(address: Address, what: &str) -> Diagnostic {
    Diagnostic::new(
        Code::NotOurs,
        format!("{address}: {what}"),
        "it appeared while this run was working; choose another stack name, or remove it if it is yours",
    )
}

/// Wraps the events of one step around the work.
async fn reported(
    context: &Context,
    address: Address,
    action: Action,
    work: impl Future<Output = Result<(), Diagnostic>>,
) -> Result<(), Diagnostic> {
    context.events.emit(Event::StepStarted { address, action });
    let started = Instant::now();
    let result = work.await;
    context.events.emit(Event::StepFinished {
        address,
        action,
        outcome: if result.is_ok() { StepOutcome::Done } else { StepOutcome::Failed },
        elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
        problem: result.as_ref().err().cloned(),
    });
    result
}

fn conclude(
    graph: &Graph,
    context: &Context,
    visits: Vec<Visit<(), Diagnostic>>,
    changed: bool,
    stood_before: impl Fn(&Address) -> bool,
) -> Outcome {
    let mut problem = None;
    let mut cancelled = false;
    let mut left_behind = Vec::new();
    for (resource, visit) in graph.resources().iter().zip(visits) {
        let address = resource.address();
        match visit {
            Visit::Done(()) => left_behind.push(address.to_string()),
            Visit::Failed(first) => {
                problem = problem.or(Some(first));
                if stood_before(&address) {
                    left_behind.push(address.to_string());
                }
            }
            Visit::Skipped | Visit::Cancelled => {
                cancelled |= matches!(visit, Visit::Cancelled);
                if stood_before(&address) {
                    left_behind.push(address.to_string());
                }
                context.events.emit(Event::StepFinished {
                    address,
                    action: Action::Keep,
                    outcome: StepOutcome::Skipped,
                    elapsed_ms: 0,
                    problem: None,
                });
            }
        }
    }
    let problem = problem.or_else(|| cancelled.then(interrupted)).map(|problem| problem.leaving(left_behind));
    Outcome { changed, problem }
}
