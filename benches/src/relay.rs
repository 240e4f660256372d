//! The relay beside one for Node.js, in turns, each as Lambda runs it. Both post without TLS, which the relay does only where it is
//! told to: its certificates are those of the public authorities, built in.

use std::path::PathBuf;
use std::time::Instant;

use crate::Outcome;
use crate::figure::{Figure, Peer, median};
use crate::lambda::Sandbox;
use crate::program::Programs;

const STARTS: usize = 20;
const MESSAGES: usize = 5_000;
/// The kept connection is cut before each so-manieth message.
const CUT_EVERY: usize = 10;
const CHAOS: usize = 1_000;

/// What was measured of one relay.
struct Measured {
    start_ms: f64,
    message_ms: f64,
    processor_ms: f64,
    memory_mb: f64,
}

pub(crate) async fn measure(programs: &Programs) -> Outcome<Vec<Figure>> {
    let ours = vec![programs.relay_program.clone()];
    let Some(node) = &programs.node_relay else {
        return Err("there is no relay for Node.js: run tests/bench".into());
    };
    let mut starts = [Vec::new(), Vec::new()];
    for _ in 0..STARTS {
        for (times, program) in starts.iter_mut().zip([&ours, node]) {
            times.push(start(program).await?);
        }
    }
    let [our_starts, node_starts] = starts;
    let ours_measured = warm(&ours, median(our_starts)).await?;
    let theirs = warm(node, median(node_starts)).await?;
    chaos(&ours).await?;
    let figure = |what: &str, value: fn(&Measured) -> f64, unit| {
        Figure::new(what, value(&ours_measured), unit).beside(Peer { name: "Node.js", value: value(&theirs) })
    };
    let share_of = |part: f64, value: fn(&Measured) -> f64| value(&theirs) / part;
    Ok(vec![
        figure("relay: from exec to the first answered message", |it| it.start_ms, "ms")
            .at_most(share_of(40.0, |it| it.start_ms)),
        figure("relay: a message, warm, median", |it| it.message_ms, "ms").at_most(share_of(4.0, |it| it.message_ms)),
        figure("relay: processor time of a message", |it| it.processor_ms, "ms")
            .at_most(share_of(5.0, |it| it.processor_ms)),
        figure("relay: most memory", |it| it.memory_mb, "MB").at_most(5.0),
    ])
}

/// Milliseconds from starting the process until its first message is posted and answered.
async fn start(program: &[PathBuf]) -> Outcome<f64> {
    let begun = Instant::now();
    let sandbox = Sandbox::start(program).await?;
    sandbox.relay(0).await?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

async fn warm(program: &[PathBuf], start_ms: f64) -> Outcome<Measured> {
    let sandbox = Sandbox::start(program).await?;
    // Until its code is compiled, and its memory is where it stays.
    for message in 0..MESSAGES / 5 {
        sandbox.relay(message).await?;
    }
    let before = sandbox.processor_ms()?;
    let mut times = Vec::with_capacity(MESSAGES);
    for message in 0..MESSAGES {
        let begun = Instant::now();
        sandbox.relay(message).await?;
        times.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let processor_ms = (sandbox.processor_ms()? - before) / MESSAGES as f64;
    Ok(Measured { start_ms, message_ms: median(times), processor_ms, memory_mb: sandbox.most_memory_mb()? })
}

/// However often the kept connection is cut, every message is posted, once, in order.
async fn chaos(program: &[PathBuf]) -> Outcome {
    let sandbox = Sandbox::start(program).await?;
    for message in 0..CHAOS {
        if message % CUT_EVERY == CUT_EVERY - 1 {
            sandbox.cut().await?;
        }
        sandbox.relay(message).await?;
    }
    let posted = sandbox.posted()?;
    match posted.iter().copied().eq(0..CHAOS) {
        true => Ok(()),
        false => {
            Err(format!("of {CHAOS} messages over a connection that is cut, {} were posted: {posted:?}", posted.len())
                .into())
        }
    }
}
