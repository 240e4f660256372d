//! The local AWS's S3, IAM, STS and CloudWatch Logs as the AWS SDK sees them, and its listener as anybody else does.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::Credentials;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    BucketLocationConstraint, ChecksumMode, CreateBucketConfiguration, Delete, ObjectIdentifier,
    PublicAccessBlockConfiguration, Tag, Tagging,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use webrtc_aws::local::{
    CallRecord, DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, Fault, LocalAws, LocalOptions, Manners, Service,
};

const ACCOUNT: &str = "000000000000";

async fn start() -> LocalAws {
    LocalAws::start(LocalOptions { manners: instant(), ..LocalOptions::default() }).await.unwrap()
}

/// Nothing propagates slowly; the delays have tests of their own, on a paused clock.
fn instant() -> Manners {
    Manners { public_access_block_propagation: Duration::ZERO, role_propagation: Duration::ZERO, ..Manners::default() }
}

async fn config_with(aws: &LocalAws, region: &'static str, key: &str, secret: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new(region))
        .credentials_provider(Credentials::from_keys(key, secret, None))
        .endpoint_url(aws.endpoint())
        .retry_config(RetryConfig::disabled())
        .load()
        .await
}

async fn config(aws: &LocalAws) -> SdkConfig {
    config_with(aws, "us-east-1", DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY).await
}

/// Sends raw bytes and reads until the server closes.
async fn raw(aws: &LocalAws, request: &str) -> String {
    let mut stream = TcpStream::connect(aws.endpoint().trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

async fn get(aws: &LocalAws, path: &str, headers: &str) -> String {
    raw(aws, &format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n")).await
}

fn public_policy(bucket: &str) -> String {
    serde_json::json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "PublicRead", "Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
        "Resource": format!("arn:aws:s3:::{bucket}/*"),
    }] })
    .to_string()
}

fn open_to_policies() -> PublicAccessBlockConfiguration {
    PublicAccessBlockConfiguration::builder().block_public_acls(true).ignore_public_acls(true).build()
}

#[tokio::test]
async fn a_new_bucket_blocks_public_access_and_refuses_acls_and_policies() {
    let aws = start().await;
    let s3 = aws_sdk_s3::Client::new(&config(&aws).await);
    let acl = s3.create_bucket().bucket("demo").acl("private".into()).send().await.unwrap_err();
    assert_eq!(acl.code(), Some("InvalidBucketAclWithObjectOwnership"));
    s3.create_bucket().bucket("demo").send().await.unwrap();

    let block = s3.get_public_access_block().bucket("demo").send().await.unwrap();
    let block = block.public_access_block_configuration.unwrap();
    assert_eq!(
        (block.block_public_acls, block.ignore_public_acls, block.block_public_policy, block.restrict_public_buckets),
        (Some(true), Some(true), Some(true), Some(true))
    );
    let ownership = s3.get_bucket_ownership_controls().bucket("demo").send().await.unwrap();
    assert_eq!(ownership.ownership_controls.unwrap().rules[0].object_ownership.as_str(), "BucketOwnerEnforced");

    let refused = s3.put_bucket_policy().bucket("demo").policy(public_policy("demo")).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("AccessDenied"));
    assert_eq!(
        refused.message(),
        Some(
            "User: arn:aws:iam::000000000000:user/local is not authorized to perform: s3:PutBucketPolicy on resource: \
             \"arn:aws:s3:::demo\" because public policies are blocked by the BlockPublicPolicy block public access setting."
        )
    );
    let put = s3.put_object().bucket("demo").key("a").acl("public-read".into()).send().await.unwrap_err();
    assert_eq!(put.code(), Some("AccessControlListNotSupported"));
}

