//! What only the inside can see: a function's credentials and its log lines, and the delays on a paused clock.

mod authorization;
mod control_plane;
pub(crate) mod in_process;
mod kinesis_video;
mod manners;
mod requests;
mod secrets;

use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::Credentials;
use bytes::Bytes;
use http::{HeaderMap, Method};

use super::call::{Call, Principal, Service};
use super::iam::{self, SessionCredentials};
use super::signature::{DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY};
use super::world::World;
use super::{LocalAws, LocalOptions, logs, s3};

/// How many cases a property is tried with; `PROPTEST_CASES` sets another number.
pub(crate) fn cases(default: u32) -> proptest::prelude::ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(default);
    // A failing case is printed, and becomes a test with a name.
    proptest::prelude::ProptestConfig {
        cases,
        failure_persistence: None,
        ..proptest::prelude::ProptestConfig::default()
    }
}

const ROLE_ARN: &str = "arn:aws:iam::000000000000:role/demo";
const GROUP: &str = "/aws/lambda/demo";
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;

async fn config(aws: &LocalAws, credentials: Credentials) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(aws.endpoint())
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

fn deployer() -> Credentials {
    Credentials::from_keys(DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, None)
}

fn keys(session: &SessionCredentials) -> Credentials {
    let SessionCredentials { access_key_id, secret_access_key, session_token } = session.clone();
    Credentials::from_keys(access_key_id, secret_access_key, Some(session_token))
}

async fn create_role(iam: &aws_sdk_iam::Client) {
    iam.create_role().role_name("demo").assume_role_policy_document(TRUST).send().await.unwrap();
}

#[tokio::test]
async fn a_session_ends_with_its_role_and_a_new_role_does_not_revive_it() {
    let aws = LocalAws::start(LocalOptions::default()).await.unwrap();
    let iam = aws_sdk_iam::Client::new(&config(&aws, deployer()).await);
    assert!(iam::issue_session(aws.world(), ROLE_ARN, "fn").is_none());
    create_role(&iam).await;
    let snapshot = aws.snapshot();
    let session = iam::issue_session(aws.world(), ROLE_ARN, "fn").unwrap();
    assert_eq!(aws.snapshot(), snapshot);

    let function = config(&aws, keys(&session)).await;
    let sts = aws_sdk_sts::Client::new(&function);
    let identity = sts.get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some("arn:aws:sts::000000000000:assumed-role/demo/fn"));
    let denied = aws_sdk_s3::Client::new(&function).list_buckets().send().await.unwrap_err();
    assert_eq!(aws_sdk_s3::error::ProvideErrorMetadata::code(&denied), Some("AccessDenied"));
    let stripped = Credentials::from_keys(session.access_key_id.clone(), session.secret_access_key.clone(), None);
    let stripped = aws_sdk_sts::Client::new(&config(&aws, stripped).await);
    assert!(stripped.get_caller_identity().send().await.is_err(), "the token is part of the credentials");

    iam.delete_role().role_name("demo").send().await.unwrap();
    for recreated in [false, true] {
        if recreated {
            create_role(&iam).await;
        }
        let error = sts.get_caller_identity().send().await.unwrap_err();
        assert_eq!(aws_sdk_sts::error::ProvideErrorMetadata::code(&error), Some("InvalidClientTokenId"));
        assert_eq!(error.raw_response().unwrap().status().as_u16(), 403);
    }
}

