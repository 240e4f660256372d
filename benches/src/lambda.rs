//! Lambda around one relay process, as far as the relay sees it: the Runtime API that it asks for events, and the callback URL of
//! API Gateway that it posts to. Both count what comes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};

use crate::{BoxError, Outcome};

type Queue<T> = (mpsc::UnboundedSender<T>, tokio::sync::Mutex<mpsc::UnboundedReceiver<T>>);

fn queue<T>() -> Queue<T> {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, tokio::sync::Mutex::new(receiver))
}

/// What the servers share.
struct Around {
    events: Queue<String>,
    answers: Queue<Bytes>,
    /// The bodies that were posted to connections, in the order in which they came.
    posted: Mutex<Vec<Bytes>>,
    /// Counts how often the connections to the callback URL were cut.
    cuts: watch::Sender<usize>,
    /// How many of them stand.
    standing: watch::Sender<usize>,
}

impl Around {
    fn posted(&self) -> MutexGuard<'_, Vec<Bytes>> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A relay that runs.
pub(crate) struct Sandbox {
    around: Arc<Around>,
    process: Child,
}

impl Sandbox {
    /// Starts a relay: its program and arguments.
    pub(crate) async fn start(program: &[PathBuf]) -> Outcome<Self> {
        let around = Arc::new(Around {
            events: queue(),
            answers: queue(),
            posted: Mutex::default(),
            cuts: watch::Sender::new(0),
            standing: watch::Sender::new(0),
        });
        let runtime = serve(&around, runtime_api, false).await?;
        let gateway = serve(&around, callback_url, true).await?;
        let [program, arguments @ ..] = program else { return Err("no program".into()) };
        let process = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", runtime.to_string())
            .env("AWS_LAMBDA_FUNCTION_NAME", "relay")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/relay")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "1")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_SESSION_TOKEN", "token")
            .env("CONNECTIONS_ENDPOINT", format!("http://{gateway}/prod"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        Ok(Self { around, process })
    }

    /// Has it relay a message, and waits for its answer to the sender.
    pub(crate) async fn relay(&self, message: usize) -> Outcome {
        let body = format!(r#"{{"connectionId":"V-M0CclhjoECETA=","message":{message}}}"#);
        let event = serde_json::json!({
            "requestContext": {
                "routeKey": "$default", "eventType": "MESSAGE", "connectionId": "me=", "domainName": "192.0.2.1",
                "stage": "prod", "apiId": "a1b2c3d4e5", "requestId": "r=", "connectedAt": 1_780_000_000_000_u64,
            },
            "body": body,
            "isBase64Encoded": false,
        });
        self.around.events.0.send(event.to_string())?;
        let answer = self.around.answers.1.lock().await.recv().await.ok_or("no answer")?;
        let answer: Value = serde_json::from_slice(&answer)?;
        if answer["body"] == r#"{"connectionId":"me="}"# { Ok(()) } else { Err(format!("{message}: {answer}").into()) }
    }

    /// Cuts the connection that the relay keeps to the callback URL, as it is cut while a sandbox is frozen.
    pub(crate) async fn cut(&self) -> Outcome {
        self.around.cuts.send_modify(|count| *count += 1);
        self.around.standing.subscribe().wait_for(|standing| *standing == 0).await?;
        Ok(())
    }

    /// What was posted, as numbers, in the order in which it came.
    pub(crate) fn posted(&self) -> Outcome<Vec<usize>> {
        let number = |body: &Bytes| -> Outcome<usize> {
            let message: Value = serde_json::from_slice(body)?;
            Ok(message["message"].as_u64().ok_or("no number")?.try_into()?)
        };
        self.around.posted().iter().map(number).collect()
    }

    fn id(&self) -> Outcome<u32> {
        Ok(self.process.id().ok_or("it has ended")?)
    }

    /// Milliseconds of processor time that it has had, all its threads together.
    pub(crate) fn processor_ms(&self) -> Outcome<f64> {
        let mut nanoseconds = 0.0;
        for task in std::fs::read_dir(format!("/proc/{}/task", self.id()?))? {
            let times = std::fs::read_to_string(task?.path().join("schedstat"))?;
            nanoseconds += times.split(' ').next().unwrap_or_default().parse::<f64>()?;
        }
        Ok(nanoseconds / 1e6)
    }

    /// The most memory that it had, in megabytes.
    pub(crate) fn most_memory_mb(&self) -> Outcome<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()?))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1e3)
    }
}

/// Answers on a free port of this machine; connections end with a cut if they are `cuttable`.
async fn serve<Answer>(
    around: &Arc<Around>,
    answer: fn(Arc<Around>, Request<Incoming>) -> Answer,
    cuttable: bool,
) -> Outcome<SocketAddr>
where
    Answer: Future<Output = Result<Response<Full<Bytes>>, BoxError>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let around = Arc::downgrade(around);
    tokio::spawn(async move {
        while let (Ok((stream, _)), Some(around)) = (listener.accept().await, around.upgrade()) {
            let (mut cuts, standing) = (around.cuts.subscribe(), around.standing.clone());
            if cuttable {
                standing.send_modify(|count| *count += 1);
            }
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let service = service_fn(move |request| answer(Arc::clone(&around), request));
                let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                {
                    let mut connection = std::pin::pin!(connection);
                    tokio::select! {
                        // It ends with an error when its client is killed.
                        _ = &mut connection => {}
                        _ = cuts.changed(), if cuttable => {}
                    }
                }
                if cuttable {
                    standing.send_modify(|count| *count -= 1);
                }
            });
        }
    });
    Ok(address)
}

async fn runtime_api(around: Arc<Around>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, BoxError> {
    if request.method() == Method::GET {
        let event = around.events.1.lock().await.recv().await.ok_or("over")?;
        let response = Response::builder()
            .header("Content-Type", "application/json")
            .header("Lambda-Runtime-Aws-Request-Id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
            .header("Lambda-Runtime-Deadline-Ms", "9999999999999")
            .header("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:relay")
            .header("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0");
        return Ok(response.body(Full::from(event))?);
    }
    let is_answer = request.uri().path().ends_with("/response");
    let body = request.into_body().collect().await?.to_bytes();
    if is_answer {
        around.answers.0.send(body)?;
    }
    Ok(Response::builder().status(StatusCode::ACCEPTED).body(Full::default())?)
}

async fn callback_url(around: Arc<Around>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, BoxError> {
    let body = request.into_body().collect().await?.to_bytes();
    around.posted().push(body);
    Ok(Response::new(Full::default()))
}
