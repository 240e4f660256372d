//! The sweep: every call of every command, struck by every fault.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use super::fault::{Strike, Target, Trouble};
use super::rig::{Rig, paused};
use super::shape;

/// A command, and what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Command {
    FirstUp,
    UpWithNothingToDo,
    UpThatChangesEverything,
    Teardown,
}

impl Command {
    pub(super) const ALL: [Self; 4] =
        [Self::FirstUp, Self::UpWithNothingToDo, Self::UpThatChangesEverything, Self::Teardown];

    pub(super) async fn prepare(self, rig: &mut Rig) {
        if self != Self::FirstUp {
            rig.up().await.unwrap();
        }
        if self == Self::UpThatChangesEverything {
            rig.want_something_else();
            rig.damage().await;
        }
        rig.world.calls().clear();
    }

    async fn run(self, rig: &Rig) -> Result<(), String> {
        let result = if self == Self::Teardown { rig.teardown().await } else { rig.up().await };
        result.map(drop).map_err(|problem| format!("{problem:?}"))
    }
}

/// What became of one case.
#[derive(Debug, Default)]
pub(super) struct Verdict {
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
pub(super) fn record(command: Command) -> Vec<Target> {
    paused(async {
        let mut rig = Rig::new().await;
        command.prepare(&mut rig).await;
        command.run(&rig).await.unwrap();
        let calls = rig.world.calls().clone();
        Target::all(&calls)
    })
}

/// What an account with the whole stack in it looks like.
pub(super) fn reference(command: Command) -> Value {
    paused(async {
        let mut rig = Rig::new().await;
        command.prepare(&mut rig).await;
        if command != Command::Teardown {
            rig.up().await.unwrap();
        }
        shape::of(&rig.snapshot())
    })
}

/// Strikes a command, then runs `up` and `teardown` undisturbed.
pub(super) fn case(command: Command, strikes: &[Strike], reference: &Value) -> Verdict {
    paused(async {
        let mut verdict = Verdict::default();
        let mut rig = Rig::new().await;
        let empty = rig.snapshot();
        command.prepare(&mut rig).await;
        let stood = shape::apis(&rig.snapshot());
        let killing = strikes.iter().find(|strike| strike.trouble.kills());
        let first = rig.struck(strikes, killing.is_some(), command.run(&rig)).await;
        verdict.at_once = matches!(first, Some(Ok(())));

        let shown = shape::apis(&rig.snapshot());
        let url = stood.first().filter(|api| shown.contains(api)).or(shown.first()).cloned();
        if command != Command::Teardown {
            match rig.up().await {
                Err(problem) => verdict.not_converged = Some(format!("the next up failed: {problem:?}")),
                Ok(_) => {
                    rig.world.calls().clear();
                    let again = rig.up().await;
                    let snapshot = rig.snapshot();
                    let now = shape::of(&snapshot);
                    if now != *reference {
                        verdict.not_converged = Some(format!("differs: {}", shape::difference(reference, &now)));
                    } else if !again.as_ref().is_ok_and(|ending| !ending.changed) {
                        verdict.not_converged = Some(format!("the plan is not empty: {again:?}"));
                    } else if rig.world.calls().iter().any(|call| call.is_write) {
                        verdict.not_converged = Some("a run with nothing to do wrote".to_owned());
                    }
                    let apis = shape::apis(&snapshot);
                    if url.as_ref().is_some_and(|url| apis != [url.clone()]) {
                        verdict.url_changed = Some(format!("{url:?} became {apis:?}"));
                    }
                }
            }
        }
        match rig.teardown().await {
            Err(problem) => verdict.leaked = Some(format!("teardown failed: {problem:?}")),
            Ok(_) if rig.snapshot() != empty => verdict.leaked = Some(shape::difference(&empty, &rig.snapshot())),
            Ok(_) => {}
        }
        verdict
    })
}

#[derive(Default)]
struct Row {
    cases: usize,
    at_once: usize,
    converged: usize,
    leaked: usize,
    url_changed: usize,
}

/// Runs cases on as many threads as the machine has processors.
pub(super) fn side_by_side<Case: Sync>(cases: &[Case], run: impl Fn(&Case) + Sync) {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    run(case);
                }
            });
        }
    });
}

#[test]
fn after_any_fault_at_any_call_up_converges_and_teardown_gives_zero() {
    let every_fault_at_reads = std::env::var("WEBRTC_AWS_FAULTS").is_ok_and(|value| value == "all");
    let mut cases = Vec::new();
    let mut references = BTreeMap::new();
    for command in Command::ALL {
        references.insert(command, reference(command));
        for target in record(command) {
            let troubles: &[Trouble] =
                if target.is_write || every_fault_at_reads { &Trouble::ALL } else { &Trouble::OF_READS };
            cases.extend(troubles.iter().map(|&trouble| (command, Strike { target, trouble })));
        }
    }
    let table: Mutex<BTreeMap<(Command, Trouble), Row>> = Mutex::default();
    let failures = Mutex::new(String::new());
    side_by_side(&cases, |(command, strike)| {
        let verdict = case(*command, &[*strike], &references[command]);
        let mut table = table.lock().unwrap();
        let row = table.entry((*command, strike.trouble)).or_default();
        row.cases += 1;
        row.at_once += usize::from(verdict.at_once);
        row.converged += usize::from(verdict.not_converged.is_none());
        row.leaked += usize::from(verdict.leaked.is_some());
        row.url_changed += usize::from(verdict.url_changed.is_some());
        for failure in verdict.failures() {
            writeln!(failures.lock().unwrap(), "{command:?}, {strike}: {failure}").unwrap();
        }
    });
    println!("{}", printed(&table.into_inner().unwrap()));
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "\n{failures}");
}

fn printed(table: &BTreeMap<(Command, Trouble), Row>) -> String {
    let mut text = format!(
        "{:<25}{:<20}{:>8}{:>10}{:>12}{:>9}{:>14}\n",
        "command", "fault", "cases", "at once", "converged", "leaked", "URL changed"
    );
    let mut total = Row::default();
    for ((command, trouble), row) in table {
        text += &line(&format!("{command:?}"), &format!("{trouble:?}"), row);
        total.cases += row.cases;
        total.at_once += row.at_once;
        total.converged += row.converged;
        total.leaked += row.leaked;
        total.url_changed += row.url_changed;
    }
    text + &line("all", "all", &total)
}

fn line(command: &str, fault: &str, row: &Row) -> String {
    let Row { cases, at_once, converged, leaked, url_changed } = row;
    format!("{command:<25}{fault:<20}{cases:>8}{at_once:>10}{converged:>12}{leaked:>9}{url_changed:>14}\n")
}
