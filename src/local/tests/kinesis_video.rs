//! Signalling channels: how long they take to come and go, and who may ask for their TURN servers.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_kinesisvideo::types::{ChannelProtocol, ChannelRole, SingleMasterChannelEndpointConfiguration, Tag};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::{TRUST, in_process};
use crate::aws::clients::Clients;
use crate::local::call::{Call, Principal, Service};
use crate::local::dispatch;
use crate::local::manners::Manners;
use crate::local::world::{LocalOptions, World};

const SECOND: Duration = Duration::from_secs(1);

fn world() -> Arc<World> {
    let manners = Manners { channel_pending: 3 * SECOND, channel_deletion: 4 * SECOND, ..Manners::none() };
    Arc::new(World::new(LocalOptions { port: 4566, manners, ..LocalOptions::default() }))
}

#[tokio::test(start_paused = true)]
async fn a_channel_comes_and_goes_in_the_background_and_holds_its_name() {
    let world = world();
    let client = Clients::new(&in_process::config(&world).await).kinesis_video;
    let describe = async || {
        let answer = client.describe_signaling_channel().channel_name("demo").send().await;
        let status =
            |answer: aws_sdk_kinesisvideo::operation::describe_signaling_channel::DescribeSignalingChannelOutput| {
                answer.channel_info.unwrap().channel_status.unwrap().as_str().to_owned()
            };
        answer.map(status).map_err(|error| error.code().unwrap().to_owned())
    };
    let create = || client.create_signaling_channel().channel_name("demo").send();
    let gone = || Err("ResourceNotFoundException".to_owned());

    assert_eq!(describe().await, gone());
    let first = create().await.unwrap().channel_arn.unwrap();
    let delete = |arn: &str| client.delete_signaling_channel().channel_arn(arn).send();
    assert_eq!(describe().await.as_deref(), Ok("CREATING"));
    assert_eq!(delete(&first).await.unwrap_err().code(), Some("ResourceInUseException"));
    tokio::time::advance(3 * SECOND).await;
    assert_eq!(describe().await.as_deref(), Ok("ACTIVE"));
    assert_eq!(create().await.unwrap_err().code(), Some("ResourceInUseException"));

    delete(&first).await.unwrap();
    assert_eq!(describe().await.as_deref(), Ok("DELETING"));
    assert_eq!(create().await.unwrap_err().code(), Some("ResourceInUseException"), "its name is still taken");
    tokio::time::advance(4 * SECOND).await;
    assert_eq!(describe().await, gone());
    let second = create().await.unwrap().channel_arn.unwrap();
    assert_ne!(first, second, "another channel, whatever it is called");
    let tag = Tag::builder().key("a").value("b").build().unwrap();
    let tag = |arn: &str| client.tag_resource().resource_arn(arn).tags(tag.clone()).send();
    assert_eq!(tag(&first).await.unwrap_err().code(), Some("ResourceNotFoundException"));
    tag(&second).await.unwrap();
    let tags = client.list_tags_for_resource().resource_arn(&second).send().await.unwrap().tags.unwrap();
    assert_eq!(tags, [("a".to_owned(), "b".to_owned())].into());
}

#[tokio::test(start_paused = true)]
async fn a_function_asks_for_the_servers_of_the_channel_that_its_role_names_and_of_no_other() {
    let world = world();
    let Clients { iam, kinesis_video: client, .. } = Clients::new(&in_process::config(&world).await);
    let mut arns = Vec::new();
    for name in ["demo", "demo-two"] {
        arns.push(client.create_signaling_channel().channel_name(name).send().await.unwrap().channel_arn.unwrap());
    }
    let configuration = SingleMasterChannelEndpointConfiguration::builder()
        .protocols(ChannelProtocol::Https)
        .role(ChannelRole::Viewer)
        .build();
    let endpoint = async |arn: &str| {
        let ask = client.get_signaling_channel_endpoint().channel_arn(arn);
        ask.single_master_channel_endpoint_configuration(configuration.clone()).send().await
    };
    assert_eq!(endpoint(&arns[0]).await.unwrap_err().code(), Some("ResourceNotFoundException"), "it is not active yet");
    tokio::time::advance(3 * SECOND).await;
    let found = endpoint(&arns[0]).await.unwrap().resource_endpoint_list.unwrap();
    assert_eq!(found[0].resource_endpoint(), Some("http://127.0.0.1:4566"));

    iam.create_role().role_name("relay").assume_role_policy_document(TRUST).send().await.unwrap();
    let resource = "arn:aws:kinesisvideo:us-east-1:000000000000:channel/demo/*";
    let statement = json!({ "Effect": "Allow", "Action": "kinesisvideo:GetIceServerConfig", "Resource": resource });
    let policy = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
    iam.put_role_policy().role_name("relay").policy_name("relay").policy_document(policy).send().await.unwrap();
    let ask = async |body: Value| {
        let arn = "arn:aws:sts::000000000000:assumed-role/relay/webrtc-aws-demo".to_owned();
        let call = Call {
            service: Service::KinesisVideo,
            region: "us-east-1".to_owned(),
            principal: Principal::RoleSession { role_name: "relay".to_owned(), arn },
            method: Method::POST,
            path: "/v1/get-ice-server-config".to_owned(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: body.to_string().into(),
            request_id: "test".to_owned(),
        };
        let answer = dispatch::carry_out(&world, &call).await.unwrap();
        answer.headers()["x-amzn-errortype"].to_str().unwrap().to_owned()
    };
    // Each is refused for its own reason, so that none gets as far as to start a TURN server.
    let body = |arn: &str, client: &str| json!({ "ChannelARN": arn, "Service": "TURN", "ClientId": client });
    assert_eq!(ask(body(&arns[1], "a")).await, "AccessDeniedException");
    assert_eq!(ask(body(&arns[0], "a connection=")).await, "InvalidArgumentException");
    assert_eq!(ask(body(&arns[0].replace("/demo/", "/demo/0"), "a")).await, "ResourceNotFoundException");
}
