//! Many stacks of one account: `list` shows every one of which anything is left, and nothing else; `sweep` removes what is to go and
//! nothing else, whatever happens in between.

use std::collections::BTreeMap;

use aws_sdk_apigatewayv2::types::ProtocolType;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::super::sweep::{Task, sweep};
use super::super::{Ending, Run, list};
use super::fault::{Strike, Target, Trouble};
use super::rig::{Rig, paused};
use super::shape;
use crate::aws::clients::Clients;
use crate::config::Target as Place;
use crate::diagnostics::{Code, Diagnostic};
use crate::events::{Event, Events};
use crate::fleet::{FoundStack, Judged, Part, Rules};
use crate::local::apigateway;
use crate::naming::OWNER_TAG;
use crate::resources::page_files::ForeignObjects;
use crate::settings::Settings;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;

fn task(rules: Rules) -> Task {
    Task { rules, pattern: None, foreign_objects: ForeignObjects::Keep, delete: true }
}

fn older_than(age: &str) -> Rules {
    Rules { older_than: Some(age.parse().unwrap()), expired: false }
}

const EXPIRED: Rules = Rules { older_than: None, expired: true };

/// A sweep as it would be in so many days.
async fn sweep_in(days: i64, rig: &Rig, task: &Task, events: Events) -> Ending {
    let run = Run::new(events, Settings::default());
    let mut ground = rig.ground(&run).await.unwrap();
    ground.now = Timestamp::now() + SignedDuration::from_hours(24 * days);
    let target = Place::Aws { region: None, profile: None, endpoint_url: None, gateway: None };
    Box::pin(sweep(&[(target, ground)], task, &run)).await.into()
}

/// Removes everything, whatever its age.
pub(super) async fn sweep_all(rig: &Rig) -> Result<Ending, Diagnostic> {
    let task = Task { rules: Rules { expired: true, ..older_than("0h") }, ..task(EXPIRED) };
    let mut ending = sweep_in(100 * 365, rig, &task, Events::discarded()).await;
    ending.problem.take().map_or(Ok(ending), Err)
}

fn said(events: &mut tokio::sync::mpsc::UnboundedReceiver<Event>) -> Vec<Event> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

fn judged(events: &[Event]) -> BTreeMap<String, (bool, String)> {
    let stacks = events.iter().find_map(|event| match event {
        Event::Judged { stacks, .. } => Some(stacks),
        _ => None,
    });
    let entry = |Judged { stack, delete, reason }: &Judged| (stack.stack.to_string(), (*delete, reason.clone()));
    stacks.unwrap().iter().map(entry).collect()
}

async fn listed(rig: &Rig) -> Vec<FoundStack> {
    let (events, mut said_) = Events::channel();
    let run = Run::new(events, Settings::default());
    let ground = rig.ground(&run).await.unwrap();
    rig.world.calls().clear();
    let ending = list::show(&[&ground], None, &run).await.unwrap();
    assert!(ending.problem.is_none() && !ending.changed, "{ending:?}");
    assert!(rig.world.calls().iter().all(|call| !call.is_write), "a list wrote");
    let stacks = said(&mut said_).into_iter().find_map(|event| match event {
        Event::Stacks { stacks } => Some(stacks),
        _ => None,
    });
    stacks.unwrap()
}

/// Nothing but this part is left.
async fn keep_only(rig: &Rig, kept: Part) {
    let (names, Clients { s3, iam, lambda, api_gateway, logs, .. }) = (rig.names().await, Clients::new(&rig.sdk));
    let snapshot = rig.snapshot();
    for part in Part::ALL.into_iter().filter(|part| *part != kept) {
        match part {
            Part::Api => {
                let apis = snapshot["apigateway"]["apis"].as_object().unwrap().iter();
                for (id, _) in apis.filter(|(_, api)| api["tags"][OWNER_TAG] == names.stack.as_str()) {
                    api_gateway.delete_api().api_id(id).send().await.unwrap();
                }
            }
            Part::Bucket => {
                for key in ["index.html", "config.js"] {
                    s3.delete_object().bucket(names.bucket()).key(key).send().await.unwrap();
                }
                s3.delete_bucket().bucket(names.bucket()).send().await.unwrap();
            }
            Part::Function => {
                lambda.delete_function().function_name(names.function()).send().await.unwrap();
            }
            Part::Role => {
                let policy = iam.delete_role_policy().role_name(names.role()).policy_name(names.role_policy());
                policy.send().await.unwrap();
                iam.delete_role().role_name(names.role()).send().await.unwrap();
            }
            Part::LogGroup => {
                logs.delete_log_group().log_group_name(names.log_group()).send().await.unwrap();
            }
        }
    }
}

