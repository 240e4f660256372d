//! What every kind promises, tested with one set of rules for all of them, against a local AWS and through the SDK's own
//! clients: absent → created → as wanted → left alone; whatever differs is brought back; nothing is made twice, nothing that is
//! not ours is touched, and deleting what is gone is no error.

use std::collections::BTreeSet;

use serde_json::json;

use super::drift;
use super::rig::{Rig, structure};
use crate::engine::plan::{Action, towards};
use crate::engine::resource::Observed;
use crate::local::Fault;
use crate::resources::{BUCKET, FUNCTION, LOG_GROUP, OBJECTS, ROLE, SIGNALING_CHANNEL, STAGE, WEBSOCKET_API};

/// What no hand can change from outside, and why.
const FIXED: [(&str, &str, &str); 8] = [
    ("function", "state", "Lambda alone sets it"),
    ("function", "architecture", "the local AWS takes only what this machine can run"),
    ("signaling_channel", "is_active", "AWS alone sets it"),
    ("integration", "integration_type", "the local AWS carries AWS_PROXY only"),
    ("integration", "connection_type", "the local AWS carries INTERNET only"),
    ("route", "authorization", "the local AWS carries NONE only"),
    ("role", "path", "IAM cannot move a role: another path is refused"),
    ("role", "permissions_boundary", "where none is asked for, one that somebody set stays"),
];

#[tokio::test]
async fn every_kind_is_made_once_and_then_left_alone() {
    let rig = Rig::start().await;
    for resource in rig.in_apply_order().await {
        let address = resource.address();
        let context = rig.context.of(address);
        assert_eq!(resource.observe(&context).await.unwrap(), Observed::Absent, "{address} before it is made");

        let desired = resource.desired(&context.known).unwrap();
        assert_eq!(resource.through_its_type(&desired).unwrap(), desired, "{address} survives JSON");
        resource.create(&context, &desired).await.unwrap();

        rig.aws.clear_calls();
        let observed = resource.observe(&context).await.unwrap();
        assert_eq!(observed, Observed::Owned(resource.desired(&context.known).unwrap()), "{address} as created");
        assert_eq!(towards(address, &observed, &desired).action, Action::Keep, "{address}");
        assert_eq!(rig.writes(), Vec::<String>::new(), "looking at {address} writes nothing");
    }
    rig.assert_nothing_to_do().await;
    let snapshot = rig.aws.snapshot();
    rig.apply().await.unwrap();
    assert_eq!(rig.aws.snapshot(), snapshot, "a second run changes nothing");
}

/// Somebody else was quicker: the run still believes that nothing is there, and creates.
#[tokio::test]
async fn creating_what_is_there_already_converges() {
    let rig = Rig::start().await;
    rig.apply().await.unwrap();
    let before = structure(&rig.aws.snapshot());
    for resource in rig.in_apply_order().await {
        let address = resource.address();
        // Of the API and the integration AWS makes a second one without a word; it goes again.
        let mut observations = rig.observe().await;
        observations.insert(address, Observed::Absent);
        rig.apply_to(&observations).await.unwrap_or_else(|problem| panic!("{address} made twice: {problem}"));
        rig.assert_nothing_to_do().await;
        assert_eq!(structure(&rig.aws.snapshot()), before, "{address} made twice");
    }
}

/// The call took effect, and nobody knows: repeating it blindly would make a second one.
#[tokio::test]
async fn a_lost_answer_to_any_write_makes_nothing_twice() {
    let rig = Rig::start().await;
    rig.apply().await.unwrap();
    let (expected, writes) = (structure(&rig.aws.snapshot()), rig.writes());
    let writes: BTreeSet<String> = writes.into_iter().collect();
    assert!(writes.len() > 10, "{writes:?}");
    for write in writes {
        let rig = Rig::start().await;
        let mut hits = rig.aws.faults().hits();
        rig.aws.faults().add(format!("{write}#1=lost").parse().unwrap());
        rig.apply().await.unwrap_or_else(|problem| panic!("the answer to {write} lost: {problem}"));
        assert_eq!(hits.try_recv().unwrap().fault, Fault::AnswerLost, "{write}");
        rig.assert_nothing_to_do().await;
        assert_eq!(structure(&rig.aws.snapshot()), expected, "the answer to {write} lost");
    }
}

#[tokio::test]
async fn whatever_differs_is_named_and_brought_back() {
    let rig = Rig::start().await;
    rig.apply().await.unwrap();
    let mut changed = BTreeSet::new();
    for drift in drift::all(&rig) {
        drift.work.await;
        let plan = rig.plan().await;
        let steps: Vec<_> = plan.steps.iter().filter(|step| step.action != Action::Keep).collect();
        let planned: Vec<_> = steps.iter().map(|step| step.address).collect();
        assert_eq!(planned, drift.planned, "{}: {steps:#?}", drift.what);
        for step in &steps {
            changed.extend(step.changes.iter().map(|change| format!("{}:{}", step.address, change.field)));
        }
        rig.apply().await.unwrap_or_else(|problem| panic!("{}: {problem}", drift.what));
        rig.assert_nothing_to_do().await;
    }
    for resource in rig.graph.resources().iter().filter(|resource| rig.graph.is_wanted(resource.address())) {
        let address = resource.address();
        let desired = resource.desired(&rig.context.known).unwrap();
        for field in desired.as_object().unwrap().keys() {
            let fixed = FIXED.iter().any(|(kind, name, _)| (*kind, *name) == (address.kind, field.as_str()));
            let prefix = format!("{address}:{field}");
            let drifted = changed.iter().any(|change| change.starts_with(&prefix));
            assert!(drifted != fixed, "no drift of {prefix}, or one that was said to be impossible");
        }
    }
}

