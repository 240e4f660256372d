//! What only some stacks have: the tags of the others remember it, so that a run that is told nothing finds it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::rig::Rig;
use crate::config::Tagging;
use crate::diagnostics::Diagnostic;
use crate::engine::apply::{apply_absent, apply_present};
use crate::engine::context::{Context, Known};
use crate::engine::diff::Change;
use crate::engine::graph::Graph;
use crate::engine::observe::observe;
use crate::engine::plan::{Action, Goal, Plan, plan};
use crate::engine::resource::{Address, Kind, Observed};
use crate::engine::status::{State, status};
use crate::naming::Memory;
use crate::resources::log_group::LogGroup;
use crate::resources::websocket_api::WebsocketApi;
use crate::resources::{LOG_GROUP, WEBSOCKET_API};

const ANNEX: Address = Address::new("annex", "test");

/// Where an annex stands, or does not.
#[derive(Default)]
struct Site {
    stands: AtomicBool,
    looks: AtomicU32,
}

/// A kind that few stacks have.
struct Annex {
    is_wanted: bool,
    site: Arc<Site>,
}

#[async_trait]
impl Kind for Annex {
    type Spec = String;

    fn address(&self) -> Address {
        ANNEX
    }

    fn needs(&self) -> Vec<Address> {
        self.remembered_by()
    }

    fn remembered_by(&self) -> Vec<Address> {
        vec![LOG_GROUP, WEBSOCKET_API]
    }

    fn desired(&self, _: &Known) -> String {
        "as always".to_owned()
    }

    async fn observe(&self, context: &Context) -> Result<Observed<String>, Diagnostic> {
        if !self.is_wanted && context.known.remembered.values(Memory::Turn).is_empty() {
            return Ok(Observed::Absent);
        }
        self.site.looks.fetch_add(1, Ordering::SeqCst);
        let stands = self.site.stands.load(Ordering::SeqCst);
        Ok(if stands { Observed::Owned(self.desired(&context.known)) } else { Observed::Absent })
    }

    async fn create(&self, context: &Context, _: &String) -> Result<(), Diagnostic> {
        assert!(somebody_remembers(context).await, "a kill now would leave it behind for ever");
        self.site.stands.store(true, Ordering::SeqCst);
        Ok(())
    }

    async fn update(&self, _: &Context, _: &String, _: &String, _: &[Change]) -> Result<(), Diagnostic> {
        Ok(())
    }

    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        assert!(somebody_remembers(context).await, "a kill now would leave it behind for ever");
        self.site.stands.store(false, Ordering::SeqCst);
        Ok(())
    }
}

async fn somebody_remembers(context: &Context) -> bool {
    let apis = context.clients.api_gateway.get_apis().send().await.unwrap();
    let remembers = |tags: &std::collections::HashMap<String, String>| tags.contains_key(Memory::Turn.key());
    apis.items().iter().any(|api| api.tags().is_some_and(remembers))
}

/// A stack with an annex, or without.
fn graph(rig: &Rig, site: &Arc<Site>, is_wanted: bool) -> Graph {
    let remembers = if is_wanted { [(Memory::Turn, "annex".to_owned())].into() } else { [].into() };
    let tagging = Tagging { remembers, ..Tagging::default() };
    let graph = Graph::new(vec![
        Arc::new(Annex { is_wanted, site: Arc::clone(site) }),
        Arc::new(LogGroup { retention_days: 7, tagging: tagging.clone() }),
        Arc::new(WebsocketApi { names: rig.context.names.clone(), tagging }),
    ]);
    if is_wanted { graph } else { graph.without([ANNEX]) }
}

/// A run of its own, which knows nothing of earlier ones.
async fn run(rig: &Rig, graph: &Graph, goal: Goal) -> Plan {
    let context = Context { known: Arc::default(), ..rig.context.clone() };
    let cancel = CancellationToken::new();
    let observations = observe(graph, &context, &cancel).await.unwrap();
    let plan = plan(graph, &observations, &context.known, goal).unwrap();
    let outcome = match goal {
        Goal::Present => apply_present(graph, &context, &observations, &cancel).await,
        Goal::Absent => apply_absent(graph, &context, &observations, &cancel).await,
    };
    assert!(outcome.problem.is_none(), "{:?}", outcome.problem);
    plan
}

fn action(plan: &Plan) -> Option<Action> {
    plan.steps.iter().find(|step| step.address == ANNEX).map(|step| step.action)
}

#[tokio::test]
async fn what_no_tag_remembers_and_no_setting_names_is_not_even_looked_for() {
    let (rig, site) = (Rig::start().await, Arc::default());
    let plain = graph(&rig, &site, false);
    for goal in [Goal::Present, Goal::Present, Goal::Absent] {
        assert_eq!(action(&run(&rig, &plain, goal).await), None);
    }
    assert_eq!(site.looks.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_the_settings_name_no_more_is_removed_and_not_spoken_of_again() {
    let (rig, site) = (Rig::start().await, Arc::default());
    // On a stack that stands already, so that its tags have to be written first.
    run(&rig, &graph(&rig, &site, false), Goal::Present).await;
    assert_eq!(action(&run(&rig, &graph(&rig, &site, true), Goal::Present).await), Some(Action::Create));
    assert!(run(&rig, &graph(&rig, &site, true), Goal::Present).await.is_empty());

    let plain = graph(&rig, &site, false);
    let observations = observe(&plain, &rig.context, &CancellationToken::new()).await.unwrap();
    let statuses = status(&plain, &observations, &rig.context.known).unwrap();
    let states: Vec<State> = statuses.iter().map(|status| status.state).collect();
    assert_eq!(states, [State::Unwanted, State::Present, State::Present]);

    assert_eq!(action(&run(&rig, &plain, Goal::Present).await), Some(Action::Delete));
    assert!(!site.stands.load(Ordering::SeqCst));
    let after = run(&rig, &plain, Goal::Present).await;
    assert_eq!((action(&after), after.is_empty()), (None, true));
}

#[tokio::test]
async fn a_teardown_that_is_told_nothing_removes_it_before_the_last_that_remembers() {
    let (rig, site) = (Rig::start().await, Arc::default());
    run(&rig, &graph(&rig, &site, true), Goal::Present).await;
    let logs = &rig.context.clients.logs;
    logs.delete_log_group().log_group_name(rig.context.names.log_group()).send().await.unwrap();
    assert_eq!(action(&run(&rig, &graph(&rig, &site, false), Goal::Absent).await), Some(Action::Delete));
    assert!(!site.stands.load(Ordering::SeqCst));
}
