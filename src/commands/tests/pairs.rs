//! Two faults in one run, chosen at random.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::fault::{Strike, Trouble};
use super::sweep::{Command, case, record, reference, side_by_side};

fn setting(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn after_two_random_faults_up_converges_and_teardown_gives_zero() {
    let seed = setting("WEBRTC_AWS_FAULT_SEED").unwrap_or_else(|| rand::rng().random());
    let count = setting("WEBRTC_AWS_FAULT_PAIRS").unwrap_or(60);
    println!("WEBRTC_AWS_FAULT_SEED={seed} WEBRTC_AWS_FAULT_PAIRS={count}");
    let mut random = StdRng::seed_from_u64(seed);
    let recorded: BTreeMap<_, _> =
        Command::ALL.into_iter().map(|command| (command, (record(command), reference(command)))).collect();
    let pairs: Vec<_> = (0..count)
        .map(|_| {
            let command = Command::ALL[random.random_range(0..Command::ALL.len())];
            let (targets, _) = &recorded[&command];
            let strikes = std::array::from_fn::<_, 2, _>(|_| Strike {
                target: targets[random.random_range(0..targets.len())],
                trouble: Trouble::ALL[random.random_range(0..Trouble::ALL.len())],
            });
            (command, strikes)
        })
        .collect();
    let failures = Mutex::new(String::new());
    side_by_side(&pairs, |(command, strikes)| {
        for failure in case(*command, strikes, &recorded[command].1).failures() {
            let [first, second] = strikes;
            writeln!(failures.lock().unwrap(), "{command:?}, {first}, {second}: {failure}").unwrap();
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "WEBRTC_AWS_FAULT_SEED={seed}\n{failures}");
}
