//! Invocation: who may, whether the function can, and the run in an execution environment.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, timeout};

use super::environment::{Environment, Failure, Launch, Outcome};
use super::error::Error;
use super::log::Platform;
use super::pool::Running as Place;
use super::process::INIT_PHASE;
use super::runtime_api::{Invocation, LARGEST_PAYLOAD};
use super::{configuration, new_uuid};
use crate::local::world::{Functions, World};

/// A warm process may end by itself just when an event is on its way; then the event goes to another.
const MOST_DELIVERIES: usize = 3;

/// On whose behalf a function is invoked.
#[derive(Clone, Debug)]
pub(crate) enum Caller {
    /// The account's own key: needs no statement in the resource policy.
    Account,
    /// API Gateway, for this route.
    ApiGateway { source_arn: String },
}

/// Why an invocation gave no response.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum InvokeError {
    #[error("Function not found: {0}")]
    NotFound(String),
    #[error("The resource policy does not allow apigateway.amazonaws.com to invoke the function for {0}")]
    NotPermitted(String),
    #[error(
        "The operation cannot be performed at this time. The function is currently in the following state: Pending"
    )]
    Pending,
    #[error("The role defined for the function cannot be assumed by Lambda.")]
    RoleNotAssumable,
    #[error("Rate Exceeded.")]
    Throttled,
    #[error("Request must be smaller than {LARGEST_PAYLOAD} bytes for the InvokeFunction operation")]
    TooLarge,
    #[error("the local AWS is stopping")]
    Stopping,
    /// The function ran and failed, or could not be started.
    #[error("{kind}")]
    Failed { kind: String, payload: Bytes },
}

impl From<Failure> for InvokeError {
    fn from(failure: Failure) -> Self {
        Self::Failed { kind: failure.kind, payload: failure.payload }
    }
}

impl From<InvokeError> for Error {
    fn from(error: InvokeError) -> Self {
        let text = error.to_string();
        match error {
            InvokeError::NotFound(_) => Self::NotFound(text),
            InvokeError::Pending => Self::Conflict(text),
            InvokeError::RoleNotAssumable => Self::InvalidParameter(text),
            InvokeError::Throttled => Self::Throttled(text),
            InvokeError::TooLarge => Self::RequestTooLarge(text),
            InvokeError::NotPermitted(_) | InvokeError::Stopping | InvokeError::Failed { .. } => Self::Internal(text),
        }
    }
}

/// An invocation whose event the function holds. It runs on if nobody waits for it.
#[derive(Debug)]
pub(crate) struct Running(oneshot::Receiver<Result<Bytes, InvokeError>>);

impl Running {
    /// Answered already, with the event's own body.
    fn echoed(event: &Bytes) -> Self {
        let event: Value = serde_json::from_slice(event).unwrap_or_default();
        let answer = json!({ "statusCode": 200, "body": event["body"] });
        let (sender, receiver) = oneshot::channel();
        // The receiver is here.
        let _ = sender.send(Ok(answer.to_string().into()));
        Self(receiver)
    }

    /// What the function returned.
    pub(crate) async fn finish(self) -> Result<Bytes, InvokeError> {
        self.0.await.unwrap_or(Err(InvokeError::Stopping))
    }
}

/// Hands an event to the function; returns once an environment has taken it.
pub(crate) async fn begin(
    world: &Arc<World>,
    function_arn: &str,
    caller: Caller,
    event: Bytes,
) -> Result<Running, InvokeError> {
    let (launch, reserved) = admit(world, function_arn, &caller)?;
    if event.len() > LARGEST_PAYLOAD {
        return Err(InvokeError::TooLarge);
    }
    if world.options.functions == Functions::Echo {
        return Ok(Running::echoed(&event));
    }
    let environments = &world.environments;
    let place = environments.admit(&launch.name, reserved).ok_or(InvokeError::Throttled)?;
    let started = async {
        let process = environments.process(&launch.name).await.ok_or(InvokeError::Stopping)?;
        let invocation = Invocation {
            request_id: new_uuid(),
            event,
            function_arn: launch.arn.clone(),
            timeout: Duration::from_secs(launch.version.timeout),
        };
        let environment = hand_over(world, &launch, &invocation).await?;
        Ok::<_, InvokeError>((process, invocation.request_id, environment))
    };
    let (process, request_id, environment) = tokio::select! {
        biased;
        () = environments.stopped.cancelled() => return Err(InvokeError::Stopping),
        started = started => started?,
    };
    let (sender, receiver) = oneshot::channel();
    tokio::spawn(run(Arc::clone(world), launch, request_id, environment, (place, process), sender));
    Ok(Running(receiver))
}

