//! Lambda around one relay process, as far as the relay sees it: the Runtime API that it asks for events, and the callback URL of
//! API Gateway that it posts to.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio_rustls::TlsAcceptor;

use crate::Outcome;
use crate::kernel::Process;
use crate::relay::TIME_LIMIT;
use crate::relay::callback_url::CallbackUrl;
use crate::relay::moments::Moments;
use crate::relay::runtime_api::RuntimeApi;

/// How a relay is started.
#[derive(Clone, Copy)]
pub(super) struct Program<'a> {
    /// Its program and arguments.
    pub(super) command: &'a [PathBuf],
    /// The certificate of an authority that Node.js is to trust, too.
    pub(super) authority: Option<&'a Path>,
}

/// A relay that runs.
pub(super) struct Sandbox {
    runtime: RuntimeApi,
    pub(super) callback: CallbackUrl,
    pub(super) moments: Arc<Moments>,
    process: Child,
}

impl Sandbox {
    pub(super) async fn start(program: Program<'_>, acceptor: &TlsAcceptor) -> Outcome<Self> {
        let moments = Arc::new(Moments::begin());
        let runtime = RuntimeApi::start(Arc::clone(&moments)).await?;
        let callback = CallbackUrl::start(acceptor, Arc::clone(&moments)).await?;
        let [executable, arguments @ ..] = program.command else { return Err("no program".into()) };
        let process = Command::new(executable)
            .args(arguments)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", runtime.listening.address.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "relay")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/relay")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "1")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_SESSION_TOKEN", "token")
            .env("CONNECTIONS_ENDPOINT", format!("https://{}/prod", callback.listening.address))
            .envs(program.authority.map(|path| ("NODE_EXTRA_CA_CERTS", path)))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { runtime, callback, moments, process })
    }

    /// Gives it a message to relay.
    pub(super) fn send(&self, message: usize) -> Outcome {
        let body = format!(r#"{{"connectionId":"V-M0CclhjoECETA=","message":{message}}}"#);
        self.runtime.send(&serde_json::json!({
            "requestContext": {
                "routeKey": "$default", "eventType": "MESSAGE", "connectionId": "me=", "domainName": "192.0.2.1",
                "stage": "prod", "apiId": "a1b2c3d4e5", "requestId": "r=", "connectedAt": 1_780_000_000_000_u64,
            },
            "body": body,
            "isBase64Encoded": false,
        }))
    }

    /// The code of the error that the sender of a message is told of, if it is told of one.
    pub(super) async fn error(&self) -> Outcome<Option<String>> {
        let answer = tokio::time::timeout(TIME_LIMIT, self.runtime.answer()).await.map_err(|_| "no answer")??;
        let told: Value = serde_json::from_str(answer["body"].as_str().unwrap_or_default())?;
        match (told["connectionId"].as_str(), told["error"]["code"].as_str()) {
            (Some("me="), code) => Ok(code.map(str::to_owned)),
            _ => Err(format!("the relay answers {answer}").into()),
        }
    }

    /// Has it relay a message, and waits for its answer to the sender, which must be a good one.
    pub(super) async fn relay(&self, message: usize) -> Outcome {
        self.send(message)?;
        match self.error().await? {
            None => Ok(()),
            Some(code) => Err(format!("message {message}: {code}").into()),
        }
    }

    /// Stops it, as Lambda does between messages.
    pub(super) fn freeze(&self) -> Outcome {
        self.signal(Signal::STOP)
    }

    pub(super) fn thaw(&self) -> Outcome {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Outcome {
        let id = Pid::from_raw(self.process()?.id().try_into()?).ok_or("no process")?;
        Ok(kill_process(id, signal)?)
    }

    pub(super) fn process(&self) -> Outcome<Process> {
        Process::of(&self.process)
    }
}
