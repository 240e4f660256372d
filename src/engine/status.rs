//! How a stack stands: what was found, beside what is wanted. Pure, and unlike a plan never refused.

use std::fmt;

use serde::{Serialize, Serializer};

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
    /// It is there, made with other settings, and these do not want it.
    Unwanted,
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

/// How the whole stack stands, in one line: how many of its resources are not as they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health {
    of: usize,
    missing: usize,
    drifted: usize,
    foreign: usize,
    ambiguous: usize,
    unwanted: usize,
}

impl Health {
    pub(crate) fn of(resources: &[ResourceStatus]) -> Self {
        let count = |state| resources.iter().filter(|resource| resource.state == state).count();
        Self {
            of: resources.len(),
            missing: count(State::Missing),
            drifted: count(State::Drifted),
            foreign: count(State::Foreign),
            ambiguous: count(State::Ambiguous),
            unwanted: count(State::Unwanted),
        }
    }

    /// Whether there is nothing of the stack.
    pub(crate) fn is_absent(self) -> bool {
        self.missing == self.of
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.missing, "missing"),
            (self.drifted, "drifted"),
            (self.foreign, "foreign"),
            (self.ambiguous, "ambiguous"),
            (self.unwanted, "unwanted"),
        ];
        let mut wrong = counts.iter().filter(|(count, _)| *count > 0);
        match wrong.next() {
            None => f.write_str("healthy"),
            Some(_) if self.is_absent() => f.write_str("not deployed"),
            Some((count, word)) => {
                write!(f, "{count} of {} {word}", self.of)?;
                wrong.try_for_each(|(count, word)| write!(f, ", {count} {word}"))
            }
        }
    }
}

impl Serialize for Health {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

pub(crate) fn status(
    graph: &Graph,
    observations: &Observations,
    known: &Known,
) -> Result<Vec<ResourceStatus>, Diagnostic> {
    let observed = |address| observations.get(&address).unwrap_or(&Observed::Absent);
    graph
        .resources()
        .iter()
        .filter(|resource| graph.is_wanted(resource.address()) || *observed(resource.address()) != Observed::Absent)
        .map(|resource| {
            let address = resource.address();
            let as_found = |state, found| ResourceStatus { address, state, changes: Vec::new(), found };
            Ok(match observed(address) {
                Observed::Absent => as_found(State::Missing, None),
                Observed::Foreign(what) => as_found(State::Foreign, Some(what.clone())),
                Observed::Several(ids) => as_found(State::Ambiguous, Some(ids.join(", "))),
                Observed::Owned(_) if !graph.is_wanted(address) => as_found(State::Unwanted, None),
                observed @ Observed::Owned(_) => {
                    let step = towards(address, observed, &resource.desired(known)?);
                    let state = if step.action == Action::Keep { State::Present } else { State::Drifted };
                    ResourceStatus { address, state, changes: step.changes, found: None }
                }
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn health_is_one_line() {
        let health = |states: &[State]| {
            let address = Address::new("route", "default");
            let of = |state: &State| ResourceStatus { address, state: *state, changes: Vec::new(), found: None };
            Health::of(&states.iter().map(of).collect::<Vec<_>>()).to_string()
        };
        use State::{Ambiguous, Drifted, Foreign, Missing, Present};
        assert_eq!(health(&[Present, Present]), "healthy");
        assert_eq!(health(&[Missing, Missing]), "not deployed");
        assert_eq!(health(&[Present, Drifted, Drifted]), "2 of 3 drifted");
        assert_eq!(
            health(&[Missing, Drifted, Foreign, Ambiguous]),
            "1 of 4 missing, 1 drifted, 1 foreign, 1 ambiguous"
        );
    }
}
