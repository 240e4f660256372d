//! Real requests of every operation, for tests that bend them.

use std::io::{Cursor, Write};

use base64::{Engine, prelude::BASE64_STANDARD};
use http::Method;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::local::call::Service;

/// A request in its parts, as its service understands it.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) service: Service,
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// Ids that the account gave out.
#[derive(Clone, Debug, Default)]
pub(super) struct Ids {
    pub(super) api: String,
    pub(super) integration: String,
    pub(super) route: String,
    pub(super) response: String,
    pub(super) deployment: String,
}

impl Ids {
    pub(super) fn fill(&self, text: &str) -> String {
        text.replace("{API}", &self.api)
            .replace("{INTEGRATION}", &self.integration)
            .replace("{ROUTE}", &self.route)
            .replace("{RESPONSE}", &self.response)
            .replace("{DEPLOYMENT}", &self.deployment)
    }
}

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;

/// What makes the stack, in order: method, path with query, operation (`Action` or `x-amz-target`), body.
pub(super) const MAKE: [(Service, &str, &str, &str, &str); 17] = [
    (
        Service::Iam,
        "POST",
        "/",
        "CreateRole",
        "RoleName=demo&AssumeRolePolicyDocument={TRUST}&Tags.member.1.Key=k&Tags.member.1.Value=v",
    ),
    (Service::Iam, "POST", "/", "PutRolePolicy", "RoleName=demo&PolicyName=relay&PolicyDocument={POLICY}"),
    (Service::Logs, "POST", "/", "CreateLogGroup", r#"{"logGroupName":"/aws/lambda/demo","tags":{"k":"v"}}"#),
    (
        Service::Lambda,
        "POST",
        "/2015-03-31/functions",
        "",
        r#"{"FunctionName":"demo","Role":"arn:aws:iam::000000000000:role/demo","Runtime":"provided.al2023","Handler":"bootstrap","Code":{"ZipFile":"{ZIP}"},"MemorySize":128,"Timeout":10,"Architectures":["{ARCH}"],"Environment":{"Variables":{"KEY":"b"}},"Tags":{"k":"v"}}"#,
    ),
    (
        Service::ApiGateway,
        "POST",
        "/v2/apis",
        "",
        r#"{"name":"demo","protocolType":"WEBSOCKET","routeSelectionExpression":"$request.body.action","tags":{"k":"v"}}"#,
    ),
    (
        Service::ApiGateway,
        "POST",
        "/v2/apis/{API}/integrations",
        "",
        r#"{"integrationType":"AWS_PROXY","integrationMethod":"POST","integrationUri":"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:demo/invocations"}"#,
    ),
    (
        Service::ApiGateway,
        "POST",
        "/v2/apis/{API}/routes",
        "",
        r#"{"routeKey":"$default","target":"integrations/{INTEGRATION}","routeResponseSelectionExpression":"$default"}"#,
    ),
    (
        Service::ApiGateway,
        "POST",
        "/v2/apis/{API}/routes/{ROUTE}/routeresponses",
        "",
        r#"{"routeResponseKey":"$default"}"#,
    ),
    (Service::ApiGateway, "POST", "/v2/apis/{API}/deployments", "", r#"{"description":"d"}"#),
    (
        Service::ApiGateway,
        "POST",
        "/v2/apis/{API}/stages",
        "",
        r#"{"stageName":"prod","deploymentId":"{DEPLOYMENT}","defaultRouteSettings":{"throttlingRateLimit":10.5,"throttlingBurstLimit":5},"tags":{"k":"v"}}"#,
    ),
    (
        Service::Lambda,
        "POST",
        "/2015-03-31/functions/demo/policy",
        "",
        r#"{"StatementId":"s","Action":"lambda:InvokeFunction","Principal":"apigateway.amazonaws.com","SourceArn":"arn:aws:execute-api:us-east-1:000000000000:{API}/*"}"#,
    ),
    (Service::S3, "PUT", "/demo", "", ""),
    (
        Service::S3,
        "PUT",
        "/demo?tagging",
        "",
        "<Tagging><TagSet><Tag><Key>k</Key><Value>v</Value></Tag></TagSet></Tagging>",
    ),
    (
        Service::S3,
        "PUT",
        "/demo?publicAccessBlock",
        "",
        "<PublicAccessBlockConfiguration><BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>false</BlockPublicPolicy><RestrictPublicBuckets>false</RestrictPublicBuckets></PublicAccessBlockConfiguration>",
    ),
    (
        Service::S3,
        "PUT",
        "/demo?policy",
        "",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::demo/*"}]}"#,
    ),
    (
        Service::S3,
        "PUT",
        "/demo?encryption",
        "",
        "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>",
    ),
    (Service::S3, "PUT", "/demo/a/index.html", "", "hello"),
];

/// What else can be asked of it.
pub(super) const ASK: [(Service, &str, &str, &str, &str); 62] = [
    (Service::Iam, "POST", "/", "GetRole", "RoleName=demo"),
    (Service::Iam, "POST", "/", "ListRoles", "MaxItems=1&Marker=x"),
    (Service::Iam, "POST", "/", "UpdateAssumeRolePolicy", "RoleName=demo&PolicyDocument={TRUST}"),
    (Service::Iam, "POST", "/", "TagRole", "RoleName=demo&Tags.member.1.Key=k&Tags.member.1.Value=v"),
    (Service::Iam, "POST", "/", "UntagRole", "RoleName=demo&TagKeys.member.1=k"),
    (Service::Iam, "POST", "/", "ListRoleTags", "RoleName=demo"),
    (Service::Iam, "POST", "/", "GetRolePolicy", "RoleName=demo&PolicyName=relay"),
    (Service::Iam, "POST", "/", "ListRolePolicies", "RoleName=demo&MaxItems=1"),
    (Service::Iam, "POST", "/", "DeleteRolePolicy", "RoleName=demo&PolicyName=relay"),
    (Service::Iam, "POST", "/", "AttachRolePolicy", "RoleName=demo&PolicyArn=arn:aws:iam::aws:policy/P"),
    (Service::Iam, "POST", "/", "DetachRolePolicy", "RoleName=demo&PolicyArn=arn:aws:iam::aws:policy/P"),
    (Service::Iam, "POST", "/", "DeleteRole", "RoleName=demo"),
    (Service::Sts, "POST", "/", "GetCallerIdentity", ""),
    (Service::Logs, "POST", "/", "DescribeLogGroups", r#"{"logGroupNamePrefix":"/aws","limit":1,"nextToken":"t"}"#),
    (Service::Logs, "POST", "/", "PutRetentionPolicy", r#"{"logGroupName":"/aws/lambda/demo","retentionInDays":7}"#),
    (
        Service::Logs,
        "POST",
        "/",
        "ListTagsForResource",
        r#"{"resourceArn":"arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/demo"}"#,
    ),
    (
        Service::Logs,
        "POST",
        "/",
        "TagResource",
        r#"{"resourceArn":"arn:aws:logs:us-east-1:000000000000:log-group:/aws/lambda/demo","tags":{"a":"b"}}"#,
    ),
    (
        Service::Logs,
        "POST",
        "/",
        "FilterLogEvents",
        r#"{"logGroupName":"/aws/lambda/demo","filterPattern":"x","startTime":0,"limit":3}"#,
    ),
    (
        Service::Logs,
        "POST",
        "/",
        "GetLogEvents",
        r#"{"logGroupName":"/aws/lambda/demo","logStreamName":"s","nextToken":"f/1","limit":3}"#,
    ),
    (
        Service::Logs,
        "POST",
        "/",
        "DescribeLogStreams",
        r#"{"logGroupName":"/aws/lambda/demo","orderBy":"LastEventTime"}"#,
    ),
    (Service::Logs, "POST", "/", "DeleteLogGroup", r#"{"logGroupName":"/aws/lambda/demo"}"#),
    (
        Service::Ssm,
        "POST",
        "/",
        "PutParameter",
        r#"{"Name":"/turn/secret","Value":"north","Type":"SecureString","Description":"d","Tags":[{"Key":"k","Value":"v"}]}"#,
    ),
    (Service::Ssm, "POST", "/", "PutParameter", r#"{"Name":"/turn/secret","Value":"south","Overwrite":true}"#),
    (Service::Ssm, "POST", "/", "GetParameter", r#"{"Name":"/turn/secret","WithDecryption":true}"#),
    (Service::Ssm, "POST", "/", "DeleteParameter", r#"{"Name":"/turn/secret"}"#),
    (
        Service::SecretsManager,
        "POST",
        "/",
        "CreateSecret",
        r#"{"Name":"turn","SecretString":"north","ClientRequestToken":"t"}"#,
    ),
    (Service::SecretsManager, "POST", "/", "PutSecretValue", r#"{"SecretId":"turn","SecretString":"south"}"#),
    (Service::SecretsManager, "POST", "/", "GetSecretValue", r#"{"SecretId":"turn"}"#),
    (Service::SecretsManager, "POST", "/", "DeleteSecret", r#"{"SecretId":"turn","ForceDeleteWithoutRecovery":true}"#),
    (
        Service::KinesisVideo,
        "POST",
        "/createSignalingChannel",
        "",
        r#"{"ChannelName":"demo","ChannelType":"SINGLE_MASTER","Tags":[{"Key":"k","Value":"v"}]}"#,
    ),
    (Service::KinesisVideo, "POST", "/describeSignalingChannel", "", r#"{"ChannelName":"demo"}"#),
    (Service::KinesisVideo, "POST", "/TagResource", "", r#"{"ResourceARN":"a","Tags":[{"Key":"k","Value":"v"}]}"#),
    (Service::KinesisVideo, "POST", "/UntagResource", "", r#"{"ResourceARN":"a","TagKeyList":["k"]}"#),
    (Service::KinesisVideo, "POST", "/ListTagsForResource", "", r#"{"ResourceARN":"a","NextToken":"1"}"#),
    (
        Service::KinesisVideo,
        "POST",
        "/getSignalingChannelEndpoint",
        "",
        r#"{"ChannelARN":"a","SingleMasterChannelEndpointConfiguration":{"Protocols":["HTTPS"],"Role":"VIEWER"}}"#,
    ),
    (Service::KinesisVideo, "POST", "/v1/get-ice-server-config", "", r#"{"ChannelARN":"a","Service":"TURN"}"#),
    (Service::KinesisVideo, "POST", "/deleteSignalingChannel", "", r#"{"ChannelARN":"a"}"#),
    (Service::Lambda, "GET", "/2015-03-31/functions/demo", "", ""),
    (Service::Lambda, "GET", "/2015-03-31/functions?MaxItems=1&Marker=x", "", ""),
    (
        Service::Lambda,
        "PUT",
        "/2015-03-31/functions/demo/code",
        "",
        r#"{"ZipFile":"{ZIP}","Architectures":["{ARCH}"]}"#,
    ),
    (
        Service::Lambda,
        "PUT",
        "/2015-03-31/functions/demo/configuration",
        "",
        r#"{"MemorySize":256,"Timeout":3,"Environment":{"Variables":{"KEY":"c"}}}"#,
    ),
    (Service::Lambda, "GET", "/2015-03-31/functions/demo/policy", "", ""),
    (Service::Lambda, "DELETE", "/2015-03-31/functions/demo/policy/s", "", ""),
    (Service::Lambda, "PUT", "/2017-10-31/functions/demo/concurrency", "", r#"{"ReservedConcurrentExecutions":2}"#),
    (Service::Lambda, "DELETE", "/2015-03-31/functions/demo", "", ""),
    (Service::ApiGateway, "GET", "/v2/apis?maxResults=1&nextToken=x", "", ""),
    (Service::ApiGateway, "PATCH", "/v2/apis/{API}", "", r#"{"name":"other"}"#),
    (
        Service::ApiGateway,
        "PATCH",
        "/v2/apis/{API}/integrations/{INTEGRATION}",
        "",
        r#"{"integrationUri":"arn:aws:apigateway:us-east-1:lambda:path/x"}"#,
    ),
    (
        Service::ApiGateway,
        "PATCH",
        "/v2/apis/{API}/routes/{ROUTE}",
        "",
        r#"{"target":"integrations/{INTEGRATION}","routeResponseSelectionExpression":""}"#,
    ),
    (
        Service::ApiGateway,
        "PATCH",
        "/v2/apis/{API}/stages/prod",
        "",
        r#"{"deploymentId":"{DEPLOYMENT}","defaultRouteSettings":{"throttlingRateLimit":1}}"#,
    ),
    (Service::ApiGateway, "GET", "/v2/apis/{API}/deployments/{DEPLOYMENT}", "", ""),
    (Service::ApiGateway, "DELETE", "/v2/apis/{API}/routes/{ROUTE}/routeresponses/{RESPONSE}", "", ""),
    (
        Service::ApiGateway,
        "POST",
        "/v2/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Fapis%2F{API}",
        "",
        r#"{"tags":{"a":"b"}}"#,
    ),
    (Service::ApiGateway, "DELETE", "/v2/apis/{API}", "", ""),
    (
        Service::S3,
        "GET",
        "/demo?list-type=2&max-keys=1&prefix=a&delimiter=/&continuation-token=x&encoding-type=url",
        "",
        "",
    ),
    (Service::S3, "GET", "/demo?versions&max-keys=1&key-marker=a&version-id-marker=null", "", ""),
    (Service::S3, "GET", "/demo?uploads", "", ""),
    (Service::S3, "HEAD", "/demo/a/index.html", "", ""),
    (Service::S3, "GET", "/demo/a/index.html", "", ""),
    (
        Service::S3,
        "POST",
        "/demo?delete",
        "",
        "<Delete><Quiet>true</Quiet><Object><Key>a/index.html</Key><VersionId>null</VersionId></Object></Delete>",
    ),
    (Service::S3, "DELETE", "/demo/a/index.html", "", ""),
    (Service::S3, "DELETE", "/demo", "", ""),
];

fn zip_file() -> String {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    writer.write_all(b"#!/bin/sh\n").unwrap();
    BASE64_STANDARD.encode(writer.finish().unwrap().into_inner())
}

pub(super) fn sent(template: &(Service, &str, &str, &str, &str)) -> Sent {
    let (service, method, target, operation, body) = *template;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let mut body = body
        .replace("{ZIP}", &zip_file())
        .replace("{ARCH}", architecture)
        .replace("{TRUST}", &encoded(TRUST))
        .replace("{POLICY}", &encoded(r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#));
    let mut headers = Vec::new();
    match service {
        Service::Iam | Service::Sts => body = format!("Action={operation}&Version=2010-05-08&{body}"),
        Service::Logs => headers.push(("x-amz-target".to_owned(), format!("Logs_20140328.{operation}"))),
        Service::Ssm => headers.push(("x-amz-target".to_owned(), format!("AmazonSSM.{operation}"))),
        Service::SecretsManager => headers.push(("x-amz-target".to_owned(), format!("secretsmanager.{operation}"))),
        Service::S3 => headers.push(("content-type".to_owned(), "text/html".to_owned())),
        _ => {}
    }
    Sent {
        service,
        method: method.parse().unwrap(),
        path: path.to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers,
        body: body.into_bytes(),
    }
}
