//! Bad answers that a run gets over by itself.

use serde_json::json;

use crate::World;

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_to_creates_leave_no_duplicates() {
    let world = World::new().await;
    for create in ["apigateway:CreateApi", "lambda:CreateFunction", "s3:CreateBucket", "apigateway:CreateIntegration"] {
        world.account.aws.faults().add(format!("{create}#1=lost").parse().unwrap());
    }
    let mut hits = world.account.aws.faults().hits();
    let up = world.machine.succeed(&["up", "demo"]).await;
    for _ in 0..4 {
        hits.try_recv().expect("all four were lost");
    }
    world.assert_settled(&[]).await;
    let apis = world.apis();
    assert_eq!(apis.keys().collect::<Vec<_>>(), [up.output("api_id")]);
    assert_eq!(apis[up.output("api_id")]["integrations"].as_object().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_deployment_is_waited_for_and_the_wait_is_shown() {
    let world = World::new().await;
    world.account.aws.faults().add("apigateway:CreateDeployment#1=throttle".parse().unwrap());
    let up = world.machine.succeed(&["up", "demo"]).await;
    assert!(
        up.waits().iter().any(|reason| reason.contains("apigateway:CreateDeployment answered TooManyRequests")),
        "{up}"
    );
    world.assert_settled(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_failed_half_way_is_named_among_what_is_left() {
    let world = World::new().await;
    let refusal = "lambda:AddPermission=fail:400:InvalidParameterValueException:no";
    world.account.aws.faults().add(refusal.parse().unwrap());
    world.account.aws.faults().add("s3:PutBucketEncryption=fail:400:InvalidArgument:no".parse().unwrap());
    let up = world.machine.run(&["up", "demo"]).await;
    assert_eq!(up.code, Some(1), "{up}");
    let left = [
        "bucket.page",
        "log_group.relay",
        "role.relay",
        "websocket_api.relay",
        "role_policy.relay",
        "function.relay",
        "integration.relay",
        "route.default",
    ];
    assert_eq!(up.problem()["left_behind"], json!(left), "{up}");
    world.account.aws.faults().clear();
    world.machine.succeed(&["up", "demo"]).await;
    world.assert_settled(&[]).await;
}
