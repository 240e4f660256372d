//! `status`: what of a stack is there, and whether it is as it should be. Needs no toolchain.

use super::configure;
use super::elsewhere;
use super::place;
use super::session::Session;
use super::{Ending, Run};
use crate::artifact::Artifact;
use crate::cli::StatusOptions;
use crate::diagnostics::Diagnostic;
use crate::engine::status::{Health, status};
use crate::events::Event;
use crate::page::Page;

pub(super) async fn run(options: &StatusOptions, run: &Run) -> Result<Ending, Diagnostic> {
    let config = configure::config(&options.stack, &options.content, None)?;
    let page = Page::wanted(&config)?;
    let place = place::existing(&config.target, run).await?;
    let session = Session::open(config, &place, run).await?;
    let relay = session.relay_at_hand().await?;
    if relay.is_none() {
        run.events.note("the relay's code is not compared: it is not built here ('webrtc-aws build' does)");
    }
    show(&session, page, relay).await
}

/// Looks at everything, and where there is nothing, at other regions.
pub(super) async fn show(session: &Session<'_>, page: Page, relay: Option<Artifact>) -> Result<Ending, Diagnostic> {
    let graph = session.graph_to_look_at(page, relay);
    let observations = session.observe(&graph).await?;
    let resources = status(&graph, &observations, &session.context.known)?;
    let health = Health::of(&resources);
    let known = &session.context.known;
    let (deployed, expires) = (known.deployed.get(), known.expires.get());
    session.run.events.emit(Event::Status { health, deployed, expires, resources });
    if health.is_absent()
        && let Some(elsewhere) = Box::pin(elsewhere::look(session)).await?.conclude(session, "status")
    {
        session.run.events.warn(format!("{}; {}", elsewhere.summary, elsewhere.hint));
    }
    if let Some(place) = known.page_bucket.get().filter(|_| session.config.existing_bucket.is_none()) {
        session.run.events.note(format!("the page is in {place}: with '--existing-bucket {place}' it is wanted there"));
    }
    Ok(Ending { outputs: session.outputs_as_found(&observations), ..Ending::default() })
}
