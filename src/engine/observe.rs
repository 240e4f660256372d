//! Looks at every resource of a graph, in parallel; reads only.

use std::collections::BTreeMap;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::context::Context;
use super::graph::Graph;
use super::resource::{Address, Observed};
use super::walk::{Visit, walk};
use crate::diagnostics::{Code, Diagnostic, INTERRUPTED_HINT};

/// How many resources are looked at side by side.
const AT_MOST: usize = 8;

/// What was found, by address.
pub(crate) type Observations = BTreeMap<Address, Observed<Value>>;

/// Looks at everything. A plan over a half-seen stack would be a guess, so any problem ends it; all of them are told.
pub(crate) async fn observe(
    graph: &Graph,
    context: &Context,
    cancel: &CancellationToken,
) -> Result<Observations, Diagnostic> {
    let resources = graph.resources();
    let found = std::sync::Mutex::new(Observations::new());
    let visits = walk(&graph.observe_order(), AT_MOST, cancel, |node| {
        let resource = resources[node].clone();
        let found = &found;
        async move {
            let address = resource.address();
            let container = resource.contained_in().and_then(|container| {
                found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(&container).cloned()
            });
            // Nothing can be inside what is not there, and what is inside something foreign is not ours to look at.
            let observed = match container {
                None | Some(Observed::Owned(_)) => resource.observe(&context.of(address)).await?,
                Some(_) => Observed::Absent,
            };
            found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(address, observed);
            Ok::<(), Diagnostic>(())
        }
    })
    .await;
    let problems = visits.into_iter().filter_map(|visit| match visit {
        Visit::Failed(problem) => Some(problem),
        Visit::Cancelled => Some(interrupted()),
        Visit::Done(()) | Visit::Skipped => None,
    });
    match Diagnostic::of_all(problems) {
        Some(problem) => Err(problem),
        None => Ok(found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)),
    }
}

pub(crate) fn interrupted() -> Diagnostic {
    Diagnostic::new(Code::Interrupted, "interrupted", INTERRUPTED_HINT)
}
