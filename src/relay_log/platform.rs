//! Lambda's own lines, which it writes as text or, with the log format JSON, as objects (AWS-FACTS C6).

use serde_json::Value;

use super::{Level, Record, Source};

/// None if the line is not Lambda's.
pub(super) fn record(line: &str) -> Option<Record> {
    json(line).or_else(|| text(line)).map(|record| Record { source: Source::Lambda, ..record })
}

fn text(line: &str) -> Option<Record> {
    let line = line.trim_end();
    let (word, rest) = line.split_once(' ')?;
    let fields: Vec<(&str, &str)> = rest.split('\t').filter_map(|field| field.trim().split_once(": ")).collect();
    let field = |name: &str| fields.iter().find(|(key, _)| *key == name).map(|(_, value)| *value);
    let request_id = field("RequestId").map(|id| id.split(' ').next().unwrap_or(id).to_owned());
    let number = |name: &str| field(name)?.split(' ').next()?.parse().ok();
    match word {
        "START" | "END" if request_id.is_some() => {
            Some(Record { outcome: word.to_ascii_lowercase(), request_id, ..Record::default() })
        }
        "REPORT" if request_id.is_some() => Some(
            Run {
                duration_ms: number("Duration"),
                billed_ms: number("Billed Duration"),
                memory_mb: number("Memory Size"),
                used_mb: number("Max Memory Used"),
                init_ms: number("Init Duration"),
                trouble: trouble(field("Status"), field("Error Type")),
            }
            .record(request_id),
        ),
        "INIT_START" => Some(init_start(field("Runtime Version"))),
        "INIT_REPORT" => Some(init_report(number("Init Duration"), trouble(field("Status"), field("Error Type")))),
        // `RequestId: ID Error: …`, and in the next line of the same event the kind of error.
        "RequestId:" => {
            let (id, error) = rest.split_once(" Error: ")?;
            Some(failure("crashed", Some(id.to_owned()), error))
        }
        // `TIME ID Task timed out after 3.00 seconds`.
        _ => {
            let (id, text) = rest.trim_start().split_once(' ')?;
            text.starts_with("Task timed out").then(|| failure("timed_out", Some(id.to_owned()), text))
        }
    }
}

fn json(line: &str) -> Option<Record> {
    let event: Value = serde_json::from_str(line).ok()?;
    let kind = event["type"].as_str()?.strip_prefix("platform.")?;
    let record = &event["record"];
    let metrics = &record["metrics"];
    let request_id = record["requestId"].as_str().map(str::to_owned);
    let trouble = trouble(record["status"].as_str(), record["errorType"].as_str());
    Some(match kind {
        "report" => Run {
            duration_ms: metrics["durationMs"].as_f64(),
            billed_ms: metrics["billedDurationMs"].as_f64(),
            memory_mb: metrics["memorySizeMB"].as_f64(),
            used_mb: metrics["maxMemoryUsedMB"].as_f64(),
            init_ms: metrics["initDurationMs"].as_f64(),
            trouble,
        }
        .record(request_id),
        "runtimeDone" => Record {
            level: trouble.is_some().then_some(Level::Error),
            outcome: "end".to_owned(),
            request_id,
            detail: trouble,
            ..Record::default()
        },
        "initStart" => init_start(record["runtimeVersion"].as_str()),
        "initReport" => init_report(metrics["durationMs"].as_f64(), trouble),
        "fault" => failure("crashed", request_id, record["message"].as_str().or(record.as_str()).unwrap_or(line)),
        other => Record { outcome: other.to_owned(), request_id, ..Record::default() },
    })
}

/// What is not a success, in words.
fn trouble(status: Option<&str>, kind: Option<&str>) -> Option<String> {
    let status = status.filter(|status| *status != "success")?;
    Some(kind.map_or_else(|| status.to_owned(), |kind| format!("{status}: {kind}")))
}

/// What Lambda reports of one run of the function.
struct Run {
    duration_ms: Option<f64>,
    billed_ms: Option<f64>,
    memory_mb: Option<f64>,
    used_mb: Option<f64>,
    /// Only of the first run of a process.
    init_ms: Option<f64>,
    trouble: Option<String>,
}

impl Run {
    fn record(self, request_id: Option<String>) -> Record {
        let Self { duration_ms, billed_ms, memory_mb, used_mb, init_ms, trouble } = self;
        let level = match (&trouble, init_ms) {
            (Some(_), _) => Some(Level::Error),
            // A process more: somebody waited for it.
            (None, Some(_)) => Some(Level::Info),
            (None, None) => None,
        };
        let words = [
            trouble,
            init_ms.map(|ms| format!("started in {ms} ms")),
            billed_ms.map(|ms| format!("billed {ms} ms")),
            used_mb.zip(memory_mb).map(|(used, whole)| format!("memory {used} of {whole} MB")),
        ];
        let detail = words.into_iter().flatten().collect::<Vec<_>>().join(", ");
        Record {
            level,
            outcome: "report".to_owned(),
            request_id,
            duration_ms,
            detail: Some(detail).filter(|detail| !detail.is_empty()),
            ..Record::default()
        }
    }
}

