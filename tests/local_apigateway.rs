//! The control planes of API Gateway v2 and Lambda, as the AWS SDK sees them.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a test file is no interface, and may fail")]

mod deployed;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_apigatewayv2::error::ProvideErrorMetadata;
use aws_sdk_apigatewayv2::types::{AccessLogSettings, DeploymentStatus, ProtocolType, RouteSettings};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Environment, FunctionCode, LastUpdateStatus, Runtime, State};
use base64::Engine;
use deployed::{Account, FUNCTION, Plan, STAGE, account, architecture, function_arn, instant, puppet, source_arn};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use webrtc_aws::local::Manners;

/// Code and message of the error that a call must end in.
macro_rules! refused {
    ($call:expr) => {{
        let error = $call.send().await.unwrap_err();
        (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned())
    }};
}

async fn puppet_account(manners: Manners) -> (Account, deployed::Deployed) {
    let account = account(manners).await;
    let plan = Plan { zip: puppet(), variables: &[("KEPT", "1")], routes: &[("$default", true)], timeout: 10 };
    let deployed = account.deploy(&plan).await;
    (account, deployed)
}

#[tokio::test]
async fn an_api_is_created_with_its_tags_and_found_by_them() {
    let account = account(instant()).await;
    let before = account.aws.snapshot();
    let create = account.gateway.create_api().name("a").protocol_type(ProtocolType::Websocket).tags("owner", "me");
    let api = create.route_selection_expression("$request.body.action").send().await.unwrap();
    let id = api.api_id.unwrap();
    assert_eq!(api.api_endpoint.unwrap(), format!("wss://{id}.execute-api.us-east-1.amazonaws.com"));
    assert!(api.created_date.is_some());
    let arn = format!("arn:aws:apigateway:us-east-1::/apis/{id}");
    account.gateway.tag_resource().resource_arn(&arn).tags("more", "1").send().await.unwrap();
    account.gateway.untag_resource().resource_arn(&arn).tag_keys("owner").send().await.unwrap();
    let tags = account.gateway.get_tags().resource_arn(&arn).send().await.unwrap().tags.unwrap();
    assert_eq!(tags, HashMap::from([("more".to_owned(), "1".to_owned())]));
    let listed = account.gateway.get_apis().send().await.unwrap().items.unwrap();
    assert_eq!(listed[0].tags.as_ref(), Some(&tags));
    let (code, _) = refused!(account.gateway.tag_resource().resource_arn(&arn).tags("aws:x", "1"));
    assert_eq!(code, "BadRequestException");
    account.gateway.delete_api().api_id(&id).send().await.unwrap();
    assert_eq!(account.aws.snapshot(), before);
    assert_eq!(refused!(account.gateway.get_api().api_id(&id)).0, "NotFoundException");
    let incomplete = account.gateway.create_api().name("a").protocol_type(ProtocolType::Websocket);
    assert_eq!(refused!(incomplete).0, "BadRequestException");
}

#[tokio::test]
async fn lists_come_in_pages() {
    let account = account(instant()).await;
    let mut created = BTreeSet::new();
    for _ in 0..27 {
        created.insert(account.create_api().await);
    }
    let first = account.gateway.get_apis().send().await.unwrap();
    assert_eq!(first.items().len(), 25);
    let mut found = BTreeSet::new();
    let mut token = None;
    loop {
        let page = account.gateway.get_apis().max_results("10").set_next_token(token).send().await.unwrap();
        found.extend(page.items().iter().map(|api| api.api_id().unwrap().to_owned()));
        token = page.next_token;
        if token.is_none() {
            break;
        }
    }
    assert_eq!(found, created);
}

