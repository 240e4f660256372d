//! How a stack stands: what was found, beside what is wanted. Pure, and unlike a plan never refused.

use serde::Serialize;

use super::context::Known;
use super::graph::Graph;
use super::observe::Observations;
use super::plan::{Action, towards};
use super::resource::{Address, Observed};
use crate::diagnostics::Diagnostic;
use crate::engine::diff::Change;

/// How one resource stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It is there, as wanted.
    Present,
    /// It is not there.
    Missing,
    /// It is there, and differs from what is wanted.
    Drifted,
    /// Something else has its name.
    Foreign,
    /// More than one carries this stack's tag.
    Ambiguous,
}

/// One resource's part of a status.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResourceStatus {
    /// Which resource.
    pub address: Address,
    /// How it stands.
    pub state: State,
    /// The fields that differ, for [`State::Drifted`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// What was found instead, for [`State::Foreign`] and [`State::Ambiguous`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
}

pub(crate) fn status(
    graph: &Graph,
    observations: &Observations,
    known: &Known,
) -> Result<Vec<ResourceStatus>, Diagnostic> {
    graph
        .resources()
        .iter()
        .map(|resource| {
            let address = resource.address();
            let as_found = |state, found| ResourceStatus { address, state, changes: Vec::new(), found };
            Ok(match observations.get(&address).unwrap_or(&Observed::Absent) {
                Observed::Absent => as_found(State::Missing, None),
                Observed::Foreign(what) => as_found(State::Foreign, Some(what.clone())),
                Observed::Several(ids) => as_found(State::Ambiguous, Some(ids.join(", "))),
                observed @ Observed::Owned(_) => {
                    let step = towards(address, observed, &resource.desired(known)?);
                    let state = if step.action == Action::Keep { State::Present } else { State::Drifted };
                    ResourceStatus { address, state, changes: step.changes, found: None }
                }
            })
        })
        .collect()
}
