//! The sweep: every call of every command, struck by every fault.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::fault::{Strike, Target, Trouble};
use super::pairs::setting;
use super::rig::{EXISTING_BUCKET, Rig, paused};
use super::shape;
use super::table::Table;
use crate::config::Turn;
use crate::local::{Manners, Service};

/// A command, and what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Command {
    FirstUp,
    UpWithNothingToDo,
    UpThatChangesEverything,
    /// From a role of the stack's own to one that is there already.
    UpToAnExistingRole,
    /// And back.
    UpFromAnExistingRole,
    /// From no TURN servers to those of a signalling channel.
    UpToASignalingChannel,
    /// And back.
    UpFromASignalingChannel,
    /// From a bucket of the stack's own to one that is there already.
    UpToAnExistingBucket,
    /// And back.
    UpFromAnExistingBucket,
    Teardown,
    TeardownWithASignalingChannel,
    TeardownWithAnExistingBucket,
}

impl Command {
    pub(super) const ALL: [Self; 12] = [
        Self::FirstUp,
        Self::UpWithNothingToDo,
        Self::UpThatChangesEverything,
        Self::UpToAnExistingRole,
        Self::UpFromAnExistingRole,
        Self::UpToASignalingChannel,
        Self::UpFromASignalingChannel,
        Self::UpToAnExistingBucket,
        Self::UpFromAnExistingBucket,
        Self::Teardown,
        Self::TeardownWithASignalingChannel,
        Self::TeardownWithAnExistingBucket,
    ];

    /// Whether a call of this run is one that no other command makes so. Another role is found through IAM and seen on the function,
    /// a channel through its own service, and everything else is looked at as in an `up` that changes something else.
    fn is_its_own(self, target: &Target) -> bool {
        match self {
            Self::UpToAnExistingRole | Self::UpFromAnExistingRole => {
                target.is_write || [Service::Iam, Service::Lambda].contains(&target.service)
            }
            Self::UpToASignalingChannel | Self::UpFromASignalingChannel => {
                target.is_write || target.service == Service::KinesisVideo
            }
            Self::UpToAnExistingBucket | Self::UpFromAnExistingBucket => {
                target.is_write || target.service == Service::S3
            }
            Self::TeardownWithASignalingChannel => target.service == Service::KinesisVideo,
            Self::TeardownWithAnExistingBucket => target.service == Service::S3,
            Self::FirstUp | Self::UpWithNothingToDo | Self::UpThatChangesEverything | Self::Teardown => true,
        }
    }

    pub(super) fn is_teardown(self) -> bool {
        matches!(self, Self::Teardown | Self::TeardownWithASignalingChannel | Self::TeardownWithAnExistingBucket)
    }

    pub(super) async fn prepare(self, rig: &mut Rig) {
        if self == Self::UpFromAnExistingRole {
            // It has been there for long.
            rig.rest().await;
            rig.want_the_existing_role();
        }
        if matches!(self, Self::UpFromASignalingChannel | Self::TeardownWithASignalingChannel) {
            rig.want_a_signaling_channel();
        }
        if matches!(self, Self::UpFromAnExistingBucket | Self::TeardownWithAnExistingBucket) {
            rig.want_the_existing_bucket();
        }
        if self != Self::FirstUp {
            rig.up().await.unwrap();
        }
        match self {
            Self::UpToAnExistingRole => rig.want_the_existing_role(),
            Self::UpFromAnExistingRole => rig.config.role.existing = None,
            Self::UpToASignalingChannel => rig.want_a_signaling_channel(),
            Self::UpFromASignalingChannel => rig.config.turn = None,
            Self::UpToAnExistingBucket => rig.want_the_existing_bucket(),
            Self::UpFromAnExistingBucket => rig.config.existing_bucket = None,
            _ => {}
        }
        if self == Self::UpThatChangesEverything {
            rig.want_something_else();
            rig.rest().await;
            rig.damage().await;
            rig.rest().await;
        }
        rig.world.calls().clear();
    }

    async fn run(self, rig: &Rig) -> Result<(), String> {
        let result = if self.is_teardown() { rig.teardown().await } else { rig.up().await };
        result.map(drop).map_err(|problem| format!("{problem:?}"))
    }
}

/// What is run next, once a command was struck. `teardown` always comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum After {
    Up,
    Teardown,
}

impl After {
    pub(super) const ALL: [Self; 2] = [Self::Up, Self::Teardown];
}

/// What became of one case.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// How many faults happened.
    pub(super) struck: usize,
    /// The struck run itself went through.
    pub(super) at_once: bool,
    pub(super) not_converged: Option<String>,
    pub(super) leaked: Option<String>,
    pub(super) url_changed: Option<String>,
}

