//! One file for each command, and what they share: a command is given its options and a [`Run`], and says how it ended. The
//! first event of every run is `Started`, the last `Finished`, whatever happens in between.

mod build;
mod config;
mod configure;
mod cost;
mod doctor;
mod elsewhere;
mod ground;
mod list;
mod local;
mod local_aws;
mod logs;
mod open;
mod place;
mod plan;
mod policy;
mod session;
mod shell;
mod status;
mod sweep;
mod teardown;
#[cfg(test)]
mod tests;
mod up;
mod verify;

use std::process::ExitCode;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::cli::{Cli, Command, PolicyOptions};
use crate::diagnostics::{Code, Diagnostic, INTERRUPTED_HINT};
use crate::engine::observe::interrupted;
use crate::engine::outputs::Outputs;
use crate::events::{Event, Events};
use crate::settings::{Invocation, Settings};
use crate::signals::Signals;
use crate::ui::Reporter;

/// The exit code of `plan --exit-code` when `up` would change something.
const CHANGES_PENDING: u8 = 5;

/// All went well, but the disk on which somebody wanted the results is full.
const RESULTS_LOST: u8 = 1;

/// What every command works with.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    events: Events,
    cancel: CancellationToken,
    /// What is set, and where.
    settings: Settings,
}

impl Run {
    fn new(events: Events, settings: Settings) -> Self {
        Self { events, cancel: CancellationToken::new(), settings }
    }

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

/// How long the end of a run may take on this machine: tasks that let go of what they hold.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// Runs a command line from its first event to its exit code.
pub fn run(invocation: Invocation) -> ExitCode {
    let Invocation { cli, settings } = invocation;
    let (events, reporter) = Reporter::start(&cli.output);
    let (command, stack): (_, Option<&dyn std::fmt::Display>) = match &cli.command {
        Command::Up(options) => ("up", Some(&options.stack.name)),
        Command::Plan(options) => ("plan", Some(&options.stack.name)),
        Command::Status(options) => ("status", Some(&options.stack.name)),
        Command::Verify(options) => ("verify", Some(&options.stack.name)),
        Command::Logs(options) => ("logs", Some(&options.stack.name)),
        Command::Teardown(options) => ("teardown", Some(&options.stack.name)),
        Command::List(_) => ("list", None),
        Command::Sweep(_) => ("sweep", None),
        Command::Policy(PolicyOptions { stacks: Some(stacks), .. }) => ("policy", Some(stacks)),
        Command::Policy(options) => ("policy", Some(&options.name)),
        Command::Local(_) => ("local", None),
        Command::Doctor(options) => ("doctor", Some(&options.name)),
        Command::Cost(_) => ("cost", None),
        Command::Build(_) => ("build", None),
        Command::Config(options) => ("config", Some(&options.stack.name)),
        Command::Open(options) => ("open", Some(&options.stack.name)),
        Command::Completions(_) => ("completions", None),
        Command::Man(_) => ("man", None),
    };
    // It may be another one that is meant, where that cannot be known.
    let stack = stack.filter(|_| settings.is_ok());
    events.emit(Event::Started { command, stack: stack.map(ToString::to_string), version: env!("CARGO_PKG_VERSION") });
    let (settings, problem) =
        settings.map_or_else(|problem| (Settings::default(), Some(problem)), |settings| (settings, None));
    let run = Run::new(events, settings);
    let exit_code = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let exit_code = runtime.block_on(async {
                let (ending, interrupted) = match problem {
                    None => execute(&cli, &run).await,
                    Some(problem) => (problem.into(), 0),
                };
                let exit_code = finish(ending, interrupted, &run.events);
                let is_all_told = reporter.finish(&run.cancel).await;
                if is_all_told || exit_code != 0 { exit_code } else { RESULTS_LOST }
            });
            // Tasks hold function processes and temporary directories, which go with them. Not waited for: a name that is still
            // being looked up, a prompt that nobody answered.
            runtime.shutdown_timeout(LAST_MOMENT);
            exit_code
        }
        Err(error) => {
            let exit_code = finish(no_system(&error).into(), 0, &run.events);
            reporter.finish_blocking();
            exit_code
        }
    };
    ExitCode::from(exit_code)
}

/// Says how a run ended. `interrupted` is the exit code for the case that a signal ended it.
fn finish(ending: Ending, interrupted: u8, events: &Events) -> u8 {
    let exit_code = match &ending.problem {
        Some(problem) if problem.code == Code::Interrupted => interrupted,
        Some(problem) => problem.code.exit_code(),
        None if ending.changes_pending => CHANGES_PENDING,
        None => 0,
    };
    let Ending { changed, outputs, mut problem, .. } = ending;
    let further_problems =
        problem.as_mut().map(|problem| std::mem::take(&mut problem.further).into_vec()).unwrap_or_default();
    events.emit(Event::Finished { ok: problem.is_none(), changed, outputs, problem, further_problems });
    exit_code
}

/// How the command ended, and the exit code for the case that a signal ended it.
async fn execute(cli: &Cli, run: &Run) -> (Ending, u8) {
    let signals = match Signals::listen(run.cancel.clone(), run.events.clone()) {
        Ok(signals) => signals,
        Err(error) => return (no_system(&error).into(), 0),
    };
    let ending = tokio::select! {
        biased;
        () = signals.second() => abandoned(cli),
        ending = carry_out(cli, run) => ending,
    };
    (ending, signals.exit_code())
}

async fn carry_out(cli: &Cli, run: &Run) -> Ending {
    match &cli.command {
        Command::Up(options) => up::run(options, run).await,
        Command::Plan(options) => plan::run(options, run).await.into(),
        Command::Status(options) => status::run(options, run).await.into(),
        Command::Verify(options) => verify::run(options, run).await.into(),
        Command::Logs(options) => logs::run(options, run).await.into(),
        Command::Teardown(options) => teardown::run(options, cli.output.output, run).await.into(),
        Command::List(options) => list::run(options, run).await.into(),
        Command::Sweep(options) => sweep::run(options, run).await.into(),
        Command::Policy(options) => policy::run(options, run).await.into(),
        Command::Local(options) => local::run(options, run).await.into(),
        Command::Doctor(options) => doctor::run(options, run).await.into(),
        Command::Cost(options) => cost::run(options, run),
        Command::Build(options) => build::run(options, run).await.into(),
        Command::Config(_) => config::run(run),
        Command::Open(options) => open::run(options, run).await.into(),
        Command::Completions(options) => shell::completions(options, run),
        Command::Man(options) => shell::man(options, run).into(),
    }
}

/// A second signal dropped the run where it stood.
fn abandoned(cli: &Cli) -> Ending {
    let problem = Diagnostic::new(
        Code::Interrupted,
        "interrupted twice: calls under way may or may not have taken effect",
        INTERRUPTED_HINT,
    );
    // Nobody waited to learn it.
    let changed = matches!(cli.command, Command::Up(_) | Command::Teardown(_) | Command::Sweep(_));
    Ending { changed, ..problem.into() }
}

fn no_system(error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(
        Code::LocalFailure,
        format!("this process gets no threads, sockets or signals from the system: {error}"),
        "look at its limits (ulimit -a), then run the command again",
    )
}
