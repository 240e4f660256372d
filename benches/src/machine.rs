//! The machine itself: how often it stands still, what of its processors' time it was given, and who took how much of that.
//!
//! One that shares its processors with others stops now and then, whatever runs on it. Nothing that is measured on it can be quicker
//! than that.

use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use tokio::process::{Child, Command};

use crate::Outcome;
use crate::kernel::Process;

/// Whoever only looks at the clock sees it move on by less than this, unless its processor was taken away.
const GAP: Duration = Duration::from_micros(500);
const LOOKED_FOR: Duration = Duration::from_secs(3);

fn processors() -> Outcome<u32> {
    Ok(u32::try_from(thread::available_parallelism()?.get())?)
}

/// The moments in which a processor did nothing for who wanted it.
pub(crate) struct Standstill {
    gaps: Vec<Duration>,
    watched: Duration,
}

impl Standstill {
    /// Watches all processors at once. Nothing else should run.
    pub(crate) async fn watch() -> Outcome<Self> {
        tokio::task::spawn_blocking(Self::watched).await?
    }

    fn watched() -> Outcome<Self> {
        let processors = processors()?;
        let watchers: Vec<_> = (0..processors).map(|_| thread::spawn(gaps)).collect();
        let mut gaps = Vec::new();
        for watcher in watchers {
            gaps.extend(watcher.join().map_err(|_| "a watcher ended early")?);
        }
        Ok(Self { gaps, watched: LOOKED_FOR * processors })
    }

    /// What it means for the slowest of what must not take longer than this.
    pub(crate) fn told_of(&self, limit: Duration) -> String {
        let seconds = self.watched.as_secs_f64();
        let longest = self.gaps.iter().max().copied().unwrap_or_default();
        // What begins within a gap, earlier than `limit` before its end, cannot be done in time.
        let late: Duration = self.gaps.iter().map(|gap| gap.saturating_sub(limit)).sum();
        format!(
            "This machine, with nothing to do but to look at the clock: stood still {:.0} times a second and processor for more than \
             {:.1} ms, {:.1} ms at most. In {:.2} % of the time whatever begins cannot be done within {} ms for that alone.",
            self.gaps.len() as f64 / seconds,
            GAP.as_secs_f64() * 1e3,
            longest.as_secs_f64() * 1e3,
            late.as_secs_f64() / seconds * 100.0,
            limit.as_millis(),
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

/// Something that wants every processor and gives way to everybody else, until it is dropped. A processor without anything to do
/// falls asleep, and a virtual one takes long to wake up.
pub(crate) struct Wakefulness(Vec<Child>);

impl Wakefulness {
    pub(crate) fn start() -> Outcome<Self> {
        let idler = |_| {
            let mut command = Command::new("chrt");
            command.args(["--idle", "0", "sh", "-c", "while :; do :; done"]).stdin(Stdio::null()).kill_on_drop(true);
            command.spawn()
        };
        Ok(Self((0..processors()?).map(idler).collect::<Result<_, _>>().map_err(|error| format!("chrt: {error}"))?))
    }

    /// Ends it, and fails if it had ended before.
    pub(crate) fn end(mut self) -> Outcome {
        for idler in &mut self.0 {
            if let Some(status) = idler.try_wait()? {
                return Err(format!("the processors were not kept awake: chrt ended with {status}").into());
            }
        }
        Ok(())
    }
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

/// Milliseconds of processor time that were used so far, by this process, which loads, and by a local AWS with its functions, if that
/// is another.
#[derive(Clone, Copy)]
pub(crate) struct Used {
    load: f64,
    local: f64,
    functions: f64,
}

impl Used {
    pub(crate) fn now(local: Option<Process>) -> Outcome<Self> {
        let load = Process::own().processor_ms()?;
        let Some(local) = local else { return Ok(Self { load, local: 0.0, functions: 0.0 }) };
        let functions = local.children()?.into_iter().map(Process::processor_ms).sum::<Outcome<f64>>()?;
        Ok(Self { load, local: local.processor_ms()?, functions })
    }

    /// What each of so many messages took since then, and how many of them a second this machine has time for.
    pub(crate) fn told_since(self, before: Self, messages: usize) -> Outcome<String> {
        let each = |part: fn(&Self) -> f64| (part(&self) - part(&before)) / messages as f64;
        let (load, local, functions) = (each(|it| it.load), each(|it| it.local), each(|it| it.functions));
        let processors = processors()?;
        let most = f64::from(processors) * 1e3 / (load + local + functions);
        let parts = if local > 0.0 {
            format!(
                "{load:.3} ms of processor time in what loads, {local:.3} in the local AWS, {functions:.3} in its relays"
            )
        } else {
            format!("{load:.3} ms of processor time, what loads included")
        };
        Ok(format!("A message took {parts}: {processors} processors have time for {most:.0} a second."))
    }
}
