//! What the commands share: from settings to clients and account, and from there to a graph and what was found of it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Run;
use super::ground::Ground;
use super::place::Place;
use crate::artifact::{self, Artifact, ArtifactError, BuildRequest};
use crate::aws::retry::Look;
use crate::config::{Config, Target};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Context, Known, SHOWN};
use crate::engine::graph::Graph;
use crate::engine::observe::{Observations, observe};
use crate::engine::outputs::Outputs;
use crate::engine::plan::{Action, Goal, Plan, plan};
use crate::engine::resource::Observed;
use crate::events::{Event, Phase};
use crate::naming::{ExistingBucket, Memory, Names};
use crate::page::Page;
use crate::resources::page_files::ForeignObjects;
use crate::resources::{BUCKET, OBJECTS, OBJECTS_IN_EXISTING_BUCKET};
use crate::stack::{self, Ingredients};

/// What AWS has done before is shown to everybody after this time (AWS-FACTS D: seconds).
const REST: Duration = Duration::from_secs(4);

/// One run against one account.
pub(super) struct Session<'run> {
    pub(super) config: Config,
    pub(super) context: Context,
    pub(super) run: &'run Run,
    /// What other runs did before is done by then, but may not be shown yet.
    pub(super) began: Instant,
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

    /// The same for a run that needs the relay. What is at hand of it is looked at while AWS says who this is; what is not is built
    /// only after that.
    pub(super) async fn open_with_relay(
        config: Config,
        place: &Place,
        run: &'run Run,
    ) -> Result<(Self, Artifact), Diagnostic> {
        let request = build_request(&config);
        let wanted = request.clone();
        // Ends with this run, whatever ends it.
        let mut looking = JoinSet::new();
        looking.spawn(async move { artifact::at_hand(&wanted).await });
        let session = Self::open(config, place, run).await?;
        run.events.emit(Event::Phase { phase: Phase::PreparingRelay });
        // A look that broke off found nothing: building says why.
        let found = run.unless_interrupted(async { Ok(looking.join_next().await) }).await?;
        let at_hand = found.and_then(Result::ok).unwrap_or(Ok(None));
        let relay = match at_hand.map_err(|error| unfit_relay(&error))? {
            Some(relay) => relay,
            None => build(&request, run).await?,
        };
        Ok((session, relay))
    }

    /// The relay, if it costs no build.
    pub(super) async fn relay_at_hand(&self) -> Result<Option<Artifact>, Diagnostic> {
        artifact::at_hand(&build_request(&self.config)).await.map_err(|error| unfit_relay(&error))
    }

    /// The stack as it is wanted.
    pub(super) fn graph(&self, page: Page, relay: Option<Artifact>) -> Graph {
        self.graph_with(page, relay, ForeignObjects::Keep)
    }

    /// The same for a run that never writes, and so can do with fewer rights.
    pub(super) fn graph_to_look_at(&self, page: Page, relay: Option<Artifact>) -> Graph {
        self.graph_with(page, relay, ForeignObjects::Ignore)
    }

    fn graph_with(&self, page: Page, relay: Option<Artifact>, foreign_where_unwanted: ForeignObjects) -> Graph {
        let foreign_objects = ForeignObjects::Ignore;
        let ingredients = Ingredients { page, relay, foreign_objects, foreign_where_unwanted };
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
        self.planned(graph, observations, goal)
    }

    /// The same for a run that is about to act. A stack with gaps may be one that another run was making or removing a moment ago,
    /// and AWS may not show that yet: it is looked at again before anything is concluded.
    pub(super) async fn survey_at_rest(&self, graph: Graph, goal: Goal) -> Result<Survey, Diagnostic> {
        let mut observations = self.observe(&graph).await?;
        let is_gone = |address| observations.get(&address).is_none_or(|observed| *observed == Observed::Absent);
        let mut wanted = graph.resources().iter().map(|resource| resource.address()).filter(|it| graph.is_wanted(*it));
        let has_gaps = wanted.any(is_gone);
        let nothing_is_no_news = goal == Goal::Present && observations.keys().all(|address| is_gone(*address));
        if has_gaps && !nothing_is_no_news {
            let reason = "AWS may not show everything yet that was done a moment ago";
            self.context.rest_until(self.began + REST, reason).await?;
            observations = self.run.unless_interrupted(observe(&graph, &self.context, &self.run.cancel)).await?;
        }
        self.planned(graph, observations, goal)
    }

    /// Looks, as if for the first time, until AWS shows what this run did: the next run must not see an older state, and act on it.
    /// Only files that S3 lists as this run saw or put them are not asked for one by one: of those, it never shows an older state.
    pub(super) async fn until_shown(&self, graph: &Graph) -> Result<(), Diagnostic> {
        let left = Mutex::new(Vec::new());
        let looking = self.context.until(Look::Stack, "AWS does not show yet what was done", SHOWN, || async {
            let fresh = self.fresh_context();
            let observations = observe(graph, &fresh, &self.run.cancel).await?;
            let plan = plan(graph, &observations, &fresh.known, Goal::Present)?;
            let steps = plan.steps.iter().filter(|step| step.action != Action::Keep);
            *left.lock().unwrap_or_else(PoisonError::into_inner) = steps.map(|step| step.address.to_string()).collect();
            Ok(plan.is_empty().then_some(()))
        });
        if self.run.unless_interrupted(looking).await?.is_none() {
            let left = left.into_inner().unwrap_or_else(PoisonError::into_inner).join(", ");
            self.run.events.warn(format!(
                "AWS still shows something else than what was done: {left}; 'plan' says what, and 'up' does it again"
            ));
        }
        Ok(())
    }

    fn planned(&self, graph: Graph, observations: Observations, goal: Goal) -> Result<Survey, Diagnostic> {
        let plan = plan(&graph, &observations, &self.context.known, goal)?;
        self.run.events.emit(Event::Planned { plan: plan.clone() });
        let goes = |address| plan.steps.iter().any(|step| step.address == address && step.action == Action::Delete);
        if goal == Goal::Present && (goes(OBJECTS) || goes(OBJECTS_IN_EXISTING_BUCKET)) {
            self.run.events.warn(format!(
                "the page moves to {}, and is gone from where it was; the WebSocket URL stays",
                self.context.names.site_url()
            ));
        }
        Ok(Survey { graph, observations, plan })
    }

    /// The same surroundings for a second look: ids that are gone must not be remembered.
    pub(super) fn fresh_context(&self) -> Context {
        let remembered = self.context.known.remembered.taken_along();
        Context { known: Arc::new(Known { remembered, ..Known::default() }), ..self.context.clone() }
    }

    /// The stack and where it is: somebody who looks in the wrong region should see it.
    pub(super) fn whole(&self) -> String {
        let names = &self.context.names;
        format!("stack '{}' in account {}, region {}", names.stack, names.account, names.region)
    }

    /// URLs and ids, if the stack's API is there.
    pub(super) fn outputs(&self) -> Option<Outputs> {
        self.outputs_under(&self.context.names)
    }

    /// The same, with the page where it was found: whoever is told nothing of an existing bucket should see its URL.
    pub(super) fn outputs_as_found(&self, observations: &Observations) -> Option<Outputs> {
        match self.page_bucket(observations) {
            Some(bucket) => self.outputs_under(&self.context.names.with_page_in(bucket)),
            None => self.outputs(),
        }
    }

    /// The existing bucket that the page is in, or was in by the tags of a stack that has no bucket of its own.
    pub(super) fn page_bucket(&self, observations: &Observations) -> Option<ExistingBucket> {
        let stands = |address| observations.get(&address).is_some_and(|observed| *observed != Observed::Absent);
        let known = &self.context.known;
        let remembered = || known.remembered.values(Memory::Bucket).into_iter().find_map(|place| place.parse().ok());
        if stands(OBJECTS) {
            return None;
        }
        known.page_bucket.get().or_else(|| if stands(BUCKET) { None } else { remembered() })
    }

    fn outputs_under(&self, names: &Names) -> Option<Outputs> {
        self.context.known.api.get().map(|api| Outputs::new(names, &api))
    }

    /// The same run for a stack whose page was found in an existing bucket.
    pub(super) fn with_page_in(mut self, bucket: ExistingBucket) -> Self {
        self.context.names = Arc::new(self.context.names.with_page_in(bucket.clone()));
        self.config.existing_bucket = Some(bucket);
        self
    }
}

fn build_request(config: &Config) -> BuildRequest {
    let target = match &config.target {
        Target::Local { .. } => artifact::Target::Host,
        Target::Aws { .. } => artifact::Target::Linux(config.relay.architecture),
    };
    BuildRequest { target, relay: config.relay.artifact.clone() }
}

/// Makes the relay's artifact, and nothing else.
pub(super) async fn prepare_relay(request: &BuildRequest, run: &Run) -> Result<Artifact, Diagnostic> {
    run.events.emit(Event::Phase { phase: Phase::PreparingRelay });
    build(request, run).await
}

/// What the build says becomes events.
async fn build(request: &BuildRequest, run: &Run) -> Result<Artifact, Diagnostic> {
    let progress = |line: &str| run.events.emit(Event::RelayBuild { line: line.to_owned() });
    let building = async { artifact::build(request, &progress).await.map_err(|error| unfit_relay(&error)) };
    run.unless_interrupted(building).await
}

pub(super) fn unfit_relay(error: &ArtifactError) -> Diagnostic {
    Diagnostic::new(Code::RelayArtifact, error.to_string(), error.hint())
}
