//! Two runs at once on one stack: the first is held at each of its writes until the second has ended. Neither crashes, leaks or
//! leaves anything twice; at worst one says that another run is at work. And what one run does about what it cannot be sure of.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_apigatewayv2::types::ProtocolType;
use serde_json::Value;

use super::fault::Target;
use super::rig::{Rig, paused};
use super::shape;
use super::sweep::{Command, record, reference, side_by_side};
use crate::aws::clients::Clients;
use crate::commands::Ending;
use crate::diagnostics::{Code, Diagnostic};
use crate::events::{Event, Events};
use crate::local::{Fault, Manners};
use crate::naming::OWNER_TAG;
use crate::resources::ROLE;

/// Until then the first run has come to the call at which it is held, on the jumping clock.
const LATER: Duration = Duration::from_secs(50);

/// The second run takes less than this lasts beyond [`LATER`]; the SDK would wait longer.
const HELD: Duration = Duration::from_secs(110);

/// By default, one in this many cases: an odd number takes all combinations in turn.
const ONE_IN: usize = 3;

#[derive(Clone, Copy, Debug)]
struct Case {
    first: Command,
    target: Target,
    /// Whether the held call takes effect before the second run. It then is not answered at all, and times out.
    takes_effect: bool,
    second: Command,
}

async fn run(command: Command, rig: &Rig) -> Result<Ending, Diagnostic> {
    if command.is_teardown() { rig.teardown().await } else { rig.up().await }
}

/// What went wrong. `expected` is what the first command wants.
fn case(case: &Case, expected: &Value) -> Option<String> {
    paused(async {
        let mut rig = Rig::new().await;
        let empty = rig.snapshot();
        case.first.prepare(&mut rig).await;
        let fault = if case.takes_effect { Fault::HangAfterEffect } else { Fault::Latency(HELD) };
        rig.world.faults.add(case.target.rule(fault));
        let (first, second) = tokio::join!(run(case.first, &rig), async {
            let _ = tokio::time::timeout(LATER, std::future::pending::<()>()).await;
            run(case.second, &rig).await
        });
        rig.world.faults.clear();
        let mut shown = Vec::new();
        for (command, result) in [(case.first, &first), (case.second, &second)] {
            match result {
                Ok(ending) => shown.extend(ending.outputs.iter().map(|outputs| outputs.api_id.clone())),
                Err(problem) if matches!(problem.code, Code::Disturbed | Code::Leftover) => {}
                // The held call was never answered.
                Err(problem) if case.takes_effect && problem.code == Code::TimedOut => {}
                Err(problem) => return Some(format!("{command:?} said: {problem:?}")),
            }
        }
        let both_are_ups = ![case.first, case.second].contains(&Command::Teardown);
        if let Err(problem) = rig.up().await {
            return Some(format!("the next up failed: {problem:?}"));
        }
        let snapshot = rig.snapshot();
        let difference = shape::difference(expected, &shape::of(&snapshot));
        if !difference.is_empty() {
            return Some(format!("the next up left a difference: {difference}"));
        }
        if !rig.up().await.is_ok_and(|ending| !ending.changed) {
            return Some("the plan is not empty".to_owned());
        }
        let apis = shape::apis(&snapshot);
        if both_are_ups && shown.iter().any(|api| apis != [api.clone()]) {
            return Some(format!("shown were {shown:?}, there is {apis:?}"));
        }
        match rig.teardown().await {
            Err(problem) => Some(format!("the next teardown failed: {problem:?}")),
            Ok(_) if rig.snapshot() != empty => Some(shape::difference(&empty, &rig.snapshot())),
            Ok(_) => None,
        }
    })
}

#[test]
fn wherever_one_run_meets_another_the_next_up_converges_and_teardown_gives_zero() {
    let mut cases = Vec::new();
    let mut references = BTreeMap::new();
    for first in [Command::FirstUp, Command::UpThatChangesEverything, Command::Teardown] {
        let expected = if first == Command::Teardown { Command::FirstUp } else { first };
        references.insert(first, reference(&Manners::default(), expected));
        for target in record(&Manners::default(), first).into_iter().filter(|target| target.is_write) {
            for second in [Command::UpThatChangesEverything, Command::Teardown] {
                cases.extend([false, true].map(|takes_effect| Case { first, target, takes_effect, second }));
            }
        }
    }
    if !std::env::var("WEBRTC_AWS_FAULTS").is_ok_and(|value| value == "all") {
        cases = cases.into_iter().step_by(ONE_IN).collect();
    }
    let failures = Mutex::new(String::new());
    side_by_side(&cases, |it| {
        if let Some(failure) = case(it, &references[&it.first]) {
            let Case { first, target, takes_effect, second } = it;
            let moment = if *takes_effect { "after" } else { "before" };
            writeln!(failures.lock().unwrap(), "{first:?} held {moment} {target}, then {second:?}: {failure}").unwrap();
        }
    });
    let failures = failures.into_inner().unwrap();
    println!("{} cases of two runs at once", cases.len());
    assert!(failures.is_empty(), "{} of {}\n{failures}", failures.lines().count(), cases.len());
}