#[tokio::test]
async fn a_public_object_needs_both_settings_and_a_policy() {
    let aws = start().await;
    let s3 = aws_sdk_s3::Client::new(&config(&aws).await);
    s3.create_bucket().bucket("demo").send().await.unwrap();
    s3.put_object()
        .bucket("demo")
        .key("js/app.js")
        .content_type("text/javascript")
        .cache_control("no-cache")
        .body(ByteStream::from_static(b"export {}"))
        .send()
        .await
        .unwrap();
    let denied = |answer: &str| answer.starts_with("HTTP/1.1 403") && answer.contains("<Code>AccessDenied</Code>");
    assert!(denied(&get(&aws, "/demo/js/app.js", "Host: localhost\r\n").await));

    s3.put_public_access_block()
        .bucket("demo")
        .public_access_block_configuration(open_to_policies())
        .send()
        .await
        .unwrap();
    assert!(denied(&get(&aws, "/demo/js/app.js", "Host: localhost\r\n").await));
    s3.put_bucket_policy().bucket("demo").policy(public_policy("demo")).send().await.unwrap();
    let status = s3.get_bucket_policy_status().bucket("demo").send().await.unwrap();
    assert_eq!(status.policy_status.unwrap().is_public, Some(true));

    let answer = get(&aws, "/demo/js/app.js", "Host: localhost\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains("content-type: text/javascript\r\n") && answer.contains("cache-control: no-cache\r\n"));
    assert!(answer.ends_with("\r\n\r\nexport {}"), "{answer}");
    let answer = get(&aws, "/js/app.js", "Host: demo.s3.localhost:4566\r\n").await;
    assert!(answer.ends_with("export {}"), "{answer}");
    let etag = answer.lines().find_map(|line| line.strip_prefix("etag: ")).unwrap().trim();
    let answer = get(&aws, "/demo/js/app.js", &format!("Host: localhost\r\nIf-None-Match: {etag}\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 304"), "{answer}");
    let answer = get(&aws, "/demo/js/app.js", "Host: localhost\r\nRange: bytes=0-5\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 206") && answer.ends_with("\r\n\r\nexport"), "{answer}");
    let head = raw(&aws, "HEAD /demo/js/app.js HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await;
    assert!(head.contains("content-length: 9\r\n") && head.ends_with("\r\n\r\n"), "{head}");

    // No index document, no listing, and no telling whether a key exists.
    for path in ["/demo", "/demo/", "/demo/js/", "/demo/absent", "/"] {
        let answer = get(&aws, path, "Host: localhost\r\n").await;
        assert!(denied(&answer), "{path}: {answer}");
    }
    // The setting shuts an accepted policy out again.
    let block = PublicAccessBlockConfiguration::builder().restrict_public_buckets(true).build();
    s3.put_public_access_block().bucket("demo").public_access_block_configuration(block).send().await.unwrap();
    assert!(denied(&get(&aws, "/demo/js/app.js", "Host: localhost\r\n").await));
}

#[tokio::test]
async fn bucket_names_belong_to_their_first_owner() {
    let aws = start().await;
    aws.seed_foreign_bucket("theirs");
    let s3 = aws_sdk_s3::Client::new(&config(&aws).await);
    let taken = s3.create_bucket().bucket("theirs").send().await.unwrap_err();
    assert_eq!(taken.code(), Some("BucketAlreadyExists"));
    let head = s3.head_bucket().bucket("theirs").send().await.unwrap_err();
    let raw = head.raw_response().unwrap();
    assert_eq!((raw.status().as_u16(), raw.headers().get("x-amz-bucket-region")), (403, Some("us-east-1")));
    let absent = s3.head_bucket().bucket("absent").send().await.unwrap_err();
    assert!(absent.as_service_error().unwrap().is_not_found());

    // us-east-1: creating it again answers 200 and changes nothing.
    s3.create_bucket().bucket("ours").send().await.unwrap();
    let tags =
        Tagging::builder().tag_set(Tag::builder().key("owner").value("me + you").build().unwrap()).build().unwrap();
    s3.put_bucket_tagging().bucket("ours").tagging(tags).send().await.unwrap();
    s3.put_object().bucket("ours").key("kept").body(ByteStream::from_static(b"x")).send().await.unwrap();
    let before = aws.snapshot();
    s3.create_bucket().bucket("ours").send().await.unwrap();
    assert_eq!(aws.snapshot(), before);
    let tags = s3.get_bucket_tagging().bucket("ours").send().await.unwrap();
    assert_eq!((tags.tag_set[0].key.as_str(), tags.tag_set[0].value.as_str()), ("owner", "me + you"));
    let stranger = s3.head_bucket().bucket("ours").expected_bucket_owner("111111111111").send().await.unwrap_err();
    assert_eq!(stranger.raw_response().unwrap().status().as_u16(), 403);
    s3.head_bucket().bucket("ours").expected_bucket_owner(ACCOUNT).send().await.unwrap();
}

#[tokio::test]
async fn other_regions_want_their_location_constraint() {
    let options = LocalOptions { region: "eu-west-1".to_owned(), manners: instant(), ..LocalOptions::default() };
    let aws = LocalAws::start(options).await.unwrap();
    let s3 = aws_sdk_s3::Client::new(
        &config_with(&aws, "eu-west-1", DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY).await,
    );
    let missing = s3.create_bucket().bucket("demo").send().await.unwrap_err();
    assert_eq!(missing.code(), Some("IllegalLocationConstraintException"));
    let create = || {
        let configuration = CreateBucketConfiguration::builder()
            .location_constraint(BucketLocationConstraint::EuWest1)
            .tags(Tag::builder().key("a").value("b").build().unwrap())
            .build();
        s3.create_bucket().bucket("demo").create_bucket_configuration(configuration).send()
    };
    create().await.unwrap();
    assert_eq!(create().await.unwrap_err().code(), Some("BucketAlreadyOwnedByYou"));
    let location = s3.get_bucket_location().bucket("demo").send().await.unwrap();
    assert_eq!(location.location_constraint, Some(BucketLocationConstraint::EuWest1));
    assert_eq!(s3.get_bucket_tagging().bucket("demo").send().await.unwrap().tag_set[0].key, "a");
}

#[tokio::test]
async fn a_streamed_upload_loses_its_framing_and_nothing_else() {
    let aws = start().await;
    let s3 = aws_sdk_s3::Client::new(&config(&aws).await);
    s3.create_bucket().bucket("demo").send().await.unwrap();
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[number as usize % 3]).collect();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &content).unwrap();
    s3.put_object()
        .bucket("demo")
        .key("a b/ü+&.wasm")
        .content_type("application/wasm")
        .metadata("source", "a test")
        .body(ByteStream::from_path(file.path()).await.unwrap())
        .send()
        .await
        .unwrap();
    let object =
        s3.get_object().bucket("demo").key("a b/ü+&.wasm").checksum_mode(ChecksumMode::Enabled).send().await.unwrap();
    assert_eq!(object.content_type(), Some("application/wasm"));
    assert_eq!(object.content_encoding(), None);
    assert_eq!(object.metadata().unwrap()["source"], "a test");
    assert!(object.checksum_crc32().is_some());
    assert_eq!(object.body.collect().await.unwrap().to_vec(), content);
}

