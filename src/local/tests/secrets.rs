//! Secrets as the deployer keeps them and a function reads them.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::{TRUST, in_process};
use crate::aws::clients::Clients;
use crate::local::call::{Call, Principal, Service};
use crate::local::dispatch;
use crate::local::world::{LocalOptions, World};

fn world() -> Arc<World> {
    Arc::new(World::new(LocalOptions { port: 4566, ..LocalOptions::default() }))
}

fn deployer() -> Principal {
    Principal::Deployer { arn: "arn:aws:iam::000000000000:user/local".to_owned() }
}

fn function() -> Principal {
    let arn = "arn:aws:sts::000000000000:assumed-role/relay/webrtc-aws-demo".to_owned();
    Principal::RoleSession { role_name: "relay".to_owned(), arn }
}

/// What the caller gets: the status and the body.
async fn call(world: &Arc<World>, principal: Principal, target: &'static str, body: Value) -> (u16, Value) {
    let service = if target.starts_with("Amazon") { Service::Ssm } else { Service::SecretsManager };
    let call = Call {
        service,
        region: "us-east-1".to_owned(),
        principal,
        method: Method::POST,
        path: "/".to_owned(),
        query: Vec::new(),
        headers: HeaderMap::from_iter([("x-amz-target".parse().unwrap(), HeaderValue::from_static(target))]),
        body: body.to_string().into(),
        request_id: "test".to_owned(),
    };
    let answer = dispatch::carry_out(world, &call).await.unwrap();
    (answer.status().as_u16(), serde_json::from_slice(answer.body()).unwrap_or_default())
}

/// Gives the role of the function one statement.
async fn allow(world: &Arc<World>, action: &str, resource: &str) {
    let iam = Clients::new(&in_process::config(world).await).iam;
    let _ = iam.create_role().role_name("relay").assume_role_policy_document(TRUST).send().await;
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": resource });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    iam.put_role_policy().role_name("relay").policy_name("relay").policy_document(policy).send().await.unwrap();
}

fn refusal(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["__type"].as_str().unwrap_or_default())
}

#[tokio::test(start_paused = true)]
async fn a_function_reads_the_parameter_that_its_role_allows_and_no_other() {
    const GET: &str = "AmazonSSM.GetParameter";
    let world = world();
    for name in ["/turn/secret", "/turn/other"] {
        let put = json!({ "Name": name, "Value": "north", "Type": "SecureString" });
        assert_eq!(call(&world, deployer(), "AmazonSSM.PutParameter", put).await.0, 200);
    }
    let secret = json!({ "Name": "/turn/secret", "WithDecryption": true });
    allow(&world, "ssm:GetParameter", "arn:aws:ssm:us-east-1:000000000000:parameter/turn/secret").await;
    let (status, body) = call(&world, function(), GET, secret.clone()).await;
    assert_eq!((status, &body["Parameter"]["Value"]), (200, &json!("north")));
    assert_eq!(body["Parameter"]["ARN"], "arn:aws:ssm:us-east-1:000000000000:parameter/turn/secret");
    let (_, encrypted) = call(&world, function(), GET, json!({ "Name": "/turn/secret" })).await;
    assert_ne!(encrypted["Parameter"]["Value"], "north", "nobody asked for decryption");

    let other = call(&world, function(), GET, json!({ "Name": "/turn/other", "WithDecryption": true })).await;
    assert_eq!(refusal(&other), (400, "AccessDeniedException"));
    assert!(other.1["message"].as_str().unwrap().contains("parameter/turn/other because no identity-based policy"));
    let overwrite = json!({ "Name": "/turn/secret", "Value": "x", "Overwrite": true });
    let written = call(&world, function(), "AmazonSSM.PutParameter", overwrite).await;
    assert_eq!(refusal(&written), (400, "AccessDeniedException"));

    allow(&world, "ssm:GetParameter", "arn:aws:ssm:us-east-1:000000000000:parameter//turn/secret").await;
    assert_eq!(refusal(&call(&world, function(), GET, secret).await), (400, "AccessDeniedException"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_is_known_by_its_name_and_allowed_by_its_arn_with_the_suffix() {
    const GET: &str = "secretsmanager.GetSecretValue";
    let world = world();
    let create = json!({ "Name": "turn", "SecretString": "north" });
    let (_, made) = call(&world, deployer(), "secretsmanager.CreateSecret", create.clone()).await;
    let arn = made["ARN"].as_str().unwrap().to_owned();
    let again = call(&world, deployer(), "secretsmanager.CreateSecret", create).await;
    assert_eq!(refusal(&again), (400, "ResourceExistsException"));

    for (resource, status) in [
        ("arn:aws:secretsmanager:us-east-1:000000000000:secret:turn-??????", 200),
        (arn.as_str(), 200),
        ("arn:aws:secretsmanager:us-east-1:000000000000:secret:turn", 400),
        ("arn:aws:secretsmanager:us-east-1:000000000000:secret:tur-??????", 400),
    ] {
        allow(&world, "secretsmanager:GetSecretValue", resource).await;
        for id in ["turn", arn.as_str()] {
            assert_eq!(call(&world, function(), GET, json!({ "SecretId": id })).await.0, status, "{resource} {id}");
        }
    }
    allow(&world, "secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:000000000000:secret:gone-??????")
        .await;
    let gone = call(&world, function(), GET, json!({ "SecretId": "gone" })).await;
    assert_eq!(refusal(&gone), (400, "AccessDeniedException"), "what is not there has no suffix");
    let gone = call(&world, deployer(), GET, json!({ "SecretId": "gone" })).await;
    assert_eq!(refusal(&gone), (400, "ResourceNotFoundException"));
}

#[tokio::test(start_paused = true)]
async fn parameters_are_as_strict_as_on_aws_and_no_value_is_in_a_snapshot() {
    let world = world();
    let put = async |body: Value| call(&world, deployer(), "AmazonSSM.PutParameter", body).await;
    for name in ["", "turn/secret", "aws-turn", "/ssm/turn", "a b", "a*"] {
        let refused = put(json!({ "Name": name, "Value": "v", "Type": "String" })).await;
        assert_eq!(refusal(&refused), (400, "ValidationException"), "{name}");
    }
    assert_eq!(refusal(&put(json!({ "Name": "a", "Value": "v" })).await), (400, "ValidationException"), "no type");
    let odd = put(json!({ "Name": "a", "Value": "v", "Type": "String", "KeyId": "alias/mine" })).await;
    assert_eq!(refusal(&odd), (400, "SerializationException"), "there is no KMS here");
    assert_eq!(put(json!({ "Name": "a", "Value": "n0rth", "Type": "SecureString" })).await.1["Version"], 1);
    assert_eq!(refusal(&put(json!({ "Name": "a", "Value": "w" })).await), (400, "ParameterAlreadyExists"));
    assert_eq!(put(json!({ "Name": "a", "Value": "n0rth", "Overwrite": true })).await.1["Version"], 2);
    let snapshot = serde_json::to_string(&*world.state()).unwrap();
    assert!(snapshot.contains("SecureString") && !snapshot.contains("n0rth"), "{snapshot}");
    assert_eq!(call(&world, deployer(), "AmazonSSM.DeleteParameter", json!({ "Name": "a" })).await.0, 200);
    let gone = call(&world, deployer(), "AmazonSSM.GetParameter", json!({ "Name": "a" })).await;
    assert_eq!(refusal(&gone), (400, "ParameterNotFound"));
}
