//! `verify` against the real relay: it passes on a healthy stack without a write, and names the cause of each part that people
//! forget or lose.

use aws_sdk_s3::types::PublicAccessBlockConfiguration;
use serde_json::{Value, json};
use webrtc_aws::local::Service;

use crate::support::program::Run;
use crate::{Stack, World};

/// The checks of a run, by name.
fn results(run: &Run) -> Vec<(String, String)> {
    let checks = run.events.iter().filter(|event| event["event"] == "check");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    checks.map(|check| (text(&check["check"]), text(&check["result"]))).collect()
}

fn of(run: &Run, check: &str) -> Value {
    let found = run.events.iter().find(|event| event["event"] == "check" && event["check"] == check);
    found.unwrap_or_else(|| panic!("no check {check}: {run}")).clone()
}

/// Whether the end of `up` invites to a call.
fn invites(run: &Run) -> bool {
    let ready = run
        .events
        .iter()
        .find(|event| event["event"] == "ready")
        .unwrap_or_else(|| panic!("the stack does not stand: {run}"));
    ready["next"].as_array().unwrap().iter().any(|line| line.as_str().unwrap().starts_with("Open the page"))
}

fn verified(run: &Run) -> &Value {
    run.events.iter().find(|event| event["event"] == "verified").unwrap_or_else(|| panic!("not verified: {run}"))
}

impl World {
    /// Verifies without waiting for what is wrong.
    async fn verify(&self, options: &[&str]) -> Run {
        self.account.aws.clear_calls();
        let run = self.machine.run(&[&["verify", "demo", "--patience", "0"], options].concat()).await;
        assert_eq!(self.writes(), Vec::<&str>::new(), "verify writes nothing: {run}");
        run
    }

    /// Verifies a stack of which this check fails, and those that build on it are not made.
    async fn assert_diagnosed(&self, check: &str, skipped: &[&str], cause: &str) {
        let run = self.verify(&[]).await;
        assert_eq!((run.code, run.problem()["code"].as_str()), (Some(6), Some("check_failed")), "{run}");
        let with = |result: &str| {
            results(&run).into_iter().filter(|(_, found)| found == result).map(|(check, _)| check).collect::<Vec<_>>()
        };
        assert_eq!(with("failed"), [check], "{run}");
        assert_eq!(with("skipped"), [skipped, &["tls"]].concat(), "{run}");
        let failed = of(&run, check);
        let text = |field: &str| failed[field].as_str().unwrap_or_else(|| panic!("no {field}: {failed}"));
        assert!(text("cause").contains(cause), "{failed}");
        assert!(text("remedy").contains("webrtc-aws up demo"), "{failed}");
        assert_eq!(run.finished()["outputs"]["stack"], "demo");
    }

