//! Every way in which a stack comes to differ from what is wanted: by what a person does in the console, or by an update towards
//! something else.

use std::pin::Pin;

use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType, RouteSettings};
use aws_sdk_lambda::primitives::Blob;
use serde_json::{Value, json};

use super::rig::{Rig, relay};
use crate::engine::diff::diff;
use crate::engine::resource::{Address, Observed};
use crate::naming::{OWNER_METADATA, OWNER_TAG};
use crate::resources::{
    BUCKET, FUNCTION, INTEGRATION, LOG_GROUP, OBJECTS, PERMISSION, ROLE, ROLE_POLICY, ROUTE, SIGNALING_CHANNEL, STAGE,
    WEBSOCKET_API,
};

/// One of them, not yet done.
pub(super) struct Drift<'rig> {
    pub(super) what: String,
    pub(super) work: Pin<Box<dyn Future<Output = ()> + 'rig>>,
    /// What a plan then names, in the order of `stack.rs`.
    pub(super) planned: Vec<Address>,
}

fn by_hand<'rig>(what: &str, planned: &[Address], work: impl Future<Output = ()> + 'rig) -> Drift<'rig> {
    Drift { what: what.to_owned(), work: Box::pin(work), planned: planned.to_vec() }
}

/// The kind itself brings one field to another value.
fn towards<'rig>(rig: &'rig Rig, address: Address, pointer: &'static str, value: Value) -> Drift<'rig> {
    let work = async move {
        let (resource, context) = (rig.resource(address), rig.context.of(address));
        let Observed::Owned(observed) = resource.observe(&context).await.unwrap() else {
            panic!("{address} is not there");
        };
        let mut desired = resource.desired(&context.known).unwrap();
        *desired.pointer_mut(pointer).unwrap() = value;
        let changes = diff(&observed, &desired);
        assert!(!changes.is_empty(), "{address}{pointer} is so already");
        resource.update(&context, &observed, &desired, &changes).await.unwrap();
        let now = resource.observe(&context).await.unwrap();
        assert_eq!(now, Observed::Owned(desired), "{address}{pointer} after an update towards it");
    };
    Drift { what: format!("{address}{pointer}"), work: Box::pin(work), planned: vec![address] }
}

pub(super) fn all(rig: &Rig) -> Vec<Drift<'_>> {
    let mut drifts = page(rig);
    drifts.extend(relay_and_its_rights(rig));
    drifts.extend(api(rig));
    drifts.extend(tags(rig));
    drifts
}

fn tags(rig: &Rig) -> Vec<Drift<'_>> {
    let mut drifts: Vec<_> = [BUCKET, LOG_GROUP, ROLE, WEBSOCKET_API, SIGNALING_CHANNEL, FUNCTION, STAGE]
        .into_iter()
        .map(|address| towards(rig, address, "/tags/team", json!("red")))
        .collect();
    let lambda = &rig.context.clients.lambda;
    let function = rig.context.names.function_arn();
    drifts.push(by_hand("somebody's tag removed", &[FUNCTION], async move {
        lambda.untag_resource().resource(function).tag_keys("team").send().await.map(drop).unwrap();
    }));
    drifts
}

fn page(rig: &Rig) -> Vec<Drift<'_>> {
    let s3 = &rig.context.clients.s3;
    let bucket = rig.context.names.bucket();
    let deny = json!({ "Version": "2012-10-17", "Statement": {
        "Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": format!("arn:aws:s3:::{bucket}/*"),
    } });
    let name = || bucket.clone();
    vec![
        towards(rig, BUCKET, "/public_access_block/block_public_acls", json!(false)),
        towards(rig, BUCKET, "/public_access_block/ignore_public_acls", json!(false)),
        towards(rig, BUCKET, "/public_access_block/block_public_policy", json!(true)),
        towards(rig, BUCKET, "/public_access_block/restrict_public_buckets", json!(true)),
        towards(rig, BUCKET, "/policy", deny),
        towards(rig, BUCKET, "/encryption", json!("aws:kms")),
        by_hand("the bucket's policy deleted", &[BUCKET], {
            let bucket = name();
            async move { s3.delete_bucket_policy().bucket(bucket).send().await.map(drop).unwrap() }
        }),
        by_hand("the public access block deleted", &[BUCKET], {
            let bucket = name();
            async move { s3.delete_public_access_block().bucket(bucket).send().await.map(drop).unwrap() }
        }),
        by_hand("another index.html uploaded", &[OBJECTS], {
            let bucket = name();
            async move {
                let put = s3.put_object().bucket(bucket).key("index.html").content_type("text/plain");
                put.body(b"mine".to_vec().into()).send().await.map(drop).unwrap();
            }
        }),
        by_hand("a file deleted", &[OBJECTS], {
            let bucket = name();
            async move { s3.delete_object().bucket(bucket).key("app.js").send().await.map(drop).unwrap() }
        }),
        by_hand("a file of an earlier page", &[OBJECTS], {
            let bucket = name();
            async move {
                let put = s3.put_object().bucket(bucket).key("old/app.js").metadata(OWNER_METADATA, "demo");
                put.body(b"old".to_vec().into()).send().await.map(drop).unwrap();
            }
        }),
        by_hand("all files deleted", &[OBJECTS], async move {
            rig.resource(OBJECTS).delete(&rig.context.of(OBJECTS)).await.unwrap();
        }),
    ]
}

