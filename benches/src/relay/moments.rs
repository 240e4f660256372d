//! When a relay that was just started got how far.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::figure::median;

/// On its way to its first answer, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Asked,
    Connected,
    Agreed,
    Posted,
    Answered,
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Asked => {
                "it asks for its first event: the bench listens, the program is loaded, and its parts are made"
            }
            Self::Connected => "it has read the event, and connects to the callback URL",
            Self::Agreed => "TLS is agreed upon",
            Self::Posted => "the signed request is there",
            Self::Answered => "the function's answer is there",
        })
    }
}

/// The first time of each stage, since the relay was started.
pub(super) struct Moments {
    begun: Instant,
    first: Mutex<BTreeMap<Stage, Duration>>,
}

impl Moments {
    pub(super) fn begin() -> Self {
        Self { begun: Instant::now(), first: Mutex::default() }
    }

    pub(super) fn note(&self, stage: Stage) {
        let since = self.begun.elapsed();
        self.first.lock().unwrap_or_else(PoisonError::into_inner).entry(stage).or_insert(since);
    }

    /// Milliseconds.
    pub(super) fn taken(&self) -> BTreeMap<Stage, f64> {
        let first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        first.iter().map(|(stage, since)| (*stage, since.as_secs_f64() * 1e3)).collect()
    }
}

/// The time in the middle of each stage.
pub(super) fn medians(starts: &[BTreeMap<Stage, f64>]) -> BTreeMap<Stage, f64> {
    let mut times = BTreeMap::<Stage, Vec<f64>>::new();
    for (stage, time) in starts.iter().flatten() {
        times.entry(*stage).or_default().push(*time);
    }
    times.into_iter().map(|(stage, times)| (stage, median(times))).collect()
}

/// Which stage took longest, and how long.
pub(super) fn longest(stages: &BTreeMap<Stage, f64>) -> String {
    let (mut before, mut longest) = (0.0, (0.0, String::new()));
    for (stage, &time) in stages {
        if time - before > longest.0 {
            longest = (time - before, stage.to_string());
        }
        before = time;
    }
    format!("It takes longest, {:.2} of {before:.2} ms, until {}.", longest.0, longest.1)
}

/// Two time lines side by side.
pub(super) fn timelines(ours: &BTreeMap<Stage, f64>, theirs: &BTreeMap<Stage, f64>) -> String {
    let mut text = format!("{:>8} {:>8}  ms after the start", "", "Node.js");
    for (stage, time) in ours {
        let other = theirs.get(stage).map_or_else(String::new, |time| format!("{time:.1}"));
        text += &format!("\n{time:>8.2} {other:>8}  {stage}");
    }
    text
}
