//! The relay's log: what its lines mean. The relay writes one JSON line for each message (`relay-lambda/src/log.rs`), Lambda its own
//! lines around them, as text or as JSON; whatever else a process prints stays as it is.

mod platform;
mod tail;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

pub(crate) use tail::Tail;

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LogEntry {
    /// As it was written.
    pub line: String,
    /// When, where CloudWatch says so.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "to_the_millisecond")]
    pub time: Option<Timestamp>,
    /// CloudWatch's log stream: one for each process that ran the relay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What it means.
    pub record: Record,
}

/// What a line means.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Record {
    /// Who wrote it.
    pub source: Source,
    /// How bad it is, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// What became of a message, or what Lambda did; `output` for anything else.
    pub outcome: String,
    /// The run of the function that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Whose message it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection_id: Option<String>,
    /// Whom it was for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The HTTP status with which API Gateway answered its delivery.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<f64>,
    /// What else there is to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Who writes into the log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The relay, about a message.
    Relay,
    /// Lambda, about the function.
    Lambda,
    /// The relay's process, about anything.
    #[default]
    Process,
}

/// How bad a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all(serialize = "snake_case", deserialize = "UPPERCASE"))]
pub enum Level {
    /// As it should be.
    Info,
    /// A client's mistake.
    Warn,
    /// The relay's, or AWS's.
    Error,
}

impl LogEntry {
    /// A line of which nothing but its text is known.
    pub(crate) fn of(line: String) -> Self {
        let record = Record::of(&line);
        Self { line, time: None, stream: None, record }
    }
}

impl Record {
    fn of(line: &str) -> Self {
        relay(line).or_else(|| platform::record(line)).unwrap_or_else(|| Self {
            outcome: "output".to_owned(),
            detail: Some(line.trim_end().to_owned()),
            ..Self::default()
        })
    }

    /// Whether the line says nothing but that all goes its way: each run of the function has three of them.
    pub(crate) fn is_routine(&self) -> bool {
        self.source == Source::Lambda && self.level.is_none()
    }
}

/// The relay's own spelling.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RelayLine {
    level: Level,
    outcome: String,
    request_id: Option<String>,
    connection_id: Option<String>,
    to: Option<String>,
    status: Option<u16>,
    duration_ms: Option<f64>,
    detail: Option<String>,
}

fn relay(line: &str) -> Option<Record> {
    let RelayLine { level, outcome, request_id, connection_id, to, status, duration_ms, detail } =
        serde_json::from_str(line).ok()?;
    Some(Record {
        source: Source::Relay,
        level: Some(level),
        outcome,
        request_id,
        connection_id,
        to,
        status,
        duration_ms,
        detail,
    })
}

#[expect(clippy::ref_option, reason = "serde asks for it")]
fn to_the_millisecond<S: Serializer>(time: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => serializer.collect_str(&format_args!("{time:.3}")),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_line_of_the_relay_is_read_with_all_its_ids() {
        let line = r#"{"level":"WARN","outcome":"peer_gone","requestId":"r-1","connectionId":"a=","to":"b=","status":410,"durationMs":6.5}"#;
        let entry =
            LogEntry { time: Some("2026-11-18T10:26:40.120Z".parse().unwrap()), ..LogEntry::of(line.to_owned()) };
        let written = serde_json::to_value(&entry).unwrap();
        assert_eq!(
            written,
            json!({
                "line": line,
                "time": "2026-11-18T10:26:40.120Z",
                "record": {
                    "source": "relay", "level": "warn", "outcome": "peer_gone", "request_id": "r-1",
                    "connection_id": "a=", "to": "b=", "status": 410, "duration_ms": 6.5
                },
            })
        );
        assert!(!entry.record.is_routine());
    }

    #[test]
    fn what_the_process_prints_stays_as_it_is() {
        for line in ["thread 'main' panicked at src/main.rs:1:1:", "{}", r#"{"level":"TRACE","outcome":"x"}"#, "null"] {
            let record = Record::of(line);
            assert_eq!((record.source, record.detail.as_deref()), (Source::Process, Some(line)));
            assert!(!record.is_routine());
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_odd(line in prop_oneof![
            any::<String>(),
            "(START|END|REPORT|INIT_REPORT|INIT_START) ?(RequestId: )?[a-z0-9\t :.]{0,40}",
            r#"\{"(type|level|record)":"?(platform\.)?[a-zA-Z{}:"0-9]{0,30}\}"#,
        ]) {
            prop_assert_eq!(LogEntry::of(line.clone()).line, line);
        }
    }
}
