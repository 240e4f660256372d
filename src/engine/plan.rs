//! From what is wanted and what is there to what will be done. Pure: no call, no clock.

use serde::Serialize;
use serde_json::Value;

use super::context::Known;
use super::diff::{Change, diff};
use super::graph::Graph;
use super::observe::Observations;
use super::resource::{Address, Observed};
use crate::diagnostics::{Code, Diagnostic};

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
    /// One step for each resource, in the order of `stack.rs`.
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
    let mut steps = Vec::new();
    for resource in graph.resources() {
        let address = resource.address();
        let observed = observations.get(&address).unwrap_or(&Observed::Absent);
        refuse_what_is_not_ours(address, observed, goal)?;
        let step = match goal {
            Goal::Present => towards(address, observed, &resource.desired(known)?),
            Goal::Absent => {
                let action = if *observed == Observed::Absent { Action::Keep } else { Action::Delete };
                Step { address, action, changes: Vec::new() }
            }
        };
        steps.push(step);
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

fn refuse_what_is_not_ours(address: Address, observed: &Observed<Value>, goal: Goal) -> Result<(), Diagnostic> {
    match observed {
        Observed::Foreign(what) => Err(Diagnostic::new(
            Code::NotOurs,
            format!("{address}: {what}"),
            "nothing was changed; choose another stack name, or rename or remove that resource if it is yours",
        )),
        Observed::Several(ids) if goal == Goal::Present => Err(ambiguous(address, ids)),
        _ => Ok(()),
    }
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
