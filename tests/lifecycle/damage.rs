//! Each part that people forget or lose, taken away: what then fails as it fails on AWS, what `plan` says, and that `up` repairs it.

use aws_sdk_s3::types::PublicAccessBlockConfiguration;
use serde_json::json;

use crate::deployed::Client;
use crate::support::http::get;
use crate::{Stack, World, assert_relays, is_internal_server_error, to};

async fn repaired(world: &World, stack: &Stack) {
    let up = world.machine.succeed(&["up", "demo"]).await;
    assert_eq!(&Stack::of(&up), stack, "{up}");
    world.assert_settled(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_inline_policy_the_sender_is_told_that_posting_is_not_permitted() {
    let (world, stack) = World::with_demo().await;
    let (mut one, mut other, id) = stack.open_two().await;
    world.account.iam.delete_role_policy().role_name(&stack.role).policy_name("relay").send().await.unwrap();
    one.send(&to(&id, &json!(1))).await;
    assert_eq!(one.json().await["error"]["code"], "not_permitted");
    assert_eq!(world.pending().await.planned(), ["role_policy.relay create"]);
    repaired(&world, &stack).await;
    assert_relays(&mut one, &mut other).await;
}

/// A role of the same name is another role, and Lambda holds on to the one that it was given (AWS-FACTS D).
#[tokio::test(flavor = "multi_thread")]
async fn under_a_role_that_was_made_anew_the_function_has_no_credentials_until_its_role_is_set_again() {
    let (world, stack) = World::with_demo().await;
    let (mut one, mut other, _) = stack.open_two().await;
    let iam = &world.account.iam;
    iam.delete_role_policy().role_name(&stack.role).policy_name("relay").send().await.unwrap();
    iam.delete_role().role_name(&stack.role).send().await.unwrap();
    let planned = ["role.relay create", "role_policy.relay create", "function.relay update"];
    assert_eq!(world.pending().await.planned(), planned);
    repaired(&world, &stack).await;
    assert_relays(&mut one, &mut other).await;

    // Made anew by hand, or by a run that was killed before it came to the function: nothing but the binding is wrong.
    let found = iam.get_role().role_name(&stack.role).send().await.unwrap().role.unwrap();
    let policy = iam.get_role_policy().role_name(&stack.role).policy_name("relay").send().await.unwrap();
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().unwrap().into_owned();
    iam.delete_role_policy().role_name(&stack.role).policy_name("relay").send().await.unwrap();
    iam.delete_role().role_name(&stack.role).send().await.unwrap();
    let create = iam.create_role().role_name(&stack.role).set_tags(found.tags);
    let trust = decoded(&found.assume_role_policy_document.unwrap());
    create.assume_role_policy_document(trust).send().await.unwrap();
    let put = iam.put_role_policy().role_name(&stack.role).policy_name("relay");
    put.policy_document(decoded(policy.policy_document())).send().await.unwrap();
    one.send("").await;
    let text = one.text().await;
    assert!(is_internal_server_error(&text), "{text}");
    let plan = world.pending().await;
    assert_eq!(
        (plan.planned(), plan.changes("function.relay")),
        (vec!["function.relay update".into()], vec!["role_id".into()])
    );
    world.machine.succeed(&["up", "demo"]).await;
    let calls = world.account.aws.calls();
    let made_anew = calls.iter().any(|call| call.operation == "DeleteFunction");
    assert!(made_anew, "whether setting the same role again helps is unknown");
    repaired(&world, &stack).await;
    assert_relays(&mut one, &mut other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_permission_every_message_is_an_internal_server_error() {
    let (world, stack) = World::with_demo().await;
    let (mut one, mut other, _) = stack.open_two().await;
    let remove = world.account.lambda.remove_permission().function_name(&stack.function);
    remove.statement_id("webrtc-aws-api-gateway").send().await.unwrap();
    one.send("").await;
    let text = one.text().await;
    assert!(is_internal_server_error(&text), "{text}");
    assert_eq!(world.pending().await.planned(), ["permission.api create"]);
    repaired(&world, &stack).await;
    assert_relays(&mut one, &mut other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_route_response_the_sender_never_gets_an_answer() {
    let (world, stack) = World::with_demo().await;
    let (mut one, mut other, id) = stack.open_two().await;
    let own = one.id().await;
    let gateway = &world.account.gateway;
    let routes = gateway.get_routes().api_id(&stack.api).send().await.unwrap();
    let route = routes.items()[0].route_id().unwrap();
    let responses = gateway.get_route_responses().api_id(&stack.api).route_id(route).send().await.unwrap();
    let response = responses.items()[0].route_response_id().unwrap();
    let delete = gateway.delete_route_response().api_id(&stack.api).route_id(route);
    delete.route_response_id(response).send().await.unwrap();
    // What is deployed still answers, until somebody deploys.
    assert_relays(&mut one, &mut other).await;
    gateway.create_deployment().api_id(&stack.api).stage_name("prod").send().await.unwrap();

    let mut lines = world.account.aws.log_lines();
    one.send(&to(&id, &json!("first"))).await;
    assert_eq!(other.json().await, json!({ "message": "first", "from": own }));
    while !lines.recv().await.unwrap().text.starts_with("REPORT") {}
    // The relay is done with the first message. Whatever it had said to the sender would come before what it says now.
    one.send(&to(&own, &json!("fence"))).await;
    assert_eq!(one.json().await, json!({ "message": "fence", "from": own }));

    let plan = world.pending().await;
    assert_eq!(plan.planned(), ["route.default update", "stage.live update"]);
    assert_eq!(plan.changes("route.default"), ["route_response"]);
    repaired(&world, &stack).await;
    assert_relays(&mut one, &mut other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_deployment_every_handshake_is_refused() {
    let (world, stack) = World::with_demo().await;
    let gateway = &world.account.gateway;
    let delete = || gateway.delete_stage().api_id(&stack.api).stage_name("prod");
    for (with_stage, planned) in [(false, "stage.live create"), (true, "stage.live update")] {
        let mut client = stack.open().await;
        client.id().await;
        delete().send().await.unwrap();
        assert_eq!(client.closed().await.map(|frame| frame.code.into()), Some(1001));
        if with_stage {
            gateway.create_stage().api_id(&stack.api).stage_name("prod").send().await.unwrap();
        }
        assert_eq!(Client::refused(&stack.websocket).await, 403);
        assert_eq!(world.pending().await.planned(), [planned]);
        repaired(&world, &stack).await;
        let (mut one, mut other, _) = stack.open_two().await;
        assert_relays(&mut one, &mut other).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_policy_nobody_can_read_the_page() {
    let (world, stack) = World::with_demo().await;
    assert_eq!(get(&stack.site).await.0, 200);
    world.account.s3.delete_bucket_policy().bucket(&stack.bucket).send().await.unwrap();
    assert_eq!(get(&stack.site).await.0, 403);
    let plan = world.pending().await;
    assert_eq!(
        (plan.planned(), plan.changes("bucket.page")),
        (vec!["bucket.page update".into()], vec!["policy".into()])
    );
    repaired(&world, &stack).await;
    assert_eq!(get(&stack.site).await.0, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn either_public_access_flag_closes_the_page() {
    let (world, stack) = World::with_demo().await;
    let s3 = &world.account.s3;
    let acl_flags = || PublicAccessBlockConfiguration::builder().block_public_acls(true).ignore_public_acls(true);
    let put = async |flags: PublicAccessBlockConfiguration| {
        let put = s3.put_public_access_block().bucket(&stack.bucket);
        put.public_access_block_configuration(flags).send().await.unwrap();
    };
    // Restricted, the policy that is there counts for nothing.
    put(acl_flags().restrict_public_buckets(true).build()).await;
    assert_eq!(get(&stack.site).await.0, 403);
    let plan = world.pending().await;
    assert_eq!(plan.planned(), ["bucket.page update"]);
    assert_eq!(plan.changes("bucket.page"), ["public_access_block.restrict_public_buckets"]);
    repaired(&world, &stack).await;
    assert_eq!(get(&stack.site).await.0, 200);

    // Blocked, the policy that is there counts, and a new one is refused: the flag must go first, and the wait for it is shown.
    put(acl_flags().block_public_policy(true).build()).await;
    assert_eq!(get(&stack.site).await.0, 200);
    let policy = s3.get_bucket_policy().bucket(&stack.bucket).send().await.unwrap().policy.unwrap();
    s3.delete_bucket_policy().bucket(&stack.bucket).send().await.unwrap();
    s3.put_bucket_policy().bucket(&stack.bucket).policy(policy).send().await.unwrap_err();
    assert_eq!(get(&stack.site).await.0, 403);
    let plan = world.pending().await;
    assert_eq!(plan.changes("bucket.page"), ["policy", "public_access_block.block_public_policy"]);
    let up = world.machine.succeed(&["up", "demo"]).await;
    assert!(up.waits().iter().any(|reason| reason.contains("public policies are blocked")), "{up}");
    world.assert_settled(&[]).await;
    assert_eq!(get(&stack.site).await.0, 200);
}
