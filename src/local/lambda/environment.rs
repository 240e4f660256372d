//! One execution environment: a process, its Runtime API, and the log stream of both. It handles one event at a time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::log::{Log, Platform};
use super::process::Process;
use super::runtime_api::{Invocation, Report, RuntimeApi};
use super::store::Version;
use crate::local::call::Principal;
use crate::local::iam;
use crate::local::world::World;

/// What an environment is started from.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    pub(super) name: String,
    pub(super) arn: String,
    pub(super) version: Version,
    pub(super) role_name: String,
    /// Differs between what must not share environments: code, configuration, and the role behind the credentials.
    pub(super) generation: String,
}

/// A function's failure as its caller sees it.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) kind: String,
    pub(super) payload: Bytes,
}

impl Failure {
    pub(super) fn new(kind: &str, text: &str) -> Self {
        let payload = json!({ "errorType": kind, "errorMessage": text }).to_string();
        Self { kind: kind.to_owned(), payload: payload.into() }
    }
}

/// How a handed-over event ended.
pub(super) enum Outcome {
    Response(Bytes),
    /// The function said so itself and lives on.
    Error(Failure),
    /// The process is gone.
    Exited(String),
}

#[derive(Debug)]
pub(super) struct Environment {
    pub(super) generation: String,
    pub(super) log: Log,
    /// Reported with the first invocation only.
    pub(super) init: Option<Duration>,
    runtime: RuntimeApi,
    process: Process,
    /// Followers of the process's output.
    _followers: JoinSet<()>,
    /// The unpacked package: shared by all environments of one code, gone with the last of them.
    _task_root: Arc<TempDir>,
    /// Lets a stop wait for this environment's end.
    _alive: mpsc::Sender<()>,
}

impl Environment {
    /// Starts the process and waits until it asks for its first event.
    pub(super) async fn start(
        world: &Arc<World>,
        launch: &Launch,
        task_root: Arc<TempDir>,
        alive: mpsc::Sender<()>,
        limit: Duration,
    ) -> Result<Self, Failure> {
        let cannot = |error: std::io::Error| Failure::new("Runtime.InvalidEntrypoint", &error.to_string());
        let account = &world.options.account;
        let principal = Principal::RoleSession {
            role_name: launch.role_name.clone(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{}/{}", launch.role_name, launch.name),
        };
        let log = Log::new(Arc::clone(world), principal, &launch.version);
        let runtime = RuntimeApi::listen().await.map_err(cannot)?;
        let variables = variables(world, launch, &log, &runtime, &task_root)
            .ok_or_else(|| Failure::new("Sandbox.RoleGone", "The function's role does not exist."))?;
        let began = Instant::now();
        let mut process = Process::start(task_root.path(), variables).await.map_err(cannot)?;
        let mut followers = JoinSet::new();
        let (stdout, stderr) = process.output();
        stdout.map(|pipe| followers.spawn(log.clone().follow(pipe)));
        stderr.map(|pipe| followers.spawn(log.clone().follow(pipe)));
        let mut environment = Self {
            generation: launch.generation.clone(),
            log,
            init: None,
            runtime,
            process,
            _followers: followers,
            _task_root: task_root,
            _alive: alive,
        };
        let initialised = timeout(limit, environment.initialised()).await;
        let failure = match initialised {
            Ok(Ok(())) => {
                environment.init = Some(began.elapsed());
                return Ok(environment);
            }
            Ok(Err(failure)) => failure,
            Err(_) => Failure::new("Sandbox.Timedout", "The init phase timed out."),
        };
        environment.log.platform(&[Platform::InitReport { duration: began.elapsed(), kind: &failure.kind }]);
        Err(failure)
    }

    async fn initialised(&mut self) -> Result<(), Failure> {
        loop {
            match self.report().await {
                Ok(Report::Ready) => return Ok(()),
                Ok(Report::InitError { kind, payload }) => return Err(Failure { kind, payload }),
                Ok(_) => {}
                Err(exit) => return Err(Failure::new("Runtime.ExitError", &exit)),
            }
        }
    }

    /// The runtime's next report, or how its process ended. What was posted before the end counts first.
    async fn report(&mut self) -> Result<Report, String> {
        tokio::select! {
            biased;
            Some(report) = self.runtime.reports.recv() => Ok(report),
            exit = self.process.ended() => Err(exit),
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// The most memory that the process held, in MB.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        self.process.peak_memory()
    }

    /// Hands an event over. False if the process ended before it took the event: nobody has seen it then.
    pub(super) async fn deliver(&mut self, invocation: Invocation) -> bool {
        if self.runtime.events.send(invocation).await.is_err() {
            return false;
        }
        loop {
            match self.report().await {
                Ok(Report::Taken) => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    /// Waits for what becomes of the event that was handed over.
    pub(super) async fn outcome(&mut self) -> Outcome {
        loop {
            match self.report().await {
                Ok(Report::Response(payload)) => return Outcome::Response(payload),
                Ok(Report::Error { kind, payload }) => return Outcome::Error(Failure { kind, payload }),
                // Asked for the next event without answering this one.
                Ok(Report::Ready) => {
                    return Outcome::Error(Failure::new("Runtime.NoResponse", "The runtime gave no response."));
                }
                Ok(Report::Taken | Report::InitError { .. }) => {}
                Err(exit) => return Outcome::Exited(exit),
            }
        }
    }
}

/// AWS-FACTS C4, and nothing of the host's own environment.
fn variables(
    world: &World,
    launch: &Launch,
    log: &Log,
    runtime: &RuntimeApi,
    task_root: &TempDir,
) -> Option<Vec<(String, String)>> {
    let credentials = iam::issue_session(world, &launch.version.role, &launch.name)?;
    let version = &launch.version;
    let mut variables = vec![
        ("PATH", "/usr/local/bin:/usr/bin:/bin".to_owned()),
        ("LANG", "en_US.UTF-8".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("_HANDLER", version.handler.clone()),
        ("AWS_REGION", world.options.region.clone()),
        ("AWS_DEFAULT_REGION", world.options.region.clone()),
        ("AWS_LAMBDA_FUNCTION_NAME", launch.name.clone()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", version.memory_size.to_string()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", log.group.clone()),
        ("AWS_LAMBDA_LOG_STREAM_NAME", log.stream.clone()),
        ("AWS_LAMBDA_LOG_FORMAT", version.logging.log_format.as_str().to_owned()),
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key),
        ("AWS_SESSION_TOKEN", credentials.session_token),
        ("AWS_LAMBDA_RUNTIME_API", runtime.address.to_string()),
        ("LAMBDA_TASK_ROOT", task_root.path().display().to_string()),
        ("LAMBDA_RUNTIME_DIR", "/var/runtime".to_owned()),
    ];
    if let Some(level) = &version.logging.application_log_level {
        variables.push(("AWS_LAMBDA_LOG_LEVEL", level.clone()));
    }
    let own = version.environment.iter().map(|(name, value)| (name.clone(), value.clone()));
    Some(variables.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(own).collect())
}