impl Verdict {
    pub(super) fn failures(&self) -> impl Iterator<Item = &String> {
        [&self.not_converged, &self.leaked, &self.url_changed].into_iter().flatten()
    }
}

/// The calls of an undisturbed run.
pub(super) fn record(manners: &Manners, command: Command) -> Vec<Target> {
    paused(async {
        let mut rig = Rig::on(manners.clone()).await;
        command.prepare(&mut rig).await;
        command.run(&rig).await.unwrap();
        let calls = rig.world.calls().clone();
        Target::all(&calls)
    })
}

/// What an account with the whole stack in it looks like.
pub(super) fn reference(manners: &Manners, command: Command) -> Value {
    paused(async {
        let mut rig = Rig::on(manners.clone()).await;
        command.prepare(&mut rig).await;
        if !command.is_teardown() {
            rig.up().await.unwrap();
        }
        shape::of(&rig.snapshot())
    })
}

/// Strikes a command, then runs `up` or not, and `teardown`, undisturbed.
pub(super) fn case(
    manners: &Manners,
    command: Command,
    strikes: &[Strike],
    after: After,
    reference: &Value,
) -> Verdict {
    paused(async {
        let mut verdict = Verdict::default();
        let mut rig = Rig::on(manners.clone()).await;
        let empty = rig.snapshot();
        command.prepare(&mut rig).await;
        let stood = shape::apis(&rig.snapshot());
        let (first, struck) = rig.struck(strikes, command.run(&rig)).await;
        verdict.struck = struck;
        if manners.api_lag > Duration::ZERO {
            // Of two APIs of one second AWS does not tell which is the older one, and the first of them is not listed yet. Nobody
            // was told a URL of either.
            rig.a_second().await;
        }
        verdict.at_once = matches!(first, Some(Ok(())));
        let late = strikes.iter().any(|strike| strike.trouble.has_late_effect());
        if after == After::Up {
            // What a killed teardown had asked for may happen in the middle of this one, or after it.
            let undone = late && command.is_teardown();
            let stood = if command.is_teardown() { Vec::new() } else { stood };
            if let Err(problem) = converged(&rig, reference, &stood, late, undone, &mut verdict).await {
                verdict.not_converged = Some(problem);
            }
        }
        verdict.leaked = torn_down(&rig, &empty, late).await.err();
        verdict
    })
}

/// Runs `up` until all is as it should be: once, or once more where a call of a dead run took effect only after it.
pub(super) async fn converged(
    rig: &Rig,
    reference: &Value,
    stood: &[String],
    late: bool,
    undone: bool,
    verdict: &mut Verdict,
) -> Result<(), String> {
    let shown = shape::apis(&rig.snapshot());
    let mut url = stood.first().filter(|api| shown.contains(api)).or(shown.first()).cloned();
    let next = rig.up().await;
    if late {
        if next.is_ok() && !undone {
            url = url.or(shape::apis(&rig.snapshot()).first().cloned());
        }
        rig.long_after().await;
        rig.up().await.map_err(|problem| format!("the second up failed: {problem:?}"))?;
    }
    match next {
        Err(problem) if !undone => return Err(format!("the next up failed: {problem:?}")),
        _ => {}
    }
    rig.world.calls().clear();
    let again = rig.up().await;
    let snapshot = rig.snapshot();
    let apis = shape::apis(&snapshot);
    if !undone && url.as_ref().is_some_and(|url| apis != [url.clone()]) {
        verdict.url_changed = Some(format!("{url:?} became {apis:?}"));
    }
    let now = shape::of(&snapshot);
    if now != *reference {
        return Err(format!("differs: {}", shape::difference(reference, &now)));
    }
    if !again.as_ref().is_ok_and(|ending| !ending.changed) {
        return Err(format!("the plan is not empty: {again:?}"));
    }
    if rig.world.calls().iter().any(|call| call.is_write) {
        return Err("a run with nothing to do wrote".to_owned());
    }
    Ok(())
}

pub(super) async fn torn_down(rig: &Rig, empty: &Value, late: bool) -> Result<(), String> {
    let mut ending = rig.teardown().await;
    if late {
        // What took effect in the middle of this one is said to be left, and what did after it nobody can have seen.
        rig.long_after().await;
        // Of a channel or a file that AWS made after all that would have remembered it was gone, this is the way out.
        ending = rig.teardown_told(Some(Turn::SignalingChannel), Some(EXISTING_BUCKET)).await;
    }
    ending.map_err(|problem| format!("teardown failed: {problem:?}"))?;
    let left = rig.snapshot();
    if left == *empty { Ok(()) } else { Err(shape::difference(empty, &left)) }
}

/// What the program's own thread has: a test's thread has a quarter of it, and a run without optimisation needs more.
const STACK: usize = 8 * 1024 * 1024;

