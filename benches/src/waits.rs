//! What `up` loses to polling: AWS needs seconds until a new role can be assumed and a new function runs, and says neither when.

use std::time::{Duration, Instant};

use webrtc_aws::local::{LocalAws, LocalOptions, Manners};

use crate::Outcome;
use crate::figure::{Figure, median};
use crate::program::Programs;
use crate::recorder::{DISTANCE, Recorded, Recorder, timeline};

/// As measured on AWS (AWS-FACTS C1, C2).
const ROLE: Duration = Duration::from_secs(8);
const FUNCTION: Duration = Duration::from_secs(5);

const ROUNDS: usize = 5;

pub(crate) async fn measure(programs: &Programs) -> Outcome<Vec<Figure>> {
    let mut runs = Vec::new();
    for _ in 0..ROUNDS {
        let manners = Manners { role_propagation: ROLE, function_pending: FUNCTION, ..Manners::none() };
        let aws = LocalAws::start(LocalOptions { manners, ..LocalOptions::default() }).await?;
        let recorder = Recorder::start(&aws.endpoint(), DISTANCE).await?;
        let home = tempfile::tempdir()?;
        let run = programs.timed(&home, &programs.up_at(&recorder.endpoint)?).await?;
        let (taken, calls) = ((run.ended - run.begun).as_secs_f64(), recorder.take());
        runs.push((lost(&calls)?.as_secs_f64() / taken * 100.0, taken, calls));
        aws.stop().await;
    }
    runs.sort_by(|(one, ..), (other, ..)| one.total_cmp(other));
    let (share, _, calls) = &runs[ROUNDS / 2];
    let limit = format!("AWS does not say when it is ready, so there are gaps between the looks.\n{}", timeline(calls));
    let totals = runs.iter().map(|(_, taken, _)| *taken).collect();
    let waits = (ROLE + FUNCTION).as_secs();
    Ok(vec![
        Figure::new(&format!("up at 40 ms, waits of AWS of {waits} s among it"), median(totals), "s"),
        Figure::new("up: share of that which is lost to polling", *share, "%").at_most(10.0).limited_by(limit),
    ])
}

/// The time between when each of the two was ready, and the call that noticed.
fn lost(calls: &[Recorded]) -> Outcome<Duration> {
    let named =
        |name: &'static str| calls.iter().filter(move |call| call.call.to_string() == name).map(|call| call.begun);
    let first = |name| named(name).min().ok_or_else(|| format!("there was no {name}"));
    let ready = first("iam:CreateRole")? + ROLE;
    let created = named("lambda:POST functions").max().ok_or("there was no lambda:POST functions")?;
    let runs = created + FUNCTION;
    let seen: Option<Instant> = named("lambda:GET functions/*").filter(|begun| *begun >= runs).min();
    Ok((created - ready) + (seen.ok_or("nobody looked whether the function runs")? - runs))
}
