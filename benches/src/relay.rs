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
use crate::machine::Wakefulness;
use crate::program::Programs;
use crate::size;
use moments::{Stage, longest, medians, timelines};
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
    /// The same while the processors do not fall asleep.
    awake_ms: f64,
    processor_ms: f64,
    memory_mb: f64,
    kernel_share: f64,
}

/// On one thread: what is handed from one to another within the bench would be told as the relays' time.
pub(crate) async fn measure(programs: &Programs) -> Outcome<Vec<Figure>> {
    tokio::task::block_in_place(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(measured_here(programs))
    })
}

async fn measured_here(programs: &Programs) -> Outcome<Vec<Figure>> {
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

    let [ours, theirs] = measured([ours, theirs], &trust.acceptor).await?;
    chaos::withstand(Program { command: &copy, authority: None }, &trust.acceptor).await?;
    let figure = |what: &str, value: fn(&Measured) -> f64, unit| {
        Figure::new(what, value(&ours), unit).beside(Peer { name: "Node.js", value: value(&theirs) })
    };
    let share_of = |part: f64, value: fn(&Measured) -> f64| value(&theirs) / part;
    let starting = format!("{}\n{}", longest(&ours.stages), timelines(&ours.stages, &theirs.stages));
    let waiting = format!(
        "A processor that waits for a message falls asleep, and has to wake up four times a message. Kept awake by something that gives way\n\
         to everything else, a message takes {:.2} ms, and {:.2} with Node.js: {:.2} of it.",
        ours.awake_ms,
        theirs.awake_ms,
        ours.awake_ms / theirs.awake_ms,
    );
    let kernel = format!(
        "{:.0} % of it is the kernel's, which sends and receives; of that of Node.js {:.0} %. `tests/bench micro` shows what of the rest is\n\
         what the relay itself works out.",
        ours.kernel_share * 100.0,
        theirs.kernel_share * 100.0,
    );
    Ok(vec![
        figure("relay: from exec to the first answered message", |it| it.start_ms, "ms")
            .at_most(share_of(40.0, |it| it.start_ms))
            .limited_by(starting),
        figure("relay: a message, warm, median", |it| it.message_ms, "ms")
            .at_most(share_of(4.0, |it| it.message_ms))
            .limited_by(waiting),
        figure("relay: processor time of a message", |it| it.processor_ms, "ms")
            .at_most(share_of(5.0, |it| it.processor_ms))
            .limited_by(kernel),
        figure("relay: most memory", |it| it.memory_mb, "MB").at_most(5.0),
        size::measure(programs).await?,
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
    let [ours, theirs] = in_turns(&mut warm).await?;
    let wakefulness = Wakefulness::start()?;
    let [ours_awake, theirs_awake] = in_turns(&mut warm).await?;
    wakefulness.end()?;
    let ([our_starts, their_starts], [our_relay, their_relay]) = (starts, warm);
    Ok([our_relay.measured(our_starts, ours, ours_awake)?, their_relay.measured(their_starts, theirs, theirs_awake)?])
}

/// Has each relay carry its messages, some at a time.
async fn in_turns(relays: &mut [Warm; 2]) -> Outcome<[Carried; 2]> {
    let mut carried = [Carried::default(), Carried::default()];
    for _ in 0..MESSAGES / TURN {
        for (relay, carried) in relays.iter_mut().zip(&mut carried) {
            relay.turn(carried).await?;
        }
    }
    Ok(carried)
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

/// A relay that has worked for a while.
struct Warm(Sandbox);

/// What its messages took since.
#[derive(Default)]
struct Carried {
    /// Milliseconds.
    times: Vec<f64>,
    processor_ms: f64,
    kernel_shares: Vec<f64>,
}

impl Warm {
    async fn start(program: Program<'_>, acceptor: &TlsAcceptor) -> Outcome<Self> {
        let sandbox = Sandbox::start(program, acceptor).await?;
        // Until its code is compiled, and its memory is where it stays.
        for message in 0..MESSAGES / 5 {
            sandbox.relay(message).await?;
        }
        Ok(Self(sandbox))
    }

    async fn turn(&mut self, carried: &mut Carried) -> Outcome {
        let process = self.0.process()?;
        let (processor_ms, shares) = (process.processor_ms()?, process.shares()?);
        for message in 0..TURN {
            let begun = Instant::now();
            self.0.relay(message).await?;
            carried.times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        carried.processor_ms += process.processor_ms()? - processor_ms;
        carried.kernel_shares.push(process.shares()?.kernel_since(shares));
        Ok(())
    }

    fn measured(self, starts: Starts, carried: Carried, awake: Carried) -> Outcome<Measured> {
        let handshakes = self.0.callback.handshakes();
        if handshakes != 1 {
            return Err(format!("a relay that was not disturbed agreed upon TLS {handshakes} times").into());
        }
        Ok(Measured {
            start_ms: median(starts.times),
            stages: medians(&starts.stages),
            processor_ms: carried.processor_ms / carried.times.len() as f64,
            message_ms: median(carried.times),
            awake_ms: median(awake.times),
            memory_mb: self.0.process()?.most_memory_kb()? / 1e3,
            kernel_share: median(carried.kernel_shares),
        })
    }
}
