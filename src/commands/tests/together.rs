//! Two runs at once, and what one run does about what it cannot be sure of.

use aws_sdk_apigatewayv2::types::ProtocolType;

use super::rig::{Rig, paused};
use super::shape;
use crate::aws::clients::Clients;
use crate::diagnostics::Code;
use crate::events::{Event, Events};
use crate::naming::OWNER_TAG;
use crate::resources::ROLE;

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
