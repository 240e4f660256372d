//! A Runtime API and an `@connections` endpoint on loopback, with the real `bootstrap` between them.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    collections::VecDeque,
    future::poll_fn,
    process::Stdio,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, request::Parts};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    process::{Child, ChildStdout, Command},
    sync::{Mutex as AsyncMutex, mpsc, watch},
    task::JoinSet,
};

pub(crate) const REGION: &str = "eu-central-1";
pub(crate) const ACCESS_KEY: &str = "AKIDEXAMPLE";
pub(crate) const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
pub(crate) const SESSION_TOKEN: &str = "session/token+with=signs";

/// How `@connections` treats one request.
pub(crate) enum Reply {
    Status(u16, &'static str),
    /// With the name of the error in a header, as the services of Kinesis Video Streams do.
    Error(u16, &'static str, &'static str),
    /// Says that the signalling channel is at this very place.
    ChannelIsHere,
    /// Takes the request and closes the connection: nobody can know whether it was carried out.
    TakenThenClosed,
    Never,
}

/// A request as `@connections` got it, and on which of its connections.
pub(crate) struct Posted {
    pub(crate) connection: usize,
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
}

#[derive(Clone, Default)]
pub(crate) struct Connections {
    port: u16,
    accepted: Arc<AtomicUsize>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    posted: Arc<Mutex<Vec<Posted>>>,
    open: Arc<AsyncMutex<JoinSet<()>>>,
    closing: watch::Sender<Closing>,
}

impl Connections {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let connections = Self { port, ..Self::default() };
        let server = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let number = server.accepted.fetch_add(1, Ordering::SeqCst);
                let one = server.clone();
                let service = service_fn(move |request| Box::pin(one.clone().serve(number, request)));
                let mut closing = server.closing.subscribe();
                server.open.lock().await.spawn(async move {
                    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
                    tokio::select! {
                        _ = poll_fn(|context| connection.poll_without_shutdown(context)) => {}
                        _ = closing.changed() => {
                            let mut stream = connection.into_parts().io.into_inner();
                            stream.shutdown().await.expect("shut down");
                            let seen = matches!(*closing.borrow(), Closing::SeenByRelay);
                            if seen {
                                stream.read_to_end(&mut Vec::new()).await.expect("the relay closes too");
                            }
                        }
                    }
                });
            }
        });
        connections
    }

    async fn serve(self, connection: usize, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, String> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        self.posted.lock().expect("lock").push(Posted { connection, head, body });
        let reply = self.replies.lock().expect("lock").pop_front().unwrap_or(Reply::Status(200, ""));
        let answer = |status, text: String| {
            let mut response = Response::new(Full::new(Bytes::from(text)));
            *response.status_mut() = StatusCode::from_u16(status).expect("a status");
            response
        };
        match reply {
            Reply::Status(status, text) => Ok(answer(status, text.to_owned())),
            Reply::Error(status, error, text) => {
                let mut response = answer(status, text.to_owned());
                response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(error));
                Ok(response)
            }
            Reply::ChannelIsHere => {
                let here = format!("http://127.0.0.1:{}", self.port);
                let endpoint = json!({ "Protocol": "HTTPS", "ResourceEndpoint": here });
                Ok(answer(200, json!({ "ResourceEndpointList": [endpoint] }).to_string()))
            }
            Reply::TakenThenClosed => Err("closed".to_owned()),
            Reply::Never => std::future::pending().await,
        }
    }

    pub(crate) fn reply(&self, reply: Reply) {
        self.replies.lock().expect("lock").push_back(reply);
    }

    pub(crate) fn take_posted(&self) -> Vec<Posted> {
        std::mem::take(&mut self.posted.lock().expect("lock"))
    }

    /// Closes every connection as an idle server does, and returns when the relay has closed its end too: from then on it
    /// knows, however busy this machine is.
    pub(crate) async fn hang_up(&self) {
        self.close(Closing::SeenByRelay).await;
    }

    /// Closes every connection, and returns when the relay's end could know.
    pub(crate) async fn hang_up_unseen(&self) {
        self.close(Closing::Unseen).await;
    }

    async fn close(&self, closing: Closing) {
        let mut open = self.open.lock().await;
        self.closing.send_replace(closing);
        while let Some(ended) = open.join_next().await {
            ended.expect("no connection fails");
        }
    }
}

/// How connections end. Always by a shutdown: closing a socket alone does nothing while another test's new process, between
/// fork and exec, holds a copy of it.
#[derive(Clone, Copy, Default)]
enum Closing {
    #[default]
    Unseen,
    SeenByRelay,
}

/// One running `bootstrap`.
pub(crate) struct Relay {
    pub(crate) connections: Connections,
    events: mpsc::UnboundedSender<Bytes>,
    answers: mpsc::UnboundedReceiver<(String, Bytes)>,
    child: Child,
    stdout: ChildStdout,
}