#[tokio::test]
async fn a_bucket_is_emptied_page_by_page_and_then_deleted() {
    let aws = start().await;
    let empty_account = aws.snapshot();
    let s3 = aws_sdk_s3::Client::new(&config(&aws).await);
    s3.create_bucket().bucket("demo").send().await.unwrap();
    let keys = ["a", "b/1", "b/2", "c&d <e>", "ü"];
    for key in keys {
        s3.put_object().bucket("demo").key(key).body(ByteStream::from_static(b"x")).send().await.unwrap();
    }
    let head = s3.head_object().bucket("demo").key("a").send().await.unwrap();
    assert_eq!(head.e_tag(), Some("\"9dd4e461268c8034f5c8564e155c67a6\""));
    assert_eq!((head.content_type(), head.content_length()), (Some("application/octet-stream"), Some(1)));

    let mut pages = s3.list_objects_v2().bucket("demo").max_keys(2).into_paginator().send();
    let mut listed = Vec::new();
    while let Some(page) = pages.next().await {
        listed.extend(page.unwrap().contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
    }
    assert_eq!(listed, keys);
    let folders = s3.list_objects_v2().bucket("demo").delimiter("/").send().await.unwrap();
    assert_eq!(folders.common_prefixes()[0].prefix(), Some("b/"));
    assert_eq!(folders.contents().len(), 3);

    assert_eq!(s3.delete_bucket().bucket("demo").send().await.unwrap_err().code(), Some("BucketNotEmpty"));
    let mut marker = (None, None);
    loop {
        let page = s3
            .list_object_versions()
            .bucket("demo")
            .max_keys(2)
            .set_key_marker(marker.0)
            .set_version_id_marker(marker.1)
            .send()
            .await
            .unwrap();
        let objects: Vec<_> = page
            .versions()
            .iter()
            .map(|version| {
                ObjectIdentifier::builder()
                    .key(version.key().unwrap())
                    .set_version_id(version.version_id.clone())
                    .build()
                    .unwrap()
            })
            .collect();
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().unwrap();
        let deleted = s3.delete_objects().bucket("demo").delete(delete).send().await.unwrap();
        assert!(deleted.errors().is_empty() && deleted.deleted().is_empty());
        if page.is_truncated != Some(true) {
            break;
        }
        marker = (page.next_key_marker, page.next_version_id_marker);
    }
    let wrong = Delete::builder()
        .objects(ObjectIdentifier::builder().key("a").version_id("3HL4kqtJ").build().unwrap())
        .build()
        .unwrap();
    let answer = s3.delete_objects().bucket("demo").delete(wrong).send().await.unwrap();
    assert_eq!(answer.errors()[0].code(), Some("NoSuchVersion"));
    assert!(s3.list_multipart_uploads().bucket("demo").send().await.unwrap().uploads().is_empty());
    s3.delete_bucket().bucket("demo").send().await.unwrap();
    let gone = s3.get_bucket_policy().bucket("demo").send().await.unwrap_err();
    assert_eq!(gone.code(), Some("NoSuchBucket"));
    assert_eq!(aws.snapshot(), empty_account);
}

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const INLINE: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"logs:PutLogEvents","Resource":"*"}]}"#;

