//! The live stage and the deployment it points at. Nothing before it is visible to a client: routes and integrations take
//! effect only in a new deployment that the stage is moved to (AWS-FACTS B1), so the stage moves last.
//!
//! AWS does not tell what a deployment contains. Ours carry a fingerprint of it in their description: a stage that points at
//! any other deployment, or at none, is redeployed.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_apigatewayv2::types::{DeploymentStatus, RouteSettings};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::superseded::{self, DESCRIPTION_PREFIX, Parts, Superseded, deployments, fingerprint_of};
use super::tagging::{self, Tags};
use super::{Doing, FUNCTION, PERMISSION, ROLE_POLICY, ROUTE, STAGE, WEBSOCKET_API, websocket_api};
use crate::aws::retry::Look;
use crate::config::{Tagging, Throttling};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Context, Known, Operation};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed, Resource};
use crate::naming::{ApiId, Names, OWNER_TAG};

/// API Gateway deploys within a second or two; CreateDeployment itself is limited to one in 5 s, which `retry` waits for.
const DEPLOYMENT_DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) names: Arc<Names>,
    /// What a deployment takes a snapshot of.
    pub(crate) deploys: Vec<Arc<dyn Resource>>,
    pub(crate) throttling: Throttling,
    pub(crate) tagging: Tagging,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    name: String,
    /// Fingerprint of the deployment that is live; `null`: none, or not one of ours.
    deployment: Option<String>,
    throttling_rate: Option<f64>,
    throttling_burst: Option<i32>,
    /// Routes with a throttling of their own, which overrides the stage's.
    route_settings: Vec<String>,
    /// Deployments would come by themselves, with whatever half an update is there (AWS-FACTS B1).
    auto_deploy: bool,
    /// The owner tag's value.
    owner: Option<String>,
    superseded: Superseded,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

impl Stage {
    fn fingerprint(&self, known: &Known) -> String {
        let spec = |resource: &Arc<dyn Resource>| {
            let mut spec = resource.desired(known).unwrap_or_default();
            // No part of what a client meets.
            if let Some(fields) = spec.as_object_mut() {
                fields.remove("tags");
            }
            spec
        };
        let specs: Vec<_> = self.deploys.iter().map(spec).collect();
        // The ids too: whether a snapshot copies an integration or refers to it is not documented, so a route or integration
        // that was made anew is deployed anew.
        let mut ids = vec![json!(known.api.get()), json!(known.integration.get()), json!(known.route.get())];
        ids.extend(known.connect_route.get().map(|id| json!(id)));
        let digest = hex::encode(Sha256::digest(json!([specs, ids]).to_string()));
        digest[..16].to_owned()
    }

    /// The deployment with this fingerprint: one that an interrupted run left, or a new one.
    async fn deploy(&self, context: &Context, api: &ApiId, fingerprint: &str) -> Result<String, Diagnostic> {
        let existing = deployments(context, api).await?.into_iter().find(|deployment| {
            fingerprint_of(deployment) == Some(fingerprint)
                && deployment.deployment_status() != Some(&DeploymentStatus::Failed)
        });
        let id = match existing.and_then(|deployment| deployment.deployment_id) {
            Some(id) => id,
            None => context
                .call(Operation::once("apigateway", "CreateDeployment"), || {
                    context
                        .clients
                        .api_gateway
                        .create_deployment()
                        .api_id(api.as_str())
                        .description(format!("{DESCRIPTION_PREFIX}{fingerprint}"))
                        .send()
                })
                .await
                .doing(|| format!("deploy the API {api}"))?
                .deployment_id
                .unwrap_or_default(),
        };
        self.await_deployed(context, api, &id).await?;
        Ok(id)
    }

