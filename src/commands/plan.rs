//! `plan`: `up`, stopped before it applies.

use super::configure;
use super::place;
use super::session::Session;
use super::{Ending, Run};
use crate::cli::PlanOptions;
use crate::diagnostics::Diagnostic;
use crate::engine::plan::Goal;
use crate::page::Page;

pub(super) async fn run(options: &PlanOptions, run: &Run) -> Result<Ending, Diagnostic> {
    let config = configure::config(&options.stack, &options.content, Some(&options.life))?;
    let page = Page::wanted(&config)?;
    let place = place::existing(&config.target, run).await?;
    let (session, relay) = Session::open_with_relay(config, &place, run).await?;
    let survey = session.survey(session.graph(page, Some(relay)), Goal::Present).await?;
    let changes_pending = options.exit_code && !survey.plan.is_empty();
    Ok(Ending { outputs: session.outputs(), changes_pending, ..Ending::default() })
}
