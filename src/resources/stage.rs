//! The live stage and the deployment it points at. Nothing before it is visible to a client: routes and integrations take
//! effect only in a new deployment that the stage is moved to (AWS-FACTS B1), so the stage moves last.
//!
//! AWS does not tell what a deployment contains. Ours carry a fingerprint of it in their description: a stage that points at
//! any other deployment, or at none, is redeployed.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_apigatewayv2::types::{Deployment, DeploymentStatus, RouteSettings, Stage as Found};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{Doing, FUNCTION, PERMISSION, ROLE_POLICY, ROUTE, STAGE, WEBSOCKET_API};
use crate::aws::retry;
use crate::config::Throttling;
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Context, Known, Operation, all_pages};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed, Resource};
use crate::naming::{ApiId, Names};

/// How our deployments' descriptions begin; the fingerprint follows.
const DESCRIPTION_PREFIX: &str = "webrtc-aws ";

/// API Gateway deploys within a second or two; CreateDeployment itself is limited to one in 5 s, which `retry` waits for.
const DEPLOYMENT_DEADLINE: Duration = Duration::from_secs(60);

pub(crate) struct Stage {
    pub(crate) names: Arc<Names>,
    /// What a deployment takes a snapshot of.
    pub(crate) deploys: Vec<Arc<dyn Resource>>,
    pub(crate) throttling: Throttling,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    name: String,
    /// Fingerprint of the deployment that is live; `null`: none, or not one of ours.
    deployment: Option<String>,
    throttling_rate: Option<f64>,
    throttling_burst: Option<i32>,
    /// Ours, and served by no stage any more: left by an interrupted run.
    superseded_deployments: Vec<String>,
    /// Ours under another name: a stack has one stage, because its relay may post to the connections of one only.
    superseded_stages: Vec<String>,
}

/// Our deployments that no stage serves. AWS refuses to delete one that a stage of somebody's making still serves (AWS-FACTS B4).
fn superseded(deployments: &[Deployment], stages: &[Found]) -> Vec<String> {
    let served: BTreeSet<_> = stages.iter().filter_map(Found::deployment_id).collect();
    let ours = deployments.iter().filter(|deployment| fingerprint_of(deployment).is_some());
    let mut superseded: Vec<String> =
        ours.filter_map(Deployment::deployment_id).filter(|id| !served.contains(id)).map(str::to_owned).collect();
    superseded.sort();
    superseded
}

/// Our stages but the wanted one, by name. One without our tag is of somebody's making, and stays.
fn superseded_stages(context: &Context, stages: &[Found]) -> Vec<String> {
    let is_ours = |stage: &&Found| {
        let tags = stage.tags().into_iter().flatten();
        context.ownership(tags.map(|(key, value)| (key.as_str(), value.as_str()))).is_ok()
    };
    let names = stages.iter().filter(is_ours).filter_map(Found::stage_name);
    let mut others: Vec<String> =
        names.filter(|name| *name != context.names.stage.as_str()).map(str::to_owned).collect();
    others.sort();
    others
}

fn fingerprint_of(deployment: &Deployment) -> Option<&str> {
    deployment.description()?.strip_prefix(DESCRIPTION_PREFIX)
}

impl Stage {
    fn fingerprint(&self, known: &Known) -> String {
        let specs: Vec<_> = self.deploys.iter().map(|resource| resource.desired(known).unwrap_or_default()).collect();
        // The ids too: whether a snapshot copies an integration or refers to it is not documented, so a route or integration
        // that was made anew is deployed anew.
        let ids = json!([known.api.get(), known.integration.get(), known.route.get()]);
        let digest = hex::encode(Sha256::digest(json!([specs, ids]).to_string()));
        digest[..16].to_owned()
    }

