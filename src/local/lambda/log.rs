//! A function's log stream: what the process prints, between the platform's own lines.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use super::store::{LogFormat, Version};
use crate::local::call::Principal;
use crate::local::logs;
use crate::local::world::World;

/// CloudWatch Logs takes events up to 256 KB; longer lines are cut there.
const LONGEST_LINE: u64 = 256 * 1024;

/// Where one environment writes its lines. A write that the role may not do is lost, as on AWS (AWS-FACTS C6).
#[derive(Clone, Debug)]
pub(super) struct Log {
    world: Arc<World>,
    principal: Principal,
    pub(super) group: String,
    pub(super) stream: String,
    format: LogFormat,
}

/// What the platform says about an invocation.
pub(super) enum Platform<'a> {
    /// Initialisation failed.
    InitReport {
        duration: Duration,
        kind: &'a str,
    },
    Start {
        request_id: &'a str,
    },
    End {
        request_id: &'a str,
    },
    Report {
        request_id: &'a str,
        duration: Duration,
        init: Option<Duration>,
        memory_size: u64,
        peak_memory: Option<u64>,
    },
    Fault {
        request_id: &'a str,
        text: &'a str,
    },
}

impl Log {
    pub(super) fn new(world: Arc<World>, principal: Principal, version: &Version) -> Self {
        let day = jiff::Timestamp::now().strftime("%Y/%m/%d");
        let stream = format!("{day}/[$LATEST]{}", hex::encode(rand::random::<[u8; 16]>()));
        Self { world, principal, group: version.logging.log_group.clone(), stream, format: version.logging.log_format }
    }

    fn write(&self, lines: &[String]) {
        // Lambda does not tell the function that its lines were refused either.
        let _ = logs::put_events(&self.world, &self.principal, &self.group, &self.stream, lines);
    }

    pub(super) fn platform(&self, events: &[Platform<'_>]) {
        let line = |event: &Platform<'_>| match self.format {
            LogFormat::Text => event.text(),
            LogFormat::Json => event.json(),
        };
        self.write(&events.iter().map(line).collect::<Vec<_>>());
    }

    /// Copies a pipe of the process, line by line, until it closes.
    pub(super) async fn follow(self, pipe: impl AsyncRead + Unpin) {
        let mut reader = BufReader::new(pipe);
        loop {
            let mut line = Vec::new();
            match (&mut reader).take(LONGEST_LINE).read_until(b'\n', &mut line).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {
                    let text = String::from_utf8_lossy(&line);
                    let text = text.trim_end_matches(['\n', '\r']);
                    if !text.is_empty() {
                        self.write(&[text.to_owned()]);
                    }
                }
            }
        }
    }
}

impl Platform<'_> {
    fn text(&self) -> String {
        match self {
            Self::InitReport { duration, kind } => format!(
                "INIT_REPORT Init Duration: {:.2} ms\tPhase: init\tStatus: error\tError Type: {kind}",
                duration.as_secs_f64() * 1000.0
            ),
            Self::Start { request_id } => format!("START RequestId: {request_id} Version: $LATEST"),
            Self::End { request_id } => format!("END RequestId: {request_id}"),
            Self::Report { request_id, duration, init, memory_size, peak_memory } => {
                let milliseconds = duration.as_secs_f64() * 1000.0;
                let mut line = format!(
                    "REPORT RequestId: {request_id}\tDuration: {milliseconds:.2} ms\tBilled Duration: {:.0} ms\tMemory Size: \
                     {memory_size} MB",
                    milliseconds.ceil()
                );
                if let Some(peak) = peak_memory {
                    line.push_str(&format!("\tMax Memory Used: {peak} MB"));
                }
                if let Some(init) = init {
                    line.push_str(&format!("\tInit Duration: {:.2} ms", init.as_secs_f64() * 1000.0));
                }
                line
            }
            Self::Fault { request_id, text } => format!("RequestId: {request_id} Error: {text}"),
        }
    }

    fn json(&self) -> String {
        let (kind, record) = match self {
            Self::InitReport { duration, kind } => (
                "platform.initReport",
                json!({ "phase": "init", "status": "error", "errorType": kind, "metrics": { "durationMs": duration.as_secs_f64() * 1000.0 } }),
            ),
            Self::Start { request_id } => ("platform.start", json!({ "requestId": request_id, "version": "$LATEST" })),
            Self::End { request_id } => {
                ("platform.runtimeDone", json!({ "requestId": request_id, "status": "success" }))
            }
            Self::Report { request_id, duration, init, memory_size, peak_memory } => {
                let mut metrics = json!({ "durationMs": duration.as_secs_f64() * 1000.0, "memorySizeMB": memory_size });
                if let Some(peak) = peak_memory {
                    metrics["maxMemoryUsedMB"] = json!(peak);
                }
                if let Some(init) = init {
                    metrics["initDurationMs"] = json!(init.as_secs_f64() * 1000.0);
                }
                ("platform.report", json!({ "requestId": request_id, "metrics": metrics }))
            }
            Self::Fault { request_id, text } => ("platform.fault", json!({ "requestId": request_id, "message": text })),
        };
        json!({ "time": jiff::Timestamp::now().to_string(), "type": kind, "record": record }).to_string()
    }
}
