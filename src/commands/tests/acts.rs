//! The commands, with what they say.

use super::super::logs::Lines;
use super::super::session::Session;
use super::super::{Ending, Run, logs, status, teardown, up};
use super::rig::Rig;
use crate::diagnostics::Diagnostic;
use crate::engine::plan::{Goal, Plan};
use crate::engine::resource::Address;
use crate::engine::status::{ResourceStatus, State};
use crate::events::{Event, Events};
use crate::naming::Names;
use crate::resources::page_files::ForeignObjects;
use crate::settings::Settings;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Up,
    Plan,
    Status,
    Logs,
    Teardown,
    TeardownWithForeignObjects,
}

/// What a command did and said.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) problem: Option<Diagnostic>,
    pub(super) changed: bool,
    /// Its calls that may have changed something.
    pub(super) writes: Vec<String>,
    pub(super) reads: Vec<&'static str>,
    events: Vec<Event>,
}

impl Seen {
    /// The problem that the run must have ended with.
    pub(super) fn problem(&self) -> &Diagnostic {
        self.problem.as_ref().unwrap_or_else(|| panic!("no problem: {self:#?}"))
    }

    pub(super) fn succeeded(self) -> Self {
        assert!(self.problem.is_none(), "{self:#?}");
        self
    }

    pub(super) fn ended(self) -> Result<Ending, Diagnostic> {
        self.problem.map_or_else(|| Ok(Ending::default()), Err)
    }

    /// The lines of the relay's log.
    pub(super) fn lines(&self) -> Vec<&str> {
        let lines = self.events.iter().filter_map(|event| match event {
            Event::RelayLog(entry) => Some(entry.line.as_str()),
            _ => None,
        });
        lines.collect()
    }

    pub(super) fn notes(&self) -> Vec<&str> {
        let notes = self.events.iter().filter_map(|event| match event {
            Event::Note { message } => Some(message.as_str()),
            _ => None,
        });
        notes.collect()
    }

    pub(super) fn warnings(&self) -> Vec<&str> {
        let warnings = self.events.iter().filter_map(|event| match event {
            Event::Warning { message } => Some(message.as_str()),
            _ => None,
        });
        warnings.collect()
    }

    pub(super) fn plan(&self) -> &Plan {
        let mut plans = self.events.iter().filter_map(|event| match event {
            Event::Planned { plan } => Some(plan),
            _ => None,
        });
        plans.next().unwrap_or_else(|| panic!("no plan: {self:#?}"))
    }

    pub(super) fn status(&self) -> &[ResourceStatus] {
        let mut status = self.events.iter().filter_map(|event| match event {
            Event::Status { resources, .. } => Some(resources),
            _ => None,
        });
        status.next().unwrap_or_else(|| panic!("no status: {self:#?}"))
    }

    pub(super) fn state(&self, address: Address) -> State {
        self.status().iter().find(|resource| resource.address == address).unwrap().state
    }
}

impl Act {
    pub(super) async fn run(self, rig: &Rig) -> Seen {
        let (events, mut said) = Events::channel();
        let run = Run::new(events, Settings::default());
        let session = rig.session(&run).await.unwrap();
        rig.world.calls().clear();
        // On the heap: a test's stack is small, and an unoptimised run is not.
        let mut ending = Ending::from(Box::pin(self.execute(rig, &session)).await);
        let calls = rig.world.calls().clone();
        let (writes, reads): (Vec<_>, Vec<_>) = calls.into_iter().partition(|call| call.is_write);
        Seen {
            problem: ending.problem.take(),
            changed: ending.changed,
            writes: writes.iter().map(|call| format!("{}:{}", call.service, call.operation)).collect(),
            reads: reads.iter().map(|call| call.operation).collect(),
            events: std::iter::from_fn(|| said.try_recv().ok()).collect(),
        }
    }

    async fn execute(self, rig: &Rig, session: &Session<'_>) -> Result<Ending, Diagnostic> {
        let (page, relay) = (rig.page.clone(), rig.relay.clone());
        match self {
            Self::Up => up::converge(session, page, relay).await,
            Self::Plan => {
                let survey = session.survey(session.graph(page, Some(relay)), Goal::Present).await?;
                drop(survey);
                Ok(Ending::default())
            }
            Self::Status => status::show(session, page, Some(relay)).await,
            Self::Logs => {
                let since = "1h".parse().unwrap();
                logs::show(session, &Lines { since, filter: None, follow: false }).await
            }
            Self::Teardown => teardown::remove(session, ForeignObjects::Keep, false).await,
            Self::TeardownWithForeignObjects => teardown::remove(session, ForeignObjects::Delete, false).await,
        }
    }
}

/// The stack's names.
pub(super) async fn names(rig: &Rig) -> Names {
    let run = Run::new(Events::discarded(), Settings::default());
    let session = rig.session(&run).await.unwrap();
    (*session.context.names).clone()
}