    async fn deployments(&self, context: &Context, api: &ApiId) -> Result<Vec<Deployment>, Diagnostic> {
        all_pages(async |token: Option<String>| {
            let page = context
                .call(Operation::repeatable("apigateway", "GetDeployments"), || {
                    context
                        .clients
                        .api_gateway
                        .get_deployments()
                        .api_id(api.as_str())
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            Ok((page.items.unwrap_or_default(), page.next_token))
        })
        .await
        .doing(|| format!("list the deployments of the API {api}"))
    }

    async fn stages(&self, context: &Context, api: &ApiId) -> Result<Vec<Found>, Diagnostic> {
        all_pages(async |token: Option<String>| {
            let page = context
                .call(Operation::repeatable("apigateway", "GetStages"), || {
                    context.clients.api_gateway.get_stages().api_id(api.as_str()).set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.items.unwrap_or_default(), page.next_token))
        })
        .await
        .doing(|| format!("list the stages of the API {api}"))
    }

    /// The deployment with this fingerprint: one that an interrupted run left, or a new one.
    async fn deploy(&self, context: &Context, api: &ApiId, fingerprint: &str) -> Result<String, Diagnostic> {
        let (deployments, stages) = tokio::join!(self.deployments(context, api), self.stages(context, api));
        let stages = stages?;
        let is_live =
            |deployment: &Deployment| stages.iter().any(|stage| stage.deployment_id() == deployment.deployment_id());
        let fitting = deployments?.into_iter().filter(|deployment| {
            fingerprint_of(deployment) == Some(fingerprint)
                && deployment.deployment_status() != Some(&DeploymentStatus::Failed)
        });
        // Of two runs at once, each may have made one: the one that is live stays.
        let existing = fitting.max_by_key(is_live);
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
        let settled = retry::polling(DEPLOYMENT_DEADLINE, || async {
            let answer = context
                .call(Operation::repeatable("apigateway", "GetDeployment"), || {
                    context.clients.api_gateway.get_deployment().api_id(api.as_str()).deployment_id(deployment).send()
                })
                .await
                .doing(|| format!("look at the deployment {deployment}"))?;
            Ok::<_, Diagnostic>(match answer.deployment_status() {
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

    /// Stages first: a deployment that one still serves cannot be deleted.
    async fn delete_superseded(&self, context: &Context, api: &ApiId, live: &str) -> Result<(), Diagnostic> {
        for stage in superseded_stages(context, &self.stages(context, api).await?) {
            context
                .call(Operation::repeatable("apigateway", "DeleteStage"), || {
                    context.clients.api_gateway.delete_stage().api_id(api.as_str()).stage_name(&stage).send()
                })
                .await
                .absent_as_none()
                .doing(|| format!("delete the superseded stage {stage}"))?;
        }
        let (deployments, stages) = tokio::join!(self.deployments(context, api), self.stages(context, api));
        for id in superseded(&deployments?, &stages?).iter().filter(|id| *id != live) {
            context
                .call(Operation::repeatable("apigateway", "DeleteDeployment"), || {
                    context.clients.api_gateway.delete_deployment().api_id(api.as_str()).deployment_id(id).send()
                })
                .await
                .absent_as_none()
                .doing(|| format!("delete the superseded deployment {id}"))?;
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
            superseded_stages: Vec::new(),
            deployment: Some(self.fingerprint(known)),
            throttling_rate: Some(self.throttling.rate),
            throttling_burst: Some(self.throttling.burst),
            superseded_deployments: Vec::new(),
        }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        let (api, name) = (context.api()?, &context.names.stage);
        let (stages, deployments) = tokio::join!(self.stages(context, &api), self.deployments(context, &api));
        let (stages, deployments) = (stages?, deployments?);
        let mut superseded_stages = superseded_stages(context, &stages);
        // The wanted one; else one that a run with another name left, to be replaced.
        let named = |wanted: &str| stages.iter().find(|stage| stage.stage_name() == Some(wanted));
        let current = named(name.as_str()).or_else(|| named(superseded_stages.first()?));
        let Some(stage) = current else { return Ok(Observed::Absent) };
        superseded_stages.retain(|other| stage.stage_name() != Some(other));
        let mut live = deployments
            .iter()
            .filter(|deployment| deployment.deployment_id.is_some() && deployment.deployment_id == stage.deployment_id);
        let settings = stage.default_route_settings();
        Ok(Observed::Owned(Spec {
            name: stage.stage_name().unwrap_or_default().to_owned(),
            superseded_stages,
            deployment: live.next().and_then(fingerprint_of).map(str::to_owned),
            throttling_rate: settings.and_then(|settings| settings.throttling_rate_limit),
            throttling_burst: settings.and_then(|settings| settings.throttling_burst_limit),
            superseded_deployments: superseded(&deployments, &stages),
        }))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let (api, name) = (context.api()?, &context.names.stage);
        let deployment = self.deploy(context, &api, desired.deployment.as_deref().unwrap_or_default()).await?;
        let tags: HashMap<String, String> = context.tags().into_iter().collect();
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
        self.delete_superseded(context, &api, &deployment).await
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let (api, name) = (context.api()?, &context.names.stage);
        if observed.name != desired.name {
            return Kind::create(self, context, desired).await;
        }
        let deployment = self.deploy(context, &api, desired.deployment.as_deref().unwrap_or_default()).await?;
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
                        .deployment_id(&deployment)
                        .default_route_settings(route_settings(desired))
                        .send()
                })
                .await
                .doing(|| format!("update the stage {name} of the API {api}"))?;
        }
        self.delete_superseded(context, &api, &deployment).await
    }

    /// Never alone: it goes with its API.
    async fn delete(&self, _: &Context) -> Result<(), Diagnostic> {
        Ok(())
    }
}
