//! Two runs on one stack at once need no lock: each looks before it acts, and whatever they leave, the next one mends. But what
//! AWS says to the one that comes off worse ("not found", "not empty") explains nothing. This does.

use std::collections::BTreeSet;

use super::context::{Context, Known};
use super::graph::Graph;
use super::observe::observe;
use super::plan::Goal;
use super::resource::{Address, Observed};
use crate::aws::failure::FailureClass;
use crate::diagnostics::{Code, Diagnostic};

/// The problem of a run, in the words of what really happened if somebody else made or removed something meanwhile. `expected` is
/// what should be there by what this run has found and done.
pub(super) async fn explained(
    problem: Diagnostic,
    graph: &Graph,
    context: &Context,
    goal: Goal,
    expected: &BTreeSet<Address>,
) -> Diagnostic {
    if !may_be_another_runs_doing(&problem) {
        return problem;
    }
    // As if for the first time: ids that are gone must not be remembered.
    let fresh = Context { known: Known::default().into(), ..context.clone() };
    // Whoever cannot look keeps to what AWS said.
    let Ok(now) = observe(graph, &fresh, &context.cancel).await else { return problem };
    let is_there = |address: &Address| now.get(address).is_some_and(|observed| *observed != Observed::Absent);
    let addresses: Vec<Address> = graph.resources().iter().map(|resource| resource.address()).collect();
    let named = |fits: &dyn Fn(&Address) -> bool| -> Vec<String> {
        addresses.iter().filter(|address| fits(address)).map(ToString::to_string).collect()
    };
    let (removed, made) = match goal {
        Goal::Present => (named(&|it| expected.contains(it) && !is_there(it)), Vec::new()),
        Goal::Absent => (Vec::new(), named(&|it| !expected.contains(it) && is_there(it))),
    };
    // Found by what it is for, as the other run finds it, and not by its id: it stands, and is another one.
    let replaced: Vec<_> = context.known.replaced_in(&fresh.known).collect();
    let (happened, other, command) = if !removed.is_empty() {
        (format!("removed {}", removed.join(", ")), "teardown", "up")
    } else if !made.is_empty() {
        (format!("made {}", made.join(", ")), "up", "teardown")
    } else if goal == Goal::Present && !replaced.is_empty() {
        (format!("put another {} in place of the one that was there", replaced.join(" and ")), "up", "up")
    } else {
        return problem;
    };
    Diagnostic {
        code: Code::Disturbed,
        summary: format!("something else {happened} while this run was working"),
        hint: format!(
            "another '{other}' of this stack may be at work: wait until it has ended, then run '{command}' again"
        ),
        ..problem
    }
    .leaving(named(&is_there))
}

/// What a call says whose ground somebody takes away; or a teardown waits for what is made anew. Credentials, permissions and the
/// network have reasons of their own.
fn may_be_another_runs_doing(problem: &Diagnostic) -> bool {
    use FailureClass::{AlreadyExists, Conflict, InUse, NotFound, NotReady, Other};
    match &problem.aws {
        Some(aws) => matches!(aws.class, AlreadyExists | Conflict | InUse | NotFound | NotReady | Other),
        None => problem.code == Code::TimedOut,
    }
}
