//! Stages: the name under which one deployment is served.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use super::error::Error;
use super::store::{Api, RouteSettings, Stage, Store};
use super::{now_text, page, parse, rendered, tags};
use crate::local::answer::{self, Answer};
use crate::local::call::Call;

/// AWS-FACTS A5, B1.
const MOST_STAGES: usize = 10;
const MOST_VARIABLES: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    stage_name: Option<String>,
    deployment_id: Option<String>,
    description: Option<String>,
    auto_deploy: Option<bool>,
    default_route_settings: Option<RouteSettings>,
    #[serde(default)]
    route_settings: BTreeMap<String, RouteSettings>,
    #[serde(default)]
    stage_variables: BTreeMap<String, String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    access_log_settings: Option<Value>,
}

impl Input {
    fn check(&self, api: &Api) -> Result<(), Error> {
        if let Some(id) = self.deployment_id.as_deref().filter(|id| !id.is_empty())
            && !api.deployments.contains_key(id)
        {
            return Err(Error::BadRequest(format!("Deployment id does not exist: {id}")));
        }
        let settings = self.default_route_settings.iter().chain(self.route_settings.values());
        if self.access_log_settings.is_some() || settings.clone().any(RouteSettings::logs) {
            // The account's role is set through API Gateway v1, and this account has none (AWS-FACTS B5).
            return Err(Error::bad_request(
                "CloudWatch Logs role ARN must be set in account settings to enable logging",
            ));
        }
        settings.clone().try_for_each(RouteSettings::check)?;
        for (name, value) in &self.stage_variables {
            let legal_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            let legal_value = value.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/?#&=,".contains(c));
            if !legal_name || !legal_value {
                return Err(Error::BadRequest(format!("Invalid stage variable: {name}")));
            }
        }
        tags::check(&self.tags)
    }
}

impl RouteSettings {
    fn logs(&self) -> bool {
        self.data_trace_enabled == Some(true) || self.logging_level.as_deref().is_some_and(|level| level != "OFF")
    }

    fn check(&self) -> Result<(), Error> {
        match self.logging_level.as_deref() {
            None | Some("OFF" | "ERROR" | "INFO") => Ok(()),
            Some(other) => Err(Error::BadRequest(format!("Invalid logging level specified: {other}"))),
        }
    }

    /// Members that are sent replace, others stay (AWS-FACTS B2).
    fn merge(&mut self, newer: Self) {
        self.data_trace_enabled = newer.data_trace_enabled.or(self.data_trace_enabled);
        self.detailed_metrics_enabled = newer.detailed_metrics_enabled.or(self.detailed_metrics_enabled);
        self.logging_level = newer.logging_level.or(self.logging_level.take());
        self.throttling_burst_limit = newer.throttling_burst_limit.or(self.throttling_burst_limit);
        self.throttling_rate_limit = newer.throttling_rate_limit.or(self.throttling_rate_limit);
    }
}

pub(super) fn create(store: &mut Store, call: &Call, api: &str, open_at: Instant) -> Result<Answer, Error> {
    let api = store.api_mut(api)?;
    let input: Input = parse(call)?;
    let name = input.stage_name.clone().ok_or_else(|| Error::bad_request("StageName is required"))?;
    // `$default` does not work for WebSocket APIs (AWS-FACTS B1).
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !(1..=128).contains(&name.len()) || !name.chars().all(legal) {
        return Err(Error::bad_request("Stage name only allows a-zA-Z0-9_- and at most 128 characters"));
    }
    if api.stages.contains_key(&name) {
        return Err(Error::conflict("Stage already exists"));
    }
    if api.stages.len() >= MOST_STAGES {
        return Err(Error::bad_request("Maximum number of stages for this API has been reached"));
    }
    input.check(api)?;
    let mut stage = Stage {
        stage_name: name.clone(),
        deployment_id: None,
        description: None,
        auto_deploy: false,
        default_route_settings: RouteSettings {
            data_trace_enabled: Some(false),
            detailed_metrics_enabled: Some(false),
            logging_level: Some("OFF".to_owned()),
            ..RouteSettings::default()
        },
        route_settings: BTreeMap::new(),
        stage_variables: BTreeMap::new(),
        tags: input.tags.clone(),
        created_date: now_text(),
        last_updated_date: now_text(),
        open_at,
    };
    apply(&mut stage, input)?;
    let answer = rendered(StatusCode::CREATED, &stage);
    api.stages.insert(name, stage);
    answer
}

pub(super) fn get(store: &Store, api: &str, name: &str) -> Result<Answer, Error> {
    let stage = store.api(api)?.stages.get(name).ok_or_else(|| Error::unknown("Stage", name))?;
    rendered(StatusCode::OK, stage)
}

pub(super) fn list(store: &Store, call: &Call, api: &str, largest: usize) -> Result<Answer, Error> {
    page::answer(call, largest, store.api(api)?.stages.iter().map(|(name, stage)| (name.as_str(), stage)))
}

pub(super) fn update(store: &mut Store, call: &Call, api: &str, name: &str) -> Result<Answer, Error> {
    let api = store.api_mut(api)?;
    let mut stage = api.stages.get(name).cloned().ok_or_else(|| Error::unknown("Stage", name))?;
    let input: Input = parse(call)?;
    input.check(api)?;
    if input.stage_name.is_some() || !input.tags.is_empty() {
        return Err(Error::bad_request("StageName and Tags cannot be updated here"));
    }
    apply(&mut stage, input)?;
    stage.last_updated_date = now_text();
    let answer = rendered(StatusCode::OK, &stage);
    api.stages.insert(name.to_owned(), stage);
    answer
}

/// Absent members stay; maps merge, `""` deletes a key; a description cannot be cleared (AWS-FACTS B2).
fn apply(stage: &mut Stage, input: Input) -> Result<(), Error> {
    // Deployments do not come by themselves here; but then none may be chosen by hand (AWS-FACTS K11 is open: the stricter way).
    if input.deployment_id.is_some() && (stage.auto_deploy || input.auto_deploy == Some(true)) {
        return Err(Error::bad_request("Deployment ID cannot be set manually when AutoDeploy is enabled"));
    }
    stage.auto_deploy = input.auto_deploy.unwrap_or(stage.auto_deploy);
    if let Some(id) = input.deployment_id {
        stage.deployment_id = Some(id).filter(|id| !id.is_empty()).or(stage.deployment_id.take());
    }
    if let Some(text) = input.description.filter(|text| !text.is_empty()) {
        stage.description = Some(text);
    }
    if let Some(settings) = input.default_route_settings {
        stage.default_route_settings.merge(settings);
    }
    for (key, settings) in input.route_settings {
        stage.route_settings.entry(key).or_default().merge(settings);
    }
    for (name, value) in input.stage_variables {
        if value.is_empty() {
            stage.stage_variables.remove(&name);
        } else {
            stage.stage_variables.insert(name, value);
        }
    }
    if stage.stage_variables.len() > MOST_VARIABLES {
        return Err(Error::bad_request("A stage can have at most 100 stage variables"));
    }
    Ok(())
}

pub(super) fn delete(store: &mut Store, api: &str, name: &str) -> Result<Answer, Error> {
    store.api_mut(api)?.stages.remove(name).ok_or_else(|| Error::unknown("Stage", name))?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

pub(super) fn delete_route_settings(store: &mut Store, api: &str, name: &str, key: &str) -> Result<Answer, Error> {
    let stage = store.api_mut(api)?.stages.get_mut(name).ok_or_else(|| Error::unknown("Stage", name))?;
    stage.route_settings.remove(key).ok_or_else(|| Error::unknown("RouteSettings", key))?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
