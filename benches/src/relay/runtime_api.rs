//! The Runtime API that a relay asks for events.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::{Mutex, mpsc};

use crate::relay::listening::Listening;
use crate::relay::moments::{Moments, Stage};
use crate::{BoxError, Outcome};

pub(super) struct RuntimeApi {
    pub(super) listening: Listening,
    events: mpsc::UnboundedSender<String>,
    answers: Mutex<mpsc::UnboundedReceiver<Bytes>>,
}

/// The relay's side of the queues.
struct Queues {
    events: Mutex<mpsc::UnboundedReceiver<String>>,
    answers: mpsc::UnboundedSender<Bytes>,
    moments: Arc<Moments>,
}

impl RuntimeApi {
    pub(super) async fn start(moments: Arc<Moments>) -> Outcome<Self> {
        let (events, asked) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let queues = Arc::new(Queues { events: Mutex::new(asked), answers: answered, moments });
        let listening = Listening::start(move |stream| {
            let queues = Arc::clone(&queues);
            async move {
                let service = service_fn(move |request| serve(Arc::clone(&queues), request));
                // It ends with an error when the relay is killed.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            }
        })
        .await?;
        Ok(Self { listening, events, answers: Mutex::new(answers) })
    }

    /// Hands out an event.
    pub(super) fn send(&self, event: &Value) -> Outcome {
        Ok(self.events.send(event.to_string())?)
    }

    /// The next answer.
    pub(super) async fn answer(&self) -> Outcome<Value> {
        let answer = self.answers.lock().await.recv().await.ok_or("no answer")?;
        Ok(serde_json::from_slice(&answer)?)
    }
}

async fn serve(queues: Arc<Queues>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, BoxError> {
    if request.method() == Method::GET {
        queues.moments.note(Stage::Asked);
        let event = queues.events.lock().await.recv().await.ok_or("over")?;
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
        queues.moments.note(Stage::Answered);
        queues.answers.send(body)?;
    }
    Ok(Response::builder().status(StatusCode::ACCEPTED).body(Full::default())?)
}
