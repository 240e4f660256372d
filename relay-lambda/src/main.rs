//! The relay: a Lambda function behind the `$default` route of a WebSocket API. It tells every client its own connection
//! id, and passes messages from one connection to another.
//!
//! `event` reads what API Gateway sends, `relay` decides what is to happen (pure), `connections` posts to the other
//! connection, `settings` reads the environment, `log` writes one line for each message.

mod connections;
mod event;
mod log;
mod relay;
mod settings;

use std::{convert::Infallible, process::ExitCode, time::Instant};

use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::value::RawValue;

use crate::{
    connections::Connections,
    event::Incoming,
    log::LogLine,
    relay::{Next, ProxyResponse},
    settings::Settings,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let connections =
        match Settings::from_variables(|name| std::env::var(name).ok()).and_then(|it| Connections::new(&it)) {
            Ok(connections) => connections,
            Err(error) => return fail(&error.to_string()),
        };
    let connections = &connections;
    let served = lambda_runtime::run(service_fn(move |event: LambdaEvent<Box<RawValue>>| async move {
        Ok::<_, Infallible>(handle(connections, &event).await)
    }))
    .await;
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format!("the Lambda Runtime API failed: {error}")),
    }
}

async fn handle(connections: &Connections, event: &LambdaEvent<Box<RawValue>>) -> ProxyResponse {
    let started = Instant::now();
    let request_id = &event.context.request_id;
    let (response, line) = match relay::decide(Incoming::from_event(&event.payload)) {
        Next::Acknowledge => (ProxyResponse::acknowledge(), LogLine::ignored(request_id)),
        Next::Answer(answer) => {
            let line = LogLine::answered(request_id, &answer);
            (ProxyResponse::answer(&answer), line)
        }
        Next::Post(post) => {
            let delivery = connections.post(&post).await;
            let line = LogLine::posted(request_id, &post, &delivery);
            (ProxyResponse::answer(&post.answer(delivery.result)), line)
        }
    };
    line.took(started.elapsed()).write();
    response
}

/// Lambda shows the line in the function's log and restarts the process; API Gateway answers "Internal server error".
fn fail(reason: &str) -> ExitCode {
    LogLine::failed_to_start(reason).write();
    ExitCode::FAILURE
}