#[tokio::test]
async fn a_role_lives_through_its_policies_and_tags() {
    let aws = start().await;
    let empty_account = aws.snapshot();
    let iam = aws_sdk_iam::Client::new(&config(&aws).await);
    let tag = |key: &str, value: &str| aws_sdk_iam::types::Tag::builder().key(key).value(value).build().unwrap();
    let create =
        || iam.create_role().role_name("demo").assume_role_policy_document(TRUST).tags(tag("owner", "me")).send();
    let role = create().await.unwrap().role.unwrap();
    assert_eq!(role.arn, "arn:aws:iam::000000000000:role/demo");
    assert_eq!(create().await.unwrap_err().code(), Some("EntityAlreadyExists"));

    let role = iam.get_role().role_name("demo").send().await.unwrap().role.unwrap();
    assert_eq!(role.tags()[0].value(), "me");
    let trust = role.assume_role_policy_document.unwrap();
    assert!(trust.starts_with("%7B%22"), "{trust}");
    let trust = percent_encoding::percent_decode_str(&trust).decode_utf8().unwrap().into_owned();
    assert_eq!(trust.parse::<serde_json::Value>().unwrap(), TRUST.parse::<serde_json::Value>().unwrap());

    iam.tag_role().role_name("demo").tags(tag("stage", "1")).send().await.unwrap();
    iam.untag_role().role_name("demo").tag_keys("owner").send().await.unwrap();
    let tags = iam.list_role_tags().role_name("demo").send().await.unwrap();
    assert_eq!((tags.tags.len(), tags.tags[0].key()), (1, "stage"));

    let malformed =
        iam.put_role_policy().role_name("demo").policy_name("p").policy_document(TRUST).send().await.unwrap_err();
    assert_eq!(malformed.code(), Some("MalformedPolicyDocument"));
    iam.put_role_policy().role_name("demo").policy_name("p").policy_document(INLINE).send().await.unwrap();
    let policy = iam.get_role_policy().role_name("demo").policy_name("p").send().await.unwrap();
    assert!(policy.policy_document.contains("logs%3APutLogEvents"));
    assert_eq!(iam.list_role_policies().role_name("demo").send().await.unwrap().policy_names, ["p"]);
    assert!(iam.list_attached_role_policies().role_name("demo").send().await.unwrap().attached_policies().is_empty());
    assert!(iam.list_instance_profiles_for_role().role_name("demo").send().await.unwrap().instance_profiles.is_empty());
    assert_eq!(iam.list_roles().send().await.unwrap().roles.len(), 1);

    assert_eq!(iam.delete_role().role_name("demo").send().await.unwrap_err().code(), Some("DeleteConflict"));
    iam.delete_role_policy().role_name("demo").policy_name("p").send().await.unwrap();
    let again = iam.delete_role_policy().role_name("demo").policy_name("p").send().await.unwrap_err();
    assert!(again.as_service_error().unwrap().is_no_such_entity_exception());
    iam.delete_role().role_name("demo").send().await.unwrap();
    let gone = iam.get_role().role_name("demo").send().await.unwrap_err();
    assert!(gone.as_service_error().unwrap().is_no_such_entity_exception());
    assert_eq!(aws.snapshot(), empty_account);

    let long = iam.create_role().role_name("r".repeat(65)).assume_role_policy_document(TRUST).send().await.unwrap_err();
    assert_eq!(long.code(), Some("ValidationError"));
}