/// Runs cases on as many threads as the machine has processors.
pub(super) fn side_by_side<Case: Sync>(cases: &[Case], run: impl Fn(&Case) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let work = || {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run(case);
                }
            };
            std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work).unwrap();
        }
    });
}

#[derive(Clone, Copy, Debug)]
struct Case {
    command: Command,
    strike: Strike,
    after: After,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, strike, after } = self;
        write!(f, "{command:?}, {strike}, then {after:?}")
    }
}

impl Case {
    /// A read has no effect, so that most faults at it are one, and what comes after it is as if it had not been: unless all are
    /// asked for.
    fn all(manners: &Manners, every_fault_at_reads: bool) -> Vec<Self> {
        let mut cases = Vec::new();
        for command in Command::ALL {
            let usual = if command.is_teardown() { After::Teardown } else { After::Up };
            for target in record(manners, command) {
                let thorough = target.is_write || every_fault_at_reads;
                if !every_fault_at_reads && !command.is_its_own(&target) {
                    continue;
                }
                let troubles: &[Trouble] = if thorough { &Trouble::ALL } else { &Trouble::OF_READS };
                for after in After::ALL.into_iter().filter(|after| thorough || *after == usual) {
                    cases.extend(troubles.iter().map(|&trouble| Self {
                        command,
                        strike: Strike { target, trouble },
                        after,
                    }));
                }
            }
        }
        cases
    }
}

/// How many cases there are to one that is struck on AWS at its worst, unless all are asked for: a case takes twice as long there.
const ONE_OF: u64 = 8;

/// How many calls of one operation are struck on AWS at its worst while nothing changes, unless all are asked for: its long waits are
/// the same call again and again.
const LOOKS: usize = 3;

/// The beginning of the only cases that are to run.
fn case_asked_for() -> Option<String> {
    std::env::var("WEBRTC_AWS_FAULT_CASE").ok()
}

/// One case is chosen from all, so that any that ever failed can run again.
fn everything_is_asked_for() -> bool {
    case_asked_for().is_some() || std::env::var("WEBRTC_AWS_FAULTS").is_ok_and(|value| value == "all")
}

#[test]
fn after_any_fault_at_any_call_up_converges_and_teardown_gives_zero() {
    let manners = Manners::default();
    strike("any_fault_at_any_call", &manners, Case::all(&manners, everything_is_asked_for()), true);
}

#[test]
fn after_any_fault_on_aws_at_its_worst_up_converges_and_teardown_gives_zero() {
    let manners = Manners::worst();
    let mut cases = Case::all(&manners, everything_is_asked_for());
    if !everything_is_asked_for() {
        cases.retain(|case| case.strike.target.look <= LOOKS);
        let first = setting("WEBRTC_AWS_FAULT_OFFSET").unwrap_or_default() as usize;
        println!("WEBRTC_AWS_FAULT_OFFSET={first}: one of {ONE_OF} cases");
        cases = cases.into_iter().skip(first).step_by(ONE_OF as usize).collect();
    }
    strike("at_its_worst", &manners, cases, false);
}

/// `reads_are_counted`: waits do not change how often anything is looked at.
fn strike(test: &str, manners: &Manners, mut cases: Vec<Case>, reads_are_counted: bool) {
    if let Some(wanted) = case_asked_for() {
        cases.retain(|case| case.to_string().starts_with(&wanted));
        assert!(!cases.is_empty(), "there is no case {wanted:?}: repetitions differ from run to run");
    }
    let references: BTreeMap<_, _> =
        Command::ALL.into_iter().map(|command| (command, reference(manners, command))).collect();
    let table = Mutex::<Table>::default();
    let failures = Mutex::new(String::new());
    side_by_side(&cases, |this| {
        let Case { command, strike, after } = *this;
        let verdict = case(manners, command, &[strike], after, &references[&command]);
        table.lock().unwrap().add((command, after, strike.trouble), &verdict);
        // How often a call is repeated differs from run to run; every other fault must have happened.
        let must_happen = !strike.target.is_repetition && (strike.target.is_write || reads_are_counted);
        let not_struck = (verdict.struck == 0 && must_happen).then(|| "it never happened".to_owned());
        for failure in verdict.failures().chain(&not_struck) {
            let mut failures = failures.lock().unwrap();
            writeln!(failures, "{this}: {failure}\n    again: WEBRTC_AWS_FAULT_CASE='{this}' cargo test {test}")
                .unwrap();
        }
    });
    let failures = failures.into_inner().unwrap();
    // The table is long, and logs are cut: what failed must not drown in it.
    assert!(failures.is_empty(), "\n{failures}");
    println!("{}", table.into_inner().unwrap());
}
