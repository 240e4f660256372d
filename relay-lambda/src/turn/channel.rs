//! The TURN servers of Amazon Kinesis Video Streams. Nobody connects to the signalling channel; it is what AWS hands out
//! credentials for, and whom it bills (AWS-FACTS H).

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{Shortage, credentials};
use crate::{
    aws::{Aws, Sent, chain},
    event::ConnectionId,
    relay::{Code, Failure, IceServer, IceServers},
    settings::{ChannelSettings, Endpoint},
};

/// Half the function's own time limit, as for messages.
const TIME_LIMIT: Duration = Duration::from_secs(5);

pub(super) struct Channel {
    arn: String,
    /// Where AWS says where the channel is.
    control_plane: Endpoint,
    aws: Arc<Aws>,
    /// Where the channel is. It stays there.
    endpoint: Mutex<Option<Endpoint>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Endpoints {
    resource_endpoint_list: Vec<ResourceEndpoint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceEndpoint {
    protocol: String,
    resource_endpoint: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Granted {
    ice_server_list: Vec<GrantedServer>,
}

/// Without `Debug`: it holds a credential.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GrantedServer {
    uris: Vec<String>,
    username: String,
    password: String,
    ttl: u64,
}

impl Channel {
    pub(super) fn new(settings: ChannelSettings, aws: Arc<Aws>) -> Self {
        let ChannelSettings { arn, endpoint } = settings;
        Self { arn, control_plane: endpoint, aws, endpoint: Mutex::default() }
    }

    pub(super) async fn servers(&self, asker: &ConnectionId, now: SystemTime) -> Result<IceServers, Shortage> {
        tokio::time::timeout(TIME_LIMIT, self.servers_in_time(asker, now))
            .await
            .unwrap_or_else(|_| Err(because(format!("no answer within {} s", TIME_LIMIT.as_secs()))))
    }

    async fn servers_in_time(&self, asker: &ConnectionId, now: SystemTime) -> Result<IceServers, Shortage> {
        // Put back when it has proved good: one that is of no use, or never answers, is asked for again.
        let known = self.endpoint.lock().unwrap_or_else(PoisonError::into_inner).take();
        let endpoint = match known {
            Some(endpoint) => endpoint,
            None => self.find_endpoint(now).await?,
        };
        // A connection's id has signs in it that are not allowed here, and is enough to ring its owner.
        let body = json!({ "ChannelARN": self.arn, "Service": "TURN", "ClientId": credentials::name_of(asker) });
        let servers = in_short(self.ask(&endpoint, "/v1/get-ice-server-config", &body, now).await?)?;
        *self.endpoint.lock().unwrap_or_else(PoisonError::into_inner) = Some(endpoint);
        Ok(servers)
    }

    async fn find_endpoint(&self, now: SystemTime) -> Result<Endpoint, Shortage> {
        let body = json!({
            "ChannelARN": self.arn,
            "SingleMasterChannelEndpointConfiguration": { "Protocols": ["HTTPS"], "Role": "VIEWER" },
        });
        let found: Endpoints = self.ask(&self.control_plane, "/getSignalingChannelEndpoint", &body, now).await?;
        let https = found.resource_endpoint_list.into_iter().find(|endpoint| endpoint.protocol == "HTTPS");
        let url = https.map(|endpoint| endpoint.resource_endpoint).unwrap_or_default();
        Endpoint::parse("ResourceEndpoint", &url).map_err(|error| because(chain(&error)))
    }

    async fn ask<Answer: DeserializeOwned>(
        &self,
        endpoint: &Endpoint,
        path: &str,
        body: &Value,
        now: SystemTime,
    ) -> Result<Answer, Shortage> {
        let url = format!("{}{path}", endpoint.as_str());
        let headers = [("content-type", "application/json")];
        let service = ("kinesisvideo", self.aws.region());
        let body = Bytes::from(body.to_string());
        let request = self.aws.signed(service, &url, &headers, body, now).map_err(|error| because(chain(&*error)))?;
        let Sent { status, error, text } = self.aws.send(request).await.map_err(|error| because(chain(&*error)))?;
        if status == StatusCode::OK {
            // What cannot be read may hold a credential all the same: nothing of it is told.
            let unreadable = || because(format!("{path}: the answer is not what AWS documents"));
            return serde_json::from_str(&text).map_err(|_| unreadable());
        }
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let message = body["message"].as_str().or(body["Message"].as_str()).unwrap_or_default();
        let failure = match error.as_str() {
            "AccessDeniedException" | "NotAuthorizedException" => {
                Failure::new(Code::NotPermitted, "the relay may not ask for TURN servers")
            }
            "ClientLimitExceededException" | "ThrottlingException" => {
                Failure::new(Code::Throttled, "too many requests; ask again a little later")
            }
            _ => NO_SERVERS,
        };
        let detail = format!("{path}: {error} {message}").chars().take(500).collect();
        Err(Shortage { failure, status: Some(status.as_u16()), detail: Some(detail) })
    }
}

/// All that were granted, for as long as the first of them is good.
fn in_short(granted: Granted) -> Result<IceServers, Shortage> {
    let expires_in = granted.ice_server_list.iter().map(|server| server.ttl).min();
    let servers: Vec<IceServer> = granted
        .ice_server_list
        .into_iter()
        .map(|GrantedServer { uris, username, password, .. }| IceServer { urls: uris, username, credential: password })
        .collect();
    match expires_in {
        Some(expires_in) if servers.iter().all(|server| !server.urls.is_empty()) => {
            Ok(IceServers { servers, expires_in })
        }
        _ => Err(because("AWS granted no TURN server".to_owned())),
    }
}

const NO_SERVERS: Failure = Failure::new(Code::Unexpected, "the relay could not get TURN servers from AWS");

fn because(detail: String) -> Shortage {
    Shortage { detail: Some(detail), ..NO_SERVERS.into() }
}
