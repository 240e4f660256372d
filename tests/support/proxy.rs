//! A counting proxy between the program and whatever answers its calls: it knows each call that is made, and can hold one of
//! them, before it takes effect or before its answer comes back, for as long as a test likes.

use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};

use super::call::Call;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// When a call is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    /// It has no effect before it is released.
    Before,
    /// It took effect; its answer waits.
    After,
}

/// The `nth` call of one name that succeeds, counted from 1: calls side by side come in another order each time, and one that is
/// refused comes again, but what happens in the end is the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    pub call: Call,
    pub nth: usize,
}

impl Target {
    pub fn nth(nth: usize, service: &str, operation: &str) -> Self {
        Self { call: Call::named(service, operation), nth }
    }

    /// Each of these calls, which succeeded.
    pub fn all(calls: &[Call]) -> Vec<Self> {
        let nth = |index: usize| calls[..=index].iter().filter(|call| **call == calls[index]).count();
        calls.iter().enumerate().map(|(index, call)| Self { call: call.clone(), nth: nth(index) }).collect()
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}#{}", self.call, self.nth)
    }
}

/// Waits for its call.
struct Snare {
    target: Target,
    moment: Moment,
    /// How many calls of this name have succeeded.
    succeeded: usize,
    caught: oneshot::Sender<Held>,
}

/// A call that is held; dropping it drops the connection.
pub struct Held(oneshot::Sender<()>);

impl Held {
    /// Lets it go on.
    pub fn release(self) {
        // Its caller may be gone.
        let _ = self.0.send(());
    }
}

pub struct Proxy {
    pub endpoint: String,
    shared: Arc<Shared>,
    accepting: AbortHandle,
}

struct Shared {
    upstream: String,
    client: Client<HttpConnector, Full<Bytes>>,
    state: Mutex<State>,
    /// Connections that stand, and calls on their way.
    under_way: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    /// All, in the order in which they came.
    calls: Vec<Call>,
    /// Those that were answered with success.
    succeeded: Vec<Call>,
    snares: Vec<Snare>,
}

impl State {
    /// The snare that this call has just stepped into.
    fn caught(&mut self, call: &Call, moment: Moment) -> Option<Snare> {
        let fits = |snare: &Snare| {
            let nth = if moment == Moment::Before { snare.succeeded + 1 } else { snare.succeeded };
            snare.moment == moment && snare.target.call == *call && snare.target.nth == nth
        };
        let index = self.snares.iter().position(fits)?;
        Some(self.snares.remove(index))
    }

    fn arrives(&mut self, call: &Call) -> Option<Snare> {
        self.calls.push(call.clone());
        self.caught(call, Moment::Before)
    }

    fn succeeds(&mut self, call: &Call) -> Option<Snare> {
        self.succeeded.push(call.clone());
        self.snares.iter_mut().filter(|snare| snare.target.call == *call).for_each(|snare| snare.succeeded += 1);
        self.caught(call, Moment::After)
    }
}

/// Counts one thing that is under way.
struct UnderWay(watch::Sender<usize>);

impl UnderWay {
    fn of(shared: &Shared) -> Self {
        shared.under_way.send_modify(|count| *count += 1);
        Self(shared.under_way.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

impl Proxy {
    /// Listens on a free port of this machine, and passes everything on to `upstream`.
    pub async fn start(upstream: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            upstream: upstream.trim_start_matches("http://").to_owned(),
            // A connection for each call: one that the other side closes just then would look like a lost answer.
            client: Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http(),
            state: Mutex::default(),
            under_way: watch::Sender::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared))).abort_handle();
        Self { endpoint, shared, accepting }
    }

    /// Holds a call of those that come from now on.
    pub fn hold(&self, target: &Target, moment: Moment) -> oneshot::Receiver<Held> {
        let (caught, hold) = oneshot::channel();
        self.shared.state().snares.push(Snare { target: target.clone(), moment, succeeded: 0, caught });
        hold
    }

    /// Holds nothing any more that is not held yet, and forgets the calls so far.
    pub fn clear(&self) {
        *self.shared.state() = State::default();
    }

    /// The calls since the last [`Proxy::clear`], in the order in which they came.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.state().calls.clone()
    }

    /// The writes among them that succeeded, in the order in which they did.
    pub fn writes(&self) -> Vec<Call> {
        self.shared.state().succeeded.iter().filter(|call| call.is_write).cloned().collect()
    }

    /// Waits until every connection is closed and every call that was passed on has been answered.
    pub async fn quiet(&self) {
        let mut under_way = self.shared.under_way.subscribe();
        under_way.wait_for(|count| *count == 0).await.unwrap();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    async fn pass_on(&self, request: Request<Full<Bytes>>) -> Result<Response<Full<Bytes>>, BoxError> {
        let (mut parts, body) = self.client.request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        parts.headers.remove(header::TRANSFER_ENCODING);
        Ok(Response::from_parts(parts, Full::new(body)))
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        let standing = UnderWay::of(&shared);
        connections.spawn(async move {
            let _standing = standing;
            let service = service_fn(move |request| answer(Arc::clone(&shared), request));
            // It ends with an error when its caller dies.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, BoxError> {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let call = Call::of(&parts, &body);
    let arrived = shared.state().arrives(&call);
    held(arrived).await?;
    // The `Host` that was signed stays.
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = Uri::builder().scheme("http").authority(shared.upstream.as_str()).path_and_query(path).build()?;
    // A task of its own: what was passed on takes effect even if its caller dies.
    let on_its_way = UnderWay::of(&shared);
    let passing = tokio::spawn(async move {
        let answer = shared.pass_on(Request::from_parts(parts, Full::new(body))).await?;
        let stepped = answer.status().is_success().then(|| shared.state().succeeds(&call)).flatten();
        drop(on_its_way);
        Ok::<_, BoxError>((answer, stepped))
    });
    let (answer, stepped) = passing.await??;
    held(stepped).await?;
    Ok(answer)
}

async fn held(snare: Option<Snare>) -> Result<(), BoxError> {
    let Some(snare) = snare else { return Ok(()) };
    let (release, released) = oneshot::channel();
    // Nobody waits for it: the test is over.
    let _ = snare.caught.send(Held(release));
    Ok(released.await?)
}
