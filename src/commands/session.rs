//! What the commands share: from settings to clients and account, and from there to a graph and what was found of it.

use std::sync::Arc;

use super::Run;
use super::ground::Ground;
use super::place::Place;
use crate::artifact::{self, Artifact, ArtifactError, BuildRequest};
use crate::config::{Config, Target};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Context, Known};
use crate::engine::graph::Graph;
use crate::engine::observe::{Observations, observe};
use crate::engine::outputs::Outputs;
use crate::engine::plan::{Goal, Plan, plan};
use crate::events::{Event, Phase};
use crate::page::Page;
use crate::resources::objects::ForeignObjects;
use crate::stack::{self, Ingredients};

/// One run against one account.
pub(super) struct Session<'run> {
    pub(super) config: Config,
    pub(super) context: Context,
    pub(super) run: &'run Run,
}

/// What was found, and what is to be done about it.
pub(super) struct Survey {
    pub(super) graph: Graph,
    pub(super) observations: Observations,
    pub(super) plan: Plan,
}

impl<'run> Session<'run> {
    /// Finds credentials, account and region, and says where the run is about to act.
    pub(super) async fn open(config: Config, place: &Place, run: &'run Run) -> Result<Self, Diagnostic> {
        Ok(Ground::open(place, run).await?.session(config, run))
    }

    /// Builds the relay, unless that was done before.
    pub(super) async fn relay(&self) -> Result<Artifact, Diagnostic> {
        prepare_relay(&self.build_request(), self.run).await
    }

    /// The relay, if it costs no build.
    pub(super) async fn relay_at_hand(&self) -> Result<Option<Artifact>, Diagnostic> {
        artifact::at_hand(&self.build_request()).await.map_err(|error| unfit_relay(&error))
    }

    fn build_request(&self) -> BuildRequest {
        let target = match &self.config.target {
            Target::Local { .. } => artifact::Target::Host,
            Target::Aws { .. } => artifact::Target::Linux(self.config.relay.architecture),
        };
        BuildRequest { target, relay: self.config.relay.artifact.clone() }
    }

    /// The stack as it is wanted.
    pub(super) fn graph(&self, page: Page, relay: Option<Artifact>) -> Graph {
        let ingredients = Ingredients { page, relay, foreign_objects: ForeignObjects::Ignore };
        stack::graph(&self.config, &self.context.names, ingredients)
    }

    /// The stack for a run that wants nothing to be there.
    pub(super) fn graph_of_nothing(&self, foreign_objects: ForeignObjects) -> Graph {
        stack::graph(&self.config, &self.context.names, Ingredients::none(foreign_objects))
    }

    /// Looks at everything.
    pub(super) async fn observe(&self, graph: &Graph) -> Result<Observations, Diagnostic> {
        self.run.events.emit(Event::Phase { phase: Phase::Observing });
        self.run.unless_interrupted(observe(graph, &self.context, &self.run.cancel)).await
    }

    /// Looks at everything and plans; the plan is shown.
    pub(super) async fn survey(&self, graph: Graph, goal: Goal) -> Result<Survey, Diagnostic> {
        let observations = self.observe(&graph).await?;
        let plan = plan(&graph, &observations, &self.context.known, goal)?;
        self.run.events.emit(Event::Planned { plan: plan.clone() });
        Ok(Survey { graph, observations, plan })
    }

    /// The same surroundings for a second look: ids that are gone must not be remembered.
    pub(super) fn fresh_context(&self) -> Context {
        Context { known: Arc::new(Known::default()), ..self.context.clone() }
    }

    /// The stack and where it is: somebody who looks in the wrong region should see it.
    pub(super) fn whole(&self) -> String {
        let names = &self.context.names;
        format!("stack '{}' in account {}, region {}", names.stack, names.account, names.region)
    }

    /// URLs and ids, if the stack's API is there.
    pub(super) fn outputs(&self) -> Option<Outputs> {
        self.context.known.api.get().map(|api| Outputs::new(&self.context.names, &api))
    }
}

/// Makes the relay's artifact; what the build says becomes events.
pub(super) async fn prepare_relay(request: &BuildRequest, run: &Run) -> Result<Artifact, Diagnostic> {
    run.events.emit(Event::Phase { phase: Phase::PreparingRelay });
    let progress = |line: &str| run.events.emit(Event::RelayBuild { line: line.to_owned() });
    let building = async { artifact::build(request, &progress).await.map_err(|error| unfit_relay(&error)) };
    run.unless_interrupted(building).await
}

fn unfit_relay(error: &ArtifactError) -> Diagnostic {
    Diagnostic::new(Code::RelayArtifact, error.to_string(), error.hint())
}
