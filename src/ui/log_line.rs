//! A line of the relay's log for people.

use jiff::tz::TimeZone;

use super::text::{Paint, harmless};
use crate::relay_log::{Level, LogEntry, Record, Source};

/// When, how bad, what, who, how long; and last what else there is and which run it was.
pub(super) fn log_line(paint: Paint, entry: &LogEntry, zone: &TimeZone) -> String {
    let Record { source, level, outcome, request_id, connection_id, to, status, duration_ms, detail } = &entry.record;
    let time = entry.time.map(|time| time.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S%.3f").to_string());
    let level = match level {
        Some(Level::Info) => "INFO ".to_owned(),
        Some(Level::Warn) => paint.careful("WARN "),
        Some(Level::Error) => paint.bad("ERROR"),
        None => "     ".to_owned(),
    };
    let what = match source {
        Source::Relay => format!("{:<17}", harmless(outcome)),
        Source::Lambda => paint.faint(&format!("{:<17}", format!("lambda {outcome}"))),
        Source::Process => paint.faint(&format!("{outcome:<17}")),
    };
    let who = connection_id.as_ref().map(|id| match to {
        Some(to) => format!("{id} → {to}"),
        None => id.clone(),
    });
    let parts = [
        time.map(|time| paint.faint(&time)),
        Some(level),
        Some(what),
        who.map(|who| one_line(&who)),
        duration_ms.map(|ms| format!("{ms} ms")),
        status.map(|status| format!("HTTP {status}")),
        detail.as_ref().map(|detail| one_line(detail)),
        request_id.as_ref().map(|id| paint.faint(&one_line(&format!("request {id}")))),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join("  ").trim_end().to_owned()
}

/// What a process prints may hold anything.
fn one_line(text: &str) -> String {
    harmless(&text.split(['\n', '\r']).filter(|line| !line.trim().is_empty()).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use jiff::tz::{Offset, TimeZone};

    use super::*;

    fn shown(line: &str) -> String {
        let time = Some("2026-11-18T10:26:40.120Z".parse().unwrap());
        let zone = TimeZone::fixed(Offset::constant(9));
        log_line(Paint::new(false), &LogEntry { time, ..LogEntry::of(line.to_owned()) }, &zone)
    }

    #[test]
    fn a_line_has_local_time_level_outcome_ids_and_duration() {
        assert_eq!(
            shown(
                r#"{"level":"WARN","outcome":"peer_gone","requestId":"r-1","connectionId":"a=","to":"b=","status":410,"durationMs":6.5}"#
            ),
            "2026-11-18 19:26:40.120  WARN   peer_gone          a= → b=  6.5 ms  HTTP 410  request r-1"
        );
        assert_eq!(
            shown("REPORT RequestId: r-1\tDuration: 1 ms\tInit Duration: 31.5 ms\t"),
            "2026-11-18 19:26:40.120  INFO   lambda report      1 ms  started in 31.5 ms  request r-1"
        );
        assert_eq!(
            shown("RequestId: r-1 Error: exit status 101\nRuntime.ExitError"),
            "2026-11-18 19:26:40.120  ERROR  lambda crashed     exit status 101 Runtime.ExitError  request r-1"
        );
    }

    #[test]
    fn what_a_process_prints_cannot_steer_the_terminal_or_look_like_another_line() {
        let shown = shown("a\u{1b}[2Jb\n2026-11-18 19:26:40.120  INFO   relayed\r\n");
        assert_eq!(
            shown,
            "2026-11-18 19:26:40.120         output             a\u{fffd}[2Jb 2026-11-18 19:26:40.120  INFO   relayed"
        );
    }
}