#[tokio::test]
async fn parallel_writes_to_one_api_conflict() {
    let account = account(Manners { api_write: Duration::from_millis(200), ..instant() }).await;
    let (one, other) = (account.create_api().await, account.create_api().await);
    let integrate = async |api: &str| {
        let create = account.gateway.create_integration().api_id(api).integration_method("POST");
        let create = create.integration_type("AWS_PROXY".into()).integration_uri("arn:aws:apigateway:x");
        create.send().await.map_err(|error| (error.code().unwrap().to_owned(), error.message().unwrap().to_owned()))
    };
    let (first, second, elsewhere) = tokio::join!(integrate(&one), integrate(&one), integrate(&other));
    elsewhere.unwrap();
    let (code, message) = first.and(second).unwrap_err();
    assert_eq!(code, "ConflictException");
    assert!(message.contains("concurrent modification"), "{message}");
    integrate(&one).await.unwrap();
}

#[tokio::test]
async fn duplicates_and_dangling_targets_are_refused() {
    let (account, deployed) = puppet_account(instant()).await;
    let api = deployed.api.as_str();
    let route = || account.gateway.create_route().api_id(api);
    assert_eq!(
        refused!(route().route_key("$default")),
        ("ConflictException".to_owned(), "Route with key $default already exists for this API".to_owned())
    );
    assert_eq!(refused!(route().route_key("a").target("integrations/nothere")).0, "BadRequestException");
    assert_eq!(refused!(route().route_key("$other")).0, "BadRequestException");
    let stage = account.gateway.create_stage().api_id(api).stage_name(STAGE);
    assert_eq!(refused!(stage).1, "Stage already exists");
    let stage = || account.gateway.create_stage().api_id(api).stage_name("other");
    assert_eq!(refused!(stage().deployment_id("nothere")).0, "BadRequestException");
    let logged = RouteSettings::builder().logging_level("INFO".into()).build();
    assert!(refused!(stage().default_route_settings(logged)).1.starts_with("CloudWatch Logs role ARN must be set"));
    let access = AccessLogSettings::builder().destination_arn("a").format("$context.requestId").build();
    assert!(refused!(stage().access_log_settings(access)).1.starts_with("CloudWatch Logs role ARN must be set"));
    let integration = account.gateway.delete_integration().api_id(api).integration_id(&deployed.integration);
    let (code, message) = refused!(integration);
    assert_eq!(code, "ConflictException");
    assert!(message.starts_with("Cannot delete Integration because it is referenced by"), "{message}");
    let active = account.gateway.get_stage().api_id(api).stage_name(STAGE).send().await.unwrap().deployment_id.unwrap();
    let (_, message) = refused!(account.gateway.delete_deployment().api_id(api).deployment_id(&active));
    assert_eq!(message, "Active stages pointing to this deployment must be moved or deleted.");
    let empty = account.create_api().await;
    let (_, message) = refused!(account.gateway.create_deployment().api_id(empty));
    assert!(message.starts_with("At least one route"), "{message}");
}

#[tokio::test]
async fn an_api_can_be_taken_apart_piece_by_piece() {
    let (account, deployed) = puppet_account(instant()).await;
    let gateway = &account.gateway;
    let api = deployed.api.as_str();
    let deployments = gateway.get_deployments().api_id(api).send().await.unwrap().items.unwrap();
    assert_eq!(deployments[0].deployment_status, Some(DeploymentStatus::Deployed));
    gateway.delete_stage().api_id(api).stage_name(STAGE).send().await.unwrap();
    let deployment = deployments[0].deployment_id.clone().unwrap();
    gateway.delete_deployment().api_id(api).deployment_id(deployment).send().await.unwrap();
    for route in gateway.get_routes().api_id(api).send().await.unwrap().items.unwrap() {
        let route = route.route_id.unwrap();
        let responses = gateway.get_route_responses().api_id(api).route_id(&route).send().await.unwrap();
        for response in responses.items.unwrap() {
            let response = response.route_response_id.unwrap();
            let get = gateway.get_route_response().api_id(api).route_id(&route).route_response_id(&response);
            assert_eq!(get.send().await.unwrap().route_response_key.as_deref(), Some("$default"));
            let delete = gateway.delete_route_response().api_id(api).route_id(&route).route_response_id(response);
            delete.send().await.unwrap();
        }
        gateway.delete_route().api_id(api).route_id(route).send().await.unwrap();
    }
    gateway.delete_integration().api_id(api).integration_id(deployed.integration).send().await.unwrap();
    assert!(gateway.get_integrations().api_id(api).send().await.unwrap().items().is_empty());
}

