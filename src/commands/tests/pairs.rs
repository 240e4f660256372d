//! Two faults in one run, chosen at random. Each pair has a seed of its own, so that a single one can be run again.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::fault::{Strike, Target, Trouble};
use super::sweep::{After, Command, case, record, reference, side_by_side};
use crate::local::Manners;

pub(super) fn setting(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Of calls that every run makes.
pub(super) fn any_strike(random: &mut StdRng, targets: &[Target]) -> Strike {
    let targets: Vec<_> = targets.iter().filter(|target| !target.is_repetition).collect();
    let target = **targets.choose(random).unwrap();
    Strike { target, trouble: *Trouble::ALL.choose(random).unwrap() }
}

#[test]
fn after_two_random_faults_up_converges_and_teardown_gives_zero() {
    let seed = setting("WEBRTC_AWS_FAULT_SEED").unwrap_or_else(|| rand::rng().random_range(0..1 << 32));
    let count = setting("WEBRTC_AWS_FAULT_PAIRS").unwrap_or(60);
    println!("WEBRTC_AWS_FAULT_SEED={seed} WEBRTC_AWS_FAULT_PAIRS={count}");
    let manners = Manners::worst();
    let recorded: BTreeMap<_, _> = Command::ALL
        .into_iter()
        .map(|command| (command, (record(&manners, command), reference(&manners, command))))
        .collect();
    let seeds: Vec<_> = (seed..seed + count).collect();
    let failures = Mutex::new(String::new());
    side_by_side(&seeds, |seed| {
        let mut random = StdRng::seed_from_u64(*seed);
        let command = *Command::ALL.choose(&mut random).unwrap();
        let after = *After::ALL.choose(&mut random).unwrap();
        let (targets, reference) = &recorded[&command];
        let strikes = [any_strike(&mut random, targets), any_strike(&mut random, targets)];
        let verdict = case(&manners, command, &strikes, after, reference);
        // The first may have ended the run before the second could strike.
        let not_struck = (verdict.struck == 0).then(|| "neither fault happened".to_owned());
        for failure in verdict.failures().chain(&not_struck) {
            let [first, second] = strikes;
            let mut failures = failures.lock().unwrap();
            writeln!(failures, "{command:?}, then {after:?}: {first}, {second}: {failure}").unwrap();
            writeln!(
                failures,
                "    again: WEBRTC_AWS_FAULT_SEED={seed} WEBRTC_AWS_FAULT_PAIRS=1 cargo test two_random"
            )
            .unwrap();
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "\n{failures}");
}
