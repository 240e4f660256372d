//! `up`: deploys a stack, or brings it up to date.

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::configure;
use super::cost;
use super::place::{self, Place, SamePlace};
use super::session::Session;
use super::verify::{self, PATIENCE_WITH_NEW, PATIENCE_WITH_OLD};
use super::{Ending, Run};
use crate::artifact::Artifact;
use crate::cli::{CheckOptions, UpOptions};
use crate::config::{Config, Target, Turn};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::apply::apply_present;
use crate::engine::plan::Goal;
use crate::events::{Event, PageShown, Phase};
use crate::local::{self, LocalAws, LogLine};
use crate::page::Page;
use crate::relay_log::LogEntry;
use crate::resources::websocket_api;
use crate::verify::JoinToken;

/// When the stack is tried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checks {
    Always,
    /// A run that changed nothing found what another one has tried out.
    AfterChanges,
    Never,
}

impl Checks {
    fn of(options: &CheckOptions) -> Self {
        match (options.verify, options.no_verify) {
            (true, _) => Self::Always,
            (false, false) => Self::AfterChanges,
            (false, true) => Self::Never,
        }
    }

    fn are_wanted(self, changed: bool) -> bool {
        match self {
            Self::Always => true,
            Self::AfterChanges => changed,
            Self::Never => false,
        }
    }
}

/// What is deployed, and what is done beside it.
struct Deployment {
    config: Config,
    page: Page,
    checks: Checks,
    /// What the checks of a relay that wants a token need.
    token: Option<JoinToken>,
    /// The page's URL is shown for a phone, too.
    code: bool,
    /// The local AWS ends with this run.
    stays: bool,
}

pub(super) async fn run(options: &UpOptions, run: &Run) -> Ending {
    let config = match configure::config(&options.stack, &options.content, Some(&options.life)) {
        Ok(config) => config,
        Err(problem) => return problem.into(),
    };
    // Before anything is started or called: a mistake in the page should cost nothing.
    let page = match Page::wanted(&config) {
        Ok(page) => page,
        Err(problem) => return problem.into(),
    };
    let token = match verify::join_token(&options.checks.token) {
        Ok(token) => token,
        Err(problem) => return problem.into(),
    };
    if let Err(problem) = has_turn_servers(&config) {
        return problem.into();
    }
    match place::existing_or_started(&config.target, run).await {
        Ok((place, local)) => {
            let checks = Checks::of(&options.checks);
            let deployment = Deployment { config, page, checks, token, code: options.code.qr, stays: local.is_some() };
            match local {
                None => deploy(deployment, &place, run).await.into(),
                Some(local) => deploy_and_stay(deployment, &place, local, run).await,
            }
        }
        Err(problem) => problem.into(),
    }
}

/// Whether the local AWS will have TURN servers to grant, where the stack is to have some of AWS's.
fn has_turn_servers(config: &Config) -> Result<(), Diagnostic> {
    let needs_coturn = matches!(config.target, Target::Local { .. }) && config.turn == Some(Turn::SignalingChannel);
    if !needs_coturn || local::has_turn_server() {
        return Ok(());
    }
    Err(Diagnostic::new(
        Code::LocalFailure,
        "the local AWS has no TURN servers to grant: coturn is not installed here, no 'turnserver' is on the PATH",
        "install it (Debian, Ubuntu: apt install coturn; macOS: brew install coturn), or leave out --turn",
    ))
}

/// Deploys to the local AWS that this process started, and stays until a signal comes.
async fn deploy_and_stay(deployment: Deployment, place: &Place, local: LocalAws, run: &Run) -> Ending {
    // From before the first deployment: the relay may write as soon as somebody finds it.
    let lines = local.log_lines();
    let mut ending = Ending::from(deploy(deployment, place, run).await);
    if let Some(outputs) = &ending.outputs {
        tokio::select! {
            () = run.cancel.cancelled() => {}
            () = show(lines, &outputs.log_group, run) => {}
        }
    }
    local.stop().await;
    // Whatever a failed run left was in the local AWS, and went with it.
    ending.problem = ending.problem.map(|problem| problem.leaving(Vec::new()));
    if let Some(problem) = ending.problem.as_mut().filter(|problem| problem.code == Code::Interrupted) {
        problem.hint =
            "nothing is left: the local AWS of this run ended with it; run the same command again to begin anew"
                .to_owned();
    }
    ending
}