#[test]
fn every_stack_is_listed_also_one_of_which_a_single_part_is_left() {
    paused(async {
        let rig = Rig::new().await;
        let empty = rig.snapshot();
        assert_eq!(listed(&rig).await, []);
        rig.up().await.unwrap();
        let [whole] = &listed(&rig).await[..] else { panic!("one stack") };
        assert_eq!((whole.stack.as_str(), whole.missing.as_slice()), ("demo", &[][..]));
        assert_eq!(whole.site_url.as_deref(), Some(rig.names().await.site_url().as_str()));
        assert_eq!(whole.expires, rig.config.tagging.expires);
        assert_eq!(whole.deployed.as_ref().unwrap().by, "local");
        assert!(whole.age_s.unwrap() < 3600 && whole.created.unwrap() <= whole.last_activity.unwrap());

        for (number, part) in Part::ALL.into_iter().enumerate() {
            let other = rig.of(&format!("pr-{number}"));
            other.up().await.unwrap();
            keep_only(&other, part).await;
        }
        let stacks = listed(&rig).await;
        assert_eq!(stacks.len(), 1 + Part::ALL.len());
        for (stack, part) in stacks[1..].iter().zip(Part::ALL) {
            assert_eq!(stack.parts, [part], "{stack:?}");
            assert_eq!(stack.missing.len(), 4);
            assert_eq!(stack.expires, rig.config.tagging.expires, "{stack:?}");
            assert!(stack.age_s.unwrap() < 3600, "{stack:?}");
        }
        sweep_all(&rig).await.unwrap();
        assert_eq!(rig.snapshot(), empty);
    });
}

/// Names alone make nothing ours.
async fn look_alikes(rig: &Rig) -> Value {
    let (names, Clients { s3, iam, logs, api_gateway, .. }) = (rig.names().await, Clients::new(&rig.sdk));
    s3.create_bucket().bucket(names.bucket()).send().await.unwrap();
    let tag = aws_sdk_iam::types::Tag::builder().key(OWNER_TAG).value("another").build().unwrap();
    let role = iam.create_role().role_name(names.role()).tags(tag).assume_role_policy_document(TRUST);
    role.send().await.unwrap();
    logs.create_log_group().log_group_name(names.log_group()).send().await.unwrap();
    let api = |name: &str| {
        let create = api_gateway.create_api().name(name).protocol_type(ProtocolType::Websocket);
        create.route_selection_expression("$request.body.action")
    };
    api("webrtc-aws-demo").tags(OWNER_TAG, "No Stack Name").send().await.unwrap();
    let http = api("theirs").tags(OWNER_TAG, "demo").send().await.unwrap();
    apigateway::seed_as_http(&mut rig.world.state(), http.api_id().unwrap());
    rig.snapshot()
}

#[test]
fn what_has_no_tag_of_ours_is_neither_listed_nor_swept() {
    paused(async {
        let rig = Rig::new().await;
        let theirs = look_alikes(&rig).await;
        assert_eq!(listed(&rig).await, []);
        assert!(!sweep_all(&rig).await.unwrap().changed);
        assert_eq!(rig.snapshot(), theirs);
    });
}

#[test]
fn a_sweep_takes_what_is_old_or_expired_and_only_says_so_unless_told() {
    paused(async {
        let mut rig = Rig::new().await;
        rig.config.tagging.expires = None;
        let empty = rig.snapshot();
        rig.up().await.unwrap();
        let with_expiry = |name: &str, expires: &str| {
            let mut other = rig.of(name);
            other.config.tagging.expires = Some(expires.parse().unwrap());
            other
        };
        let (past, future, never) = (
            with_expiry("pr-1", "2001-01-01T00:00:00Z"),
            with_expiry("pr-2", "2100-01-01T00:00:00Z"),
            with_expiry("pr-3", "never"),
        );
        for rig in [&past, &future, &never] {
            rig.up().await.unwrap();
        }
        let full = rig.snapshot();
        for (days, rules, pattern, doomed) in [
            (0, older_than("3d"), None, &[][..]),
            (4, older_than("3d"), None, &["demo", "pr-1"]),
            (4, older_than("3d"), Some("pr-*"), &["pr-1"]),
            // Just deployed, though its time has passed.
            (0, EXPIRED, None, &[]),
            (1, EXPIRED, None, &["pr-1"]),
            (0, Rules { expired: true, ..older_than("0h") }, None, &["demo", "pr-1"]),
            (36_500, EXPIRED, None, &["pr-1", "pr-2"]),
        ] {
            let (events, mut heard) = Events::channel();
            let pattern = pattern.map(|pattern| pattern.parse().unwrap());
            let dry = Task { delete: false, pattern, ..task(rules) };
            rig.world.calls().clear();
            let ending = sweep_in(days, &rig, &dry, events).await;
            assert!(ending.problem.is_none() && !ending.changed);
            assert!(rig.world.calls().iter().all(|call| !call.is_write), "a dry sweep wrote");
            let judged = judged(&said(&mut heard));
            let found: Vec<_> =
                judged.iter().filter(|(_, (delete, _))| *delete).map(|(name, _)| name.as_str()).collect();
            assert_eq!(found, doomed, "{days} {rules:?}: {judged:?}");
        }
        assert_eq!(rig.snapshot(), full);

        let ending = sweep_in(1, &rig, &task(EXPIRED), Events::discarded()).await;
        assert!(ending.problem.is_none() && ending.changed);
        let left: Vec<_> = listed(&rig).await.into_iter().map(|stack| stack.stack.to_string()).collect();
        assert_eq!(left, ["demo", "pr-2", "pr-3"]);
        for rig in [&rig, &future, &never] {
            assert!(!rig.up().await.unwrap().changed, "the others are as they were");
            rig.teardown().await.unwrap();
        }
        assert_eq!(rig.snapshot(), empty);
    });
}

