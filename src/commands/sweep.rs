//! `sweep`: removes the stacks whose time has come, each as `teardown` does.

use super::configure;
use super::ground::{self, Ground};
use super::teardown;
use super::{Ending, Run};
use crate::cli::SweepOptions;
use crate::config::Target;
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::observe::interrupted;
use crate::events::{Event, Phase};
use crate::fleet::{Depth, FoundStack, Judged, Rules};
use crate::naming::{StackName, StackPattern};
use crate::resources::page_files::ForeignObjects;

/// What a sweep is asked to do.
#[derive(Clone, Debug)]
pub(super) struct Task {
    pub(super) rules: Rules,
    pub(super) pattern: Option<StackPattern>,
    pub(super) foreign_objects: ForeignObjects,
    /// Otherwise it only says what it would do.
    pub(super) delete: bool,
}

pub(super) async fn run(options: &SweepOptions, run: &Run) -> Result<Ending, Diagnostic> {
    let grounds = ground::all(&options.account, run).await?;
    let delete_foreign_objects = options.delete_foreign_objects;
    let task = Task {
        rules: Rules { older_than: options.older_than, expired: options.expired },
        pattern: options.pattern.clone(),
        foreign_objects: if delete_foreign_objects { ForeignObjects::Delete } else { ForeignObjects::Keep },
        delete: options.yes,
    };
    sweep(&grounds, &task, run).await
}

/// Looks at all stacks, and deletes those that are to go, one after the other. What fails with one stops no other.
pub(super) async fn sweep(grounds: &[(Target, Ground)], task: &Task, run: &Run) -> Result<Ending, Diagnostic> {
    run.events.emit(Event::Phase { phase: Phase::Observing });
    let (mut judged, mut problems) = (Vec::new(), Vec::new());
    let mut doomed = Vec::new();
    for (target, ground) in grounds {
        match judge_all(ground, task, run).await {
            Ok(stacks) => {
                doomed.extend(stacks.iter().filter(|it| it.delete).map(|it| (target, ground, it.stack.stack.clone())));
                judged.extend(stacks);
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.is_empty() || !judged.is_empty() {
        run.events.emit(Event::Judged { stacks: judged, dry: !task.delete });
    }
    let mut changed = false;
    for (target, ground, stack) in doomed.into_iter().filter(|_| task.delete) {
        if run.cancel.is_cancelled() {
            problems.insert(0, interrupted());
            break;
        }
        let ending = delete(target, ground, &stack, task, run).await;
        changed |= ending.changed;
        let problem = ending.problem.map(|problem| about(&stack, ground, problem));
        let interrupted = problem.as_ref().is_some_and(|problem| problem.code == Code::Interrupted);
        problems.extend(problem);
        if interrupted {
            break;
        }
    }
    Ok(Ending { changed, problem: Diagnostic::of_all(problems), ..Ending::default() })
}

/// What is to become of each stack. Of those that a quick look condemns, every part is asked.
async fn judge_all(ground: &Ground, task: &Task, run: &Run) -> Result<Vec<Judged>, Diagnostic> {
    let finder = ground.finder(run);
    let stacks = run.unless_interrupted(finder.stacks(task.pattern.as_ref(), Depth::Quick)).await?;
    let mut judged = Vec::new();
    for stack in stacks {
        let first = task.rules.judged(stack, ground.now);
        if !first.delete {
            judged.push(first);
        } else if let Some(stack) = look_again(ground, &first.stack.stack, run).await? {
            judged.push(task.rules.judged(stack, ground.now));
        }
    }
    Ok(judged)
}

async fn look_again(ground: &Ground, stack: &StackName, run: &Run) -> Result<Option<FoundStack>, Diagnostic> {
    let finder = ground.finder(run);
    let stacks = run.unless_interrupted(finder.stacks(Some(&stack.clone().into()), Depth::Thorough)).await?;
    Ok(stacks.into_iter().next())
}

/// Judges anew, as others took their time and somebody may deploy it by now, and deletes.
async fn delete(target: &Target, ground: &Ground, stack: &StackName, task: &Task, run: &Run) -> Ending {
    let judged = match look_again(ground, stack, run).await {
        Ok(Some(found)) => task.rules.judged(found, ground.now),
        Ok(None) => return Ending::default(),
        Err(problem) => return problem.into(),
    };
    if !judged.delete {
        run.events.note(format!("'{stack}' is left alone after all: {}", judged.reason));
        return Ending::default();
    }
    let region = judged.stack.region;
    run.events.emit(Event::Sweeping { stack: stack.clone(), region: region.clone(), reason: judged.reason });
    let session = ground.session(configure::bare_at(stack.clone(), target.clone()), run);
    let ending = Ending::from(Box::pin(teardown::remove(&session, task.foreign_objects, false)).await);
    run.events.emit(Event::Swept {
        stack: stack.clone(),
        region,
        ok: ending.problem.is_none(),
        problem: ending.problem.clone(),
    });
    ending
}

/// The same problem, with the stack that it is about.
fn about(stack: &StackName, ground: &Ground, problem: Diagnostic) -> Diagnostic {
    if problem.code == Code::Interrupted {
        return problem;
    }
    Diagnostic {
        summary: format!("stack '{stack}' in region {}: {}", ground.territory.region, problem.summary),
        ..problem
    }
}