/// Shows what the stack's relay writes, for ever.
async fn show(mut lines: broadcast::Receiver<LogLine>, log_group: &str, run: &Run) {
    loop {
        match lines.recv().await {
            Ok(line) if line.group == log_group => run.events.emit(Event::RelayLog(LogEntry::of(line.text))),
            Ok(_) => {}
            Err(RecvError::Lagged(missed)) => run.events.warn(format!("{missed} log lines came too fast to be shown")),
            Err(RecvError::Closed) => return,
        }
    }
}

async fn deploy(deployment: Deployment, place: &Place, run: &Run) -> Result<Ending, Diagnostic> {
    let Deployment { config, page, checks, token, code, stays } = deployment;
    let (session, relay) = Session::open_with_relay(config, place, run).await?;
    let mut ending = converge(&session, page.clone(), relay.clone()).await?;
    let Some(outputs) = ending.outputs.clone() else { return Ok(ending) };
    let knows_token = token.is_some();
    if checks.are_wanted(ending.changed) {
        let patience = if ending.changed { PATIENCE_WITH_NEW } else { PATIENCE_WITH_OLD };
        let graph = session.graph(page, Some(relay));
        match verify::verify(&session, &graph, &outputs, patience, token).await {
            Ok(problem) => ending.problem = problem,
            // Interrupted: the stack stands all the same.
            Err(problem) => {
                ending.problem = Some(problem);
                return Ok(ending);
            }
        }
    }
    // Nobody is invited to what did not work a moment ago.
    let invitation = ending.problem.is_none().then(|| invitation(&session.config, &outputs.site_url));
    let mut next: Vec<_> = invitation.into_iter().chain([end(&session.config, stays)]).collect();
    if session.config.admission.token.is_some() && !knows_token {
        let place = SamePlace(&session.config.target);
        let verify = format!("webrtc-aws verify {}{place} --join-token-file FILE", session.config.stack);
        next.push(format!("Messages are tried out by whoever has the token: {verify}"));
    }
    next.extend(cost::in_short(&session.config.relay, &session.context.names));
    let url = outputs.site_url.clone();
    run.events.emit(Event::Ready { outputs, next });
    if code {
        run.events.emit(Event::Page { url, shown: PageShown::Code });
    }
    Ok(ending)
}

/// Looks, plans, applies, and waits until AWS shows it.
pub(super) async fn converge(session: &Session<'_>, page: Page, relay: Artifact) -> Result<Ending, Diagnostic> {
    let run = session.run;
    let survey = session.survey_at_rest(session.graph(page, Some(relay)), Goal::Present).await?;
    run.events.emit(Event::Phase { phase: Phase::Applying });
    if !survey.plan.is_empty() {
        websocket_api::record_deploy(&session.context).await?;
    }
    let outcome = apply_present(&survey.graph, &session.context, &survey.observations, &run.cancel).await;
    let mut problem = outcome.problem;
    if problem.is_none() && outcome.changed {
        problem = session.until_shown(&survey.graph).await.err();
    }
    // A half-made stack offers nothing.
    let outputs = if problem.is_none() { session.outputs() } else { None };
    Ok(Ending { changed: outcome.changed, outputs, problem, ..Ending::default() })
}

/// How to try the call.
fn invitation(config: &Config, page: &str) -> String {
    // Browsers give the camera to https pages, and to pages of this machine.
    let is_local = matches!(config.target, Target::Local { .. });
    let two = if is_local { "two tabs of a browser on this machine" } else { "two tabs or on two machines" };
    let open = match &config.admission.token {
        None => "the page".to_owned(),
        Some(place) => format!("{page}#&token=TOKEN, with the token that {place} keeps,"),
    };
    format!("Open {open} in {two}, copy one's id into the other, and press the call button.")
}

/// How it ends.
fn end(config: &Config, stays: bool) -> String {
    if stays {
        "Press Ctrl-C to end the local AWS; everything in it goes with it.".to_owned()
    } else {
        format!("Remove everything again: webrtc-aws teardown {}{}", config.stack, SamePlace(&config.target))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::configure;

    #[test]
    fn whoever_needs_a_token_is_told_how_to_open_the_page() {
        let mut config = configure::bare_at("demo".parse().unwrap(), Target::Local { port: 4580, region: None });
        let open = |config: &Config| invitation(config, "http://page.test/index.html");
        assert!(open(&config).starts_with("Open the page in two tabs"));
        config.admission.token = Some("ssm:/join".parse().unwrap());
        let told = open(&config);
        assert!(
            told.starts_with("Open http://page.test/index.html#&token=TOKEN, with the token that ssm:/join keeps, in"),
            "{told}"
        );
    }
}
