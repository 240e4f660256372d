//! How long each part of a run took: bars for people (`--timings`) and a trace for Perfetto (`--trace`).

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::Renderer;
use super::printer::Printer;
use super::text::action_word;
use super::trace;
use crate::events::{Event, Phase};

/// Characters of a bar that lasts as long as the run.
const WIDTH: usize = 40;

/// A phase of the run, or one resource's step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) name: String,
    pub(super) track: Track,
    /// Since the run began.
    pub(super) start: Duration,
    pub(super) end: Option<Duration>,
    pub(super) waits: Vec<Wait>,
}

/// What runs one after the other: the run's phases, and what is done to one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Track {
    Run,
    Resource(String),
}

/// AWS was not ready, and the step waited before it asked again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) start: Duration,
    pub(super) length: Duration,
    pub(super) reason: String,
}

/// Whether a trace can be written there. Leaves nothing behind, as a page may be deployed from the same directory.
fn probe(path: &Path) -> io::Result<()> {
    match path.metadata() {
        // Opening a pipe waits for its reader.
        Ok(there) if !there.is_file() && !there.is_dir() => Ok(()),
        Ok(_) => OpenOptions::new().write(true).open(path).map(drop),
        // A link that leads nowhere yet: what it leads to would be made, and found out only by making it.
        Err(_) if path.is_symlink() => Ok(()),
        Err(_) => File::create_new(path).and_then(|_| std::fs::remove_file(path)),
    }
}

/// The view.
#[derive(Debug)]
pub(super) struct Timeline {
    printer: Printer,
    shows: bool,
    trace: Option<PathBuf>,
    began: Instant,
    spans: Vec<Span>,
}

impl Timeline {
    /// The view, where somebody asked for it.
    pub(super) fn wanted(shows: bool, file: Option<&PathBuf>, printer: &Printer) -> Option<Self> {
        // Nobody wants to hear of a wrong path only when all is done.
        let trace = file.filter(|path| match probe(path) {
            Ok(()) => true,
            Err(error) => {
                printer.err(&format!("warning: the trace {} cannot be written: {error}", path.display()));
                printer.err("  the run goes on without it");
                false
            }
        });
        (shows || file.is_some()).then(|| Self {
            printer: printer.clone(),
            shows,
            trace: trace.cloned(),
            began: Instant::now(),
            spans: Vec::new(),
        })
    }

    fn note(&mut self, event: &Event, now: Duration) {
        match event {
            Event::Phase { phase } => {
                self.end(now, |track| *track == Track::Run);
                self.begin(now, name_of(*phase), Track::Run);
            }
            Event::StepStarted { address, action } => {
                self.begin(now, format!("{} {address}", action_word(*action)), Track::Resource(address.to_string()));
            }
            Event::StepWaiting { address, reason, delay_ms, .. } => {
                let track = Track::Resource(address.to_string());
                let wait = Wait { start: now, length: Duration::from_millis(*delay_ms), reason: reason.clone() };
                let running = self.spans.iter_mut().rev().find(|span| span.end.is_none() && span.track == track);
                if let Some(span) = running {
                    span.waits.push(wait);
                }
            }
            Event::StepFinished { address, .. } => {
                let finished = Track::Resource(address.to_string());
                self.end(now, |track| *track == finished);
            }
            // What follows is for the eye, or a stay that ends when somebody wants.
            Event::Ready { .. } => self.end(now, |track| *track == Track::Run),
            Event::Finished { .. } => self.end(now, |_| true),
            _ => {}
        }
    }

    fn begin(&mut self, start: Duration, name: impl Into<String>, track: Track) {
        self.spans.push(Span { name: name.into(), track, start, end: None, waits: Vec::new() });
    }

    fn end(&mut self, now: Duration, which: impl Fn(&Track) -> bool) {
        for span in self.spans.iter_mut().filter(|span| span.end.is_none() && which(&span.track)) {
            span.end = Some(now);
        }
    }

    fn tell(&self) {
        if self.shows {
            bars(&self.spans).iter().for_each(|line| self.printer.err(line));
        }
        let Some(path) = &self.trace else { return };
        if let Err(error) = std::fs::write(path, trace::trace(&self.spans).to_string()) {
            self.printer.err(&format!("warning: the trace {} could not be written: {error}", path.display()));
        }
    }
}

impl Renderer for Timeline {
    fn render(&mut self, event: &Event) {
        self.note(event, self.began.elapsed());
        if matches!(event, Event::Finished { .. }) {
            self.tell();
        }
    }
}

const fn name_of(phase: Phase) -> &'static str {
    match phase {
        Phase::Identifying => "identify account and region",
        Phase::PreparingRelay => "prepare the relay",
        Phase::Observing => "observe",
        Phase::Applying => "apply",
        Phase::Checking => "try the stack out",
        Phase::Verifying => "look whether anything is left",
    }
}

