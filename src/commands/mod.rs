//! One file for each command, and what they share: a command is given its options and a [`Run`], and says how it ended. The
//! first event of every run is `Started`, the last `Finished`, whatever happens in between.

mod build;
mod configure;
mod local;
mod local_aws;
mod place;
mod plan;
mod policy;
mod session;
mod status;
mod teardown;
#[cfg(test)]
mod tests;
mod up;

use std::process::ExitCode;

use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, Command, PolicyOptions};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::observe::interrupted;
use crate::engine::outputs::Outputs;
use crate::events::{Event, Events};
use crate::signals::Signals;
use crate::ui::Reporter;

/// The exit code of `plan --exit-code` when `up` would change something.
const CHANGES_PENDING: u8 = 5;

/// What every command works with.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    events: Events,
    cancel: CancellationToken,
}

impl Run {
    /// Does something that may be dropped half-way: reads, and work on this machine. A signal ends it.
    async fn unless_interrupted<T>(&self, work: impl Future<Output = Result<T, Diagnostic>>) -> Result<T, Diagnostic> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(interrupted()),
            result = work => result,
        }
    }
}

/// How a command ended.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    changed: bool,
    outputs: Option<Outputs>,
    problem: Option<Diagnostic>,
    /// `plan --exit-code` found something to do.
    changes_pending: bool,
}

impl From<Diagnostic> for Ending {
    fn from(problem: Diagnostic) -> Self {
        Self { problem: Some(problem), ..Self::default() }
    }
}

impl From<Result<Self, Diagnostic>> for Ending {
    fn from(result: Result<Self, Diagnostic>) -> Self {
        result.unwrap_or_else(Self::from)
    }
}

/// Runs a command line from its first event to its exit code.
pub fn run(cli: &Cli) -> ExitCode {
    let (events, reporter) = Reporter::start(&cli.output);
    let (command, stack): (_, Option<&dyn std::fmt::Display>) = match &cli.command {
        Command::Up(options) => ("up", Some(&options.stack.name)),
        Command::Plan(options) => ("plan", Some(&options.stack.name)),
        Command::Status(options) => ("status", Some(&options.stack.name)),
        Command::Teardown(options) => ("teardown", Some(&options.stack.name)),
        Command::Policy(PolicyOptions { stacks: Some(stacks), .. }) => ("policy", Some(stacks)),
        Command::Policy(options) => ("policy", Some(&options.name)),
        Command::Local(_) => ("local", None),
        Command::Build(_) => ("build", None),
    };
    events.emit(Event::Started { command, stack: stack.map(ToString::to_string), version: env!("CARGO_PKG_VERSION") });

    let (ending, interrupted) = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(execute(cli, &events));
            // Not waited for: a name that is still being looked up, a prompt that nobody answered.
            runtime.shutdown_background();
            ended
        }
        Err(error) => (no_system(&error).into(), 0),
    };
    let exit_code = match &ending.problem {
        Some(problem) if problem.code == Code::Interrupted => interrupted,
        Some(problem) => problem.code.exit_code(),
        None if ending.changes_pending => CHANGES_PENDING,
        None => 0,
    };
    let Ending { changed, outputs, problem, .. } = ending;
    events.emit(Event::Finished { ok: problem.is_none(), changed, outputs, problem });
    reporter.finish();
    ExitCode::from(exit_code)
}

/// How the command ended, and the exit code for the case that a signal ended it.
async fn execute(cli: &Cli, events: &Events) -> (Ending, u8) {
    let run = Run { events: events.clone(), cancel: CancellationToken::new() };
    let signals = match Signals::listen(run.cancel.clone(), events.clone()) {
        Ok(signals) => signals,
        Err(error) => return (no_system(&error).into(), 0),
    };
    let ending = match &cli.command {
        Command::Up(options) => up::run(options, &run).await,
        Command::Plan(options) => plan::run(options, &run).await.into(),
        Command::Status(options) => status::run(options, &run).await.into(),
        Command::Teardown(options) => teardown::run(options, cli.output.output, &run).await.into(),
        Command::Policy(options) => policy::run(options, &run).await.into(),
        Command::Local(options) => local::run(options, &run).await.into(),
        Command::Build(options) => build::run(options, &run).await.into(),
    };
    (ending, signals.exit_code())
}

fn no_system(error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(
        Code::LocalFailure,
        format!("this process gets no threads, sockets or signals from the system: {error}"),
        "look at its limits (ulimit -a), then run the command again",
    )
}