#[tokio::test]
async fn a_log_group_has_retention_and_tags() {
    let aws = start().await;
    let empty_account = aws.snapshot();
    let logs = aws_sdk_cloudwatchlogs::Client::new(&config(&aws).await);
    let group = "/aws/lambda/demo";
    let create = || logs.create_log_group().log_group_name(group).tags("owner", "me").send();
    create().await.unwrap();
    let again = create().await.unwrap_err();
    assert!(again.as_service_error().unwrap().is_resource_already_exists_exception());

    let odd = logs.put_retention_policy().log_group_name(group).retention_in_days(2).send().await.unwrap_err();
    assert!(odd.as_service_error().unwrap().is_invalid_parameter_exception());
    logs.put_retention_policy().log_group_name(group).retention_in_days(14).send().await.unwrap();
    let found = logs.describe_log_groups().log_group_name_prefix("/aws/lambda/de").send().await.unwrap();
    let found = &found.log_groups()[0];
    assert_eq!(found.retention_in_days(), Some(14));
    assert_eq!(found.arn(), Some("arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/demo:*"));
    let arn = found.log_group_arn().unwrap();
    logs.tag_resource().resource_arn(arn).tags("stage", "1").send().await.unwrap();
    logs.untag_resource().resource_arn(arn).tag_keys("owner").send().await.unwrap();
    let tags = logs.list_tags_for_resource().resource_arn(arn).send().await.unwrap().tags.unwrap();
    assert_eq!(tags, [("stage".to_owned(), "1".to_owned())].into());
    let starred = logs.list_tags_for_resource().resource_arn(format!("{arn}:*")).send().await.unwrap_err();
    assert!(starred.as_service_error().unwrap().is_invalid_parameter_exception());

    logs.delete_retention_policy().log_group_name(group).send().await.unwrap();
    assert!(logs.filter_log_events().log_group_name(group).send().await.unwrap().events().is_empty());
    assert!(logs.describe_log_streams().log_group_name(group).send().await.unwrap().log_streams().is_empty());
    logs.delete_log_group().log_group_name(group).send().await.unwrap();
    let gone = logs.delete_log_group().log_group_name(group).send().await.unwrap_err();
    assert!(gone.as_service_error().unwrap().is_resource_not_found_exception());
    assert_eq!(aws.snapshot(), empty_account);
}

#[tokio::test]
async fn only_a_known_key_and_a_right_signature_get_in() {
    let aws = start().await;
    let identity = aws_sdk_sts::Client::new(&config(&aws).await).get_caller_identity().send().await.unwrap();
    assert_eq!((identity.account(), identity.arn()), (Some(ACCOUNT), Some("arn:aws:iam::000000000000:user/local")));

    let code = |region, key, secret| {
        let aws = &aws;
        async move {
            let config = config_with(aws, region, key, secret).await;
            let sts = aws_sdk_sts::Client::new(&config).get_caller_identity().send().await;
            let logs = aws_sdk_cloudwatchlogs::Client::new(&config).describe_log_groups().send().await;
            let s3 = aws_sdk_s3::Client::new(&config).list_buckets().send().await;
            [
                sts.unwrap_err().code().unwrap_or_default().to_owned(),
                logs.unwrap_err().code().unwrap_or_default().to_owned(),
                s3.unwrap_err().code().unwrap_or_default().to_owned(),
            ]
        }
    };
    assert_eq!(
        code("us-east-1", "local", "wrong").await,
        ["SignatureDoesNotMatch", "InvalidSignatureException", "SignatureDoesNotMatch"]
    );
    assert_eq!(
        code("us-east-1", "unknown", "local").await,
        ["InvalidClientTokenId", "UnrecognizedClientException", "InvalidAccessKeyId"]
    );
    assert_eq!(
        code("eu-west-1", "local", "local").await,
        ["SignatureDoesNotMatch", "InvalidSignatureException", "AuthorizationHeaderMalformed"]
    );
    assert!(aws.calls().iter().all(|call| call.operation == "GetCallerIdentity"), "refused calls reach no service");
}

#[tokio::test]
async fn faults_strike_the_call_they_name() {
    let aws = start().await;
    let s3 = aws_sdk_s3::Client::new(&config(&aws).await);
    for rule in
        ["s3:CreateBucket#1=throttle", "s3:CreateBucket#2=fail:409:OperationAborted:busy", "s3:CreateBucket#3=lost"]
    {
        aws.faults().add(rule.parse().unwrap());
    }
    let create = || s3.create_bucket().bucket("demo").send();
    assert_eq!(create().await.unwrap_err().code(), Some("SlowDown"));
    assert_eq!(create().await.unwrap_err().message(), Some("busy"));
    assert_eq!(aws.snapshot()["s3"]["buckets"], serde_json::json!({}));
    assert!(matches!(create().await.unwrap_err(), aws_sdk_s3::error::SdkError::DispatchFailure(_)));
    s3.head_bucket().bucket("demo").send().await.unwrap();
    let record = |operation, is_write, status| CallRecord { service: Service::S3, operation, is_write, status };
    assert_eq!(
        aws.calls(),
        [
            record("CreateBucket", true, Some(503)),
            record("CreateBucket", true, Some(409)),
            record("CreateBucket", true, None),
            record("HeadBucket", false, Some(200)),
        ]
    );
    aws.clear_calls();
    assert!(aws.calls().is_empty());
}

