//! `logs`: every line once and in order, over pages, looks, streams and outages; and no write.

use std::ops::Range;

use jiff::Timestamp;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio_util::sync::CancellationToken;

use super::super::logs::{Lines, show};
use super::super::{Ending, Run};
use super::acts::Act;
use super::rig::{Rig, paused};
use crate::diagnostics::{Code, Diagnostic};
use crate::events::{Event, Events};
use crate::local::logs;
use crate::settings::Settings;

const GROUP: &str = "/aws/lambda/webrtc-aws-demo";

fn now() -> i64 {
    Timestamp::now().as_millisecond()
}

fn words(numbers: Range<usize>) -> Vec<String> {
    numbers.map(|number| number.to_string()).collect()
}

#[test]
fn every_line_is_shown_once_and_in_order_over_pages_streams_and_one_millisecond() {
    paused(async {
        let rig = Rig::new().await;
        rig.up().await.unwrap();
        // The local AWS searches a thousand lines for one answer.
        let start = now() - 60_000;
        for number in 0..2_500_usize {
            let time = start + i64::try_from(number / 7).unwrap();
            logs::arrive(&rig.world, GROUP, &format!("stream-{}", number % 7), time, &number.to_string());
        }
        let seen = Act::Logs.run(&rig).await.succeeded();
        assert_eq!(seen.lines(), words(0..2_500));
        assert_eq!(seen.reads.iter().filter(|call| **call == "FilterLogEvents").count(), 3);
        assert!(!seen.changed && seen.writes.is_empty(), "{seen:#?}");
    });
}

#[test]
fn nothing_written_and_nothing_there_are_said_with_what_to_do() {
    paused(async {
        let rig = Rig::new().await;
        let missing = Act::Logs.run(&rig).await;
        assert_eq!((missing.problem().code, missing.writes.len()), (Code::NotDeployed, 0));
        assert!(missing.problem().summary.contains("region us-east-1 has no log"), "{missing:#?}");
        assert!(missing.problem().hint.contains("webrtc-aws up demo"), "{missing:#?}");
        rig.up().await.unwrap();
        let empty = Act::Logs.run(&rig).await.succeeded();
        assert_eq!(empty.notes(), ["the relay wrote no lines in the last 1h; --since 7d looks further back"]);
    });
}

/// A log that is followed.
struct Follower {
    said: UnboundedReceiver<Event>,
    cancel: CancellationToken,
    work: tokio::task::JoinHandle<Result<Ending, Diagnostic>>,
}

impl Follower {
    fn start(rig: &std::sync::Arc<Rig>) -> Self {
        let (events, said) = Events::channel();
        let (rig, cancel) = (std::sync::Arc::clone(rig), CancellationToken::new());
        let run = Run { cancel: cancel.clone(), ..Run::new(events, Settings::default()) };
        let work = tokio::spawn(async move {
            let session = rig.session(&run).await?;
            show(&session, &Lines { since: "10m".parse().unwrap(), filter: None, follow: true }).await
        });
        Self { said, cancel, work }
    }

    /// The next line, note or warning.
    async fn next(&mut self) -> String {
        loop {
            match self.said.recv().await.expect("it goes on") {
                Event::RelayLog(entry) => return entry.line,
                Event::Note { message } | Event::Warning { message } => return message,
                _ => {}
            }
        }
    }

    async fn end(mut self) -> (Result<Ending, Diagnostic>, Vec<String>) {
        self.cancel.cancel();
        let ended = self.work.await.unwrap();
        let rest = std::iter::from_fn(|| self.said.try_recv().ok()).filter_map(|event| match event {
            Event::RelayLog(entry) => Some(entry.line),
            _ => None,
        });
        (ended, rest.collect())
    }
}

#[test]
fn lines_that_come_late_or_in_the_same_millisecond_are_shown_once() {
    paused(async {
        let rig = std::sync::Arc::new(Rig::new().await);
        rig.up().await.unwrap();
        let time = now() - 120_000;
        let arrive = |stream: &str, time, line: &str| logs::arrive(&rig.world, GROUP, stream, time, line);
        let mut follower = Follower::start(&rig);
        assert!(follower.next().await.ends_with("waiting for some"));
        // Each is looked for at a later look than the one before it: the follower has shown that.
        for (stream, after, line) in [
            ("a", 0, "first"),
            ("a", 0, "the same millisecond"),
            ("b", 0, "another stream"),
            ("b", 50_000, "later"),
            ("a", 10_000, "late by forty seconds"),
            ("c", 50_000, "later"),
        ] {
            arrive(stream, time + after, line);
            assert_eq!(follower.next().await, line);
        }
        let (ended, rest) = follower.end().await;
        assert!(ended.unwrap().problem.is_none());
        assert_eq!(rest, Vec::<String>::new());
        assert!(rig.world.calls().iter().rev().take_while(|call| call.operation == "FilterLogEvents").count() > 6);
    });
}

#[test]
fn an_outage_is_said_once_and_outlasted_and_a_log_that_goes_ends_it() {
    paused(async {
        let rig = std::sync::Arc::new(Rig::new().await);
        rig.up().await.unwrap();
        logs::arrive(&rig.world, GROUP, "a", now(), "first");
        let mut follower = Follower::start(&rig);
        assert_eq!(follower.next().await, "first");
        rig.world.faults.add("logs:FilterLogEvents=fail:503:ServiceUnavailableException:no".parse().unwrap());
        assert!(follower.next().await.contains("trying again until it answers"));
        rig.long_after().await;
        logs::arrive(&rig.world, GROUP, "a", now(), "second");
        rig.world.faults.clear();
        assert_eq!(follower.next().await, "second");
        assert_eq!(follower.next().await, "CloudWatch answers again; nothing was missed");
        rig.teardown().await.unwrap();
        let ended = follower.work.await.unwrap();
        assert_eq!(ended.unwrap_err().code, Code::NotDeployed);
    });
}
