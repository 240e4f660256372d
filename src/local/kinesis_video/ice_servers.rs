//! TURN servers for a channel: where they are asked for, and short-lived credentials of a coturn on this machine.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{by_arn, input, invalid};
use crate::local::answer::AwsError;
use crate::local::call::Call;
use crate::local::world::World;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetEndpoint {
    #[serde(rename = "ChannelARN")]
    arn: String,
    #[serde(rename = "SingleMasterChannelEndpointConfiguration")]
    configuration: Configuration,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Configuration {
    protocols: Vec<String>,
    role: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GetIceServers {
    #[serde(rename = "ChannelARN")]
    arn: String,
    #[serde(rename = "Service")]
    service: Option<String>,
    #[serde(rename = "ClientId")]
    client: Option<String>,
}

pub(super) fn endpoint(world: &World, call: &Call) -> Result<Value, AwsError> {
    let GetEndpoint { arn, configuration: Configuration { protocols, role } } = input(call)?;
    check_active(world, &arn)?;
    if protocols != ["HTTPS"] || !matches!(role.as_str(), "MASTER" | "VIEWER") {
        return Err(invalid("The local AWS has endpoints for the protocol HTTPS, and the roles MASTER and VIEWER."));
    }
    Ok(json!({ "ResourceEndpointList": [{ "Protocol": "HTTPS", "ResourceEndpoint": world.endpoint() }] }))
}

pub(super) async fn grant(world: &World, call: &Call) -> Result<Value, AwsError> {
    let GetIceServers { arn, service, client } = input(call)?;
    check_active(world, &arn)?;
    if service.is_some_and(|service| service != "TURN") {
        return Err(invalid("Service is TURN."));
    }
    let client = client.unwrap_or_default();
    if client.len() > 256 || !client.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) {
        return Err(invalid("ClientId has 1 to 256 of the letters a-z, A-Z, digits and the symbols _ . and -."));
    }
    let life = world.options.manners.turn_credentials_life.as_secs();
    let expiry = jiff::Timestamp::now().as_second().unsigned_abs() + life;
    let granted = world.turn_server.granted(&format!("{expiry}:{client}")).await;
    let (urls, username, password) = granted.map_err(|error| {
        AwsError::new(StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException", error.to_string())
    })?;
    Ok(json!({ "IceServerList": [{ "Uris": urls, "Username": username, "Password": password, "Ttl": life }] }))
}

fn check_active(world: &World, arn: &str) -> Result<(), AwsError> {
    let now = world.now();
    let mut state = world.state();
    let channel = by_arn(&mut state.kinesis_video.channels, arn)?;
    if channel.status(now) == "ACTIVE" { Ok(()) } else { Err(super::not_found()) }
}