/// The checks of the account's state: the function, its resource policy, its role.
fn admit(world: &World, function_arn: &str, caller: &Caller) -> Result<(Launch, Option<u32>), InvokeError> {
    let now = world.now();
    let state = world.state();
    let function = state
        .lambda
        .functions
        .values()
        .find(|function| function.arn == function_arn && function.gone_at.is_none())
        .ok_or_else(|| InvokeError::NotFound(function_arn.to_owned()))?;
    if let Caller::ApiGateway { source_arn } = caller
        && !function.admits_api_gateway(source_arn, &world.options.account)
    {
        return Err(InvokeError::NotPermitted(source_arn.clone()));
    }
    if function.is_pending(now) {
        return Err(InvokeError::Pending);
    }
    let version = function.serving(now);
    let role =
        state.iam.role_by_arn(&version.role).filter(|role| configuration::trusts_lambda(&role.assume_role_policy));
    let role = role.filter(|role| version.role_id.as_ref() == Some(&role.id)).ok_or(InvokeError::RoleNotAssumable)?;
    let launch = Launch {
        name: function.name.clone(),
        arn: function.arn.clone(),
        version: version.clone(),
        role_name: role.name.clone(),
        generation: format!("{}/{}", version.revision, role.id),
    };
    Ok((launch, function.reserved_concurrency))
}

async fn hand_over(world: &Arc<World>, launch: &Launch, invocation: &Invocation) -> Result<Environment, InvokeError> {
    for _ in 0..MOST_DELIVERIES {
        let mut environment = match world.environments.take(&launch.name, &launch.generation) {
            Some(environment) => environment,
            None => start(world, launch).await?,
        };
        if let Ok(true) = timeout(invocation.timeout, environment.deliver(invocation.clone())).await {
            return Ok(environment);
        }
    }
    Err(Failure::new("Runtime.ExitError", "The runtime ended before it took the event.").into())
}

/// Starts an environment; one that does not come up is started once more, within the function's own timeout (AWS-FACTS C4).
async fn start(world: &Arc<World>, launch: &Launch) -> Result<Environment, InvokeError> {
    let cannot = |error: std::io::Error| Failure::new("Runtime.InvalidEntrypoint", &error.to_string());
    let task_root = world.environments.task_root(&launch.name, &launch.version).await.map_err(cannot)?;
    let alive = world.environments.alive().ok_or(InvokeError::Stopping)?;
    let again = Duration::from_secs(launch.version.timeout);
    match Environment::start(world, launch, Arc::clone(&task_root), alive.clone(), INIT_PHASE).await {
        Ok(environment) => Ok(environment),
        Err(_) => Ok(Environment::start(world, launch, task_root, alive, again).await?),
    }
}

/// Sees one invocation through, and keeps its environment if it is still good.
async fn run(
    world: Arc<World>,
    launch: Launch,
    request_id: String,
    mut environment: Environment,
    held: (Place, OwnedSemaphorePermit),
    sender: oneshot::Sender<Result<Bytes, InvokeError>>,
) {
    let request_id = request_id.as_str();
    let limit = Duration::from_secs(launch.version.timeout);
    let began = Instant::now();
    environment.log.platform(&[Platform::Start { request_id }]);
    let outcome = tokio::select! {
        biased;
        () = world.environments.stopped.cancelled() => return,
        outcome = timeout(limit, environment.outcome()) => outcome,
    };
    let duration = began.elapsed();
    let log = &environment.log;
    let (result, is_good) = match outcome {
        Ok(Outcome::Response(payload)) => (Ok(payload), true),
        Ok(Outcome::Error(failure)) => (Err(failure), true),
        Ok(Outcome::Exited(exit)) => {
            log.platform(&[Platform::Fault { request_id, text: &exit }]);
            (Err(Failure::new("Runtime.ExitError", &format!("RequestId: {request_id} Error: {exit}"))), false)
        }
        Err(_) => {
            let text = format!("Task timed out after {:.2} seconds", limit.as_secs_f64());
            log.platform(&[Platform::Fault { request_id, text: &text }]);
            (Err(Failure::new("Sandbox.Timedout", &format!("RequestId: {request_id} Error: {text}"))), false)
        }
    };
    let report = Platform::Report {
        request_id,
        duration,
        init: environment.init.take(),
        memory_size: launch.version.memory_size,
        peak_memory: environment.peak_memory(),
    };
    log.platform(&[Platform::End { request_id }, report]);
    // Given back before the caller hears of it, so that the caller's next event finds the environment warm.
    if is_good && is_current(&world, &launch) {
        world.environments.put(&launch.name, environment);
    } else {
        drop(environment);
    }
    drop(held);
    // Nobody may wait any more: API Gateway gives up earlier than the function does.
    let _ = sender.send(result.map_err(InvokeError::from));
}

/// Whether new invocations would use this generation too.
fn is_current(world: &World, launch: &Launch) -> bool {
    admit(world, &launch.arn, &Caller::Account).is_ok_and(|(now, _)| now.generation == launch.generation)
}
