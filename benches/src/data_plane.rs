//! The local AWS under load: connections that it holds, and messages through its gateway, alone and with the real relay behind it.

use std::time::Duration;

use futures_util::future::try_join_all;
use webrtc_aws::local::{Functions, LocalAws, LocalOptions, Manners};

use crate::Outcome;
use crate::figure::Figure;
use crate::kernel::Process;
use crate::load::{Behind, Load, Pace, connect};
use crate::machine::{Standstill, Ticks, Used};
use crate::peers;
use crate::program::{Programs, Started};

const HELD: usize = 10_000;
/// So many handshakes at a time.
const AT_ONCE: usize = 100;

const SENDERS: usize = 64;
const RELAYED: usize = 500;
const ECHOED: usize = 4_000;

/// What 99 of 100 messages may take at half load.
const SLOWEST: Duration = Duration::from_millis(5);

const SHARED: &str = "The local AWS, its relays and what loads them share the processors.";

pub(crate) async fn measure(programs: &Programs) -> Outcome<Vec<Figure>> {
    let home = tempfile::tempdir()?;
    let mut figures = Vec::new();

    let echo = LocalOptions { manners: Manners::none(), functions: Functions::Echo, ..LocalOptions::default() };
    let echo = LocalAws::start(echo).await?;
    let stack = programs.deployed(&home, &echo.endpoint()).await?;
    figures.extend(through("the gateway alone", &stack.url, Behind::Echo, ECHOED, 15_000.0, None).await?);
    echo.stop().await;

    let local = programs.started(&home, &["local", "--port", "0", "--manners", "none"], "endpoint").await?;
    let stack = programs.deployed(&home, &local.url).await?;
    let [alone, full, half] =
        through("the real relay", &stack.url, Behind::Relay, RELAYED, 3_000.0, Some(local.process()?)).await?;
    let full = peers::measure(programs).await?.into_iter().fold(full, Figure::beside);
    figures.extend([alone, full, half]);
    figures.push(held(&stack.url, &local).await?);
    Ok(figures)
}

/// One message at a time, as many as can be, then half as many.
async fn through(
    what: &str,
    url: &str,
    behind: Behind,
    messages: usize,
    bar: f64,
    local: Option<Process>,
) -> Outcome<[Figure; 3]> {
    let standstill = Standstill::watch().await?.told_of(SLOWEST);
    let load = Load { behind, senders: SENDERS, messages, pace: Pace::Closed };
    let alone = Load { senders: 1, ..load }.carry(url).await?;
    let (ticks, used) = (Ticks::now()?, Used::now(local)?);
    let full = load.carry(url).await?;
    let full_ticks = ticks.told_since()?;
    let used = Used::now(local)?.told_since(used, SENDERS * messages)?;
    let ticks = Ticks::now()?;
    let half = Load { pace: Pace::Open(full.a_second / 2.0), ..load }.carry(url).await?;
    let half_ticks = ticks.told_since()?;
    let middle = format!(
        "Every other message took {:.2} ms at most, of which up to 1 ms is the clock's by which messages are sent.",
        half.median_ms
    );
    Ok([
        Figure::new(&format!("local AWS: a message through {what}, one at a time"), alone.median_ms, "ms"),
        Figure::new(&format!("local AWS: messages through {what}"), full.a_second, "/s")
            .at_least(bar)
            .limited_by(format!("{SHARED}\n{used}\n{full_ticks}")),
        Figure::new(&format!("local AWS: p99 through {what}, half of that load"), half.p99_ms, "ms")
            .at_most(SLOWEST.as_secs_f64() * 1e3)
            .limited_by(format!("{middle} {SHARED}\n{half_ticks}\n{standstill}")),
    ])
}

/// Kilobytes of memory for one more connection, in the local AWS.
async fn held(url: &str, local: &Started) -> Outcome<Figure> {
    let process = local.process()?;
    let before = process.memory_kb()?;
    let mut sockets = Vec::with_capacity(HELD);
    while sockets.len() < HELD {
        sockets.extend(try_join_all((0..AT_ONCE).map(|_| connect(url))).await?);
    }
    let each = (process.memory_kb()? - before) / HELD as f64;
    Ok(Figure::new("local AWS: memory for each of 10,000 connections", each, "KB").at_most(20.0))
}
