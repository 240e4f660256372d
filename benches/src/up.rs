//! `up`, `up` with nothing to do, and `teardown`, with AWS 40 ms away.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};

use crate::Outcome;
use crate::figure::{Figure, median};
use crate::program::Programs;
use crate::recorder::{DISTANCE, Recorded, Recorder, census, longest_row, timeline};

const ROUNDS: usize = 5;

/// What one command took.
#[derive(Default)]
struct Laps {
    seconds: Vec<f64>,
    calls: Vec<f64>,
    rows: Vec<f64>,
    /// Of the last one.
    recorded: Vec<Recorded>,
}

/// What limits a command.
struct Limits {
    time: &'static str,
    calls: &'static str,
}

impl Laps {
    fn add(&mut self, taken: Duration, calls: Vec<Recorded>) {
        self.seconds.push(taken.as_secs_f64());
        self.calls.push(calls.len() as f64);
        self.rows.push(longest_row(&calls).len() as f64);
        self.recorded = calls;
    }

    /// The figures with their bars: seconds, and calls.
    fn figures(self, name: &str, seconds: f64, calls: Option<f64>, limits: &Limits) -> [Figure; 3] {
        let row = median(self.rows);
        let taken = median(self.seconds);
        let over = taken / (row * DISTANCE.as_secs_f64());
        let counted = Figure::new(&format!("{name}: calls"), median(self.calls), "calls").limited_by(format!(
            "{}\n{}",
            limits.calls,
            census(&self.recorded)
        ));
        let timed = format!("{}\n{}", limits.time, timeline(&self.recorded));
        [
            Figure::new(&format!("{name}: from start to end"), taken, "s").at_most(seconds).limited_by(timed),
            match calls {
                Some(bar) => counted.at_most(bar),
                None => counted,
            },
            Figure::new(&format!("{name}: time over that of its {row} calls in a row"), over, "times")
                .at_most(1.25)
                .limited_by("The gaps of that time line."),
        ]
    }
}

const UP: Limits = Limits {
    time: "The second look for an API that another run made at the same moment comes 1.2 s after the first: dates of APIs are in whole\n\
        seconds, and lists show late. Beside AWS's own waits it costs nothing: a new role cannot be assumed for 8 s.",
    calls: "Each file of the page is a PUT, and looked at once before the page is said to stand; a look at everything ends the run.",
};

const AGAIN: Limits = Limits {
    time: "Processes, and a connection to each service.",
    calls: "The type and age of a file are in no list: each file is looked at. Each property of a bucket and of an API is a read.",
};

const TEARDOWN: Limits =
    Limits { time: "Nothing is deleted before it was looked at, and no bucket before it was seen empty.", calls: "" };

/// How often each write was made.
fn writes(calls: &[Recorded]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for write in calls.iter().filter(|it| it.call.is_write) {
        *counts.entry(write.call.to_string()).or_default() += 1;
    }
    counts
}

pub(crate) async fn measure(programs: &Programs) -> Outcome<Vec<Figure>> {
    let largest_before = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    let home = tempfile::tempdir()?;
    let local = programs.started(&home, &["local", "--port", "0", "--manners", "none"], "endpoint").await?;
    let recorder = Recorder::start(&local.url, DISTANCE).await?;
    let up = programs.up_at(&recorder.endpoint)?;
    let teardown = ["teardown", "bench", "--yes", "--endpoint-url", &recorder.endpoint];
    let (mut first, mut again, mut removal) = (Laps::default(), Laps::default(), Laps::default());
    for _ in 0..ROUNDS {
        let taken = programs.timed(&home, &up).await?;
        let calls = recorder.take();
        let twice: Vec<_> = writes(&calls).into_iter().filter(|(_, count)| *count > 1).collect();
        if !twice.is_empty() {
            return Err(format!("an up made the same write more than once: {twice:?}").into());
        }
        first.add(taken, calls);
        let taken = programs.timed(&home, &up).await?;
        let calls = recorder.take();
        let written = writes(&calls);
        if !written.is_empty() {
            return Err(format!("an up with nothing to do wrote: {written:?}").into());
        }
        again.add(taken, calls);
        removal.add(programs.timed(&home, &teardown).await?, recorder.take());
    }
    let mut figures = Vec::new();
    // The most of all programs that have ended.
    let most_kb = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    if most_kb <= largest_before {
        return Err("a program that ran before was larger than up: its memory is not known".into());
    }
    figures.push(Figure::new("up: most memory", most_kb as f64 / 1e3, "MB").at_most(40.0));
    figures.extend(first.figures("up at 40 ms", 0.6, Some(30.0), &UP));
    figures.extend(again.figures("up with nothing to do at 40 ms", 0.3, Some(10.0), &AGAIN));
    figures.extend(removal.figures("teardown at 40 ms", 0.6, None, &TEARDOWN));
    Ok(figures)
}