#[test]
fn one_stack_that_cannot_be_removed_stops_no_other() {
    paused(async {
        let rig = Rig::new().await;
        let empty = rig.snapshot();
        let all = ["pr-1", "pr-2", "pr-3"].map(|name| rig.of(name));
        for rig in &all {
            rig.up().await.unwrap();
        }
        let (bucket, s3) = (all[1].names().await.bucket(), Clients::new(&rig.sdk).s3);
        s3.put_object().bucket(&bucket).key("theirs.txt").send().await.unwrap();
        let (events, mut heard) = Events::channel();
        let ending = sweep_in(36_500, &rig, &task(EXPIRED), events).await;
        let problem = ending.problem.unwrap();
        assert_eq!((problem.code, problem.code.exit_code()), (Code::NotOurs, 4));
        assert!(problem.summary.starts_with("stack 'pr-2' in region us-east-1: "), "{problem}");
        let swept: Vec<_> = said(&mut heard)
            .into_iter()
            .filter_map(|event| match event {
                Event::Swept { stack, ok, problem, .. } => Some((stack.to_string(), ok, problem.is_some())),
                _ => None,
            })
            .collect();
        let entry = |name: &str, ok: bool| (name.to_owned(), ok, !ok);
        assert_eq!(swept, [entry("pr-1", true), entry("pr-2", false), entry("pr-3", true)]);
        let left: Vec<_> = listed(&rig).await.into_iter().map(|stack| stack.stack.to_string()).collect();
        assert_eq!(left, ["pr-2"]);

        let task = Task { foreign_objects: ForeignObjects::Delete, ..task(EXPIRED) };
        assert!(sweep_in(36_500, &rig, &task, Events::discarded()).await.problem.is_none());
        assert_eq!(rig.snapshot(), empty);
    });
}

/// Others took their time, and meanwhile somebody asked for it to live.
#[test]
fn a_stack_that_is_renewed_while_others_are_removed_stays() {
    paused(async {
        let rig = Rig::new().await;
        let (first, mut second) = (rig.of("pr-1"), rig.of("pr-2"));
        first.up().await.unwrap();
        second.up().await.unwrap();
        second.config.tagging.expires = Some("never".parse().unwrap());
        let (events, mut heard) = Events::channel();
        let doomed = task(EXPIRED);
        // Longer than the other run takes, on the jumping clock.
        rig.world.faults.add("apigateway:DeleteApi#1=latency:100s".parse().unwrap());
        let (ending, notes) = tokio::join!(sweep_in(36_500, &rig, &doomed, events), async {
            let mut notes = Vec::new();
            while let Some(event) = heard.recv().await {
                match event {
                    Event::Judged { stacks, .. } => assert!(stacks.iter().all(|stack| stack.delete), "{stacks:?}"),
                    Event::Sweeping { stack, .. } if stack.as_str() == "pr-1" => drop(second.up().await.unwrap()),
                    Event::Note { message } => notes.push(message),
                    _ => {}
                }
            }
            notes
        });
        assert!(ending.problem.is_none(), "{ending:?}");
        assert!(notes.iter().any(|note| note == "'pr-2' is left alone after all: it is never to expire"), "{notes:?}");
        assert!(!second.up().await.unwrap().changed);
        assert_eq!(listed(&rig).await.len(), 1);
    });
}

/// The API, which lists show with all its tags, goes first: what is left says by its own tags that its time has passed.
#[test]
fn a_sweep_that_is_killed_anywhere_is_finished_by_the_next() {
    let doomed = task(EXPIRED);
    let targets: Vec<Target> = paused(async {
        let rig = Rig::new().await;
        rig.up().await.unwrap();
        rig.world.calls().clear();
        assert!(sweep_in(36_500, &rig, &doomed, Events::discarded()).await.problem.is_none());
        let calls = rig.world.calls().clone();
        Target::all(&calls).into_iter().filter(|target| target.is_write).collect()
    });
    assert!(targets.len() >= 7, "{targets:?}");
    for target in targets {
        for trouble in [Trouble::KilledBefore, Trouble::KilledAfter] {
            paused(async {
                let rig = Rig::new().await;
                let empty = rig.snapshot();
                rig.up().await.unwrap();
                let strike = Strike { target, trouble };
                let sweeping = sweep_in(36_500, &rig, &doomed, Events::discarded());
                let (killed, struck) = rig.struck(&[strike], sweeping).await;
                assert!(killed.is_none() && struck > 0, "{strike}");
                let ending = sweep_in(36_500, &rig, &doomed, Events::discarded()).await;
                assert!(ending.problem.is_none(), "{strike}: {ending:?}");
                assert_eq!(shape::difference(&empty, &rig.snapshot()), "", "{strike}");
            });
        }
    }
}
