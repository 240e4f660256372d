//! What is left inside our API and serves nobody once the stage has moved on: by runs that overlapped, by a create that AWS carried
//! out only after the run that sent it was dead and the next one had looked, or by another stage name. It is found as drift of the
//! stage, and removed after the stage has moved, so that nothing is deleted that the live deployment may refer to.

use std::collections::BTreeSet;

use aws_sdk_apigatewayv2::types::{Deployment, Integration, Stage};
use serde::{Deserialize, Serialize};

use super::{Doing, integration, route, tagging};
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Absence, Context, Operation, all_pages};
use crate::naming::{ApiId, IntegrationId};

/// By id, stages by name.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Superseded {
    /// Ours under another name: a stack has one stage, because its relay may post to the connections of one only.
    pub(super) stages: Vec<String>,
    /// Ours, and served by no stage.
    pub(super) deployments: Vec<String>,
    /// All but the one that the route leads to.
    pub(super) integrations: Vec<String>,
}

/// The parts of the API that a stage serves, or does not.
pub(super) struct Parts {
    pub(super) stages: Vec<Stage>,
    pub(super) deployments: Vec<Deployment>,
    integrations: Vec<Integration>,
}

impl Parts {
    pub(super) async fn of(context: &Context, api: &ApiId) -> Result<Self, Diagnostic> {
        let (stages, deployments, integrations) =
            tokio::join!(stages(context, api), deployments(context, api), integration::all(context, api));
        Ok(Self { stages: stages?, deployments: deployments?, integrations: integrations? })
    }

    /// `live` is the integration that the route leads to, or will lead to.
    pub(super) fn superseded(&self, context: &Context, live: Option<&IntegrationId>) -> Superseded {
        let (ours, others): (Vec<_>, Vec<_>) = self.stages.iter().partition(|stage| is_ours(context, stage));
        let stages = ours.into_iter().filter_map(Stage::stage_name);
        let stages = stages.filter(|name| *name != context.names.stage.as_str()).map(str::to_owned).collect();
        let served: BTreeSet<_> = self.stages.iter().filter_map(Stage::deployment_id).collect();
        let deployments = self.deployments.iter().filter(|deployment| fingerprint_of(deployment).is_some());
        let deployments = deployments.filter_map(Deployment::deployment_id);
        let deployments = deployments.filter(|id| !served.contains(id)).map(str::to_owned).collect();
        // A stage of somebody's making may serve any deployment, and what that refers to AWS does not tell.
        let told = !others.iter().any(|stage| stage.stage_name() != Some(context.names.stage.as_str()));
        let integrations = self.integrations.iter().filter(|_| told).filter_map(Integration::integration_id);
        let integrations = match live {
            Some(live) => integrations.filter(|id| *id != live.as_str()).map(str::to_owned).collect(),
            None => integrations.skip(1).map(str::to_owned).collect(),
        };
        sorted(Superseded { stages, deployments, integrations })
    }
}

fn sorted(mut superseded: Superseded) -> Superseded {
    superseded.stages.sort();
    superseded.deployments.sort();
    superseded.integrations.sort();
    superseded
}

/// How our deployments' descriptions begin; the fingerprint follows.
pub(super) const DESCRIPTION_PREFIX: &str = "webrtc-aws ";

pub(super) fn fingerprint_of(deployment: &Deployment) -> Option<&str> {
    deployment.description()?.strip_prefix(DESCRIPTION_PREFIX)
}

fn is_ours(context: &Context, stage: &Stage) -> bool {
    context.ownership(tagging::pairs(stage.tags())).is_ok()
}

pub(super) async fn deployments(context: &Context, api: &ApiId) -> Result<Vec<Deployment>, Diagnostic> {
    all_pages(async |token: Option<String>| {
        let page = context
            .call(Operation::repeatable("apigateway", "GetDeployments"), || {
                context.clients.api_gateway.get_deployments().api_id(api.as_str()).set_next_token(token.clone()).send()
            })
            .await?;
        Ok((page.items.unwrap_or_default(), page.next_token))
    })
    .await
    .doing(|| format!("list the deployments of the API {api}"))
}

async fn stages(context: &Context, api: &ApiId) -> Result<Vec<Stage>, Diagnostic> {
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

/// Looks anew, and removes. Stages first: a deployment that one still serves cannot be deleted (AWS-FACTS B4).
pub(super) async fn delete(context: &Context, api: &ApiId, live_deployment: &str) -> Result<(), Diagnostic> {
    let api_gateway = &context.clients.api_gateway;
    let live = context.integration()?;
    let before = Parts::of(context, api).await?.superseded(context, Some(&live));
    for stage in &before.stages {
        context
            .call(Operation::repeatable("apigateway", "DeleteStage"), || {
                api_gateway.delete_stage().api_id(api.as_str()).stage_name(stage).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("delete the superseded stage {stage}"))?;
    }
    let after = match before.stages.is_empty() {
        true => before,
        false => Parts::of(context, api).await?.superseded(context, Some(&live)),
    };
    for id in after.deployments.iter().filter(|id| *id != live_deployment) {
        context
            .call(Operation::repeatable("apigateway", "DeleteDeployment"), || {
                api_gateway.delete_deployment().api_id(api.as_str()).deployment_id(id).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("delete the superseded deployment {id}"))?;
    }
    delete_integrations(context, api, &after.integrations).await
}

/// One that a route leads to belongs to a run that overlaps with this one; the next run comes to one of the two.
async fn delete_integrations(context: &Context, api: &ApiId, superseded: &[String]) -> Result<(), Diagnostic> {
    if superseded.is_empty() {
        return Ok(());
    }
    let targets = route::targets(context, api).await?;
    for id in superseded.iter().filter(|id| !targets.contains(*id)) {
        context
            .call(Operation::repeatable("apigateway", "DeleteIntegration"), || {
                context.clients.api_gateway.delete_integration().api_id(api.as_str()).integration_id(id).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("delete the superseded integration {id}"))?;
    }
    Ok(())
}
