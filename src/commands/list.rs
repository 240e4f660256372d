//! `list`: every stack of an account and region, found by tag and name.

use super::ground;
use super::{Ending, Run};
use crate::cli::ListOptions;
use crate::diagnostics::Diagnostic;
use crate::events::{Event, Phase};
use crate::fleet::Depth;
use crate::naming::StackPattern;

pub(super) async fn run(options: &ListOptions, run: &Run) -> Result<Ending, Diagnostic> {
    let grounds = ground::all(&options.account, run).await?;
    let grounds: Vec<_> = grounds.iter().map(|(_, ground)| ground).collect();
    show(&grounds, options.pattern.as_ref(), run).await
}

/// Looks at all of them; one that cannot be looked at does not hide the others.
pub(super) async fn show(
    grounds: &[&ground::Ground],
    pattern: Option<&StackPattern>,
    run: &Run,
) -> Result<Ending, Diagnostic> {
    run.events.emit(Event::Phase { phase: Phase::Observing });
    let (mut stacks, mut problems) = (Vec::new(), Vec::new());
    for ground in grounds {
        let finder = ground.finder(run);
        match run.unless_interrupted(finder.stacks(pattern, Depth::Quick)).await {
            Ok(found) => stacks.extend(found),
            Err(problem) => problems.push(problem),
        }
    }
    if stacks.is_empty() && problems.is_empty() {
        let places: Vec<_> = grounds.iter().map(|ground| ground.whole()).collect();
        let which = pattern.map(|pattern| format!(" that is called '{pattern}'")).unwrap_or_default();
        run.events.note(format!("there is no stack{which} in {}", places.join("; ")));
    }
    let problem = Diagnostic::of_all(problems);
    if problem.is_none() || !stacks.is_empty() {
        run.events.emit(Event::Stacks { stacks });
    }
    Ok(Ending { problem, ..Ending::default() })
}
