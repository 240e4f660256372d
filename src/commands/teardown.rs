//! `teardown`: removes a stack, and proves that nothing of it is left.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;

use super::configure;
use super::elsewhere;
use super::place;
use super::session::{Session, Survey};
use super::{Ending, Run};
use crate::aws::retry::Look;
use crate::cli::{OutputFormat, TeardownOptions};
use crate::config::Config;
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::apply::apply_absent;
use crate::engine::context::Known;
use crate::engine::graph::Graph;
use crate::engine::observe::{Observations, observe};
use crate::engine::plan::{Action, Goal, Plan, left_alone};
use crate::engine::resource::Observed;
use crate::events::{Event, Phase};
use crate::naming::Memory;
use crate::resources::page_files::ForeignObjects;
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
    let config = Config {
        turn: configure::turn_service(&options.turn),
        existing_bucket: options.bucket.existing_bucket.clone(),
        ..configure::bare(&options.stack)
    };
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
    let Survey { graph, observations, plan } =
        session.survey_at_rest(session.graph_of_nothing(foreign_objects), Goal::Absent).await?;
    // Never a success: it may be this stack's after all, and somebody took its tag away.
    let not_ours = left_alone(&graph, &observations);
    if plan.is_empty() {
        let elsewhere = Box::pin(elsewhere::look(session)).await?.conclude(session, "teardown");
        let problem = Diagnostic::of_all(elsewhere.into_iter().chain(not_ours));
        return Ok(Ending { problem, ..Ending::default() });
    }
    for problem in &not_ours {
        run.events.warn(problem.summary.clone());
    }
    let whole = session.whole();
    if ask {
        confirm(&plan, &whole, run).await?;
    }
    run.events.emit(Event::Phase { phase: Phase::Applying });
    let outcome = apply_absent(&graph, &session.context, &observations, &run.cancel).await;
    let (problem, not_ours) = match outcome.problem {
        Some(problem) => (Some(problem), not_ours),
        None => match nothing_is_left(session, &graph).await {
            // Behind what was ours something may have come to light that is not.
            Ok(now) => (None, left_alone(&graph, &now)),
            Err(problem) => (Some(problem), not_ours),
        },
    };
    if problem.is_none() {
        run.events.note(format!("nothing is left of {whole}"));
    }
    let problem = Diagnostic::of_all(problem.into_iter().chain(not_ours));
    Ok(Ending { changed: outcome.changed, problem, ..Ending::default() })
}

async fn confirm(plan: &Plan, whole: &str, run: &Run) -> Result<(), Diagnostic> {
    let count = plan.steps.iter().filter(|step| step.action == Action::Delete).count();
    run.events.emit(Event::Question { text: format!("Delete these {count} resources of {whole}? [y/N]") });
    if run.unless_interrupted(async { Ok(ui::read_answer().await) }).await? {
        return Ok(());
    }
    Err(Diagnostic::new(Code::Declined, "nothing was deleted", "answer 'y', or pass --yes, to delete"))
}

/// What the next run has to be told, as all that remembered it may be gone.
fn what_to_tell(known: &Known) -> String {
    let turn = known.remembered.values(Memory::Turn).first().map(|_| " --turn kvs".to_owned());
    let bucket = known.page_bucket.get().map(|bucket| format!(" --existing-bucket {bucket}"));
    turn.into_iter().chain(bucket).collect()
}

/// Looks again, as if for the first time, and says what is there that is not ours.
async fn nothing_is_left(session: &Session<'_>, graph: &Graph) -> Result<Observations, Diagnostic> {
    session.run.events.emit(Event::Phase { phase: Phase::Verifying });
    let left = Mutex::new(Vec::new());
    let looking = session.context.until(Look::Stack, "AWS still shows what was deleted", LAST_SIGHT, || async {
        let observations = observe(graph, &session.fresh_context(), &session.run.cancel).await?;
        let ours = |observed: &Observed<_>| matches!(observed, Observed::Owned(_) | Observed::Several(_));
        let found = observations.iter().filter(|(_, observed)| ours(observed));
        let found: Vec<String> = found.map(|(address, _)| address.to_string()).collect();
        let is_over = found.is_empty();
        *left.lock().unwrap_or_else(PoisonError::into_inner) = found;
        Ok(is_over.then_some(observations))
    });
    match session.run.unless_interrupted(looking).await? {
        Some(observations) => Ok(observations),
        None => Err(Diagnostic::new(
            Code::Leftover,
            format!("something is left of {}", session.whole()),
            format!(
                "run 'teardown{}' again; if it stays, somebody may be making it anew: another run, a pipeline",
                what_to_tell(&session.context.known)
            ),
        )
        .leaving(left.into_inner().unwrap_or_else(PoisonError::into_inner))),
    }
}
