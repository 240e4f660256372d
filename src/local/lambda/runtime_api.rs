//! The Runtime API: what a `bootstrap` asks for its next event and posts its answer to (AWS-FACTS C4).
//!
//! One listener per environment, on a loopback port of its own, as each environment has its own on AWS.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::local::browsers;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

/// AWS-FACTS C4: synchronous payloads.
pub(super) const LARGEST_PAYLOAD: usize = 6 * 1024 * 1024;

/// One event on its way to the function.
#[derive(Clone, Debug)]
pub(super) struct Invocation {
    pub(super) request_id: String,
    pub(super) event: Bytes,
    pub(super) function_arn: String,
    pub(super) timeout: Duration,
}

/// What the runtime did.
#[derive(Debug)]
pub(super) enum Report {
    /// Asked for the next event: its initialisation is over.
    Ready,
    /// Holds the event now.
    Taken,
    Response(Bytes),
    Error {
        kind: String,
        payload: Bytes,
    },
    InitError {
        kind: String,
        payload: Bytes,
    },
}

/// A listener, and the two channels to and from the runtime behind it.
#[derive(Debug)]
pub(super) struct RuntimeApi {
    pub(super) address: SocketAddr,
    pub(super) events: mpsc::Sender<Invocation>,
    pub(super) reports: mpsc::Receiver<Report>,
    listener: JoinHandle<()>,
}

impl RuntimeApi {
    pub(super) async fn listen() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (events, queue) = mpsc::channel(1);
        // A runtime has one event at a time, so only a broken one fills this; it then waits for its answer.
        let (sender, reports) = mpsc::channel(16);
        let shared =
            Arc::new(Shared { queue: tokio::sync::Mutex::new(queue), current: Mutex::new(None), reports: sender });
        let listener = tokio::spawn(accept(listener, shared));
        Ok(Self { address, events, reports, listener })
    }
}

impl Drop for RuntimeApi {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

struct Shared {
    queue: tokio::sync::Mutex<mpsc::Receiver<Invocation>>,
    /// Request id of the event that the runtime holds.
    current: Mutex<Option<String>>,
    reports: mpsc::Sender<Report>,
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    // Ends its connections when it is dropped.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        // Small answers to a process on the same machine: waiting to fill a segment only costs time.
        let _ = stream.set_nodelay(true);
        connections.spawn(async move {
            let service = service_fn(|request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(shared.serve(request).await) }
            });
            // An error here is a client that went away: the environment notices when the process ends.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

impl Shared {
    async fn serve(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        // A page that tries the ports of this machine could take an event, message and all.
        if browsers::refuse(request.headers()).is_err() {
            return refuse(StatusCode::FORBIDDEN, "AccessDenied", "only the function's runtime asks here");
        }
        let path = request.uri().path().to_owned();
        let Some(path) = path.strip_prefix("/2018-06-01/runtime/") else {
            return refuse(StatusCode::NOT_FOUND, "InvalidPath", "no such path");
        };
        let method = request.method().clone();
        match (&method, path.split('/').collect::<Vec<_>>().as_slice()) {
            (&Method::GET, ["invocation", "next"]) => self.next().await,
            (&Method::POST, ["invocation", id, "response"]) => self.answer(id, request, Answered::Response).await,
            (&Method::POST, ["invocation", id, "error"]) => self.answer(id, request, Answered::Error).await,
            (&Method::POST, ["init", "error"]) => self.init_error(request).await,
            _ => refuse(StatusCode::NOT_FOUND, "InvalidPath", "no such path"),
        }
    }

    async fn next(&self) -> Response<Full<Bytes>> {
        // Who asks for the next event gives up the one it holds.
        self.current().take();
        let mut queue = self.queue.lock().await;
        let _ = self.reports.send(Report::Ready).await;
        let Some(invocation) = queue.recv().await else {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, "Shutdown", "the environment is shutting down");
        };
        *self.current() = Some(invocation.request_id.clone());
        let _ = self.reports.send(Report::Taken).await;
        let deadline = jiff::Timestamp::now()
            .as_millisecond()
            .saturating_add(i64::try_from(invocation.timeout.as_millis()).unwrap_or(i64::MAX));
        Response::builder()
            .header("content-type", "application/json")
            .header("Lambda-Runtime-Aws-Request-Id", &invocation.request_id)
            .header("Lambda-Runtime-Deadline-Ms", deadline)
            .header("Lambda-Runtime-Invoked-Function-Arn", &invocation.function_arn)
            .header("Lambda-Runtime-Trace-Id", trace_id())
            .body(Full::new(invocation.event))
            .unwrap_or_else(|error| refuse(StatusCode::INTERNAL_SERVER_ERROR, "Internal", &error.to_string()))
    }

    async fn answer(&self, id: &str, request: Request<Incoming>, answered: Answered) -> Response<Full<Bytes>> {
        let kind = error_type(&request);
        if self.current().as_deref() != Some(id) {
            return refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
        }
        let Ok(body) = Limited::new(request.into_body(), LARGEST_PAYLOAD).collect().await else {
            let payload = json!({
                "errorType": "Function.ResponseSizeTooLarge",
                "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
            });
            if self.finish(id) {
                let kind = "Function.ResponseSizeTooLarge".to_owned();
                let _ = self.reports.send(Report::Error { kind, payload: payload.to_string().into() }).await;
            }
            return refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLarge",
                "Exceeded maximum allowed payload size",
            );
        };
        if !self.finish(id) {
            return refuse(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID");
        }
        let payload = body.to_bytes();
        let report = match answered {
            Answered::Response => Report::Response(payload),
            Answered::Error => Report::Error { kind, payload },
        };
        let _ = self.reports.send(report).await;
        accepted()
    }

    async fn init_error(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let kind = error_type(&request);
        let body = Limited::new(request.into_body(), LARGEST_PAYLOAD).collect().await;
        let payload = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let _ = self.reports.send(Report::InitError { kind, payload }).await;
        accepted()
    }

    /// Whether `id` was still open; it no longer is.
    fn finish(&self, id: &str) -> bool {
        self.current().take_if(|current| current == id).is_some()
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Option<String>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Clone, Copy)]
enum Answered {
    Response,
    Error,
}

fn error_type(request: &Request<Incoming>) -> String {
    let header = request.headers().get("Lambda-Runtime-Function-Error-Type");
    header.and_then(|value| value.to_str().ok()).unwrap_or("Runtime.Unknown").to_owned()
}

fn accepted() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(b"{\"status\":\"OK\"}\n")));
    *response.status_mut() = StatusCode::ACCEPTED;
    response
}

fn refuse(status: StatusCode, kind: &str, text: &str) -> Response<Full<Bytes>> {
    let body = json!({ "errorType": kind, "errorMessage": text }).to_string();
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response
}

fn trace_id() -> String {
    let seconds = jiff::Timestamp::now().as_second();
    let (root, parent) = (rand::random::<[u8; 12]>(), rand::random::<[u8; 8]>());
    format!("Root=1-{seconds:08x}-{};Parent={};Sampled=0", hex::encode(root), hex::encode(parent))
}