#[tokio::test]
async fn stop_ends_a_hanging_call_and_frees_the_port() {
    let aws = start().await;
    let s3 = aws_sdk_s3::Client::new(&config(&aws).await);
    aws.faults().add("s3:CreateBucket=hang-after".parse().unwrap());
    let mut hits = aws.faults().hits();
    let hanging = tokio::spawn(s3.create_bucket().bucket("demo").send());
    assert_eq!(hits.recv().await.unwrap().fault, Fault::HangAfterEffect);
    assert!(aws.snapshot()["s3"]["buckets"]["demo"].is_object());
    let port = aws.endpoint().rsplit(':').next().unwrap().parse().unwrap();
    aws.stop().await;
    assert!(hanging.await.unwrap().is_err());
    let again = LocalAws::start(LocalOptions { port, ..LocalOptions::default() }).await.unwrap();
    let taken = LocalAws::start(LocalOptions { port, ..LocalOptions::default() }).await.unwrap_err();
    assert!(taken.to_string().contains(&port.to_string()), "{taken}");
    drop(again);
}

#[tokio::test]
async fn what_is_not_implemented_is_refused_by_name() {
    let aws = start().await;
    let config = config(&aws).await;
    let iam = aws_sdk_iam::Client::new(&config).list_users().send().await.unwrap_err();
    let body = iam.raw_response().unwrap();
    assert_eq!(body.status().as_u16(), 501);
    let text = String::from_utf8_lossy(body.body().bytes().unwrap()).into_owned();
    assert!(text.contains("iam ListUsers: POST /"), "{text}");
    let acl = aws_sdk_s3::Client::new(&config).get_bucket_acl().bucket("demo").send().await.unwrap_err();
    let text = String::from_utf8_lossy(acl.raw_response().unwrap().body().bytes().unwrap()).into_owned();
    assert!(text.contains("s3 (query: acl): GET /demo"), "{text}");
    assert!(aws.calls().is_empty());
}

#[tokio::test]
async fn malformed_requests_get_an_answer() {
    let aws = start().await;
    let health = get(&aws, "/_local/health", "Host: localhost\r\n").await;
    assert!(health.starts_with("HTTP/1.1 200") && health.contains("\"service\":\"webrtc-aws local\""), "{health}");
    for (request, status) in [
        ("GARBAGE\r\n\r\n", "400"),
        ("POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", "403"),
        ("GET /b/%00%ff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "404"),
        ("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Basic eDp5\r\n\r\n", "400"),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=local/20200101/us-east-1/ec2/aws4_request, SignedHeaders=host, Signature=0\r\n\r\n",
            "501",
        ),
        (
            "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Amz-Date: 20200101T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 \
             Credential=local/20200101/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=0\r\n\r\n",
            "403",
        ),
        ("PUT /b/k HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 99999999999\r\n\r\n", "413"),
    ] {
        let answer = raw(&aws, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}\n{answer}");
    }
}

#[tokio::test]
async fn a_web_page_cannot_sign_calls_even_with_the_keys_that_everybody_knows() {
    let aws = start().await;
    let signed = "Authorization: AWS4-HMAC-SHA256 Credential=local/20200101/us-east-1/s3/aws4_request, SignedHeaders=host, \
                  Signature=0\r\n";
    for (headers, why) in [
        ("Host: 127.0.0.1\r\nOrigin: https://evil.example\r\n", "no signed calls from web pages"),
        ("Host: 127.0.0.1\r\nSec-Fetch-Site: same-origin\r\n", "no signed calls from web pages"),
        ("Host: rebound.example\r\n", "only under an IP address or a localhost name"),
    ] {
        let answer = get(&aws, "/", &format!("{headers}{signed}")).await;
        assert!(answer.starts_with("HTTP/1.1 403") && answer.contains(why), "{headers}{answer}");
    }
}