    async fn await_deployed(&self, context: &Context, api: &ApiId, deployment: &str) -> Result<(), Diagnostic> {
        let settled = context
            .until(Look::GatewayCall, "the deployment is pending", DEPLOYMENT_DEADLINE, || async {
                let answer = context
                    .call(Operation::repeatable("apigateway", "GetDeployment"), || {
                        context
                            .clients
                            .api_gateway
                            .get_deployment()
                            .api_id(api.as_str())
                            .deployment_id(deployment)
                            .send()
                    })
                    .await
                    .doing(|| format!("look at the deployment {deployment}"))?;
                Ok(match answer.deployment_status() {
                    Some(DeploymentStatus::Deployed) => Some(Ok(())),
                    Some(DeploymentStatus::Failed) => {
                        Some(Err(answer.deployment_status_message.unwrap_or_else(|| "no reason given".to_owned())))
                    }
                    _ => None,
                })
            })
            .await?;
        match settled {
            Some(Ok(())) => Ok(()),
            Some(Err(reason)) => Err(Diagnostic::new(
                Code::AwsFailed,
                format!("API Gateway could not deploy the API {api}: {reason}"),
                "run 'up' again; the previous deployment stays live",
            )),
            None => Err(Diagnostic::new(
                Code::TimedOut,
                format!("the deployment {deployment} of the API {api} is still pending after 60 s"),
                "run 'up' again: it continues where this run stopped",
            )),
        }
    }

    /// Before the deployment and alone: whether it may go in the same call as a deployment is not documented (AWS-FACTS K11).
    async fn switch_off_auto_deploy(&self, context: &Context, api: &ApiId) -> Result<(), Diagnostic> {
        let name = &context.names.stage;
        context
            .call(Operation::repeatable("apigateway", "UpdateStage"), || {
                let update = context.clients.api_gateway.update_stage().api_id(api.as_str()).stage_name(name.as_str());
                update.auto_deploy(false).send()
            })
            .await
            .map(drop)
            .doing(|| format!("switch AutoDeploy of the stage {name} off"))
    }

    async fn delete_route_settings(&self, context: &Context, api: &ApiId, keys: &[String]) -> Result<(), Diagnostic> {
        let name = &context.names.stage;
        for key in keys {
            context
                .call(Operation::repeatable("apigateway", "DeleteRouteSettings"), || {
                    let delete = context.clients.api_gateway.delete_route_settings().api_id(api.as_str());
                    delete.stage_name(name.as_str()).route_key(key).send()
                })
                .await
                .absent_as_none()
                .doing(|| format!("delete the settings of the route {key} at the stage {name}"))?;
        }
        Ok(())
    }
}

fn route_settings(spec: &Spec) -> RouteSettings {
    RouteSettings::builder()
        .set_throttling_rate_limit(spec.throttling_rate)
        .set_throttling_burst_limit(spec.throttling_burst)
        .build()
}

#[async_trait]
impl Kind for Stage {
    type Spec = Spec;

    fn address(&self) -> Address {
        STAGE
    }

    /// Everything a message passes through, so that nobody ever connects to half a relay.
    fn needs(&self) -> Vec<Address> {
        vec![ROUTE, PERMISSION, FUNCTION, ROLE_POLICY]
    }

    fn contained_in(&self) -> Option<Address> {
        Some(WEBSOCKET_API)
    }

