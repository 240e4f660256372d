//! `teardown`: removes a stack, and proves that nothing of it is left.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use super::configure;
use super::place;
use super::session::Session;
use super::{Ending, Run};
use crate::aws::retry;
use crate::cli::{OutputFormat, TeardownOptions};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::apply::apply_absent;
use crate::engine::graph::Graph;
use crate::engine::observe::observe;
use crate::engine::plan::{Action, Goal, Plan};
use crate::engine::resource::Observed;
use crate::events::{Event, Phase};
use crate::resources::objects::ForeignObjects;
use crate::ui;

/// AWS may show what it has just deleted for a few seconds more.
const LAST_SIGHT: Duration = Duration::from_secs(20);

pub(super) async fn run(options: &TeardownOptions, output: OutputFormat, run: &Run) -> Result<Ending, Diagnostic> {
    // A question on stderr and JSON on stdout would be two conversations.
    let can_ask = output == OutputFormat::Human && ui::can_ask();
    if !options.yes && !can_ask {
        return Err(Diagnostic::new(
            Code::ConfirmationNeeded,
            "teardown asks before it deletes, and there is nobody to ask",
            "pass --yes if you mean it",
        ));
    }
    let config = configure::bare(&options.stack);
    let place = place::existing(&config.target, run).await?;
    let session = Session::open(config, &place, run).await?;
    let foreign_objects = if options.delete_foreign_objects { ForeignObjects::Delete } else { ForeignObjects::Keep };
    remove(&session, foreign_objects, !options.yes).await
}

/// Looks, asks where somebody is to be asked, deletes, and looks again.
pub(super) async fn remove(
    session: &Session<'_>,
    foreign_objects: ForeignObjects,
    ask: bool,
) -> Result<Ending, Diagnostic> {
    let run = session.run;
    let survey = session.survey(session.graph_of_nothing(foreign_objects), Goal::Absent).await?;
    let whole = whole(session);
    if survey.plan.is_empty() {
        run.events.note(format!("there is nothing of {whole}"));
        return Ok(Ending::default());
    }
    if ask {
        confirm(&survey.plan, &whole, run).await?;
    }
    run.events.emit(Event::Phase { phase: Phase::Applying });
    let outcome = apply_absent(&survey.graph, &session.context, &survey.observations, &run.cancel).await;
    let problem = match outcome.problem {
        Some(problem) => Some(problem),
        None => nothing_is_left(session, &survey.graph).await.err(),
    };
    if problem.is_none() {
        run.events.note(format!("nothing is left of {whole}"));
    }
    Ok(Ending { changed: outcome.changed, problem, ..Ending::default() })
}

/// The stack and where it is: somebody who looks in the wrong region should see it.
fn whole(session: &Session<'_>) -> String {
    let names = &session.context.names;
    format!("stack '{}' in account {}, region {}", names.stack, names.account, names.region)
}

async fn confirm(plan: &Plan, whole: &str, run: &Run) -> Result<(), Diagnostic> {
    let count = plan.steps.iter().filter(|step| step.action == Action::Delete).count();
    run.events.emit(Event::Question { text: format!("Delete these {count} resources of {whole}? [y/N]") });
    if run.unless_interrupted(async { Ok(ui::read_answer().await) }).await? {
        return Ok(());
    }
    Err(Diagnostic::new(Code::Declined, "nothing was deleted", "answer 'y', or pass --yes, to delete"))
}

/// Looks again, as if for the first time.
async fn nothing_is_left(session: &Session<'_>, graph: &Graph) -> Result<(), Diagnostic> {
    session.run.events.emit(Event::Phase { phase: Phase::Verifying });
    let left = Mutex::new(Vec::new());
    let looking = retry::polling(LAST_SIGHT, || async {
        let observations = observe(graph, &session.fresh_context(), &session.run.cancel).await?;
        let found: Vec<String> = observations
            .iter()
            .filter(|(_, observed)| !matches!(observed, Observed::Absent))
            .map(|(address, _)| address.to_string())
            .collect();
        let nothing = found.is_empty().then_some(());
        *left.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok::<_, Diagnostic>(nothing)
    });
    match session.run.unless_interrupted(looking).await? {
        Some(()) => Ok(()),
        None => Err(Diagnostic::new(
            Code::Leftover,
            format!("something is left of {}", whole(session)),
            "run 'teardown' again; if it stays, somebody may be making it anew: another run, a pipeline",
        )
        .leaving(left.into_inner().unwrap_or_else(PoisonError::into_inner))),
    }
}
