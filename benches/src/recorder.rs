//! A proxy before the local AWS that is as far away as AWS is, and writes down each call with its time.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response, Uri, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use self::call::Call;
use crate::{BoxError, Outcome};

#[expect(unreachable_pub, reason = "the tests have it in a module of their own")]
#[path = "../../tests/support/call.rs"]
mod call;

/// How far away AWS is.
pub(crate) const DISTANCE: Duration = Duration::from_millis(40);

/// A call, from its arrival to its answer.
#[derive(Clone)]
pub(crate) struct Recorded {
    pub(crate) call: Call,
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
}

pub(crate) struct Recorder {
    pub(crate) endpoint: String,
    calls: Arc<Mutex<Vec<Recorded>>>,
}

struct Route {
    upstream: String,
    client: Client<HttpConnector, Full<Bytes>>,
    delay: Duration,
    calls: Arc<Mutex<Vec<Recorded>>>,
}

fn locked(calls: &Mutex<Vec<Recorded>>) -> MutexGuard<'_, Vec<Recorded>> {
    calls.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recorder {
    /// Answers on a free port of this machine, each call so much later than `upstream` does.
    pub(crate) async fn start(upstream: &str, delay: Duration) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let endpoint = format!("http://{}", listener.local_addr()?);
        let calls = Arc::<Mutex<Vec<Recorded>>>::default();
        let route = Arc::new(Route {
            upstream: upstream.trim_start_matches("http://").to_owned(),
            client: Client::builder(TokioExecutor::new()).build_http(),
            delay,
            calls: Arc::clone(&calls),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let route = Arc::clone(&route);
                tokio::spawn(async move {
                    let service = service_fn(move |request| pass_on(Arc::clone(&route), request));
                    // It ends with an error when the program ends.
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Self { endpoint, calls })
    }

    /// The calls since the last time.
    pub(crate) fn take(&self) -> Vec<Recorded> {
        std::mem::take(&mut *locked(&self.calls))
    }
}

async fn pass_on(route: Arc<Route>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, BoxError> {
    let begun = Instant::now();
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let call = Call::of(&parts, &body);
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = Uri::builder().scheme("http").authority(route.upstream.as_str()).path_and_query(path).build()?;
    parts.headers.remove(header::TRANSFER_ENCODING);
    let (mut answer, body) = route.client.request(Request::from_parts(parts, Full::new(body))).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    answer.headers.remove(header::TRANSFER_ENCODING);
    distance(route.delay.saturating_sub(begun.elapsed())).await;
    locked(&route.calls).push(Recorded { call, begun, ended: Instant::now() });
    Ok(Response::from_parts(answer, Full::new(body)))
}

#[expect(clippy::disallowed_methods, reason = "this is what is modelled: how far away AWS is")]
async fn distance(delay: Duration) {
    tokio::time::sleep(delay).await;
}

/// The calls that came one after another: the longest row of which each began after the one before it was answered.
pub(crate) fn longest_row(calls: &[Recorded]) -> Vec<&Recorded> {
    let mut by_end: Vec<_> = calls.iter().collect();
    by_end.sort_by_key(|call| call.ended);
    let mut row: Vec<&Recorded> = Vec::new();
    for call in by_end {
        if row.last().is_none_or(|last| call.begun >= last.ended) {
            row.push(call);
        }
    }
    row
}

/// That row as a time line, in seconds: when each call began, how long after the answer before it, and how long it took.
pub(crate) fn timeline(calls: &[Recorded]) -> String {
    let row = longest_row(calls);
    let Some(first) = row.first() else { return String::new() };
    let mut text = format!("{:>7} {:>7} {:>7}  call, of those one after another", "at", "gap", "took");
    let mut before = first.begun;
    for call in &row {
        let [at, gap, took] =
            [call.begun - first.begun, call.begun - before, call.ended - call.begun].map(|it| it.as_secs_f64());
        text += &format!("\n{at:>7.3} {gap:>7.3} {took:>7.3}  {}", call.call);
        before = call.ended;
    }
    text
}

/// How many calls there were of each kind, most first; those on one file of the page are of one kind.
pub(crate) fn census(calls: &[Recorded]) -> String {
    let mut counts = BTreeMap::<String, usize>::new();
    for call in calls {
        let name = call.call.to_string();
        let kind = match name.split_once(" */") {
            Some((method, _)) if method.starts_with("s3:") => format!("{method} */*"),
            _ => name,
        };
        *counts.entry(kind).or_default() += 1;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| Reverse(*count));
    counts.iter().map(|(call, count)| format!("{count:>4}  {call}")).collect::<Vec<_>>().join("\n")
}
