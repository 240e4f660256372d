//! From nothing to a stack and back, beside what is not ours.

use aws_sdk_apigatewayv2::types::ProtocolType;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use aws_sdk_s3::types::{Tag, Tagging};

use crate::deployed::{architecture, integration_uri, puppet};
use crate::support::http::get;
use crate::support::program::Machine;
use crate::{Stack, World, assert_relays};

/// What looks like a part of the stack `demo` and is none.
async fn seed_look_alikes(world: &World, stack: &Stack) {
    let account = &world.account;
    for name in [format!("{}-x", stack.bucket), "webrtc-aws-demo".to_owned()] {
        account.s3.create_bucket().bucket(&name).send().await.unwrap();
        let tag = Tag::builder().key("webrtc-aws:stack").value("demo-x").build().unwrap();
        let tags = Tagging::builder().tag_set(tag).build().unwrap();
        account.s3.put_bucket_tagging().bucket(&name).tagging(tags).send().await.unwrap();
        let put = account.s3.put_object().bucket(&name).key("index.html").metadata("webrtc-aws-stack", "demo");
        put.body(b"mine".to_vec().into()).send().await.unwrap();
    }
    for name in [format!("{}-x", stack.role), "webrtc-aws-demo".to_owned()] {
        account.role(&name).await;
        let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
        let put = account.iam.put_role_policy().role_name(name).policy_name("relay");
        put.policy_document(policy).send().await.unwrap();
    }
    for suffix in ["-x", "x", "/x"] {
        let name = format!("/aws/lambda/{}{suffix}", stack.function);
        account.logs.create_log_group().log_group_name(name).send().await.unwrap();
    }
    let create = account.lambda.create_function().function_name(format!("{}-x", stack.function));
    let create = create.role("arn:aws:iam::000000000000:role/webrtc-aws-demo").tags("webrtc-aws:stack", "demo-x");
    let create = create.runtime(Runtime::from("provided.al2023")).handler("bootstrap").architectures(architecture());
    let code = FunctionCode::builder().zip_file(Blob::new(puppet())).build();
    // The role is not assumable at once; whoever makes one waits.
    while create.clone().code(code.clone()).send().await.is_err() {
        tokio::task::yield_now().await;
    }
    for tag in [None, Some("demo-x")] {
        let create = account.gateway.create_api().name("webrtc-aws-demo").protocol_type(ProtocolType::Websocket);
        let create = create.route_selection_expression("$request.body.action");
        let create = tag.into_iter().fold(create, |create, value| create.tags("webrtc-aws:stack", value));
        let api = create.send().await.unwrap().api_id.unwrap();
        let function = "arn:aws:lambda:us-east-1:000000000000:function:webrtc-aws-demo";
        let integration = account.integrate(&api, integration_uri(function)).await;
        account.route(&api, "$default", &integration, true).await;
        account.deploy_stage(&api).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_goes_without_a_trace_and_without_touching_a_look_alike() {
    let world = World::new().await;
    let nothing = world.bytes();
    let first = Stack::of(&world.machine.succeed(&["up", "demo"]).await);
    world.machine.succeed(&["teardown", "demo", "--yes"]).await;
    assert_eq!(world.bytes(), nothing);

    seed_look_alikes(&world, &first).await;
    let neighbour = Stack::of(&world.machine.succeed(&["up", "demo2"]).await);
    let before = world.bytes();

    let up = world.machine.succeed(&["up", "demo"]).await;
    let stack = Stack::of(&up);
    assert_eq!((up.finished()["changed"].as_bool(), up.done().len()), (Some(true), 11), "{up}");
    assert_eq!((&stack.bucket, &stack.role), (&first.bucket, &first.role), "names follow from the stack's name alone");
    world.assert_settled(&[]).await;

    let (status, page) = get(&stack.site).await;
    assert!(status == 200 && page.contains("id=\"localConnectionId\""), "{status} {page}");
    let (status, config) = get(&stack.site.replace("index.html", "config.js")).await;
    assert!(status == 200 && config.contains(&stack.websocket), "{status} {config}");
    let (mut one, mut other) = (stack.open().await, stack.open().await);
    assert_relays(&mut one, &mut other).await;

    // From a machine that has never seen it, in an empty directory.
    let elsewhere = Machine::new(&world.account.aws);
    let teardown = elsewhere.succeed(&["teardown", "demo", "--yes"]).await;
    assert_eq!(teardown.done().len(), 11, "{teardown}");
    assert_eq!(world.bytes(), before);
    assert_eq!(one.closed().await.map(|frame| frame.code.into()), Some(1001), "the sockets went with the API");

    world.account.aws.clear_calls();
    let again = elsewhere.succeed(&["teardown", "demo", "--yes"]).await;
    assert_eq!((again.done(), world.writes()), (Vec::new(), Vec::new()), "{again}");

    let (mut one, mut other) = (neighbour.open().await, neighbour.open().await);
    assert_relays(&mut one, &mut other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_teardown_stops_at_a_file_that_somebody_else_put_there() {
    let (world, stack) = World::with_demo().await;
    let put = world.account.s3.put_object().bucket(&stack.bucket).key("holiday.jpg");
    put.body(b"mine".to_vec().into()).send().await.unwrap();
    // It is none of the stack's concern otherwise.
    world.assert_settled(&[]).await;

    let before = world.bytes();
    let refused = world.machine.run(&["teardown", "demo", "--yes"]).await;
    assert_eq!((refused.code, &refused.problem()["code"]), (Some(4), &"not_ours".into()), "{refused}");
    assert!(refused.problem()["summary"].as_str().unwrap().contains("holiday.jpg"), "{refused}");
    assert_eq!(world.bytes(), before, "it stops before it deletes anything");

    let agreed = ["teardown", "demo", "--yes", "--delete-foreign-objects"];
    world.machine.succeed(&agreed).await;
    assert_eq!(world.bytes(), World::new().await.bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_holds_only_what_somebody_else_put_there_goes_when_that_is_agreed() {
    let (world, stack) = World::with_demo().await;
    let s3 = &world.account.s3;
    let objects = s3.list_objects_v2().bucket(&stack.bucket).send().await.unwrap();
    for key in objects.contents().iter().filter_map(|object| object.key()) {
        s3.delete_object().bucket(&stack.bucket).key(key).send().await.unwrap();
    }
    s3.put_object().bucket(&stack.bucket).key("holiday.jpg").body(b"mine".to_vec().into()).send().await.unwrap();
    world.machine.succeed(&["teardown", "demo", "--yes", "--delete-foreign-objects"]).await;
    assert_eq!(world.bytes(), World::new().await.bytes());
}