#[tokio::test]
async fn updates_merge_and_empty_text_clears() {
    let (account, deployed) = puppet_account(instant()).await;
    let api = deployed.api.as_str();
    let update = || account.gateway.update_api().api_id(api);
    update().description("text").send().await.unwrap();
    let kept = update().name("renamed").send().await.unwrap();
    assert_eq!((kept.name.as_deref(), kept.description.as_deref()), (Some("renamed"), Some("text")));
    assert_eq!(update().description("").send().await.unwrap().description, None);
    let stage = || account.gateway.update_stage().api_id(api).stage_name(STAGE);
    stage().description("text").stage_variables("a", "1").send().await.unwrap();
    let merged = stage().description("").stage_variables("b", "2").send().await.unwrap();
    assert_eq!(merged.description.as_deref(), Some("text"));
    assert_eq!(merged.stage_variables.unwrap().len(), 2);
    let removed = stage().stage_variables("a", "").send().await.unwrap().stage_variables.unwrap();
    assert_eq!(removed, HashMap::from([("b".to_owned(), "2".to_owned())]));
    let limits = RouteSettings::builder().throttling_burst_limit(5).throttling_rate_limit(2.5).build();
    stage().default_route_settings(limits).send().await.unwrap();
    let settings = stage().send().await.unwrap().default_route_settings.unwrap();
    assert_eq!((settings.throttling_burst_limit, settings.throttling_rate_limit), (Some(5), Some(2.5)));
}

#[tokio::test]
async fn a_deployment_may_take_its_time() {
    let account = account(Manners { deployment_pending: Duration::from_secs(3600), ..instant() }).await;
    let api = account.create_api().await;
    account.gateway.create_route().api_id(&api).route_key("$default").send().await.unwrap();
    account.deploy_stage(&api).await;
    let deployments = account.gateway.get_deployments().api_id(&api).send().await.unwrap();
    assert_eq!(deployments.items()[0].deployment_status, Some(DeploymentStatus::Pending));
    assert_eq!(deployed::Client::refused(&account.url(&api)).await, 403);
}

fn create(
    account: &Account,
    role: &str,
) -> aws_sdk_lambda::operation::create_function::builders::CreateFunctionFluentBuilder {
    let code = FunctionCode::builder().zip_file(Blob::new(puppet())).build();
    let create = account.lambda.create_function().function_name(FUNCTION).role(role).handler("bootstrap").code(code);
    create.runtime(Runtime::from("provided.al2023")).architectures(architecture())
}

#[tokio::test]
async fn lambda_must_be_able_to_assume_the_role() {
    let cannot = "The role defined for the function cannot be assumed by Lambda.";
    let slow = account(Manners { role_propagation: Duration::from_secs(3600), ..instant() }).await;
    let role = slow.role(FUNCTION).await;
    assert_eq!(refused!(create(&slow, &role)), ("InvalidParameterValueException".to_owned(), cannot.to_owned()));
    let account = account(instant()).await;
    assert_eq!(refused!(create(&account, &role)).1, cannot);
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "ec2.amazonaws.com" }, "Action": "sts:AssumeRole",
    }] });
    let other = account.iam.create_role().role_name("other").assume_role_policy_document(trust.to_string());
    let other = other.send().await.unwrap().role.unwrap().arn;
    assert_eq!(refused!(create(&account, &other)).1, cannot);
    let role = account.role(FUNCTION).await;
    create(&account, &role).send().await.unwrap();
    assert_eq!(refused!(create(&account, &role)).0, "ResourceConflictException");
}