#[tokio::test]
async fn whatever_is_gone_is_made_again() {
    let rig = Rig::start().await;
    rig.apply().await.unwrap();
    let expected = structure(&rig.aws.snapshot());
    for resource in rig.in_delete_order().await {
        let address = resource.address();
        if address == BUCKET {
            rig.resource(OBJECTS).delete(&rig.context.of(OBJECTS)).await.unwrap();
        }
        resource.delete(&rig.context.of(address)).await.unwrap();
        rig.apply().await.unwrap_or_else(|problem| panic!("{address} made again: {problem}"));
        rig.assert_nothing_to_do().await;
        assert_eq!(structure(&rig.aws.snapshot()), expected, "{address} made again");
    }
}

#[tokio::test]
async fn deleting_twice_is_no_error_and_leaves_nothing() {
    let rig = Rig::start().await;
    let empty = rig.aws.snapshot();
    rig.apply().await.unwrap();
    let observations = rig.observe().await;
    for resource in rig.in_delete_order().await {
        let (address, context) = (resource.address(), rig.context.of(resource.address()));
        for attempt in ["first", "second"] {
            resource
                .delete(&context)
                .await
                .unwrap_or_else(|problem| panic!("{attempt} delete of {address}: {problem}"));
        }
    }
    assert_eq!(rig.aws.snapshot(), empty);
    // The same through the engine, which still believes that everything is there.
    rig.remove(&observations).await.unwrap();
    assert_eq!(rig.aws.snapshot(), empty);
}

#[tokio::test]
async fn what_carries_another_stacks_tag_or_none_is_never_written_to() {
    let rig = Rig::start().await;
    rig.apply().await.unwrap();
    for address in [BUCKET, LOG_GROUP, ROLE, SIGNALING_CHANNEL, FUNCTION] {
        for owner in [Some("other"), None] {
            rig.tag(address, owner).await;
            let snapshot = rig.aws.snapshot();
            rig.aws.clear_calls();
            let problem = rig.apply().await.unwrap_err();
            assert_eq!(problem.code, crate::diagnostics::Code::NotOurs, "{address}: {problem}");
            assert!(problem.summary.contains(&rig.name(address)), "{problem}");
            assert!(problem.summary.contains(owner.unwrap_or("no tag")), "{problem}");
            assert_eq!((rig.writes(), rig.aws.snapshot()), (Vec::new(), snapshot), "{address}");
            rig.tag(address, Some("demo")).await;
            rig.assert_nothing_to_do().await;
        }
    }
}

/// Whatever differs, a stack is found and goes; only at somebody's file it stops.
#[tokio::test]
async fn a_stack_that_somebody_edited_is_removed() {
    let rig = Rig::start().await;
    rig.apply().await.unwrap();
    for drift in drift::all(&rig) {
        let what = drift.what;
        drift.work.await;
        if what == "another index.html uploaded" {
            assert_eq!(rig.remove_found().await.unwrap_err().code, crate::diagnostics::Code::NotOurs, "{what}");
            rig.apply().await.unwrap();
        }
        rig.remove_found().await.unwrap_or_else(|problem| panic!("{what}: {problem}"));
        let observations = rig.observe().await;
        assert!(observations.values().all(|observed| *observed == Observed::Absent), "{what}: {observations:?}");
        rig.apply().await.unwrap();
    }
}

/// An API's name is no identity: one without our tag is somebody else's, whatever it is called.
#[tokio::test]
async fn an_api_that_lost_its_tag_is_left_alone() {
    for owner in [Some("other"), None] {
        let rig = Rig::start().await;
        rig.apply().await.unwrap();
        let id = rig.context.known.api.get().unwrap().to_string();
        rig.tag(WEBSOCKET_API, owner).await;
        let theirs = rig.aws.snapshot()["apigateway"]["apis"][&id].clone();
        assert!(theirs.is_object());
        rig.apply().await.unwrap();
        rig.assert_nothing_to_do().await;
        let ours = rig.context.known.api.get().unwrap().to_string();
        assert_ne!(ours, id);
        rig.remove_found().await.unwrap();
        assert_eq!(rig.aws.snapshot()["apigateway"]["apis"], json!({ id: theirs }));
    }
}

#[tokio::test]
async fn the_stage_moves_only_when_what_it_serves_has_changed() {
    let rig = Rig::start().await;
    rig.apply().await.unwrap();
    let deployments = || {
        let id = rig.context.known.api.get().unwrap().to_string();
        rig.aws.snapshot()["apigateway"]["apis"][&id]["deployments"].clone()
    };
    let before = deployments();
    let stage = rig.resource(STAGE);
    let context = rig.context.of(STAGE);
    let Observed::Owned(observed) = stage.observe(&context).await.unwrap() else { panic!("the stage is there") };
    let mut slower = observed.clone();
    slower["throttling_rate"] = json!(7.0);
    stage.update(&context, &observed, &slower, &[]).await.unwrap();
    assert_eq!(deployments(), before, "a setting of the stage needs no deployment");
}

/// The permission lives in the function and goes with it; nobody had looked since.
#[tokio::test]
async fn a_function_that_failed_is_made_anew_with_its_permission() {
    let rig = Rig::start().await;
    rig.apply().await.unwrap();
    let mut observations = rig.observe().await;
    let Some(Observed::Owned(function)) = observations.get_mut(&FUNCTION) else { panic!("the function is there") };
    function["state"] = json!("failed");
    rig.aws.clear_calls();
    rig.apply_to(&observations).await.unwrap();
    let writes = rig.writes();
    assert_eq!(writes, ["lambda:DeleteFunction", "lambda:CreateFunction", "lambda:AddPermission"]);
    rig.assert_nothing_to_do().await;
}
