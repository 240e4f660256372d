//! Carries a plan out. No rollback: a failed run says what stands, `up` continues from there, `teardown` removes it.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::disturbance::explained;
use super::graph::Graph;
use super::observe::{Observations, interrupted};
use super::plan::{Action, Goal, ambiguous, towards};
use super::resource::{Address, Observed, Resource};
use super::walk::{Visit, walk};
use crate::aws::failure::FailureClass;
use crate::diagnostics::{Code, Diagnostic};
use crate::events::{Event, StepOutcome};

/// How many resources are worked on side by side.
const AT_MOST: usize = 8;

/// How often a resource is looked at again after an answer was lost or somebody else was quicker.
const LOOKS: u32 = 4;

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// Whether any call may have changed something.
    pub(crate) changed: bool,
    /// What went wrong, in the order of `stack.rs`.
    pub(crate) problem: Option<Diagnostic>,
}

/// Brings every resource to what is wanted.
pub(crate) async fn apply_present(
    graph: &Graph,
    context: &Context,
    observations: &Observations,
    cancel: &CancellationToken,
) -> Outcome {
    let touched = Touched::default();
    let visits = walk(&graph.apply_order(), AT_MOST, cancel, |node| {
        let resource = graph.resources()[node].clone();
        let touched = &touched;
        async move {
            let address = resource.address();
            if !graph.is_wanted(address) {
                if found_in(observations).contains(&address) {
                    touched.insert(address);
                    let context = context.of(address);
                    reported(&context, address, Action::Delete, removed(graph, resource.as_ref(), &context)).await?;
                }
                return Ok(());
            }
            let observed = match resource.contained_in() {
                // Its container may have been made anew, and what was in it went with the old one.
                Some(container) if touched.contains(container) => resource.observe(&context.of(address)).await?,
                _ => observations.get(&address).cloned().unwrap_or(Observed::Absent),
            };
            let desired = resource.desired(&context.known)?;
            let action = towards(address, &observed, &desired).action;
            if action == Action::Keep {
                return Ok(());
            }
            touched.insert(address);
            reported(context, address, action, converge(resource.as_ref(), &context.of(address), observed)).await
        }
    })
    .await;
    let mut standing = found_in(observations);
    let done = graph.resources().iter().zip(&visits).filter(|(_, visit)| matches!(visit, Visit::Done(())));
    let (made, gone): (Vec<_>, Vec<_>) =
        done.map(|(resource, _)| resource.address()).partition(|address| graph.is_wanted(*address));
    standing.extend(made);
    standing.retain(|address| !gone.contains(address));
    let expected = standing.clone();
    for (resource, visit) in graph.resources().iter().zip(&visits) {
        let address = resource.address();
        match visit {
            // Nobody looks any more, and it may be half-made.
            Visit::Failed(problem) if problem.code == Code::Interrupted => drop(standing.insert(address)),
            // It may have failed half-way; if it cannot even be looked at, the problem at hand says enough.
            Visit::Failed(_) => match resource.observe(&context.of(address)).await {
                Ok(observed) if is_ours(&observed) => drop(standing.insert(address)),
                Ok(_) => drop(standing.remove(&address)),
                Err(_) => {}
            },
            Visit::Done(()) | Visit::Skipped | Visit::Cancelled => {}
        }
    }
    let outcome = conclude(graph, context, visits, touched.any(), &standing);
    outcome.explained(graph, context, Goal::Present, &expected).await
}

/// Removes everything that was found.
pub(crate) async fn apply_absent(
    graph: &Graph,
    context: &Context,
    observations: &Observations,
    cancel: &CancellationToken,
) -> Outcome {
    let mut standing = found_in(observations);
    let touched = Touched::default();
    let visits = walk(&graph.delete_order(), AT_MOST, cancel, |node| {
        let resource = graph.resources()[node].clone();
        let (standing, touched) = (&standing, &touched);
        async move {
            let address = resource.address();
            let context = context.of(address);
            let stands = standing.contains(&address)
                || resource.may_stand_unseen(&context.known) && is_ours(&resource.observe(&context).await?);
            if !stands {
                return Ok(());
            }
            touched.insert(address);
            reported(&context, address, Action::Delete, removed(graph, resource.as_ref(), &context)).await
        }
    })
    .await;
    for (resource, visit) in graph.resources().iter().zip(&visits) {
        if matches!(visit, Visit::Done(())) {
            standing.remove(&resource.address());
        }
    }
    let outcome = conclude(graph, context, visits, touched.any(), &standing);
    outcome.explained(graph, context, Goal::Absent, &standing).await
}

