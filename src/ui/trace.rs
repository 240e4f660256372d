//! A run's timeline in the Trace Event Format, which <https://ui.perfetto.dev> and `chrome://tracing` open.

use std::time::Duration;

use serde_json::{Value, json};

use super::timeline::{Span, Track};

/// Each track is a thread of one process, in the order in which they began; waits stand inside of their steps.
pub(super) fn trace(spans: &[Span]) -> Value {
    let mut tracks: Vec<&Track> = Vec::new();
    let mut events = vec![name("process_name", 0, "webrtc-aws")];
    for span in spans {
        let thread = tracks.iter().position(|track| **track == span.track).unwrap_or_else(|| {
            tracks.push(&span.track);
            let title = match &span.track {
                Track::Run => "run",
                Track::Resource(address) => address,
            };
            events.push(name("thread_name", tracks.len() - 1, title));
            tracks.len() - 1
        });
        let length = span.end.unwrap_or(span.start) - span.start;
        events.push(complete(&span.name, thread, span.start, length));
        events.extend(span.waits.iter().map(|wait| complete(&wait.reason, thread, wait.start, wait.length)));
    }
    json!({ "traceEvents": events, "displayTimeUnit": "ms" })
}

fn name(kind: &str, thread: usize, name: &str) -> Value {
    json!({ "ph": "M", "name": kind, "pid": 1, "tid": thread, "args": { "name": name } })
}

/// Times are in microseconds.
fn complete(name: &str, thread: usize, start: Duration, length: Duration) -> Value {
    let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    json!({
        "ph": "X", "name": name, "pid": 1, "tid": thread,
        "ts": microseconds(start), "dur": microseconds(length),
    })
}