#[test]
fn two_first_ups_at_once_leave_one_api() {
    paused(async {
        let rig = Rig::new().await;
        // One of them may lose a race elsewhere and say so; neither may leave a second URL behind.
        let _ = tokio::join!(rig.up(), rig.up());
        assert_eq!(shape::apis(&rig.snapshot()).len(), 1);
    });
}

/// Dates are in whole seconds, so the one that was made later may count as the older one, and the other run had looked before.
#[test]
fn of_two_apis_made_within_one_second_both_runs_keep_the_same() {
    // While the other run still looks, and when it is about to make the stage.
    for latency in ["300ms", "1500ms"].into_iter().cycle().take(24) {
        paused(async {
            let rig = Rig::new().await;
            let empty = rig.snapshot();
            rig.world.faults.add(format!("apigateway:CreateApi#2=latency:{latency}").parse().unwrap());
            let _ = tokio::join!(rig.up(), rig.up());
            assert_eq!(shape::apis(&rig.snapshot()).len(), 1, "{latency}");
            rig.up().await.unwrap();
            rig.teardown().await.unwrap();
            assert_eq!(rig.snapshot(), empty);
        });
    }
}

#[test]
fn after_a_lost_answer_a_run_waits_before_it_looks_and_says_so() {
    paused(async {
        let rig = Rig::new().await;
        rig.world.faults.add("iam:CreateRole#1=lost".parse().unwrap());
        let (events, mut stream) = Events::channel();
        rig.up_with(events).await.unwrap();
        let waits = std::iter::from_fn(|| stream.try_recv().ok()).filter_map(|event| match event {
            Event::StepWaiting { address: ROLE, reason, delay_ms, .. } => Some((reason, delay_ms)),
            _ => None,
        });
        let waits: Vec<_> = waits.collect();
        assert!(matches!(&waits[..], [(reason, 400..)] if reason.contains("CreateRole")), "{waits:?}");
    });
}

/// What was made a moment ago is not known everywhere yet (AWS-FACTS D), which is no reason to end a run.
#[test]
fn a_not_found_right_after_a_create_is_waited_out() {
    for place in ["iam:PutRolePolicy", "logs:PutRetentionPolicy", "lambda:AddPermission", "apigateway:CreateStage"] {
        paused(async {
            let rig = Rig::new().await;
            let code = if place.starts_with("iam") { "NoSuchEntity" } else { "ResourceNotFoundException" };
            rig.world.faults.add(format!("{place}#1=fail:404:{code}").parse().unwrap());
            assert!(rig.up().await.is_ok_and(|ending| ending.changed), "{place}");
            assert!(rig.up().await.is_ok_and(|ending| !ending.changed), "{place}");
        });
    }
}

#[test]
fn two_apis_that_may_be_in_use_are_both_named_and_neither_is_touched() {
    paused(async {
        let rig = Rig::new().await;
        let gateway = Clients::new(&rig.sdk).api_gateway;
        rig.world.faults.add("apigateway:CreateApi#1=hang".parse().unwrap());
        let mut hits = rig.world.faults.hits();
        let meanwhile = async {
            hits.recv().await.unwrap();
            let mut ids = Vec::new();
            for _ in 0..2 {
                let create = gateway.create_api().name("webrtc-aws-demo").protocol_type(ProtocolType::Websocket);
                let create = create.route_selection_expression("$request.body.action").tags(OWNER_TAG, "demo");
                let id = create.send().await.unwrap().api_id.unwrap();
                gateway.create_stage().api_id(&id).stage_name("live").send().await.unwrap();
                ids.push(id);
            }
            ids
        };
        let (result, ids) = tokio::join!(rig.up(), meanwhile);
        let problem = result.err().unwrap();
        assert_eq!(problem.code, Code::Ambiguous, "{problem}");
        assert!(ids.iter().all(|id| problem.summary.contains(id)) && problem.hint.contains("teardown"), "{problem}");
        let mut apis = shape::serving(&rig.snapshot());
        apis.sort();
        assert_eq!(apis, {
            let mut ids = ids;
            ids.sort();
            ids
        });
    });
}