fn relay_and_its_rights(rig: &Rig) -> Vec<Drift<'_>> {
    let clients = &rig.context.clients;
    let names = &rig.context.names;
    let trust = |service: &str| {
        json!({ "Version": "2012-10-17", "Statement": {
            "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole",
        } })
    };
    let other_trust = trust("ec2.amazonaws.com");
    let lambda_trust = trust("lambda.amazonaws.com").to_string();
    let same_trust = lambda_trust.clone();
    let document =
        json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
    let everything = document.to_string();
    vec![
        towards(rig, LOG_GROUP, "/retention_days", json!(30)),
        by_hand("the retention deleted", &[LOG_GROUP], async move {
            let delete = clients.logs.delete_retention_policy().log_group_name(names.log_group());
            delete.send().await.map(drop).unwrap();
        }),
        towards(rig, ROLE, "/trust", other_trust),
        towards(rig, ROLE_POLICY, "/document", document),
        by_hand("more rights given to the role", &[ROLE], async move {
            let put = clients.iam.put_role_policy().role_name(names.role()).policy_name("everything");
            put.policy_document(everything).send().await.map(drop).unwrap();
        }),
        by_hand("the inline policy deleted", &[ROLE_POLICY], async move {
            let delete = clients.iam.delete_role_policy().role_name(names.role()).policy_name(names.role_policy());
            delete.send().await.map(drop).unwrap();
        }),
        towards(rig, FUNCTION, "/runtime", json!("provided.al2")),
        towards(rig, FUNCTION, "/handler", json!("other")),
        towards(rig, FUNCTION, "/memory_mb", json!(256)),
        towards(rig, FUNCTION, "/timeout_s", json!(3)),
        by_hand("the function switched off", &[FUNCTION], async move {
            let put = clients.lambda.put_function_concurrency().function_name(names.function());
            put.reserved_concurrent_executions(0).send().await.map(drop).unwrap();
        }),
        by_hand("the role made anew under the function", &[ROLE_POLICY, FUNCTION], async move {
            let delete = clients.iam.delete_role_policy().role_name(names.role()).policy_name(names.role_policy());
            delete.send().await.unwrap();
            let found = clients.iam.get_role().role_name(names.role()).send().await.unwrap().role.unwrap();
            clients.iam.delete_role().role_name(names.role()).send().await.unwrap();
            let create = clients.iam.create_role().role_name(names.role()).assume_role_policy_document(same_trust);
            create.set_tags(found.tags).send().await.map(drop).unwrap();
        }),
        towards(rig, FUNCTION, "/environment", json!({ "MINE": "1" })),
        by_hand("another role given to the function", &[FUNCTION], async move {
            let create = clients.iam.create_role().role_name("other").assume_role_policy_document(lambda_trust);
            let role = create.send().await.unwrap().role.unwrap().arn;
            let update = clients.lambda.update_function_configuration().function_name(names.function());
            update.role(role).send().await.map(drop).unwrap();
        }),
        by_hand("other code uploaded", &[FUNCTION], async move {
            let update = clients.lambda.update_function_code().function_name(names.function());
            update.zip_file(Blob::new(relay("other").zip)).send().await.map(drop).unwrap();
        }),
        towards(rig, PERMISSION, "/principal", json!("s3.amazonaws.com")),
        towards(rig, PERMISSION, "/action", json!("lambda:GetFunction")),
        towards(rig, PERMISSION, "/source_arn", json!("arn:aws:execute-api:us-east-1:000000000000:aaaaaaaaaa/*")),
        by_hand("the permission removed", &[PERMISSION], async move {
            let remove = clients.lambda.remove_permission().function_name(names.function());
            remove.statement_id(names.permission_statement()).send().await.map(drop).unwrap();
        }),
    ]
}

