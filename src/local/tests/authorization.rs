//! What the deployer's policy refuses, in the words of each service.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use serde_json::json;

use super::in_process;
use crate::aws::clients::Clients;
use crate::local::call::Principal;
use crate::local::iam::{self, Decision};
use crate::local::world::World;
use crate::local::{LocalOptions, PolicyDocument};

fn world(statement: &serde_json::Value) -> Arc<World> {
    let policy = json!({ "Version": "2012-10-17", "Statement": statement }).to_string();
    let deployer_policy = Some(policy.parse().unwrap());
    Arc::new(World::new(LocalOptions { port: 4566, deployer_policy, ..LocalOptions::default() }))
}

fn said(error: &impl ProvideErrorMetadata) -> (Option<&str>, Option<&str>) {
    (error.code(), error.message())
}

#[tokio::test(start_paused = true)]
async fn a_refusal_has_the_code_and_the_words_of_its_service() {
    let world = world(&json!({ "Effect": "Allow", "Action": "logs:CreateLogGroup", "Resource": "*" }));
    let Clients { s3, iam, sts, lambda, api_gateway, logs, kinesis_video } =
        Clients::new(&in_process::config(&world).await);
    assert!(sts.get_caller_identity().send().await.is_ok(), "everyone may ask who they are");
    let words = |action: &str, resource: &str| {
        format!(
            "User: arn:aws:iam::000000000000:user/local is not authorized to perform: {action} on resource: {resource} because no \
             identity-based policy allows the {action} action"
        )
    };
    let error = s3.create_bucket().bucket("b").send().await.unwrap_err();
    assert_eq!(said(&error), (Some("AccessDenied"), Some(words("s3:CreateBucket", "\"arn:aws:s3:::b\"").as_str())));
    let error = s3.head_bucket().bucket("b").send().await.unwrap_err();
    assert_eq!((said(&error), error.raw_response().unwrap().status().as_u16()), ((None, None), 403));
    let error = iam.get_role().role_name("r").send().await.unwrap_err();
    let role = words("iam:GetRole", "arn:aws:iam::000000000000:role/r");
    assert_eq!(said(&error), (Some("AccessDenied"), Some(role.as_str())));
    let error = lambda.get_function().function_name("f").send().await.unwrap_err();
    let function = words("lambda:GetFunction", "arn:aws:lambda:us-east-1:000000000000:function:f");
    assert_eq!(said(&error), (Some("AccessDeniedException"), Some(function.as_str())));
    let error = api_gateway.get_apis().send().await.unwrap_err();
    let apis = words("apigateway:GET", "arn:aws:apigateway:us-east-1::/apis");
    assert_eq!(said(&error), (Some("AccessDeniedException"), Some(apis.as_str())));
    let error = logs.delete_log_group().log_group_name("g").send().await.unwrap_err();
    let group = words("logs:DeleteLogGroup", "arn:aws:logs:us-east-1:000000000000:log-group:g:log-stream:");
    assert_eq!(said(&error), (Some("AccessDeniedException"), Some(group.as_str())));
    let error = kinesis_video.describe_signaling_channel().channel_name("c").send().await.unwrap_err();
    let channel =
        words("kinesisvideo:DescribeSignalingChannel", "arn:aws:kinesisvideo:us-east-1:000000000000:channel/c/0");
    assert_eq!(said(&error), (Some("AccessDeniedException"), Some(channel.as_str())));
    let error = logs.create_log_group().log_group_name("g").tags("a", "b").send().await.unwrap_err();
    assert!(error.message().unwrap().contains("not authorized to perform CreateLogGroup with Tags"), "{error:?}");
    assert!(logs.create_log_group().log_group_name("g").send().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_deny_is_called_explicit() {
    let world = world(&json!([
        { "Effect": "Allow", "Action": "*", "Resource": "*" },
        { "Effect": "Deny", "Action": "s3:DeleteBucket", "Resource": "*" },
    ]));
    let s3 = Clients::new(&in_process::config(&world).await).s3;
    s3.create_bucket().bucket("bucket").send().await.unwrap();
    let error = s3.delete_bucket().bucket("bucket").send().await.unwrap_err();
    assert!(error.message().unwrap().ends_with("with an explicit deny in an identity-based policy"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_boundary_whose_document_is_known_limits_its_role() {
    const BOUNDARY: &str = "arn:aws:iam::000000000000:policy/limit";
    let everything = json!({ "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } }).to_string();
    let limit = json!({ "Statement": { "Effect": "Allow", "Action": "logs:*", "Resource": "*" } }).to_string();
    let managed_policies = BTreeMap::from([(BOUNDARY.to_owned(), limit.parse::<PolicyDocument>().unwrap())]);
    let world = Arc::new(World::new(LocalOptions { port: 4566, managed_policies, ..LocalOptions::default() }));
    let iam = Clients::new(&in_process::config(&world).await).iam;
    iam.create_role().role_name("demo").assume_role_policy_document(super::TRUST).send().await.unwrap();
    let put = iam.put_role_policy().role_name("demo").policy_name("all").policy_document(everything);
    put.send().await.unwrap();
    let session = Principal::RoleSession { role_name: "demo".to_owned(), arn: String::new() };
    let may = |action| iam::is_allowed(&world, &world.state(), &session, action, "arn:x");
    assert_eq!((may("logs:PutLogEvents"), may("s3:GetObject")), (Decision::Allowed, Decision::Allowed));
    iam.put_role_permissions_boundary().role_name("demo").permissions_boundary(BOUNDARY).send().await.unwrap();
    assert_eq!((may("logs:PutLogEvents"), may("s3:GetObject")), (Decision::Allowed, Decision::ImplicitDeny));
    iam.delete_role_permissions_boundary().role_name("demo").send().await.unwrap();
    assert_eq!(may("s3:GetObject"), Decision::Allowed);
}
