//! From what is wanted and what is there to what will be done. Pure: no call, no clock.

use serde::Serialize;
use serde_json::Value;

use super::context::Known;
use super::diff::{Change, diff};
use super::graph::Graph;
use super::observe::Observations;
use super::resource::{Address, Observed};
use crate::diagnostics::{Code, Diagnostic};
use crate::naming::OWNER_TAG;

/// What is to become of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is as it should be, or gone as it should be.
    Keep,
    /// It is not there.
    Create,
    /// It is there, and differs.
    Update,
    /// It is there, and should not be.
    Delete,
}

/// What is wanted of the whole stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Everything stands as configured: `up`.
    Present,
    /// Nothing is left: `teardown`.
    Absent,
}

/// One resource's part of a plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Which resource.
    pub address: Address,
    /// What will be done.
    pub action: Action,
    /// The fields that differ, for [`Action::Update`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// What will be done, resource by resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    /// One step for each resource that is wanted or there, in the order of `stack.rs`.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::Keep)
    }
}

/// The plan, or why nothing may be done at all.
pub(crate) fn plan(graph: &Graph, observations: &Observations, known: &Known, goal: Goal) -> Result<Plan, Diagnostic> {
    if goal == Goal::Present
        && let Some(problem) = Diagnostic::of_all(obstacles(graph, observations))
    {
        return Err(problem);
    }
    let mut steps = Vec::new();
    for resource in graph.resources() {
        let address = resource.address();
        let observed = observations.get(&address).unwrap_or(&Observed::Absent);
        let is_wanted = graph.is_wanted(address);
        if goal == Goal::Present && is_wanted {
            steps.push(towards(address, observed, &resource.desired(known)?));
            continue;
        }
        // What is not ours stays: `left_alone` names it.
        let is_ours = matches!(observed, Observed::Owned(_) | Observed::Several(_));
        if is_ours || is_wanted {
            let action = if is_ours { Action::Delete } else { Action::Keep };
            steps.push(Step { address, action, changes: Vec::new() });
        }
    }
    Ok(Plan { steps })
}

/// The step that brings one resource to what is wanted.
pub(crate) fn towards(address: Address, observed: &Observed<Value>, desired: &Value) -> Step {
    let Observed::Owned(there) = observed else {
        return Step { address, action: Action::Create, changes: Vec::new() };
    };
    let changes = diff(there, desired);
    let action = if changes.is_empty() { Action::Keep } else { Action::Update };
    Step { address, action, changes }
}

/// Why `up` must not begin.
fn obstacles(graph: &Graph, observations: &Observations) -> Vec<Diagnostic> {
    found(graph, observations)
        .filter_map(|(address, observed)| match observed {
            Observed::Foreign(what) => Some(Diagnostic::new(
                Code::NotOurs,
                format!("{address}: {what}"),
                "nothing was changed; choose another stack name, or rename or remove that resource if it is yours",
            )),
            Observed::Several(ids) => Some(ambiguous(address, ids)),
            Observed::Owned(_) | Observed::Absent => None,
        })
        .collect()
}

/// What has a name of this stack, and stays where `teardown` removes the stack.
pub(crate) fn left_alone(graph: &Graph, observations: &Observations) -> Vec<Diagnostic> {
    found(graph, observations)
        .filter_map(|(address, observed)| match observed {
            Observed::Foreign(what) => Some(Diagnostic::new(
                Code::NotOurs,
                format!("{address}: {what}; it was left alone"),
                format!(
                    "if it belongs to this stack, let these credentials read it, or give it the tag {OWNER_TAG} with the stack's \
                     name, and run 'teardown' again; otherwise choose another stack name"
                ),
            )),
            Observed::Owned(_) | Observed::Several(_) | Observed::Absent => None,
        })
        .collect()
}

fn found<'a>(graph: &'a Graph, observations: &'a Observations) -> impl Iterator<Item = (Address, &'a Observed<Value>)> {
    let addresses = graph.resources().iter().map(|resource| resource.address());
    addresses.filter_map(|address| Some((address, observations.get(&address)?)))
}

/// More than one that may be in use: never a silent pick.
pub(crate) fn ambiguous(address: Address, ids: &[String]) -> Diagnostic {
    Diagnostic::new(
        Code::Ambiguous,
        format!(
            "{address}: {} resources carry this stack's tag, and each may be in use: {}",
            ids.len(),
            ids.join(", ")
        ),
        "none of them was touched; delete those that are not in use, or run 'teardown' to remove them all, then 'up'",
    )
}
