//! Spoilt answers: every call of every command, its answer garbled in every way, once and for good.
//!
//! Once: the run goes on or says what came, and the next `up` and `teardown` find everything as after any other fault. For good:
//! the run ends with a diagnostic that names the call, and nothing that stands is taken for absent.
//!
//! Each meets one garbling, taking turns; `WEBRTC_AWS_FAULTS=all` lets each meet all of them.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;

use super::rig::{Rig, paused};
use super::shape;
use super::sweep::{Command, reference, side_by_side};
use crate::aws::answer::is_listed;
use crate::diagnostics::{Code, Diagnostic};
use crate::local::{CallRecord, Fault, FaultRule, Garbling, Manners, Service};

const GARBLINGS: [Garbling; 12] = [
    Garbling::WebPage(200),
    Garbling::WebPage(403),
    Garbling::WebPage(404),
    Garbling::WebPage(503),
    Garbling::Empty,
    Garbling::Truncated,
    Garbling::Reset,
    Garbling::WrongTypes,
    Garbling::NoMembers,
    Garbling::MoreMembers,
    Garbling::NewValues,
    Garbling::ContentType,
];

/// No run may take longer, on the jumping clock.
const LONGEST: Duration = Duration::from_secs(3600);

/// An operation of a command; its `nth` call, or each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Target {
    service: Service,
    operation: &'static str,
    nth: Option<usize>,
}

#[derive(Clone, Copy, Debug)]
struct Case {
    command: Command,
    target: Target,
    garbling: Garbling,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Target { service, operation, nth } = self.target;
        let nth = nth.map_or("".to_owned(), |nth| format!("#{nth}"));
        write!(f, "{:?}, {service}:{operation}{nth}=garbled:{}", self.command, self.garbling)
    }
}

async fn run(command: Command, rig: &Rig) -> Result<(), Diagnostic> {
    let result = if command.is_teardown() { rig.teardown().await } else { rig.up().await };
    result.map(drop)
}

/// The calls of an undisturbed run.
fn calls(command: Command) -> Vec<CallRecord> {
    paused(async {
        let mut rig = Rig::new().await;
        command.prepare(&mut rig).await;
        run(command, &rig).await.unwrap();
        rig.world.calls().clone()
    })
}

fn once<'calls>(calls: impl Iterator<Item = &'calls CallRecord>) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for &CallRecord { service, operation, .. } in calls {
        let before = targets.iter().filter(|target| (target.service, target.operation) == (service, operation)).count();
        targets.push(Target { service, operation, nth: Some(before + 1) });
    }
    targets
}

fn for_good(calls: &[CallRecord]) -> Vec<Target> {
    let mut targets: Vec<Target> = Vec::new();
    for &CallRecord { service, operation, .. } in calls {
        let target = Target { service, operation, nth: None };
        if !targets.contains(&target) {
            targets.push(target);
        }
    }
    targets
}

async fn struck(case: &Case, rig: &Rig) -> Result<(), Diagnostic> {
    let Target { service, operation, nth } = case.target;
    let fault = Fault::Garbled(case.garbling);
    rig.world.faults.add(FaultRule { service: Some(service), operation: Some(operation.to_owned()), nth, fault });
    let result = tokio::time::timeout(LONGEST, run(case.command, rig)).await.expect("the run hangs");
    rig.world.faults.clear();
    result
}

/// What is wrong with a diagnostic that a spoilt answer led to.
fn unclear(case: &Case, problem: &Diagnostic) -> Option<String> {
    let text = format!("{problem} / {}", problem.hint);
    let bare = ["service error", "unhandled error", "dispatch failure", "without a message"];
    if let Some(bare) = bare.iter().find(|bare| text.contains(**bare)) {
        return Some(format!("\"{bare}\" in {text}"));
    }
    if problem.hint.is_empty() {
        return Some(format!("no hint: {text}"));
    }
    let Target { service, operation, .. } = case.target;
    let names_the_call =
        problem.aws.as_ref().is_some_and(|aws| (aws.service, aws.operation) == (service.signing_name(), operation));
    match case.garbling {
        Garbling::WebPage(_) if service == Service::S3 && operation.starts_with("Head") => {
            (!names_the_call || !text.contains("not AWS")).then(|| format!("not told that it was not AWS: {text}"))
        }
        Garbling::WebPage(_) => {
            (problem.code != Code::UnreadableAnswer || !names_the_call || !text.contains("a web page"))
                .then(|| format!("not told that it was a web page: {text}"))
        }
        // Whatever has no tag is a stranger's, and left alone.
        Garbling::NoMembers if problem.code == Code::NotOurs => None,
        Garbling::Empty | Garbling::Truncated | Garbling::NoMembers | Garbling::WrongTypes | Garbling::Reset => {
            (!names_the_call).then(|| format!("the call is not named: {text}"))
        }
        Garbling::NewValues | Garbling::MoreMembers | Garbling::ContentType => None,
    }
}