/// A line for each span: seconds, how much of them was spent waiting for AWS, and when.
fn bars(spans: &[Span]) -> Vec<String> {
    let whole = spans.iter().filter_map(|span| span.end).max().unwrap_or_default();
    let column = |time: Duration| {
        if whole.is_zero() { 0 } else { (time.as_secs_f64() / whole.as_secs_f64() * WIDTH as f64).round() as usize }
    };
    let longest = spans.iter().map(|span| indented(span).chars().count()).max().unwrap_or_default();
    let line = |span: &Span| {
        let end = span.end.unwrap_or(whole);
        let waited: Duration = span.waits.iter().map(|wait| wait.length).sum();
        let waited = if waited.is_zero() { String::new() } else { format!("{:.2} s", waited.as_secs_f64()) };
        let (from, to) = (column(span.start).min(WIDTH - 1), column(end));
        let bar = format!("{}{}", " ".repeat(from), "=".repeat(to.saturating_sub(from).max(1)));
        let seconds = (end - span.start).as_secs_f64();
        format!("{:longest$}  {seconds:>7.2} s  {waited:>9}  |{bar:WIDTH$}|", indented(span))
    };
    let head = format!("{:longest$}  {:>9}  {:>9}", "timings", "took", "waited");
    std::iter::once(head).chain(spans.iter().map(line)).collect()
}

fn indented(span: &Span) -> String {
    match span.track {
        Track::Run => span.name.clone(),
        Track::Resource(_) => format!("  {}", span.name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::plan::Action;
    use crate::events::StepOutcome;
    use crate::resources::{BUCKET, ROLE};

    /// Events and when they came, in milliseconds.
    fn timeline(events: Vec<(u64, Event)>) -> Timeline {
        let mut timeline = Timeline::wanted(true, None, &Printer::default()).unwrap();
        for (at, event) in events {
            timeline.note(&event, Duration::from_millis(at));
        }
        timeline
    }

    fn started(address: crate::engine::resource::Address) -> Event {
        Event::StepStarted { address, action: Action::Create }
    }

    fn finished(address: crate::engine::resource::Address) -> Event {
        let outcome = StepOutcome::Done;
        Event::StepFinished { address, action: Action::Create, outcome, elapsed_ms: 0, problem: None }
    }

    #[test]
    fn phases_follow_each_other_and_steps_run_beside_each_other() {
        let wait = Event::StepWaiting { address: ROLE, reason: "not yet".to_owned(), attempt: 1, delay_ms: 250 };
        let timeline = timeline(vec![
            (0, Event::Phase { phase: Phase::Observing }),
            (1_000, Event::Phase { phase: Phase::Applying }),
            (1_000, started(ROLE)),
            (1_500, started(BUCKET)),
            (1_600, wait),
            (2_000, finished(ROLE)),
            (4_000, finished(BUCKET)),
            (4_000, Event::Phase { phase: Phase::Checking }),
        ]);
        assert_eq!(
            bars(&timeline.spans),
            [
                "timings                    took     waited",
                "observe                  1.00 s             |==========                              |",
                "apply                    3.00 s             |          ==============================|",
                "  create role.relay      1.00 s     0.25 s  |          ==========                    |",
                "  create bucket.page     2.50 s             |               =========================|",
                "try the stack out        0.00 s             |                                       =|",
            ]
        );
        let trace = trace::trace(&timeline.spans);
        let spans: Vec<_> =
            trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["ph"] == "X").collect();
        let role = spans.iter().find(|span| span["name"] == "create role.relay").unwrap();
        assert_eq!((&role["ts"], &role["dur"]), (&1_000_000.into(), &1_000_000.into()), "microseconds");
        let waited = spans.iter().find(|span| span["name"] == "not yet").unwrap();
        assert_eq!((&waited["ts"], &waited["dur"], &waited["tid"]), (&1_600_000.into(), &250_000.into(), &role["tid"]));
    }

    /// `create_new` follows no link, and writing the trace does.
    #[cfg(unix)]
    #[test]
    fn a_trace_goes_through_a_link_that_leads_nowhere_yet() {
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("trace.json");
        std::os::unix::fs::symlink("kept.json", &link).unwrap();
        probe(&link).unwrap();
        assert!(!link.exists(), "it leaves nothing behind");
        assert!(link.is_symlink(), "and takes nothing away");
    }

    #[test]
    fn a_run_without_any_part_has_a_timeline_without_any_line() {
        assert_eq!(bars(&timeline(Vec::new()).spans).len(), 1);
    }
}