fn init_start(runtime: Option<&str>) -> Record {
    Record { outcome: "init_start".to_owned(), detail: runtime.map(str::to_owned), ..Record::default() }
}

fn init_report(duration_ms: Option<f64>, trouble: Option<String>) -> Record {
    let level = trouble.is_some().then_some(Level::Error);
    let outcome = if trouble.is_some() { "failed_to_start" } else { "init_report" };
    Record { level, outcome: outcome.to_owned(), duration_ms, detail: trouble, ..Record::default() }
}

fn failure(outcome: &str, request_id: Option<String>, text: &str) -> Record {
    Record {
        level: Some(Level::Error),
        outcome: outcome.to_owned(),
        request_id,
        detail: Some(text.to_owned()),
        ..Record::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(line: &str) -> (Option<Level>, String, Option<String>, Option<f64>, Option<String>) {
        let Record { source, level, outcome, request_id, duration_ms, detail, .. } = record(line).unwrap();
        assert_eq!(source, Source::Lambda);
        (level, outcome, request_id, duration_ms, detail)
    }

    #[test]
    fn a_run_that_went_well_is_routine_in_text_and_in_json() {
        let id = || Some("r-1".to_owned());
        assert_eq!(seen("START RequestId: r-1 Version: $LATEST\n"), (None, "start".into(), id(), None, None));
        assert_eq!(seen("END RequestId: r-1"), (None, "end".into(), id(), None, None));
        let text = "REPORT RequestId: r-1\tDuration: 6.42 ms\tBilled Duration: 7 ms\tMemory Size: 128 MB\tMax Memory Used: 18 MB\t\n";
        let json = r#"{"time":"2026-11-22T10:00:00Z","type":"platform.report","record":{"requestId":"r-1","metrics":{"durationMs":6.42,"billedDurationMs":7,"memorySizeMB":128,"maxMemoryUsedMB":18},"status":"success"}}"#;
        let detail = Some("billed 7 ms, memory 18 of 128 MB".to_owned());
        for line in [text, json] {
            assert_eq!(seen(line), (None, "report".into(), id(), Some(6.42), detail.clone()));
            assert!(record(line).unwrap().is_routine());
        }
        let done = r#"{"type":"platform.runtimeDone","record":{"requestId":"r-1","status":"success"}}"#;
        assert_eq!(seen(done), (None, "end".into(), id(), None, None));
        let start =
            "INIT_START Runtime Version: provided:al2023.v10\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:1";
        assert_eq!(seen(start), (None, "init_start".into(), None, None, Some("provided:al2023.v10".into())));
    }

    #[test]
    fn a_start_is_worth_a_line_and_a_failure_is_an_error() {
        let started = "REPORT RequestId: r-1\tDuration: 1 ms\tInit Duration: 31.5 ms\t";
        assert_eq!(
            seen(started),
            (Some(Level::Info), "report".into(), Some("r-1".into()), Some(1.0), Some("started in 31.5 ms".into()))
        );
        let error = Some(Level::Error);
        for (line, outcome, id, detail) in [
            (
                "INIT_REPORT Init Duration: 9.5 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError",
                "failed_to_start",
                None,
                "error: Runtime.ExitError",
            ),
            ("REPORT RequestId: r-1\tDuration: 3000.00 ms\tStatus: timeout", "report", Some("r-1"), "timeout"),
            (
                "RequestId: r-1 Error: Runtime exited with error: exit status 101\nRuntime.ExitError",
                "crashed",
                Some("r-1"),
                "Runtime exited with error: exit status 101\nRuntime.ExitError",
            ),
            (
                "2026-11-22T10:00:00.000Z r-1 Task timed out after 3.00 seconds",
                "timed_out",
                Some("r-1"),
                "Task timed out after 3.00 seconds",
            ),
            (
                r#"{"type":"platform.runtimeDone","record":{"requestId":"r-1","status":"failure","errorType":"Runtime.ExitError"}}"#,
                "end",
                Some("r-1"),
                "failure: Runtime.ExitError",
            ),
            (
                r#"{"type":"platform.fault","record":{"requestId":"r-1","message":"gone"}}"#,
                "crashed",
                Some("r-1"),
                "gone",
            ),
        ] {
            let (level, seen_outcome, request_id, _, seen_detail) = seen(line);
            assert_eq!((level, seen_outcome.as_str(), request_id.as_deref()), (error, outcome, id), "{line}");
            assert_eq!(seen_detail.as_deref(), Some(detail), "{line}");
        }
        for other in ["RESTART RequestId: 1", "START the engine", "hello", "", "RequestId: 1"] {
            assert_eq!(record(other), None, "{other}");
        }
    }
}