fn api(rig: &Rig) -> Vec<Drift<'_>> {
    let gateway = &rig.context.clients.api_gateway;
    let id = || rig.context.known.api.get().unwrap().to_string();
    let route = || rig.context.known.route.get().unwrap().to_string();
    let other_uri = "arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:000000000000:function:x/invocations";
    let stage = rig.context.names.stage.as_str();
    vec![
        towards(rig, WEBSOCKET_API, "/name", json!("renamed")),
        towards(rig, WEBSOCKET_API, "/route_selection_expression", json!("$request.body.type")),
        towards(rig, WEBSOCKET_API, "/endpoint_disabled", json!(true)),
        by_hand("another API of ours, which serves nothing", &[WEBSOCKET_API], async move {
            let create = gateway.create_api().name("webrtc-aws-demo").protocol_type(ProtocolType::Websocket);
            let create = create.route_selection_expression("$request.body.action").tags(OWNER_TAG, "demo");
            create.send().await.map(drop).unwrap();
        }),
        towards(rig, INTEGRATION, "/uri", json!(other_uri)),
        towards(rig, INTEGRATION, "/method", json!("GET")),
        towards(rig, INTEGRATION, "/timeout_ms", json!(50)),
        towards(rig, ROUTE, "/api_key_required", json!(true)),
        by_hand("a second integration", &[STAGE], async move {
            let found = gateway.get_integrations().api_id(id()).send().await.unwrap();
            let create = gateway.create_integration().api_id(id()).integration_type(IntegrationType::AwsProxy);
            let create =
                create.integration_method("POST").set_integration_uri(found.items()[0].integration_uri.clone());
            create.send().await.map(drop).unwrap();
        }),
        by_hand("more routes", &[ROUTE], async move {
            for key in ["$connect", "join"] {
                let create = gateway.create_route().api_id(id()).route_key(key);
                create.send().await.map(drop).unwrap();
            }
        }),
        by_hand("the route sent elsewhere", &[ROUTE, STAGE], async move {
            let create = gateway.create_integration().api_id(id()).integration_type(IntegrationType::AwsProxy);
            let other = create.integration_method("POST").integration_uri(other_uri).send().await.unwrap();
            let update = gateway.update_route().api_id(id()).route_id(route());
            update.target(format!("integrations/{}", other.integration_id.unwrap())).send().await.map(drop).unwrap();
        }),
        by_hand("the route response deleted", &[ROUTE], async move {
            let list = gateway.get_route_responses().api_id(id()).route_id(route()).send().await.unwrap();
            let response = list.items()[0].route_response_id().unwrap();
            let delete = gateway.delete_route_response().api_id(id()).route_id(route());
            delete.route_response_id(response).send().await.map(drop).unwrap();
        }),
        // A new route has a new id, and what is deployed is the old one: it is deployed anew.
        by_hand("the route made anew, one-way", &[ROUTE, STAGE], async move {
            let found = gateway.get_route().api_id(id()).route_id(route()).send().await.unwrap();
            gateway.delete_route().api_id(id()).route_id(route()).send().await.unwrap();
            let create = gateway.create_route().api_id(id()).route_key("$default");
            create.target(found.target.unwrap()).send().await.map(drop).unwrap();
        }),
        towards(rig, STAGE, "/throttling_rate", json!(10.0)),
        towards(rig, STAGE, "/throttling_burst", json!(20)),
        by_hand("a throttling of one route's own", &[STAGE], async move {
            let nothing = RouteSettings::builder().throttling_rate_limit(0.0).throttling_burst_limit(0).build();
            let update = gateway.update_stage().api_id(id()).stage_name(stage).route_settings("$connect", nothing);
            update.send().await.map(drop).unwrap();
        }),
        by_hand("AutoDeploy switched on", &[STAGE], async move {
            let update = gateway.update_stage().api_id(id()).stage_name(stage).auto_deploy(true);
            update.send().await.map(drop).unwrap();
        }),
        by_hand("the stage's tag removed", &[STAGE], async move {
            let arn = rig.context.names.stage_arn(&rig.context.known.api.get().unwrap());
            gateway.untag_resource().resource_arn(arn).tag_keys(OWNER_TAG).send().await.map(drop).unwrap();
        }),
        by_hand("a deployment made by hand", &[STAGE], async move {
            let create = gateway.create_deployment().api_id(id()).stage_name(stage);
            create.send().await.map(drop).unwrap();
        }),
        by_hand("a deployment that an interrupted run left", &[STAGE], async move {
            let create = gateway.create_deployment().api_id(id()).description("webrtc-aws 0123456789abcdef");
            create.send().await.map(drop).unwrap();
        }),
        by_hand("the stage deleted", &[STAGE], async move {
            gateway.delete_stage().api_id(id()).stage_name(stage).send().await.map(drop).unwrap();
        }),
        by_hand("a second stage of ours", &[STAGE], async move {
            let create = gateway.create_stage().api_id(id()).stage_name("older").tags(OWNER_TAG, "demo");
            create.send().await.map(drop).unwrap();
        }),
        by_hand("the stage under another name", &[STAGE], async move {
            gateway.delete_stage().api_id(id()).stage_name(stage).send().await.unwrap();
            let create = gateway.create_stage().api_id(id()).stage_name("older").tags(OWNER_TAG, "demo");
            create.send().await.map(drop).unwrap();
        }),
        by_hand("the stage made anew, without a deployment", &[STAGE], async move {
            gateway.delete_stage().api_id(id()).stage_name(stage).send().await.unwrap();
            let create = gateway.create_stage().api_id(id()).stage_name(stage).tags(OWNER_TAG, "demo");
            create.send().await.map(drop).unwrap();
        }),
    ]
}