#[tokio::test]
async fn limits_of_a_function_are_checked() {
    let account = account(instant()).await;
    let role = account.role(FUNCTION).await;
    let valid = || create(&account, &role);
    for (call, code) in [
        (valid().function_name("a b"), "ValidationException"),
        (valid().function_name("a".repeat(65)), "ValidationException"),
        (valid().timeout(901), "ValidationException"),
        (valid().memory_size(127), "ValidationException"),
        (valid().description("x".repeat(257)), "ValidationException"),
        (
            valid().environment(Environment::builder().variables("AWS_REGION", "x").build()),
            "InvalidParameterValueException",
        ),
        (valid().code(FunctionCode::builder().zip_file(Blob::new("no zip")).build()), "InvalidParameterValueException"),
        (valid().code(FunctionCode::builder().s3_bucket("b").s3_key("k").build()), "NotImplemented"),
    ] {
        assert_eq!(refused!(call).0, code);
    }
    assert_eq!(account.aws.snapshot()["lambda"]["functions"], json!({}));
}

#[tokio::test]
async fn a_pending_function_refuses_changes_and_events() {
    let account = account(Manners { function_pending: Duration::from_secs(3600), ..instant() }).await;
    let role = account.role(FUNCTION).await;
    let created = create(&account, &role).send().await.unwrap();
    assert_eq!(created.state, Some(State::Pending));
    let lambda = &account.lambda;
    let codes = [
        refused!(lambda.update_function_configuration().function_name(FUNCTION).timeout(9)).0,
        refused!(lambda.update_function_code().function_name(FUNCTION).zip_file(Blob::new(puppet()))).0,
        refused!(lambda.delete_function().function_name(FUNCTION)).0,
        refused!(lambda.invoke().function_name(FUNCTION)).0,
    ];
    assert_eq!(codes, ["ResourceConflictException"; 4]);
    account.permit("early", source_arn("abcdefghij", "*")).await;
}

