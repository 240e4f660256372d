//! The machine itself: how often it stands still, and what of its processors' time it was given.
//!
//! One that shares its processors with others stops now and then, whatever runs on it. Nothing that is measured on it can be quicker
//! than that.

use std::thread;
use std::time::{Duration, Instant};

use crate::Outcome;

/// Whoever only looks at the clock sees it move on by less than this, unless its processor was taken away.
const GAP: Duration = Duration::from_micros(500);
const LOOKED_FOR: Duration = Duration::from_secs(3);

/// The moments in which a processor did nothing for who wanted it.
pub(crate) struct Standstill {
    gaps: Vec<Duration>,
    watched: Duration,
}

impl Standstill {
    /// Watches all processors at once. Nothing else should run.
    pub(crate) fn watch() -> Outcome<Self> {
        let processors = thread::available_parallelism()?.get();
        let watchers: Vec<_> = (0..processors).map(|_| thread::spawn(gaps)).collect();
        let mut gaps = Vec::new();
        for watcher in watchers {
            gaps.extend(watcher.join().map_err(|_| "a watcher ended early")?);
        }
        Ok(Self { gaps, watched: LOOKED_FOR * u32::try_from(processors)? })
    }

    pub(crate) fn told(&self) -> String {
        let lost: Duration = self.gaps.iter().sum();
        let longest = self.gaps.iter().max().copied().unwrap_or_default();
        format!(
            "This machine, with nothing to do but to look at the clock: stood still {:.0} times a second and processor for more than \
             0.5 ms, {:.1} ms at most, {:.1} % of the time.",
            self.gaps.len() as f64 / self.watched.as_secs_f64(),
            longest.as_secs_f64() * 1e3,
            lost.as_secs_f64() / self.watched.as_secs_f64() * 100.0,
        )
    }
}

fn gaps() -> Vec<Duration> {
    let begun = Instant::now();
    let (mut gaps, mut last) = (Vec::new(), begun);
    while last - begun < LOOKED_FOR {
        let now = Instant::now();
        if now - last > GAP {
            gaps.push(now - last);
        }
        last = now;
    }
    gaps
}

/// What all processors did since the machine started, in ticks.
pub(crate) struct Ticks {
    all: f64,
    idle: f64,
    kernel: f64,
    stolen: f64,
}

impl Ticks {
    pub(crate) fn now() -> Outcome<Self> {
        let stat = std::fs::read_to_string("/proc/stat")?;
        let line = stat.lines().next().ok_or("/proc/stat is empty")?;
        let ticks = line.split_whitespace().skip(1).map(str::parse).collect::<Result<Vec<f64>, _>>()?;
        let [user, nice, system, idle, io, interrupt, soft, stolen, ..] = ticks[..] else {
            return Err(format!("/proc/stat says {line}").into());
        };
        Ok(Self {
            all: user + nice + system + idle + io + interrupt + soft + stolen,
            idle: idle + io,
            kernel: system + interrupt + soft,
            stolen,
        })
    }

    /// Of the time since then.
    pub(crate) fn told_since(self) -> Outcome<String> {
        let now = Self::now()?;
        let share = |part: fn(&Self) -> f64| (part(&now) - part(&self)) / (now.all - self.all).max(1.0) * 100.0;
        Ok(format!(
            "Meanwhile the processors were idle for {:.0} % of the time, in the kernel for {:.0} %, and taken away for {:.1} %.",
            share(|it| it.idle),
            share(|it| it.kernel),
            share(|it| it.stolen)
        ))
    }
}
