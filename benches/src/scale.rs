//! What limits one stack as more people use it: a simulated busy hour, second by second, against the quotas of an account in one
//! region; and how long it takes until everybody is back after all sockets were lost at once. `benches/SCALE.md` explains it.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::figure::Figure;

/// Quotas of an account in one region, before any raise (AWS-FACTS A5, C6).
const CONNECTIONS_A_SECOND: f64 = 500.0;
const REQUESTS_A_SECOND: f64 = 10_000.0;
const RUNS_AT_ONCE: f64 = 1_000.0;

/// How people use it: how long a page stays open, and how many calls somebody makes in an hour.
const STAY_S: f64 = 1_800.0;
const CALLS_AN_HOUR: f64 = 1.0;
/// What two browsers tell each other to get one call up, as `webrtc-aws cost` assumes; two people share it.
const MESSAGES_A_CALL: f64 = 65.0;
const KEEPALIVE_S: f64 = 270.0;
/// How long the relay runs for one message, in seconds.
const RUN_S: f64 = 0.010;
/// Many meetings begin at the full hour: this share of an hour's arrivals and calls comes within its first two minutes.
const RUSH: f64 = 0.2;
const RUSH_S: usize = 120;
const HOUR: usize = 3_600;

/// How long a page waits before each attempt to come back, as in `client/lib/signaling.js`, in milliseconds.
const BACKOFF: [f64; 8] = [0.0, 300.0, 1_200.0, 2_700.0, 4_800.0, 7_000.0, 15_000.0, 30_000.0];
const JITTER: f64 = 1_000.0;

const MOST_SIMULATED: usize = 100_000;

const SEED: u64 = 1;

pub(crate) fn measure() -> Vec<Figure> {
    let mut figures = Vec::new();
    for (users, name) in [(1e3, "10^3"), (1e5, "10^5"), (1e7, "10^7")] {
        let peak = busy_hour(users);
        let figure = |what: &str, value: f64, unit| {
            Figure::new(&format!("{name} people: {what}"), value, unit).limited_by(
                "A quota of AWS. benches/SCALE.md says which one to raise first, and when to take several stacks.",
            )
        };
        figures.push(figure("new connections, peak", peak.connections, "/s").at_most(CONNECTIONS_A_SECOND));
        figures.push(figure("requests of the account, peak", peak.requests, "/s").at_most(REQUESTS_A_SECOND));
        figures.push(figure("relays at once, peak", peak.runs_at_once, "").at_most(RUNS_AT_ONCE));
        figures.push(figure("until 99 % are back, all sockets lost", back_after(users as usize), "s"));
    }
    figures
}

#[derive(Default)]
struct Peak {
    connections: f64,
    requests: f64,
    runs_at_once: f64,
}

/// So many people at a time, on average; each second's numbers are drawn at random around what is expected.
fn busy_hour(users: f64) -> Peak {
    let mut random = StdRng::seed_from_u64(SEED);
    let mut peak = Peak::default();
    for second in 0..HOUR {
        let rush = if second < RUSH_S { RUSH * HOUR as f64 / RUSH_S as f64 } else { 0.0 };
        let crowd = 1.0 - RUSH + rush;
        let connections = drawn(users / STAY_S * crowd, &mut random);
        let relayed = drawn(users / 2.0 * CALLS_AN_HOUR / HOUR as f64 * crowd, &mut random) * MESSAGES_A_CALL;
        let asked = drawn(users / KEEPALIVE_S, &mut random) + connections;
        // A relayed message is one request of a browser and one of the relay; the answer to the sender is none.
        let requests = connections + asked + 2.0 * relayed;
        let runs_at_once = drawn((relayed + asked) * RUN_S, &mut random);
        peak.connections = peak.connections.max(connections);
        peak.requests = peak.requests.max(requests);
        peak.runs_at_once = peak.runs_at_once.max(runs_at_once);
    }
    peak
}

/// A number of independent events of which so many are expected: Poisson's, or for large numbers the normal distribution.
fn drawn(expected: f64, random: &mut StdRng) -> f64 {
    if expected > 50.0 {
        // Box and Muller.
        let (one, other): (f64, f64) = (random.random_range(f64::EPSILON..1.0), random.random());
        let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos();
        return (expected + normal * expected.sqrt()).round().max(0.0);
    }
    let (limit, mut product, mut count) = ((-expected).exp(), random.random::<f64>(), 0.0);
    while product > limit {
        product *= random.random::<f64>();
        count += 1.0;
    }
    count
}

/// Seconds until 99 of 100 pages are connected again. Each second lets in as many handshakes as the quota says, first come, first
/// served; the others are refused, and wait as the page does.
fn back_after(users: usize) -> f64 {
    // A hundredth of the people at a hundredth of the quota takes as long, and can be simulated.
    let scale = if users > MOST_SIMULATED { users / MOST_SIMULATED } else { 1 };
    let (users, quota) = (users / scale, CONNECTIONS_A_SECOND as usize / scale);
    let mut random = StdRng::seed_from_u64(SEED);
    let mut wait = |attempt: usize| {
        let wait = BACKOFF[attempt.min(BACKOFF.len() - 1)];
        let spread = if wait > 2.0 * JITTER { -wait / 2.0 } else { JITTER };
        ((wait + random.random::<f64>() * spread) / 1e3) as usize
    };
    // Pages that try in a second, by how often they have tried.
    let mut due = std::collections::BTreeMap::<usize, Vec<u8>>::new();
    for _ in 0..users {
        due.entry(wait(0)).or_default().push(0);
    }
    let mut connected = 0;
    while let Some((second, pages)) = due.pop_first() {
        let admitted = pages.len().min(quota);
        connected += admitted;
        if connected * 100 >= users * 99 {
            return second as f64;
        }
        for attempt in &pages[admitted..] {
            let attempt = attempt.saturating_add(1);
            due.entry(second + wait(attempt.into()).max(1)).or_default().push(attempt);
        }
    }
    0.0
}