    fn desired(&self, known: &Known) -> Spec {
        Spec {
            name: self.names.stage.to_string(),
            deployment: Some(self.fingerprint(known)),
            throttling_rate: Some(self.throttling.rate),
            throttling_burst: Some(self.throttling.burst),
            route_settings: Vec::new(),
            auto_deploy: false,
            owner: Some(self.names.stack.to_string()),
            superseded: Superseded::default(),
            tags: self.tagging.wanted(known),
        }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        let (api, name) = (context.api()?, &context.names.stage);
        let parts = Parts::of(context, &api).await?;
        let mut superseded = parts.superseded(context, None);
        // The wanted one; else one that a run with another name left, to be replaced.
        let named = |wanted: &str| parts.stages.iter().find(|stage| stage.stage_name() == Some(wanted));
        let current = named(name.as_str()).or_else(|| named(superseded.stages.first()?));
        let Some(stage) = current else { return Ok(Observed::Absent) };
        superseded.stages.retain(|other| stage.stage_name() != Some(other));
        let mut live = parts
            .deployments
            .iter()
            .filter(|deployment| deployment.deployment_id.is_some() && deployment.deployment_id == stage.deployment_id);
        let settings = stage.default_route_settings();
        let is_throttled = |settings: &RouteSettings| {
            settings.throttling_rate_limit.is_some() || settings.throttling_burst_limit.is_some()
        };
        let throttled = stage.route_settings().into_iter().flatten().filter(|(_, settings)| is_throttled(settings));
        let mut route_settings: Vec<_> = throttled.map(|(key, _)| key.clone()).collect();
        route_settings.sort();
        Ok(Observed::Owned(Spec {
            name: stage.stage_name().unwrap_or_default().to_owned(),
            deployment: live.next().and_then(fingerprint_of).map(str::to_owned),
            throttling_rate: settings.and_then(|settings| settings.throttling_rate_limit),
            throttling_burst: settings.and_then(|settings| settings.throttling_burst_limit),
            route_settings,
            auto_deploy: stage.auto_deploy().unwrap_or_default(),
            owner: stage.tags().and_then(|tags| tags.get(OWNER_TAG)).cloned(),
            superseded,
            tags: self.tagging.seen(tagging::pairs(stage.tags()), &context.known),
        }))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let (api, name) = (context.api()?, &context.names.stage);
        let deployment = self.deploy(context, &api, desired.deployment.as_deref().unwrap_or_default()).await?;
        websocket_api::confirm(context, &api).await?;
        let tags = context.tags(&desired.tags);
        context
            .call(Operation::once("apigateway", "CreateStage"), || {
                context
                    .clients
                    .api_gateway
                    .create_stage()
                    .api_id(api.as_str())
                    .stage_name(name.as_str())
                    .deployment_id(&deployment)
                    .default_route_settings(route_settings(desired))
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await
            .doing(|| format!("create the stage {name} of the API {api}"))?;
        superseded::delete(context, &api, &deployment).await
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let (api, name) = (context.api()?, &context.names.stage);
        if observed.name != desired.name {
            return Kind::create(self, context, desired).await;
        }
        // First: the rights to change a stage may depend on its tag. And without it the stage would be taken for somebody else's
        // once the stack has another one.
        if observed.owner != desired.owner || observed.tags != desired.tags {
            let tags = context.tags(&desired.tags);
            tagging::tag_in_api_gateway(context, &context.names.stage_arn(&api), tags).await?;
        }
        if observed.auto_deploy {
            self.switch_off_auto_deploy(context, &api).await?;
        }
        // The live one stays if it is as wanted: of two alike, one that came late would be taken for it, and stay for ever.
        let deployment = match observed.deployment == desired.deployment {
            true => None,
            false => Some(self.deploy(context, &api, desired.deployment.as_deref().unwrap_or_default()).await?),
        };
        let settings_differ = observed.throttling_rate != desired.throttling_rate
            || observed.throttling_burst != desired.throttling_burst;
        if settings_differ || observed.deployment != desired.deployment {
            context
                .call(Operation::repeatable("apigateway", "UpdateStage"), || {
                    context
                        .clients
                        .api_gateway
                        .update_stage()
                        .api_id(api.as_str())
                        .stage_name(name.as_str())
                        .set_deployment_id(deployment.clone())
                        .default_route_settings(route_settings(desired))
                        .send()
                })
                .await
                .doing(|| format!("update the stage {name} of the API {api}"))?;
        }
        self.delete_route_settings(context, &api, &observed.route_settings).await?;
        superseded::delete(context, &api, deployment.as_deref().unwrap_or_default()).await
    }

    /// Never alone: it goes with its API.
    async fn delete(&self, _: &Context) -> Result<(), Diagnostic> {
        Ok(())
    }
}
