//! `up`, `up` with nothing to do, and `teardown`, with AWS 40 ms away.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};

use crate::Outcome;
use crate::figure::{Figure, median};
use crate::program::Programs;
use crate::recorder::{DISTANCE, Recorded, Recorder, longest_chain};

const ROUNDS: usize = 5;

/// What one command took.
#[derive(Default)]
struct Laps {
    seconds: Vec<f64>,
    calls: Vec<f64>,
    chains: Vec<f64>,
}

impl Laps {
    fn add(&mut self, taken: Duration, calls: &[Recorded]) {
        self.seconds.push(taken.as_secs_f64());
        self.calls.push(calls.len() as f64);
        self.chains.push(longest_chain(calls) as f64);
    }

    /// The figures with their bars: seconds, and calls.
    fn figures(self, name: &str, seconds: f64, calls: Option<f64>) -> [Figure; 3] {
        let chain = median(self.chains);
        let taken = median(self.seconds);
        let over = taken / (chain * DISTANCE.as_secs_f64());
        let counted = Figure::new(&format!("{name}: calls"), median(self.calls), "calls");
        [
            Figure::new(&format!("{name}: from start to end"), taken, "s").at_most(seconds),
            match calls {
                Some(bar) => counted.at_most(bar),
                None => counted,
            },
            Figure::new(&format!("{name}: time over that of its {chain} calls in a row"), over, "times").at_most(1.25),
        ]
    }
}

pub(crate) async fn measure(programs: &Programs) -> Outcome<Vec<Figure>> {
    let home = tempfile::tempdir()?;
    let local = programs.started(&home, &["local", "--port", "0", "--manners", "none"], "endpoint").await?;
    let recorder = Recorder::start(&local.url, DISTANCE).await?;
    let up = programs.up_at(&recorder.endpoint)?;
    let teardown = ["teardown", "bench", "--yes", "--endpoint-url", &recorder.endpoint];
    let (mut first, mut again, mut removal) = (Laps::default(), Laps::default(), Laps::default());
    for _ in 0..ROUNDS {
        first.add(programs.timed(&home, &up).await?, &recorder.take());
        let taken = programs.timed(&home, &up).await?;
        let calls = recorder.take();
        let writes: Vec<_> = calls.iter().filter(|it| it.call.is_write).map(|it| it.call.to_string()).collect();
        if !writes.is_empty() {
            return Err(format!("an up with nothing to do wrote: {}", writes.join(", ")).into());
        }
        again.add(taken, &calls);
        removal.add(programs.timed(&home, &teardown).await?, &recorder.take());
    }
    let mut figures = Vec::new();
    // The most of all programs that have ended, and no other was as large.
    let most_kb = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    figures.push(Figure::new("up: most memory", most_kb as f64 / 1e3, "MB").at_most(40.0));
    figures.extend(first.figures("up at 40 ms", 0.6, Some(30.0)));
    figures.extend(again.figures("up with nothing to do at 40 ms", 0.3, Some(10.0)));
    figures.extend(removal.figures("teardown at 40 ms", 0.6, None));
    Ok(figures)
}