#[tokio::test]
async fn log_lines_need_the_group_or_the_right_to_create_it() {
    let aws = LocalAws::start(LocalOptions::default()).await.unwrap();
    let config = config(&aws, deployer()).await;
    let (iam, client) = (aws_sdk_iam::Client::new(&config), aws_sdk_cloudwatchlogs::Client::new(&config));
    create_role(&iam).await;
    let role = Principal::RoleSession {
        role_name: "demo".to_owned(),
        arn: "arn:aws:sts::000000000000:assumed-role/demo/fn".to_owned(),
    };
    let allow = async |actions: &str| {
        let document = format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{actions}],"Resource":"arn:aws:logs:us-east-1:000000000000:log-group:{GROUP}:*"}}]}}"#
        );
        iam.put_role_policy().role_name("demo").policy_name("logs").policy_document(document).send().await.unwrap();
    };
    let put = |group: &str, line: &str| logs::put_events(aws.world(), &role, group, "stream", &[line.to_owned()]);
    let denied = |action| Err(logs::PutError::Denied { action });
    let mut followed = aws.log_lines();

    assert_eq!(put(GROUP, "one"), denied("logs:CreateLogGroup"));
    allow(r#""logs:CreateLogStream","logs:PutLogEvents""#).await;
    assert_eq!(put(GROUP, "two"), denied("logs:CreateLogGroup"));
    client.create_log_group().log_group_name(GROUP).send().await.unwrap();
    assert_eq!(put(GROUP, "three"), Ok(()));
    assert_eq!(put("/aws/lambda/demo2", "four"), denied("logs:CreateLogGroup"));
    client.delete_log_group().log_group_name(GROUP).send().await.unwrap();
    allow(r#""logs:CreateLogGroup","logs:PutLogEvents""#).await;
    assert_eq!(put(GROUP, "five"), denied("logs:CreateLogStream"));
    allow(r#""logs:*""#).await;
    assert_eq!(put(GROUP, "six words"), Ok(()));
    assert_eq!(put(GROUP, "seven"), Ok(()));

    let events = client.filter_log_events().log_group_name(GROUP).filter_pattern("words").send().await.unwrap();
    assert_eq!(events.events()[0].message(), Some("six words"));
    let get = client.get_log_events().log_group_name(GROUP).log_stream_name("stream").start_from_head(true).limit(1);
    let first = get.clone().send().await.unwrap();
    assert_eq!(first.events()[0].message(), Some("six words"));
    let second = get.set_next_token(first.next_forward_token).send().await.unwrap();
    assert_eq!(second.events()[0].message(), Some("seven"));
    // Whoever follows sees every line, those that vanished included.
    for expected in ["one", "two", "three", "four", "five", "six words", "seven"] {
        assert_eq!(followed.recv().await.unwrap().text, expected);
    }
}

/// Calls the S3 service without a network: a paused clock and real sockets do not go together.
async fn s3_call(world: &Arc<World>, method: Method, path: &str, subresource: Option<&str>, body: &str) -> u16 {
    let call = Call {
        service: Service::S3,
        region: "us-east-1".to_owned(),
        principal: Principal::Deployer { arn: "arn:aws:iam::000000000000:user/local".to_owned() },
        method,
        path: path.to_owned(),
        query: subresource.map(|name| (name.to_owned(), String::new())).into_iter().collect(),
        headers: HeaderMap::new(),
        body: Bytes::copy_from_slice(body.as_bytes()),
        request_id: "test".to_owned(),
    };
    s3::handle(world, &call).await.status().as_u16()
}

#[tokio::test(start_paused = true)]
async fn a_public_policy_is_refused_until_the_setting_has_propagated() {
    let world = Arc::new(World::new(LocalOptions::default()));
    let delay = world.options.manners.public_access_block_propagation;
    let policy =
        r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::demo/*"}}"#;
    let block =
        "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls></PublicAccessBlockConfiguration>";
    let put = async |subresource, body| s3_call(&world, Method::PUT, "/demo", Some(subresource), body).await;

    assert_eq!(s3_call(&world, Method::PUT, "/demo", None, "").await, 200);
    assert_eq!(put("policy", policy).await, 403);
    assert_eq!(put("publicAccessBlock", block).await, 200);
    assert_eq!(put("policy", policy).await, 403);
    tokio::time::advance(delay / 2).await;
    assert_eq!(put("publicAccessBlock", block).await, 200, "sending it again does not start the delay anew");
    tokio::time::advance(delay / 2 - Duration::from_millis(1)).await;
    assert_eq!(put("policy", policy).await, 403);
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(put("policy", policy).await, 204);
}
