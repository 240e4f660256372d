//! Deployments: what freezes the API's routes for a stage to serve.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::error::Error;
use super::ids::DeploymentId;
use super::store::{Api, DeployedRoute, Deployment, DeploymentRecord, Route, Snapshot, Store};
use super::{now_text, page, parse, rendered, to_json};
use crate::local::answer::{self, Answer};
use crate::local::call::Call;
use crate::local::manners::Manners;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    description: Option<String>,
    stage_name: Option<String>,
}

pub(super) fn create(
    store: &mut Store,
    call: &Call,
    api: &str,
    now: Instant,
    manners: &Manners,
) -> Result<Answer, Error> {
    let api = store.api_mut(api)?;
    let input: Input = parse(call)?;
    if api.routes.is_empty() {
        return Err(Error::bad_request("At least one route is required before deploying the Api."));
    }
    let deployment = Deployment {
        record: DeploymentRecord {
            deployment_id: DeploymentId::generate(),
            auto_deployed: false,
            created_date: now_text(),
            description: input.description.filter(|text| !text.is_empty()),
        },
        snapshot: Arc::new(freeze(api)),
        deployed_at: now + manners.deployment_pending,
    };
    let id = deployment.record.deployment_id.clone();
    // Naming an existing stage repoints it (AWS-FACTS B1).
    if let Some(name) = input.stage_name {
        let stage = api.stages.get_mut(&name).ok_or_else(|| Error::unknown("Stage", &name))?;
        stage.deployment_id = Some(id.to_string());
        stage.last_updated_date = now_text();
    }
    let answer = rendered(StatusCode::CREATED, &shown(&deployment, now)?);
    api.deployments.insert(id, deployment);
    answer
}

pub(super) fn get(store: &Store, api: &str, id: &str, now: Instant) -> Result<Answer, Error> {
    let deployment = store.api(api)?.deployments.get(id).ok_or_else(|| Error::unknown("Deployment", id))?;
    rendered(StatusCode::OK, &shown(deployment, now)?)
}

pub(super) fn list(store: &Store, call: &Call, api: &str, now: Instant, largest: usize) -> Result<Answer, Error> {
    let deployments = &store.api(api)?.deployments;
    let shown: Vec<(&str, Value)> = deployments
        .iter()
        .map(|(id, deployment)| Ok((id.as_str(), shown(deployment, now)?)))
        .collect::<Result<_, Error>>()?;
    page::answer(call, largest, shown.iter().map(|(id, item)| (*id, item)))
}

pub(super) fn delete(store: &mut Store, api: &str, id: &str) -> Result<Answer, Error> {
    let api = store.api_mut(api)?;
    if !api.deployments.contains_key(id) {
        return Err(Error::unknown("Deployment", id));
    }
    if api.stages.values().any(|stage| stage.deployment_id.as_deref() == Some(id)) {
        // AWS-FACTS B4.
        return Err(Error::conflict("Active stages pointing to this deployment must be moved or deleted."));
    }
    api.deployments.remove(id);
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

/// The deployment with its status, which the clock decides.
fn shown(deployment: &Deployment, now: Instant) -> Result<Value, Error> {
    let mut value = to_json(&deployment.record)?;
    value["deploymentStatus"] = if deployment.deployed_at <= now { "DEPLOYED" } else { "PENDING" }.into();
    Ok(value)
}

fn freeze(api: &Api) -> Snapshot {
    // Nobody has an API key here, so a route that asks for one is as good as not there.
    let routes = api.routes.values().filter(|route| !route.record.api_key_required);
    let routes = routes.map(|route| (route.record.route_key.clone(), freeze_route(api, route)));
    Snapshot {
        route_selection_expression: api.record.route_selection_expression.clone(),
        endpoint_disabled: api.record.disable_execute_api_endpoint,
        routes: routes.collect::<BTreeMap<_, _>>(),
    }
}

fn freeze_route(api: &Api, route: &Route) -> DeployedRoute {
    let integration = route.record.target.as_deref().and_then(|target| target.strip_prefix("integrations/"));
    DeployedRoute {
        integration: integration.and_then(|id| api.integrations.get(id)).cloned(),
        answers: route.record.route_response_selection_expression.is_some()
            && route.responses.values().any(|response| response.route_response_key == "$default"),
    }
}