async fn removed(graph: &Graph, resource: &dyn Resource, context: &Context) -> Result<(), Diagnostic> {
    // AWS removes it together with its container, which the order puts first.
    if graph.goes_with_its_container(resource) {
        return Ok(());
    }
    match resource.delete(context).await {
        // Another run took it away with what held it.
        Err(problem) if problem.aws.as_ref().is_some_and(|aws| aws.class == FailureClass::NotFound) => {}
        result => result?,
    }
    // Once what remembers it is gone, nobody looks there again.
    if resource.may_stand_unseen(&context.known) && is_ours(&resource.observe(context).await?) {
        return Err(Diagnostic::new(
            Code::Leftover,
            format!("{} is still there, or there again", resource.address()),
            "run the same command again: it continues where this run stopped",
        ));
    }
    Ok(())
}

impl Outcome {
    async fn explained(self, graph: &Graph, context: &Context, goal: Goal, expected: &BTreeSet<Address>) -> Self {
        let Some(problem) = self.problem else { return self };
        Self { problem: Some(explained(problem, graph, context, goal, expected).await), ..self }
    }
}

/// What this run has acted on.
#[derive(Default)]
struct Touched(Mutex<BTreeSet<Address>>);

impl Touched {
    fn addresses(&self) -> MutexGuard<'_, BTreeSet<Address>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, address: Address) {
        self.addresses().insert(address);
    }

    fn contains(&self, address: Address) -> bool {
        self.addresses().contains(&address)
    }

    fn any(&self) -> bool {
        !self.addresses().is_empty()
    }
}

/// What of the stack is there. What has its name and is not ours is no part of it: nobody may delete it.
fn found_in(observations: &Observations) -> BTreeSet<Address> {
    observations.iter().filter(|(_, observed)| is_ours(observed)).map(|(address, _)| *address).collect()
}

fn is_ours(observed: &Observed<Value>) -> bool {
    matches!(observed, Observed::Owned(_) | Observed::Several(_))
}

/// Acts on one resource until it is as wanted. After a lost answer, or when somebody else was quicker, it looks before it acts
/// again: repeating a create blindly would leave two. It waits before it looks, because what was written shows late.
async fn converge(resource: &dyn Resource, context: &Context, mut observed: Observed<Value>) -> Result<(), Diagnostic> {
    let mut looks = 0;
    loop {
        let desired = resource.desired(&context.known)?;
        let step = towards(resource.address(), &observed, &desired);
        let result = match (&observed, step.action) {
            (_, Action::Keep | Action::Delete) => return Ok(()),
            (Observed::Owned(there), _) => resource.update(context, there, &desired, &step.changes).await,
            (Observed::Foreign(what), _) => return Err(not_ours(resource.address(), what)),
            (Observed::Several(ids), _) => return Err(ambiguous(resource.address(), ids)),
            (Observed::Absent, _) => resource.create(context, &desired).await,
        };
        match result {
            Ok(()) => return Ok(()),
            Err(problem) if looks < LOOKS && is_worth_a_look(&problem) => {
                looks += 1;
                context.before_looking_again(looks, problem.to_string()).await?;
                observed = resource.observe(context).await?;
            }
            Err(problem) => return Err(problem),
        }
    }
}

/// Whether another look may show something else: the call may have taken effect, somebody else was quicker, or AWS does not know
/// yet in one place what was made in another a moment ago (AWS-FACTS D).
fn is_worth_a_look(problem: &Diagnostic) -> bool {
    use FailureClass::{AlreadyExists, NotFound, Transient, Unreadable};
    problem.aws.as_ref().is_some_and(|aws| matches!(aws.class, Transient | Unreadable | AlreadyExists | NotFound))
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

/// `standing` is what is there now, as far as is known.
fn conclude(
    graph: &Graph,
    context: &Context,
    visits: Vec<Visit<(), Diagnostic>>,
    changed: bool,
    standing: &BTreeSet<Address>,
) -> Outcome {
    let mut problems = Vec::new();
    let mut cancelled = false;
    for (resource, visit) in graph.resources().iter().zip(visits) {
        match visit {
            Visit::Done(()) => {}
            // That the run was interrupted says more than what failed because of it.
            Visit::Failed(failed) if failed.code == Code::Interrupted => cancelled = true,
            Visit::Failed(problem) => problems.push(problem),
            Visit::Skipped | Visit::Cancelled => {
                cancelled |= matches!(visit, Visit::Cancelled);
                context.events.emit(Event::StepFinished {
                    address: resource.address(),
                    action: Action::Keep,
                    outcome: StepOutcome::Skipped,
                    elapsed_ms: 0,
                    problem: None,
                });
            }
        }
    }
    let left_behind = || {
        let addresses = graph.resources().iter().map(|resource| resource.address());
        addresses.filter(|address| standing.contains(address)).map(|address| address.to_string()).collect()
    };
    let problems = cancelled.then(interrupted).into_iter().chain(problems);
    let problem = Diagnostic::of_all(problems).map(|problem| problem.leaving(left_behind()));
    Outcome { changed, problem }
}
