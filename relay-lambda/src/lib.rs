//! The relay: a Lambda function behind the `$default` route of a WebSocket API, and behind its `$connect` route if not everybody may
//! connect. It tells every client its own connection id, and passes messages from one connection to another.
//!
//! `event` reads what API Gateway sends, `relay` decides what is to happen (pure), `connections` posts to the other
//! connection, `admission` says who may connect, `turn` makes or fetches credentials for TURN servers, `secret` reads a secret, `aws`
//! signs and sends requests, `settings` reads the environment, `log` writes one line for each message, `rehearsal` is for benches.

mod admission;
mod aws;
mod connections;
mod event;
mod log;
mod rehearsal;
mod relay;
mod secret;
mod settings;
mod turn;

use std::{
    convert::Infallible,
    process::ExitCode,
    sync::Arc,
    time::{Instant, SystemTime},
};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;

use crate::{
    admission::Admission,
    aws::Aws,
    connections::Connections,
    event::{ConnectionId, Handshake, Incoming},
    log::LogLine,
    relay::{Answer, Next, ProxyResponse},
    settings::Settings,
    turn::Turn,
};

pub use crate::{rehearsal::Rehearsed, settings::SettingsError};

/// One relay, as it lives from a cold start to its last event.
pub struct Relay {
    connections: Connections,
    turn: Option<Turn>,
    /// Without it everybody may connect.
    admission: Option<Admission>,
}

impl Relay {
    /// A relay with the settings that these environment variables hold.
    ///
    /// # Errors
    /// When one is missing or wrong.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        Settings::from_variables(variable).and_then(Self::new)
    }

    fn new(settings: Settings) -> Result<Self, SettingsError> {
        let aws = Arc::new(Aws::new(settings.region, settings.credentials)?);
        let turn = settings.turn.map(|turn| Turn::new(turn, Arc::clone(&aws)));
        let admission = Admission::new(settings.admission, &aws);
        Ok(Self { connections: Connections::new(settings.endpoint, aws), turn, admission })
    }

    async fn handle(&self, event: &LambdaEvent<Box<RawValue>>) -> ProxyResponse {
        let started = Instant::now();
        let request_id = &event.context.request_id;
        let (response, line) = match relay::decide(Incoming::from_event(&event.payload)) {
            Next::Acknowledge => (ProxyResponse::acknowledge(), LogLine::ignored(request_id)),
            Next::Answer(answer) => {
                let line = LogLine::answered(request_id, &answer);
                (ProxyResponse::answer(&answer), line)
            }
            Next::Post(post) => {
                let delivery = self.connections.post(&post).await;
                let line = LogLine::posted(request_id, &post, &delivery);
                (ProxyResponse::answer(&post.answer(delivery.result)), line)
            }
            Next::IceServers(asker) => self.ice_servers(asker, request_id).await,
            Next::Admit(handshake) => self.admit(&handshake, request_id).await,
        };
        line.took(started.elapsed()).write();
        response
    }

    async fn admit(&self, handshake: &Handshake, request_id: &str) -> (ProxyResponse, LogLine) {
        let Some(admission) = &self.admission else {
            return (ProxyResponse::acknowledge(), LogLine::ignored(request_id));
        };
        match admission.judge(handshake, SystemTime::now()).await {
            Ok(()) => (ProxyResponse::acknowledge(), LogLine::admitted(request_id)),
            Err(refusal) => (ProxyResponse::refuse(refusal.status()), LogLine::refused(request_id, &refusal)),
        }
    }

    /// Where there is no TURN server, the question is one for the own id, as it is to a relay that does not know it.
    async fn ice_servers(&self, asker: ConnectionId, request_id: &str) -> (ProxyResponse, LogLine) {
        let (answer, shortage) = match &self.turn {
            None => (Answer::own_id(asker), None),
            Some(turn) => match turn.servers(&asker).await {
                Ok(servers) => (Answer::ice_servers(asker, Ok(servers)), None),
                Err(shortage) => (Answer::ice_servers(asker, Err(shortage.failure)), Some(shortage)),
            },
        };
        let line = LogLine::answered(request_id, &answer);
        (ProxyResponse::answer(&answer), shortage.iter().fold(line, LogLine::because))
    }
}

/// Serves events until Lambda ends the process: all that the relay's program does.
///
/// Its settings are the variables of the function's environment. One that is missing or wrong, or a Runtime API that fails, ends it
/// with a failure, and a line in the log that says why.
pub async fn run() -> ExitCode {
    let relay = match Relay::from_variables(|name| std::env::var(name).ok()) {
        Ok(relay) => relay,
        Err(error) => return fail(&error.to_string()),
    };
    let relay = &relay;
    let served = lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        Ok::<_, Infallible>(relay.handle(&event).await)
    }))
    .await;
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("the Lambda Runtime API failed: {error}")),
    }
}

/// Lambda shows the line in the function's log and restarts the process; API Gateway answers "Internal server error".
fn fail(reason: &str) -> ExitCode {
    LogLine::failed_to_start(reason).write();
    ExitCode::FAILURE
}
