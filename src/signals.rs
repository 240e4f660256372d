//! Ctrl-C and its relatives. The first signal asks the run to end: nothing new is started, what is under way is finished. The
//! second one leaves at once: nothing is waited for any more, but what the run has on this machine goes with it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio_util::sync::CancellationToken;

use crate::events::Events;

/// The number that a shell adds to a signal's own for the exit code.
const SIGNALLED: u8 = 128;
#[cfg(unix)]
const SIGHUP: u8 = 1;
const SIGINT: u8 = 2;

/// What a run knows of the signals it got.
#[derive(Clone, Debug)]
pub(crate) struct Signals {
    first: Arc<AtomicU8>,
    second: CancellationToken,
}

impl Signals {
    /// Starts to listen; `cancel` is cancelled by the first signal.
    pub(crate) fn listen(cancel: CancellationToken, events: Events) -> io::Result<Self> {
        let signals = Self { first: Arc::default(), second: CancellationToken::new() };
        let Self { first, second } = signals.clone();
        let mut source = Source::new()?;
        tokio::spawn(async move {
            loop {
                let signal = source.next().await;
                if first.compare_exchange(0, signal, Ordering::Relaxed, Ordering::Relaxed).is_err() {
                    second.cancel();
                    continue;
                }
                events.note("ending: waiting for the calls under way; press Ctrl-C again to leave at once");
                cancel.cancel();
            }
        });
        Ok(signals)
    }

    /// Waits for the second one.
    pub(crate) async fn second(&self) {
        self.second.cancelled().await;
    }

    /// The exit code of a run that a signal ended.
    pub(crate) fn exit_code(&self) -> u8 {
        match self.first.load(Ordering::Relaxed) {
            0 => SIGNALLED + SIGINT,
            signal => SIGNALLED + signal,
        }
    }
}

#[cfg(unix)]
struct Source {
    /// `None`: it is ignored.
    hangup: Option<tokio::signal::unix::Signal>,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Source {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            // A closed terminal: without this, a local AWS would leave the processes of its functions behind.
            hangup: if is_ignored(SIGHUP) { None } else { Some(signal(SignalKind::hangup())?) },
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) -> u8 {
        tokio::select! {
            Some(_) = async { self.hangup.as_mut()?.recv().await } => SIGHUP,
            _ = self.interrupt.recv() => SIGINT,
            _ = self.terminate.recv() => 15,
        }
    }
}

/// `nohup` starts a program with this signal ignored: a closed terminal is then none of its business. Only Linux tells without
/// unsafe code.
#[cfg(unix)]
fn is_ignored(signal: u8) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(not(unix))]
struct Source;

#[cfg(not(unix))]
impl Source {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> u8 {
        if tokio::signal::ctrl_c().await.is_err() {
            // No signals can be had here: wait for ever instead of ending a run that nobody interrupted.
            std::future::pending::<()>().await;
        }
        SIGINT
    }
}
