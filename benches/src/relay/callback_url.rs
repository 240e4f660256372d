//! The callback URL of API Gateway that a relay posts to, over TLS. It counts what comes, and cuts the connections as the network
//! does.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::AlertDescription;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::relay::TIME_LIMIT;
use crate::relay::listening::Listening;
use crate::relay::moments::{Moments, Stage};
use crate::relay::trap::{Trap, Trapped};
use crate::{BoxError, Outcome};

pub(super) struct CallbackUrl {
    pub(super) listening: Listening,
    seen: Arc<Seen>,
}

/// How a connection ends.
#[derive(Clone, Copy, Default)]
pub(super) enum Ending {
    /// As a server ends one that is idle: with TLS's own word of farewell.
    #[default]
    Closed,
    /// Without a word.
    Lost,
}

struct Seen {
    moments: Arc<Moments>,
    /// The bodies that were posted to connections, in the order in which they came.
    posted: Mutex<Vec<Bytes>>,
    /// Tells the connections to end.
    ending: watch::Sender<Ending>,
    /// How many of them stand.
    standing: watch::Sender<usize>,
    /// How many clients refused the certificate, because it is not signed by the authority that it names.
    refusals: watch::Sender<usize>,
    trap: Trap,
    handshakes: AtomicUsize,
}

impl CallbackUrl {
    pub(super) async fn start(acceptor: &TlsAcceptor, moments: Arc<Moments>) -> Outcome<Self> {
        let (acceptor, seen) = (acceptor.clone(), Arc::new(Seen::new(moments)));
        let served = Arc::clone(&seen);
        let listening = Listening::start(move |stream| serve(stream, acceptor.clone(), Arc::clone(&served))).await?;
        Ok(Self { listening, seen })
    }

    /// Ends the connection that the relay keeps, and returns when that is done at this end.
    pub(super) async fn end(&self, ending: Ending) -> Outcome {
        self.seen.ending.send_replace(ending);
        let mut standing = self.seen.standing.subscribe();
        let ended = standing.wait_for(|standing| *standing == 0);
        tokio::time::timeout(TIME_LIMIT, ended).await.map_err(|_| "the connection does not end")??;
        Ok(())
    }

    /// Has the kept connection break under the next request: see `Trap`.
    pub(super) fn break_under_next(&self) {
        self.seen.trap.set();
    }

    /// How many requests it broke under.
    pub(super) fn broken(&self) -> usize {
        self.seen.trap.sprung()
    }

    /// How often TLS was agreed upon.
    pub(super) fn handshakes(&self) -> usize {
        self.seen.handshakes.load(Ordering::SeqCst)
    }

    /// Waits for a client to say that it refuses the certificate.
    pub(super) async fn refusal(&self) -> Outcome {
        let mut refusals = self.seen.refusals.subscribe();
        let refusal = refusals.wait_for(|refusals| *refusals > 0);
        tokio::time::timeout(TIME_LIMIT, refusal).await.map_err(|_| "nobody refused the certificate")??;
        Ok(())
    }

    /// What was posted, as numbers, in the order in which it came.
    pub(super) fn posted(&self) -> Outcome<Vec<usize>> {
        let number = |body: &Bytes| -> Outcome<usize> {
            let message: Value = serde_json::from_slice(body)?;
            Ok(message["message"].as_u64().ok_or("no number")?.try_into()?)
        };
        self.seen.posted().iter().map(number).collect()
    }
}

impl Seen {
    fn new(moments: Arc<Moments>) -> Self {
        Self {
            moments,
            posted: Mutex::default(),
            ending: watch::Sender::default(),
            standing: watch::Sender::default(),
            refusals: watch::Sender::default(),
            trap: Trap::default(),
            handshakes: AtomicUsize::default(),
        }
    }

    fn posted(&self) -> MutexGuard<'_, Vec<Bytes>> {
        self.posted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(stream: TcpStream, acceptor: TlsAcceptor, seen: Arc<Seen>) {
    seen.moments.note(Stage::Connected);
    let mut ending = seen.ending.subscribe();
    let stream = match acceptor.accept(Trapped::new(stream, seen.trap.clone())).await {
        Ok(stream) => stream,
        Err(error) if is_refusal(&error) => return seen.refusals.send_modify(|count| *count += 1),
        Err(_) => return,
    };
    seen.moments.note(Stage::Agreed);
    seen.handshakes.fetch_add(1, Ordering::SeqCst);
    seen.standing.send_modify(|count| *count += 1);
    {
        let posting = Arc::clone(&seen);
        let service = service_fn(move |request| post(Arc::clone(&posting), request));
        let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        let is_told = tokio::select! {
            // It ends with an error when the relay is killed, and when it breaks.
            _ = &mut connection => false,
            told = ending.changed() => told.is_ok(),
        };
        let ending = *ending.borrow();
        if is_told && let Ending::Closed = ending {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
    seen.standing.send_modify(|count| *count -= 1);
}

/// TLS's word for a signature that is wrong.
fn is_refusal(error: &io::Error) -> bool {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref());
    matches!(cause, Some(rustls::Error::AlertReceived(AlertDescription::DecryptError)))
}

async fn post(seen: Arc<Seen>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, BoxError> {
    let body = request.into_body().collect().await?.to_bytes();
    seen.moments.note(Stage::Posted);
    seen.posted().push(body);
    Ok(Response::new(Full::default()))
}
