//! Runs that end before their time, and runs that meet.

use aws_sdk_apigatewayv2::types::ProtocolType;

use crate::{Stack, World, assert_relays};

/// A place where a run is killed: the call never answers, before or after its effect.
const DEADLY: [&str; 9] = [
    "s3:CreateBucket#1=hang-after",
    "s3:PutBucketPolicy#1=hang",
    "apigateway:CreateApi#1=hang-after",
    "lambda:CreateFunction#1=hang",
    "lambda:CreateFunction#1=hang-after",
    "apigateway:CreateIntegration#1=hang-after",
    "apigateway:CreateRoute#1=hang-after",
    "apigateway:CreateDeployment#1=hang-after",
    "apigateway:CreateStage#1=hang-after",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_continued_to_the_same_url_and_nothing_is_there_twice() {
    let world = World::new().await;
    let nothing = world.bytes();
    for place in DEADLY {
        let mut hits = world.account.aws.faults().hits();
        world.account.aws.faults().add(place.parse().unwrap());
        let mut up = world.machine.start(&["up", "demo"]);
        up.until(|event| event["event"] == "planned").await;
        hits.recv().await.unwrap();
        up.kill().await;
        world.account.aws.faults().clear();
        let made: Vec<String> = world.apis().keys().cloned().collect();

        let up = world.machine.succeed(&["up", "demo"]).await;
        let stack = Stack::of(&up);
        assert!(made.is_empty() || made == [stack.api.clone()], "{place}: {made:?}, then {up}");
        world.assert_settled(&[]).await;
        let api = &world.apis()[&stack.api];
        for (parts, count) in [("integrations", 1), ("routes", 1), ("deployments", 1), ("stages", 1)] {
            assert_eq!(api[parts].as_object().unwrap().len(), count, "{place}: {parts}");
        }
        let (mut one, mut other) = (stack.open().await, stack.open().await);
        assert_relays(&mut one, &mut other).await;
        world.machine.succeed(&["teardown", "demo", "--yes"]).await;
        assert_eq!(world.bytes(), nothing, "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_teardown_is_continued() {
    let world = World::new().await;
    let nothing = world.bytes();
    for place in [
        "s3:DeleteObjects#1=hang-after",
        "apigateway:DeleteApi#1=hang-after",
        "lambda:DeleteFunction#1=hang",
        "iam:DeleteRole#1=hang",
        "s3:DeleteBucket#1=hang",
    ] {
        world.machine.succeed(&["up", "demo"]).await;
        let mut hits = world.account.aws.faults().hits();
        world.account.aws.faults().add(place.parse().unwrap());
        let teardown = world.machine.start(&["teardown", "demo", "--yes"]);
        hits.recv().await.unwrap();
        teardown.kill().await;
        world.account.aws.faults().clear();
        world.machine.succeed(&["teardown", "demo", "--yes"]).await;
        assert_eq!(world.bytes(), nothing, "{place}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_run_finishes_its_calls_and_says_what_it_left() {
    let world = World::new().await;
    // Slow enough for the signal to come in the middle, on any machine.
    world.account.aws.faults().add("*=latency:150ms".parse().unwrap());
    let mut up = world.machine.start(&["up", "demo"]);
    up.until(|event| event["event"] == "step_started").await;
    up.interrupt();
    let up = up.end().await;
    assert_eq!((up.code, up.problem()["code"].as_str()), (Some(130), Some("interrupted")), "{up}");
    let left: Vec<String> = serde_json::from_value(up.problem()["left_behind"].clone()).unwrap();
    let done: Vec<String> = up.done().iter().map(|step| step.replace(" create", "")).collect();
    assert!(done.iter().all(|address| left.contains(address)), "what it finished is part of what it left: {up}");
    assert!(left.len() < 11, "{up}");
    let made: Vec<String> = world.apis().keys().cloned().collect();

    world.account.aws.faults().clear();
    let up = world.machine.succeed(&["up", "demo"]).await;
    assert!(made.is_empty() || made == [up.output("api_id")], "{made:?}");
    assert!((11 - left.len()..=11 - done.len()).contains(&up.done().len()), "{up}");
    world.assert_settled(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_meets_another_half_way_ends_at_the_same_stack() {
    let world = World::new().await;
    // Held before its effect: the second run overtakes the first.
    world.account.aws.faults().add("lambda:CreateFunction#1=latency:15s".parse().unwrap());
    let mut one = world.machine.start(&["up", "demo"]);
    // In whatever order they come.
    let mut awaited = vec!["objects.page", "route.default", "log_group.relay", "role_policy.relay"];
    one.until(|event| {
        let done = event["event"] == "step_finished";
        awaited.retain(|address| !(done && event["address"] == *address));
        awaited.is_empty()
    })
    .await;
    let other = world.machine.succeed(&["up", "demo"]).await;
    assert_eq!(other.done(), ["function.relay create", "permission.api create", "stage.live create"], "{other}");
    let one = one.end().await;
    assert_eq!((one.code, Stack::of(&one)), (Some(0), Stack::of(&other)), "{one}");
    world.assert_settled(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_apis_that_both_have_a_stage_end_a_run_and_a_teardown_removes_both() {
    let world = World::new().await;
    let nothing = world.bytes();
    let up = world.machine.succeed(&["up", "demo"]).await;
    let create = world.account.gateway.create_api().name("webrtc-aws-demo").tags("webrtc-aws:stack", "demo");
    let create = create.protocol_type(ProtocolType::Websocket).route_selection_expression("$request.body.action");
    let second = create.send().await.unwrap().api_id.unwrap();
    world.account.gateway.create_stage().api_id(&second).stage_name("prod").send().await.unwrap();
    let before = world.bytes();
    for command in ["up", "plan"] {
        let run = world.machine.run(&[command, "demo"]).await;
        assert_eq!((run.code, run.problem()["code"].as_str()), (Some(4), Some("ambiguous")), "{run}");
        let summary = run.problem()["summary"].as_str().unwrap();
        assert!(summary.contains(&second) && summary.contains(up.output("api_id")), "{run}");
    }
    assert_eq!(world.bytes(), before);
    world.machine.succeed(&["teardown", "demo", "--yes"]).await;
    assert_eq!(world.bytes(), nothing);
}
