//! The relay beside one for Node.js, in turns, each as Lambda runs it. Both post over TLS, and verify whom they post to.

mod callback_url;
mod chaos;
mod listening;
mod moments;
mod runtime_api;
mod sandbox;
mod trap;
mod trust;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio_rustls::TlsAcceptor;

use crate::Outcome;
use crate::figure::{Figure, Peer, median};
use crate::machine::Standstill;
use crate::program::Programs;
use crate::size;
use moments::{Stage, medians, timelines};
use sandbox::{Program, Sandbox};
use trust::Trust;

/// How long anything may take that must come: both relays give up long before.
const TIME_LIMIT: Duration = Duration::from_secs(30);
const STARTS: usize = 50;
const MESSAGES: usize = 5_000;
/// So many messages go through one relay before it is the other one's turn.
const TURN: usize = 500;

/// What was measured of one relay.
struct Measured {
    start_ms: f64,
    stages: BTreeMap<Stage, f64>,
    message_ms: f64,
    processor_ms: f64,
    memory_mb: f64,
    kernel_share: f64,
}

pub(crate) async fn measure(programs: &Programs) -> Outcome<Vec<Figure>> {
    let Some(node) = &programs.node_relay else {
        return Err("there is no relay for Node.js: run tests/bench".into());
    };
    let trust = Trust::new(&programs.relay_program)?;
    let unchanged = [programs.relay_program.clone()];
    let copy = [trust.relay.clone()];
    let ours = Program { command: &copy, authority: None };
    let theirs = Program { command: node, authority: Some(&trust.authority) };

    let sandbox = refused(Program { command: &unchanged, authority: None }, &trust.acceptor).await?;
    sandbox.callback.refusal().await?;
    // Node.js says nothing to the server, and ends the connection.
    refused(Program { authority: None, ..theirs }, &trust.acceptor).await?;

    let standstill = tokio::task::spawn_blocking(Standstill::watch).await??.told();
    let [ours, theirs] = measured([ours, theirs], &trust.acceptor).await?;
    chaos::withstand(Program { command: &copy, authority: None }, &trust.acceptor).await?;
    let figure = |what: &str, value: fn(&Measured) -> f64, unit| {
        Figure::new(what, value(&ours), unit).beside(Peer { name: "Node.js", value: value(&theirs) })
    };
    let share_of = |part: f64, value: fn(&Measured) -> f64| value(&theirs) / part;
    let waiting = format!(
        "Of {:.2} ms it computes for {:.2}; of the {:.2} of Node.js, that for {:.2}. The rest is waiting for the bench's own Runtime API and\n\
         callback URL, and for processors to wake up, four times a message: much the same for both.\n{standstill}",
        ours.message_ms, ours.processor_ms, theirs.message_ms, theirs.processor_ms,
    );
    let kernel = format!(
        "{:.0} % of its processor time is the kernel's, which sends and receives; of that of Node.js {:.0} %. What is left of {:.2} ms\n\
         beside that and what `tests/bench micro` shows is TLS and HTTP, twice each.",
        ours.kernel_share * 100.0,
        theirs.kernel_share * 100.0,
        ours.processor_ms,
    );
    Ok(vec![
        figure("relay: from exec to the first answered message", |it| it.start_ms, "ms")
            .at_most(share_of(40.0, |it| it.start_ms))
            .limited_by(format!("{}\n{standstill}", timelines(&ours.stages, &theirs.stages))),
        figure("relay: a message, warm, median", |it| it.message_ms, "ms")
            .at_most(share_of(4.0, |it| it.message_ms))
            .limited_by(waiting),
        figure("relay: processor time of a message", |it| it.processor_ms, "ms")
            .at_most(share_of(5.0, |it| it.processor_ms))
            .limited_by(kernel),
        figure("relay: most memory", |it| it.memory_mb, "MB").at_most(5.0),
        Figure::new("relay: zip", std::fs::metadata(&programs.relay)?.len() as f64 / 1e6, "MB").at_most(1.0).limited_by(format!(
            "The C library is in it, so that a relay built on any Linux runs on Lambda. Before it is compressed:\n{}",
            size::told().await?
        )),
    ])
}

/// A relay that trusts the public authorities alone must not post: otherwise nothing would be verified, and nothing compared.
async fn refused(program: Program<'_>, acceptor: &TlsAcceptor) -> Outcome<Sandbox> {
    let sandbox = Sandbox::start(program, acceptor).await?;
    sandbox.send(0)?;
    let (error, posted) = (sandbox.error().await?, sandbox.callback.posted()?);
    if error.as_deref() == Some("unexpected") && posted.is_empty() {
        return Ok(sandbox);
    }
    Err(format!("{:?} does not verify certificates: its sender is told {error:?}", program.command).into())
}

async fn measured(programs: [Program<'_>; 2], acceptor: &TlsAcceptor) -> Outcome<[Measured; 2]> {
    let mut starts = [Starts::default(), Starts::default()];
    for _ in 0..STARTS {
        for (starts, program) in starts.iter_mut().zip(programs) {
            starts.add(program, acceptor).await?;
        }
    }
    let mut warm = [Warm::start(programs[0], acceptor).await?, Warm::start(programs[1], acceptor).await?];
    for _ in 0..MESSAGES / TURN {
        for relay in &mut warm {
            relay.turn().await?;
        }
    }
    let ([our_starts, their_starts], [ours, theirs]) = (starts, warm);
    Ok([ours.measured(our_starts)?, theirs.measured(their_starts)?])
}

/// Starts of one relay.
#[derive(Default)]
struct Starts {
    /// Milliseconds from starting the process until its first message is posted and answered.
    times: Vec<f64>,
    stages: Vec<BTreeMap<Stage, f64>>,
}

impl Starts {
    async fn add(&mut self, program: Program<'_>, acceptor: &TlsAcceptor) -> Outcome {
        let begun = Instant::now();
        let sandbox = Sandbox::start(program, acceptor).await?;
        sandbox.relay(0).await?;
        self.times.push(begun.elapsed().as_secs_f64() * 1e3);
        self.stages.push(sandbox.moments.taken());
        Ok(())
    }
}

/// A relay that has worked for a while, and what its messages took since.
struct Warm {
    sandbox: Sandbox,
    times: Vec<f64>,
    processor_ms: f64,
}

impl Warm {
    async fn start(program: Program<'_>, acceptor: &TlsAcceptor) -> Outcome<Self> {
        let sandbox = Sandbox::start(program, acceptor).await?;
        // Until its code is compiled, and its memory is where it stays.
        for message in 0..MESSAGES / 5 {
            sandbox.relay(message).await?;
        }
        Ok(Self { sandbox, times: Vec::with_capacity(MESSAGES), processor_ms: 0.0 })
    }

    async fn turn(&mut self) -> Outcome {
        let before = self.sandbox.processor_ms()?;
        for message in 0..TURN {
            let begun = Instant::now();
            self.sandbox.relay(message).await?;
            self.times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        self.processor_ms += self.sandbox.processor_ms()? - before;
        Ok(())
    }

    fn measured(self, starts: Starts) -> Outcome<Measured> {
        let handshakes = self.sandbox.callback.handshakes();
        if handshakes != 1 {
            return Err(format!("a relay that was not disturbed agreed upon TLS {handshakes} times").into());
        }
        Ok(Measured {
            start_ms: median(starts.times),
            stages: medians(&starts.stages),
            processor_ms: self.processor_ms / self.times.len() as f64,
            message_ms: median(self.times),
            memory_mb: self.sandbox.most_memory_mb()?,
            kernel_share: self.sandbox.kernel_share()?,
        })
    }
}