#[tokio::test]
async fn an_update_takes_its_time_and_the_old_version_serves_until_then() {
    let account = account(Manners { function_update: Duration::from_secs(3600), ..instant() }).await;
    let role = account.role(FUNCTION).await;
    let created = create(&account, &role).timeout(7).send().await.unwrap();
    let sha256 = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(puppet()));
    assert_eq!(created.code_sha256.as_deref(), Some(sha256.as_str()));
    let invoke = async || {
        let invoke = account.lambda.invoke().function_name(FUNCTION).payload(Blob::new(r#"{"variables":true}"#));
        let answer = invoke.send().await.unwrap();
        assert_eq!(answer.function_error, None);
        let answer: Value = serde_json::from_slice(answer.payload.unwrap().as_ref()).unwrap();
        serde_json::from_str::<Value>(answer["body"].as_str().unwrap()).unwrap()
    };
    assert_eq!(invoke().await.get("NEW"), None);
    let update = || account.lambda.update_function_configuration().function_name(FUNCTION);
    let environment = Environment::builder().variables("NEW", "1").build();
    let updated = update().environment(environment).send().await.unwrap();
    assert_eq!(updated.last_update_status, Some(LastUpdateStatus::InProgress));
    assert_eq!(updated.environment.unwrap().variables.unwrap()["NEW"], "1");
    assert_eq!(refused!(update().timeout(9)).0, "ResourceConflictException");
    assert_eq!(invoke().await.get("NEW"), None);
    let got = account.lambda.get_function().function_name(function_arn()).send().await.unwrap();
    assert_eq!(got.configuration.unwrap().timeout, Some(7));
}

#[tokio::test]
async fn a_dry_run_and_an_empty_environment_change_nothing() {
    let (account, _) = puppet_account(instant()).await;
    let before = account.aws.snapshot();
    let dry = account
        .lambda
        .update_function_code()
        .function_name(FUNCTION)
        .zip_file(Blob::new(deployed::zip(b"#!/bin/sh\n")));
    let dry = dry.dry_run(true).send().await.unwrap();
    assert_ne!(json!(dry.code_sha256), before["lambda"]["functions"][FUNCTION]["code"]);
    assert_eq!(account.aws.snapshot(), before);
    let update =
        |environment| account.lambda.update_function_configuration().function_name(FUNCTION).environment(environment);
    let kept = update(Environment::builder().build()).send().await.unwrap();
    assert_eq!(kept.environment.unwrap().variables.unwrap()["KEPT"], "1");
    let cleared = update(Environment::builder().set_variables(Some(HashMap::new())).build()).send().await.unwrap();
    assert!(cleared.environment.is_none());
}

#[tokio::test]
async fn the_resource_policy_holds_one_statement_per_id() {
    let (account, deployed) = puppet_account(instant()).await;
    let lambda = &account.lambda;
    let again = lambda.add_permission().function_name(FUNCTION).statement_id("api").action("lambda:InvokeFunction");
    let (code, message) = refused!(again.principal("apigateway.amazonaws.com"));
    assert_eq!(code, "ResourceConflictException");
    assert!(message.starts_with("The statement id (api) provided already exists"), "{message}");
    let policy = lambda.get_policy().function_name(FUNCTION).send().await.unwrap().policy.unwrap();
    let policy: Value = serde_json::from_str(&policy).unwrap();
    assert_eq!(policy["Statement"][0]["Condition"]["ArnLike"]["AWS:SourceArn"], json!(source_arn(&deployed.api, "*")));
    lambda.remove_permission().function_name(FUNCTION).statement_id("api").send().await.unwrap();
    assert_eq!(
        refused!(lambda.remove_permission().function_name(FUNCTION).statement_id("api")).0,
        "ResourceNotFoundException"
    );
    assert_eq!(refused!(lambda.get_policy().function_name(FUNCTION)).0, "ResourceNotFoundException");
}

#[tokio::test]
async fn tags_and_concurrency_of_a_function() {
    let (account, _) = puppet_account(instant()).await;
    let lambda = &account.lambda;
    lambda.tag_resource().resource(function_arn()).tags("a", "1").tags("b", "2").send().await.unwrap();
    lambda.untag_resource().resource(function_arn()).tag_keys("a").send().await.unwrap();
    let tags = lambda.list_tags().resource(function_arn()).send().await.unwrap().tags.unwrap();
    assert_eq!(tags, HashMap::from([("b".to_owned(), "2".to_owned())]));
    let put = |number| lambda.put_function_concurrency().function_name(FUNCTION).reserved_concurrent_executions(number);
    assert!(refused!(put(901)).1.contains("below its minimum value of [100]"));
    put(900).send().await.unwrap();
    let limits = lambda.get_account_settings().send().await.unwrap().account_limit.unwrap();
    assert_eq!(limits.unreserved_concurrent_executions, Some(100));
    lambda.delete_function_concurrency().function_name(FUNCTION).send().await.unwrap();
    let got = lambda.get_function_concurrency().function_name(FUNCTION).send().await.unwrap();
    assert_eq!(got.reserved_concurrent_executions, None);
    lambda.delete_function().function_name(FUNCTION).send().await.unwrap();
    assert_eq!(refused!(lambda.get_function().function_name(FUNCTION)).0, "ResourceNotFoundException");
    assert!(lambda.list_functions().send().await.unwrap().functions().is_empty());
}

#[tokio::test]
async fn a_failing_function_says_how_it_failed() {
    let (account, _) = puppet_account(instant()).await;
    for (order, kind) in [(json!({ "exit": 3 }), "Runtime.ExitError"), (json!({ "error": "no" }), "RuntimeError")] {
        let invoke = account.lambda.invoke().function_name(FUNCTION).payload(Blob::new(order.to_string()));
        let answer = invoke.send().await.unwrap();
        assert_eq!(answer.function_error.as_deref(), Some("Unhandled"));
        let payload: Value = serde_json::from_slice(answer.payload.unwrap().as_ref()).unwrap();
        assert_eq!(payload["errorType"], kind);
    }
}

#[tokio::test]
async fn a_functions_lines_stand_between_the_platforms() {
    let (account, _) = puppet_account(instant()).await;
    let mut lines = account.aws.log_lines();
    let invoke = account.lambda.invoke().function_name(FUNCTION).payload(Blob::new(r#"{"print":"mine"}"#));
    invoke.send().await.unwrap();
    let mut wanted = vec!["START RequestId: ", "mine", "END RequestId: ", "REPORT RequestId: "];
    while !wanted.is_empty() {
        let line = lines.recv().await.unwrap().text;
        wanted.retain(|start| !line.starts_with(start));
    }
}