pub(crate) fn command(endpoint: &str, runtime_api: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
        .env("AWS_LAMBDA_FUNCTION_NAME", "relay")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_SESSION_TOKEN", SESSION_TOKEN)
        .env("CONNECTIONS_ENDPOINT", endpoint)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

impl Relay {
    pub(crate) async fn start() -> Self {
        let connections = Connections::start().await;
        let endpoint = format!("http://127.0.0.1:{}/prod", connections.port);
        Self::start_with(connections, &endpoint).await
    }

    /// A relay that has TURN servers and reads their secret from here; the other services are at the same place.
    pub(crate) async fn start_with_turn(secret_from: &str) -> Self {
        let connections = Connections::start().await;
        let endpoint = format!("http://127.0.0.1:{}", connections.port);
        let turn = [
            ("TURN_URLS", "turn:turn.example:3478?transport=udp turns:turn.example:5349"),
            ("TURN_SECRET_FROM", secret_from),
            ("TURN_SECRET_ENDPOINT", endpoint.as_str()),
            ("TURN_LIFE_SECONDS", "600"),
        ];
        Self::start_in(connections, &endpoint, &turn).await
    }

    /// A relay to which not everybody may connect; the services that keep secrets are at the same place.
    pub(crate) async fn start_with_access(access: &[(&str, &str)]) -> Self {
        let connections = Connections::start().await;
        let endpoint = format!("http://127.0.0.1:{}", connections.port);
        let access = [access, &[("JOIN_TOKEN_ENDPOINT", endpoint.as_str())]].concat();
        Self::start_in(connections, &endpoint, &access).await
    }

    /// A relay that has a signalling channel for its TURN servers; all services are at the same place.
    pub(crate) async fn start_with_channel(arn: &str) -> Self {
        let connections = Connections::start().await;
        let endpoint = format!("http://127.0.0.1:{}", connections.port);
        let turn = [("TURN_CHANNEL_ARN", arn), ("TURN_CHANNEL_ENDPOINT", endpoint.as_str())];
        Self::start_in(connections, &endpoint, &turn).await
    }

    /// A relay whose `@connections` is a port that nobody listens on.
    pub(crate) async fn start_without_connections() -> Self {
        let port = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address").port();
        Self::start_with(Connections::default(), &format!("http://127.0.0.1:{port}/prod")).await
    }

    async fn start_with(connections: Connections, endpoint: &str) -> Self {
        Self::start_in(connections, endpoint, &[]).await
    }

    async fn start_in(connections: Connections, endpoint: &str, environment: &[(&str, &str)]) -> Self {
        let (events, pending) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let runtime_api = runtime_api(pending, answered).await;
        let mut child =
            command(endpoint, &runtime_api).envs(environment.iter().copied()).spawn().expect("bootstrap starts");
        let stdout = child.stdout.take().expect("piped");
        Self { connections, events, answers, child, stdout }
    }

    /// Hands an event to the function, and returns what it answers.
    pub(crate) async fn invoke(&mut self, event: impl Into<Bytes>) -> Value {
        self.send(event);
        self.answer().await
    }

    pub(crate) fn send(&self, event: impl Into<Bytes>) {
        self.events.send(event.into()).expect("the Runtime API runs");
    }

    pub(crate) async fn answer(&mut self) -> Value {
        let (path, body) = self.answers.recv().await.expect("the Runtime API runs");
        assert!(path.ends_with("/response"), "{path}: {}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).expect("the answer is JSON")
    }

    /// What the function told the Runtime API of an event: the path, `…/response` or `…/error`, and the body.
    pub(crate) async fn outcome(&mut self) -> (String, Bytes) {
        self.answers.recv().await.expect("the Runtime API runs")
    }

    /// Sends `body` as a text frame of the connection `me=`, and returns what the client gets back.
    pub(crate) async fn frame(&mut self, body: &str) -> Value {
        client_gets(&self.invoke(message(body)).await)
    }

    /// As Lambda freezes a function between two invocations.
    #[cfg(unix)]
    pub(crate) async fn signal(&self, signal: &str) {
        let pid = self.child.id().expect("running").to_string();
        let status = Command::new("kill").args([signal, &pid]).status().await.expect("kill runs");
        assert!(status.success());
    }

    /// Ends the function, and returns its log.
    pub(crate) async fn log(mut self) -> String {
        self.child.kill().await.expect("killed");
        let mut log = String::new();
        self.stdout.read_to_string(&mut log).await.expect("read");
        log
    }
}

pub(crate) fn message(body: &str) -> String {
    json!({
        "requestContext": {"routeKey": "$default", "eventType": "MESSAGE", "connectionId": "me=", "domainName": "192.0.2.1"},
        "body": body,
        "isBase64Encoded": false,
    })
    .to_string()
}

pub(crate) fn client_gets(response: &Value) -> Value {
    assert_eq!(response["statusCode"], 200, "{response}");
    serde_json::from_str(response["body"].as_str().expect("a body")).expect("the body is JSON")
}

async fn runtime_api(
    events: mpsc::UnboundedReceiver<Bytes>,
    answers: mpsc::UnboundedSender<(String, Bytes)>,
) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let events = Arc::new(AsyncMutex::new(events));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (events, answers) = (events.clone(), answers.clone());
            let service = service_fn(move |request: Request<Incoming>| {
                let (events, answers) = (events.clone(), answers.clone());
                async move {
                    if request.method() == Method::GET {
                        let event = events.lock().await.recv().await.ok_or("the test is over")?;
                        Response::builder()
                            .header("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd")
                            .header("lambda-runtime-deadline-ms", "4102444800000")
                            .header(
                                "lambda-runtime-invoked-function-arn",
                                "arn:aws:lambda:eu-central-1:1:function:relay",
                            )
                            .header("lambda-runtime-trace-id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700")
                            .body(Full::new(event))
                            .map_err(|_| "a response")
                    } else {
                        let path = request.uri().path().to_owned();
                        let body = request.into_body().collect().await.map_err(|_| "a body")?.to_bytes();
                        answers.send((path, body)).map_err(|_| "the test is over")?;
                        Response::builder().status(202).body(Full::default()).map_err(|_| "a response")
                    }
                }
            });
            tokio::spawn(async move {
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    address
}