    /// And with what `up` does about it, it passes.
    async fn assert_repaired(&self) {
        let up = self.machine.succeed(&["up", "demo"]).await;
        assert_eq!(verified(&up)["failed"], json!([]), "{up}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_healthy_stack_passes_every_check_without_a_write() {
    let (world, _) = World::with_demo().await;
    let before = world.account.aws.snapshot()["s3"].clone();
    let run = world.verify(&[]).await;
    assert_eq!(run.code, Some(0), "{run}");
    let passed = ["page", "files", "config", "handshake", "own_id", "relay", "errors", "listing", "writing"];
    let expected = passed.map(|check| (check.to_owned(), "ok".to_owned())).into_iter();
    let expected: Vec<_> = expected.chain([("tls".to_owned(), "skipped".to_owned())]).collect();
    assert_eq!(results(&run), expected, "{run}");
    let round_trip = of(&run, "relay")["round_trip_ms"].as_f64().unwrap();
    assert!(round_trip > 0.0, "{run}");
    assert_eq!(verified(&run)["round_trip_ms"], json!(round_trip));
    assert_eq!((&verified(&run)["passed"], &verified(&run)["skipped"]), (&json!(9), &json!(["tls"])));
    assert_eq!(world.account.aws.snapshot()["s3"], before, "what must not be written was not written");
    // What it asks of AWS is where the API is, and how old its stage: a healthy answer needs no more.
    let calls = world.account.aws.calls();
    let calls: Vec<_> = calls
        .iter()
        .filter(|call| !matches!(call.service, Service::ExecuteApi | Service::Logs))
        .map(|call| call.operation)
        .collect();
    assert_eq!(calls, ["GetCallerIdentity", "GetApis", "GetStages"], "{run}");
    let posts = world.account.aws.calls().iter().filter(|call| call.service == Service::ExecuteApi).count();
    assert!(posts <= 12, "{posts} messages were relayed: people pay for them");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_page_is_followed_and_a_broken_link_in_it_is_named() {
    let world = World::new().await;
    let page = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(page.path().join(name), text).unwrap();
    write("index.html", "<!doctype html><link rel=stylesheet href=style.css><script type=module src=app.js></script>");
    write("style.css", "@import 'more.css';");
    write("more.css", "");
    write("app.js", "import './sub.js'; // import './comment.js'\n");
    write("sub.js", "import './lost.js';\n");
    let client = page.path().to_str().unwrap();

    let up = world.machine.run(&["up", "demo", "--client", client]).await;
    assert_eq!((up.code, up.problem()["code"].as_str()), (Some(6), Some("check_failed")), "{up}");
    assert!(up.problem()["summary"].as_str().unwrap().contains("stands"), "{up}");
    let (failed, finished) = (of(&up, "files"), up.finished());
    assert!(failed["seen"].as_str().unwrap().contains("lost.js answered 403"), "{failed}");
    assert_eq!(failed["cause"], "the bucket has no object \"lost.js\"");
    assert!(failed["remedy"].as_str().unwrap().contains("sub.js"), "{failed}");
    // The stack stands: its URLs are told, and what was changed.
    assert_eq!((&finished["changed"], &finished["outputs"]["stack"]), (&json!(true), &json!("demo")));
    assert!(!invites(&up), "{up}");

    let again = world.machine.succeed(&["up", "demo", "--client", client]).await;
    assert!(invites(&again), "{again}");
    assert_eq!(results(&again), [], "nothing was changed, so nothing was tried: {again}");
    let asked = world.machine.run(&["up", "demo", "--client", client, "--verify"]).await;
    assert_eq!(asked.code, Some(6), "{asked}");

    write("sub.js", "export {};\n");
    let unchecked = world.machine.succeed(&["up", "demo", "--client", client, "--no-verify"]).await;
    assert_eq!((&unchecked.finished()["changed"], results(&unchecked)), (&json!(true), Vec::new()));
    let run = world.verify(&[]).await;
    assert_eq!((run.code, of(&run, "files")["seen"].as_str()), (Some(0), Some("4 files")), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_wrong_type_or_a_foreign_config_fails() {
    let (world, stack) = World::with_demo().await;
    let put = async |key: &str, content_type: &str, text: &'static str| {
        let put = world.account.s3.put_object().bucket(&stack.bucket).key(key).content_type(content_type);
        put.body(text.as_bytes().to_vec().into()).send().await.unwrap();
    };
    put("script.js", "text/plain", "export {};").await;
    put("config.js", "text/javascript", r#"export default {"websocketUrl":"wss://old.test/prod","iceServers":[]};"#)
        .await;
    let run = world.verify(&[]).await;
    assert_eq!(verified(&run)["failed"], json!(["files", "config"]), "{run}");
    assert!(of(&run, "files")["seen"].as_str().unwrap().contains("script.js came as \"text/plain\""), "{run}");
    assert!(of(&run, "config")["seen"].as_str().unwrap().contains("leads to wss://old.test/prod"), "{run}");
    world.assert_repaired().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_inline_policy_is_named() {
    let (world, stack) = World::with_demo().await;
    world.account.iam.delete_role_policy().role_name(&stack.role).policy_name("relay").send().await.unwrap();
    world.assert_diagnosed("relay", &["errors"], "no inline policy that permits execute-api:ManageConnections").await;
    world.assert_repaired().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_permission_is_named() {
    let (world, stack) = World::with_demo().await;
    let remove = world.account.lambda.remove_permission().function_name(&stack.function);
    remove.statement_id("webrtc-aws-api-gateway").send().await.unwrap();
    world.assert_diagnosed("own_id", &["relay", "errors"], "lets this API call it").await;
    world.assert_repaired().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_route_response_is_named() {
    let (world, stack) = World::with_demo().await;
    let gateway = &world.account.gateway;
    let routes = gateway.get_routes().api_id(&stack.api).send().await.unwrap();
    let route = routes.items()[0].route_id().unwrap();
    let responses = gateway.get_route_responses().api_id(&stack.api).route_id(route).send().await.unwrap();
    let response = responses.items()[0].route_response_id().unwrap();
    let delete = gateway.delete_route_response().api_id(&stack.api).route_id(route);
    delete.route_response_id(response).send().await.unwrap();
    gateway.create_deployment().api_id(&stack.api).stage_name("prod").send().await.unwrap();
    world.assert_diagnosed("own_id", &["relay", "errors"], "no route response").await;
    world.assert_repaired().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_stage_or_deployment_is_named() {
    let (world, stack) = World::with_demo().await;
    let gateway = &world.account.gateway;
    let rest = ["own_id", "relay", "errors"];
    gateway.delete_stage().api_id(&stack.api).stage_name("prod").send().await.unwrap();
    world.assert_diagnosed("handshake", &rest, "no stage of this name").await;
    gateway.create_stage().api_id(&stack.api).stage_name("prod").send().await.unwrap();
    world.assert_diagnosed("handshake", &rest, "serves no deployment").await;
    world.assert_repaired().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_bucket_policy_and_a_closed_public_access_block_are_named() {
    let (world, stack) = World::with_demo().await;
    let s3 = &world.account.s3;
    let put = async |flags: PublicAccessBlockConfiguration| {
        let put = s3.put_public_access_block().bucket(&stack.bucket);
        put.public_access_block_configuration(flags).send().await.unwrap();
    };
    let acl_flags = || PublicAccessBlockConfiguration::builder().block_public_acls(true).ignore_public_acls(true);
    let rest = ["files", "config"];
    put(acl_flags().restrict_public_buckets(true).build()).await;
    world.assert_diagnosed("page", &rest, "RestrictPublicBuckets").await;
    put(acl_flags().build()).await;
    s3.delete_bucket_policy().bucket(&stack.bucket).send().await.unwrap();
    world.assert_diagnosed("page", &rest, "policy does not let everyone read").await;
    put(acl_flags().block_public_policy(true).build()).await;
    world.assert_diagnosed("page", &rest, "BlockPublicPolicy").await;
    world.assert_repaired().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_a_moment_is_waited_for_and_the_wait_is_told() {
    let (world, stack) = World::with_demo().await;
    let policy = world.account.s3.get_bucket_policy().bucket(&stack.bucket).send().await.unwrap().policy.unwrap();
    world.account.s3.delete_bucket_policy().bucket(&stack.bucket).send().await.unwrap();
    let mut verify = world.machine.start(&["verify", "demo", "--patience", "600"]);
    let waiting = verify.until(|event| event["event"] == "check_waiting").await;
    assert_eq!(waiting["check"], "page");
    assert!(waiting["reason"].as_str().unwrap().contains("index.html answered 403"), "{waiting}");
    world.account.s3.put_bucket_policy().bucket(&stack.bucket).policy(policy).send().await.unwrap();
    let run = verify.end().await;
    assert_eq!(run.code, Some(0), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_with_the_first_signal() {
    let (world, stack) = World::with_demo().await;
    world.account.s3.delete_bucket_policy().bucket(&stack.bucket).send().await.unwrap();
    let mut verify = world.machine.start(&["verify", "demo", "--patience", "3600"]);
    verify.until(|event| event["event"] == "check_waiting").await;
    verify.interrupt();
    let run = verify.end().await;
    assert_eq!((run.code, run.problem()["code"].as_str()), (Some(130), Some("interrupted")), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_not_there_or_half_made_is_a_diagnostic() {
    let world = World::new().await;
    let run = world.verify(&[]).await;
    assert_eq!((run.code, run.problem()["code"].as_str()), (Some(1), Some("not_deployed")), "{run}");
    assert!(run.problem()["summary"].as_str().unwrap().contains("there is no stack 'demo'"), "{run}");
    assert_eq!(results(&run), []);

    let up = world.machine.succeed(&["up", "demo"]).await;
    world.account.gateway.delete_api().api_id(Stack::of(&up).api).send().await.unwrap();
    let run = world.verify(&[]).await;
    assert_eq!((run.code, run.problem()["code"].as_str()), (Some(1), Some("not_deployed")), "{run}");
    let summary = run.problem()["summary"].as_str().unwrap();
    assert!(summary.contains("half made") && summary.contains("bucket.page"), "{run}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_look_a_failed_check_still_says_what_was_seen() {
    let (world, stack) = World::with_demo().await;
    world.account.s3.delete_bucket_policy().bucket(&stack.bucket).send().await.unwrap();
    world.account.aws.faults().add("iam:GetRole=fail:403:AccessDenied:User is not authorized".parse().unwrap());
    let run = world.verify(&[]).await;
    assert_eq!(run.code, Some(6), "{run}");
    let failed = of(&run, "page");
    assert!(failed["seen"].as_str().unwrap().contains("index.html answered 403"), "{failed}");
    assert!(failed["cause"].as_str().unwrap().contains("could not be looked at"), "{failed}");

    // And without the right to find the API there is nothing to check.
    world.account.aws.faults().add("apigateway:GetApis=fail:403:AccessDeniedException:no".parse().unwrap());
    let run = world.verify(&[]).await;
    assert_eq!((run.code, run.problem()["code"].as_str()), (Some(3), Some("access_denied")), "{run}");
    assert_eq!(results(&run), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn turn_servers_are_checked_where_there_are_some_and_what_keeps_the_relay_from_them_is_named() {
    const TURN: [&str; 4] = ["--turn-url", "turn:turn.test", "--turn-secret-from", "ssm:/turn/secret"];
    let world = World::new().await;
    let up = world.machine.succeed(&[&["up", "demo", "--no-verify"], &TURN[..]].concat()).await;
    let run = world.verify(&[]).await;
    assert_eq!((run.code, &verified(&run)["failed"]), (Some(6), &json!(["turn"])), "{run}");
    let failed = of(&run, "turn");
    assert_eq!(failed["seen"], "the relay has no TURN servers: unexpected");
    assert!(failed["cause"].as_str().unwrap().contains("gets no credentials for its TURN servers"), "{failed}");

    world.account.aws.seed_parameter("/turn/secret", "n0rth");
    let run = world.verify(&[]).await;
    assert_eq!((run.code, of(&run, "turn")["result"].as_str()), (Some(0), Some("ok")), "{run}");

    // A new name in the environment comes with a new process, whose role may read that one only.
    world.account.aws.seed_parameter("/turn/other", "s0uth");
    let other = world
        .machine
        .succeed(&["up", "demo", "--turn-url", "turn:turn.test", "--turn-secret-from", "ssm:/turn/other"])
        .await;
    assert_eq!(verified(&other)["failed"], json!([]), "{other}");
    for told in [up.to_string(), run.to_string(), other.to_string(), world.account.aws.snapshot().to_string()] {
        assert!(!told.contains("n0rth") && !told.contains("s0uth"), "{told}");
    }

    let without = world.machine.succeed(&["up", "demo"]).await;
    assert!(results(&without).iter().all(|(check, _)| check != "turn"), "{without}");
}
