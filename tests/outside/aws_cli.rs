//! The AWS CLI reads what was deployed to the local AWS. Its parsers were not written by us: what it understands is what AWS
//! says.

use futures_util::{TryStreamExt as _, stream};
use serde_json::{Value, json};

use crate::support::{LocalAws, Outcome, from_venv, program, stdout, webrtc_aws};

/// Each call of it is a Python that starts.
const AT_ONCE: usize = 4;

/// A command line, what of the answer is of interest (a JMESPath expression), and what that must be.
type Reading = (String, &'static str, Value);

#[tokio::test]
async fn the_aws_cli_lists_and_describes_everything_that_was_deployed() -> Outcome {
    let aws = LocalAws::start().await?;
    let (code, end) = webrtc_aws(&["up", "demo", "--no-verify", "--endpoint-url", &aws.endpoint]).await?;
    assert_eq!(code, Some(0), "{end}");
    stream::iter(readings(&end["outputs"])?.into_iter().map(Ok))
        .try_for_each_concurrent(AT_ONCE, |reading| check(&aws, reading))
        .await
}

async fn check(aws: &LocalAws, (command, query, expected): Reading) -> Outcome {
    let output = program(from_venv("aws")?)
        .args(command.split(' '))
        .args(["--endpoint-url", &aws.endpoint, "--output", "json", "--query", query])
        .output()
        .await?;
    let answer: Value = serde_json::from_str(&stdout(&format!("aws {command}"), output)?)?;
    assert_eq!(answer, expected, "aws {command} --query '{query}'");
    Ok(())
}

fn readings(outputs: &Value) -> Outcome<Vec<Reading>> {
    let text = |name: &str| outputs[name].as_str().ok_or_else(|| format!("no {name} in {outputs}"));
    let (api, bucket, function, group) = (text("api_id")?, text("bucket")?, text("function")?, text("log_group")?);
    let (account, region) = (text("account")?, text("region")?);
    let role = format!("{function}-{region}");
    let role_arn = format!("arn:aws:iam::{account}:role/{role}");
    let function_arn = format!("arn:aws:lambda:{region}:{account}:function:{function}");
    let group_arn = format!("arn:aws:logs:{region}:{account}:log-group:{group}");
    let tags = json!({ "webrtc-aws:stack": "demo" });
    let tag_list = json!([{ "Key": "webrtc-aws:stack", "Value": "demo" }]);
    let invoked = format!("arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function_arn}/invocations");
    Ok(vec![
        ("sts get-caller-identity".into(), "Account", json!(account)),
        ("s3api list-buckets".into(), "Buckets[].Name", json!([bucket])),
        (format!("s3api get-bucket-location --bucket {bucket}"), "LocationConstraint", Value::Null),
        (format!("s3api get-bucket-tagging --bucket {bucket}"), "TagSet", tag_list.clone()),
        (
            format!("s3api get-public-access-block --bucket {bucket}"),
            "PublicAccessBlockConfiguration.[BlockPublicAcls,IgnorePublicAcls,BlockPublicPolicy,RestrictPublicBuckets]",
            json!([true, true, false, false]),
        ),
        (
            format!("s3api get-bucket-encryption --bucket {bucket}"),
            "ServerSideEncryptionConfiguration.Rules[].ApplyServerSideEncryptionByDefault.SSEAlgorithm",
            json!(["AES256"]),
        ),
        (format!("s3api get-bucket-policy --bucket {bucket}"), "contains(Policy, 's3:GetObject')", json!(true)),
        (
            format!("s3api list-objects-v2 --bucket {bucket}"),
            "Contents[?ends_with(Key, '.html') || Key == 'config.js'].Key",
            json!(["config.js", "index.html"]),
        ),
        (
            format!("s3api head-object --bucket {bucket} --key config.js"),
            "[ContentType, CacheControl]",
            json!(["text/javascript; charset=utf-8", "no-cache"]),
        ),
        (format!("iam get-role --role-name {role}"), "Role.Arn", json!(role_arn)),
        (format!("iam list-role-tags --role-name {role}"), "Tags", tag_list),
        (format!("iam list-role-policies --role-name {role}"), "PolicyNames", json!(["relay"])),
        (
            format!("iam get-role-policy --role-name {role} --policy-name relay"),
            "PolicyDocument.Statement[0].[Action, Resource]",
            json!([
                "execute-api:ManageConnections",
                format!("arn:aws:execute-api:{region}:{account}:{api}/prod/POST/*")
            ]),
        ),
        ("lambda list-functions".into(), "Functions[].FunctionName", json!([function])),
        (
            format!("lambda get-function --function-name {function}"),
            "[Configuration.[State, Runtime, Role], Tags]",
            json!([["Active", "provided.al2023", role_arn], tags]),
        ),
        (
            format!("lambda get-policy --function-name {function}"),
            "contains(Policy, 'apigateway.amazonaws.com')",
            json!(true),
        ),
        (
            "apigatewayv2 get-apis".into(),
            "Items[].[ApiId, ProtocolType, Tags.\"webrtc-aws:stack\"]",
            json!([[api, "WEBSOCKET", "demo"]]),
        ),
        (
            format!("apigatewayv2 get-routes --api-id {api}"),
            "Items[].[RouteKey, RouteResponseSelectionExpression]",
            json!([["$default", "$default"]]),
        ),
        (
            format!("apigatewayv2 get-integrations --api-id {api}"),
            "Items[].[IntegrationType, IntegrationUri]",
            json!([["AWS_PROXY", invoked]]),
        ),
        (
            format!("apigatewayv2 get-stages --api-id {api}"),
            "Items[].[StageName, AutoDeploy]",
            json!([["prod", false]]),
        ),
        (format!("apigatewayv2 get-deployments --api-id {api}"), "Items[].DeploymentStatus", json!(["DEPLOYED"])),
        (
            "logs describe-log-groups".into(),
            "logGroups[].[logGroupName, logGroupArn, retentionInDays]",
            json!([[group, group_arn, 7]]),
        ),
        (format!("logs list-tags-for-resource --resource-arn {group_arn}"), "tags", tags.clone()),
        (format!("logs describe-log-streams --log-group-name {group}"), "logStreams", json!([])),
    ])
}
