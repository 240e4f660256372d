//! What API Gateway holds: APIs with their parts, and what each deployment froze.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use tokio::time::Instant;

use super::error::Error;
use super::ids::{ApiId, DeploymentId, IntegrationId, RouteId, RouteResponseId};

/// All WebSocket APIs of the account.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Store {
    pub(super) apis: BTreeMap<ApiId, Api>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Api {
    #[serde(flatten)]
    pub(super) record: ApiRecord,
    pub(super) integrations: BTreeMap<IntegrationId, Integration>,
    pub(super) routes: BTreeMap<RouteId, Route>,
    pub(super) deployments: BTreeMap<DeploymentId, Deployment>,
    pub(super) stages: BTreeMap<String, Stage>,
}

/// An API as GetApi shows it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ApiRecord {
    pub(super) api_id: ApiId,
    pub(super) api_endpoint: String,
    pub(super) name: String,
    pub(super) protocol_type: &'static str,
    pub(super) route_selection_expression: String,
    pub(super) api_key_selection_expression: String,
    pub(super) disable_execute_api_endpoint: bool,
    pub(super) disable_schema_validation: bool,
    pub(super) ip_address_type: String,
    pub(super) created_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) version: Option<String>,
    pub(super) tags: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Integration {
    pub(super) integration_id: IntegrationId,
    pub(super) integration_type: &'static str,
    pub(crate) integration_method: String,
    pub(crate) integration_uri: String,
    pub(super) connection_type: &'static str,
    pub(super) integration_response_selection_expression: &'static str,
    pub(super) passthrough_behavior: &'static str,
    pub(super) payload_format_version: String,
    pub(crate) timeout_in_millis: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Route {
    #[serde(flatten)]
    pub(super) record: RouteRecord,
    /// Kept out of GetRoute, as on AWS.
    #[serde(rename = "routeResponses")]
    pub(super) responses: BTreeMap<RouteResponseId, RouteResponse>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RouteRecord {
    pub(super) route_id: RouteId,
    pub(super) route_key: String,
    pub(super) api_key_required: bool,
    pub(super) authorization_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) operation_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) route_response_selection_expression: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RouteResponse {
    pub(super) route_response_id: RouteResponseId,
    pub(super) route_response_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model_selection_expression: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Deployment {
    #[serde(flatten)]
    pub(super) record: DeploymentRecord,
    /// Looked up for each message.
    #[serde(serialize_with = "shared")]
    pub(super) snapshot: Arc<Snapshot>,
    /// When `PENDING` becomes `DEPLOYED`.
    #[serde(skip)]
    pub(super) deployed_at: Instant,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DeploymentRecord {
    pub(super) deployment_id: DeploymentId,
    pub(super) auto_deployed: bool,
    pub(super) created_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
}

/// What a deployment froze: nothing else of the API reaches the data plane (AWS-FACTS B1).
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Snapshot {
    pub(crate) route_selection_expression: String,
    pub(crate) endpoint_disabled: bool,
    /// By route key.
    pub(crate) routes: BTreeMap<String, DeployedRoute>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct DeployedRoute {
    /// `None` for a route without a target: its calls end in `Internal server error`.
    pub(crate) integration: Option<Integration>,
    /// Whether what the function returns is sent to the client: needs the route's selection expression **and** a route
    /// response (AWS-FACTS A4).
    pub(crate) answers: bool,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Stage {
    pub(super) stage_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deployment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) auto_deploy: bool,
    pub(super) default_route_settings: RouteSettings,
    pub(super) route_settings: BTreeMap<String, RouteSettings>,
    pub(super) stage_variables: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) created_date: String,
    pub(super) last_updated_date: String,
    /// Handshakes are refused before (AWS-FACTS B3).
    #[serde(skip)]
    pub(super) open_at: Instant,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RouteSettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data_trace_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) detailed_metrics_enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) logging_level: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) throttling_burst_limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) throttling_rate_limit: Option<f64>,
}

/// Why a stage serves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotServed {
    /// No such API or stage, a stage without a deployment or new a moment ago, or a disabled endpoint: 403 (AWS-FACTS A1, B1, B3).
    Forbidden,
    /// A throttle of 0 allows nothing (AWS-FACTS A5).
    Throttled,
}

/// What the data plane sees of a stage.
#[derive(Clone, Debug)]
pub(crate) struct ServedStage {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) variables: BTreeMap<String, String>,
    /// Why new connections are refused, although those that are there are served.
    closed: Option<NotServed>,
}

impl ServedStage {
    #[cfg(test)]
    pub(crate) fn for_tests(routes: BTreeMap<String, DeployedRoute>) -> Self {
        let snapshot = Snapshot {
            route_selection_expression: "$request.body.action".to_owned(),
            endpoint_disabled: false,
            routes,
        };
        Self { snapshot: Arc::new(snapshot), variables: BTreeMap::new(), closed: None }
    }

    pub(crate) fn admits_connections(&self) -> Result<(), NotServed> {
        self.closed.map_or(Ok(()), Err)
    }
}

impl Store {
    pub(super) fn api(&self, id: &str) -> Result<&Api, Error> {
        self.apis.get(id).ok_or_else(|| Error::unknown("API", id))
    }

    pub(super) fn api_mut(&mut self, id: &str) -> Result<&mut Api, Error> {
        self.apis.get_mut(id).ok_or_else(|| Error::unknown("API", id))
    }

    /// The stage as its newest deployment serves it.
    pub(crate) fn served(&self, api: &str, stage: &str, now: Instant) -> Result<ServedStage, NotServed> {
        let api = self.apis.get(api).ok_or(NotServed::Forbidden)?;
        let stage = api.stages.get(stage).ok_or(NotServed::Forbidden)?;
        let deployment = stage.deployment_id.as_deref().and_then(|id| api.deployments.get(id));
        let deployment = deployment.filter(|deployment| deployment.deployed_at <= now).ok_or(NotServed::Forbidden)?;
        if deployment.snapshot.endpoint_disabled {
            return Err(NotServed::Forbidden);
        }
        let connect = stage.route_settings.get("$connect").unwrap_or(&stage.default_route_settings);
        Ok(ServedStage {
            snapshot: Arc::clone(&deployment.snapshot),
            variables: stage.stage_variables.clone(),
            closed: if now < stage.open_at {
                Some(NotServed::Forbidden)
            } else {
                connect.allows_nothing().then_some(NotServed::Throttled)
            },
        })
    }
}

fn shared<S: Serializer>(snapshot: &Arc<Snapshot>, serializer: S) -> Result<S::Ok, S::Error> {
    Snapshot::serialize(snapshot, serializer)
}

impl RouteSettings {
    fn allows_nothing(&self) -> bool {
        self.throttling_burst_limit == Some(0) || self.throttling_rate_limit.is_some_and(|rate| rate <= 0.0)
    }
}
