//! Any mix of parts that are there, gone, half-made, changed by hand or there twice: `up` makes a whole stack of it, at the same URL
//! where there was one, and `teardown` gives zero. Each state has a seed of its own, so that a single one can be run again.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use super::damage::Damage;
use super::fault::{Strike, Target, Trouble};
use super::pairs::{any_strike, setting};
use super::rig::{Rig, paused};
use super::shape;
use super::sweep::{Command, Verdict, converged, record, reference, side_by_side, torn_down};
use crate::local::Manners;

/// How a state comes about.
#[derive(Debug)]
struct State {
    /// On AWS at its worst.
    at_worst: bool,
    /// A first run that was killed; else one that went through.
    killed: Option<Strike>,
    /// Settings that the state was not made with.
    other_settings: bool,
    damages: Vec<Damage>,
}

impl State {
    fn any(random: &mut StdRng, targets: &[Target]) -> Self {
        let killed = random.random_bool(0.4).then(|| {
            let trouble = *[Trouble::KilledBefore, Trouble::KilledAfter].choose(random).unwrap();
            Strike { trouble, ..any_strike(random, targets) }
        });
        let damages = (0..random.random_range(0..8)).map(|_| *Damage::ALL.choose(random).unwrap()).collect();
        Self { at_worst: random.random_bool(0.2), killed, other_settings: random.random_bool(0.3), damages }
    }

    async fn come_about(&self, rig: &mut Rig) {
        let strikes: Vec<_> = self.killed.into_iter().collect();
        let _ = rig.struck(&strikes, rig.up()).await;
        for damage in &self.damages {
            // Whoever does it by hand sees what was done before, and is seen by the next run.
            rig.rest().await;
            damage.happen(rig).await;
        }
        rig.rest().await;
        if self.other_settings {
            rig.want_something_else();
        }
    }

    fn manners(&self) -> Manners {
        match self.at_worst {
            // Whoever changes things by hand here reads one page of each list.
            true => Manners { page_size: None, ..Manners::worst() },
            false => Manners::default(),
        }
    }

    fn verdict(&self, references: &BTreeMap<bool, Value>) -> Verdict {
        paused(async {
            let mut verdict = Verdict::default();
            let mut rig = Rig::on(self.manners()).await;
            let empty = rig.snapshot();
            self.come_about(&mut rig).await;
            let snapshot = rig.snapshot();
            // Somebody may know its URL; of several that serve nothing, nobody knows any.
            let stood = match (shape::serving(&snapshot), shape::apis(&snapshot)) {
                (serving, _) if !serving.is_empty() => serving,
                (_, all) if all.len() == 1 => all,
                _ => Vec::new(),
            };
            let (reference, undone) = (&references[&self.other_settings], stood.is_empty());
            verdict.not_converged = converged(&rig, reference, &stood, false, undone, &mut verdict).await.err();
            verdict.leaked = torn_down(&rig, &empty, false).await.err();
            verdict
        })
    }
}

#[test]
fn out_of_any_state_up_makes_a_whole_stack_and_teardown_gives_zero() {
    let seed = setting("WEBRTC_AWS_FAULT_SEED").unwrap_or_else(|| rand::rng().random_range(0..1 << 32));
    let count = setting("WEBRTC_AWS_FAULT_STATES").unwrap_or(200);
    println!("WEBRTC_AWS_FAULT_SEED={seed} WEBRTC_AWS_FAULT_STATES={count}");
    let manners = Manners::default();
    let targets: Vec<_> = record(&manners, Command::FirstUp).into_iter().filter(|target| target.is_write).collect();
    let references =
        [(false, reference(&manners, Command::FirstUp)), (true, reference(&manners, Command::UpThatChangesEverything))]
            .into();
    let seeds: Vec<_> = (seed..seed + count).collect();
    let failures = Mutex::new(String::new());
    side_by_side(&seeds, |seed| {
        let state = State::any(&mut StdRng::seed_from_u64(*seed), &targets);
        for failure in state.verdict(&references).failures() {
            let mut failures = failures.lock().unwrap();
            writeln!(failures, "{state:?}: {failure}").unwrap();
            writeln!(
                failures,
                "    again: WEBRTC_AWS_FAULT_SEED={seed} WEBRTC_AWS_FAULT_STATES=1 cargo test any_state"
            )
            .unwrap();
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "\n{failures}");
}
