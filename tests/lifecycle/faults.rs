//! Bad answers that a run gets over by itself.

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