/// A run with a spoilt answer, then `up` and `teardown` undisturbed.
fn failures(case: &Case, reference: &Value) -> Vec<String> {
    paused(async {
        let mut failures = Vec::new();
        let mut rig = Rig::new().await;
        let empty = rig.snapshot();
        case.command.prepare(&mut rig).await;
        let stood = shape::apis(&rig.snapshot());
        let first = struck(case, &rig).await;
        match &first {
            Err(problem) => failures.extend(unclear(case, problem)),
            Ok(()) if case.command.is_teardown() && rig.snapshot() != empty => {
                failures.push("teardown says that nothing is left".to_owned());
            }
            // It may end well without an answer: what it wanted may have been there all along.
            Ok(()) if !case.command.is_teardown() && shape::of(&rig.snapshot()) != *reference => {
                failures.push("the run ended well, and not with what was wanted".to_owned());
            }
            Ok(()) => {}
        }
        let apis = shape::apis(&rig.snapshot());
        let url = stood.first().filter(|api| apis.contains(api)).or(apis.first()).cloned();
        if !case.command.is_teardown() {
            if stood.first().is_some_and(|api| !apis.contains(api)) {
                failures.push("the API that stood is gone".to_owned());
            }
            match rig.up().await {
                Err(problem) => failures.push(format!("the next up failed: {problem:?}")),
                Ok(_) => {
                    let snapshot = rig.snapshot();
                    if shape::of(&snapshot) != *reference {
                        failures.push("the next up did not converge".to_owned());
                    }
                    let apis = shape::apis(&snapshot);
                    if url.as_ref().is_some_and(|url| apis != [url.clone()]) {
                        failures.push(format!("{url:?} became {apis:?}"));
                    }
                }
            }
        }
        match rig.teardown().await {
            Err(problem) => failures.push(format!("teardown failed: {problem:?}")),
            Ok(_) if rig.snapshot() != empty => failures.push("teardown left something".to_owned()),
            Ok(_) => {}
        }
        failures
    })
}

/// How many garblings each target meets in the short run; they take turns, so that all of them are met by some target.
const SHORT: usize = 1;

fn sweep(all: bool, targets: impl Fn(&[CallRecord]) -> Vec<Target>) {
    let mut references = BTreeMap::new();
    let mut cases = Vec::new();
    let mut turns = GARBLINGS.into_iter().cycle();
    for command in Command::ALL {
        references.insert(command, reference(&Manners::default(), command));
        for target in targets(&calls(command)) {
            let garblings = turns.by_ref().take(if all { GARBLINGS.len() } else { SHORT });
            cases.extend(garblings.map(|garbling| Case { command, target, garbling }));
        }
    }
    let found = Mutex::new(String::new());
    side_by_side(&cases, |case| {
        for failure in failures(case, &references[&case.command]) {
            writeln!(found.lock().unwrap(), "{case}: {failure}").unwrap();
        }
    });
    println!("{} cases", cases.len());
    let found = found.into_inner().unwrap();
    assert!(found.is_empty(), "\n{found}");
}

fn everything() -> bool {
    std::env::var("WEBRTC_AWS_FAULTS").is_ok_and(|value| value == "all")
}

/// A read is simply made again, so that the short run strikes writes alone.
#[test]
fn one_spoilt_answer_is_a_lost_answer() {
    let all = everything();
    sweep(all, |calls| once(calls.iter().filter(|call| all || call.is_write)));
}

#[test]
fn spoilt_answers_for_good_end_in_a_diagnostic_that_names_the_call() {
    sweep(everything(), for_good);
}

/// An empty answer to an operation that is not listed would be taken for "nothing is there".
#[test]
fn it_is_known_what_the_answers_to_all_reads_hold() {
    for command in Command::ALL {
        for call in calls(command).iter().filter(|call| !call.is_write) {
            assert!(is_listed(call.operation), "{} needs a line in src/aws/answer.rs", call.operation);
        }
    }
}
