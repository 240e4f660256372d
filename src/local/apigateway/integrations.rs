//! CreateIntegration, GetIntegration, GetIntegrations, UpdateIntegration, DeleteIntegration.

use http::StatusCode;
use serde::Deserialize;

use super::error::Error;
use super::ids::IntegrationId;
use super::store::{Api, Integration, Store};
use super::{page, parse, rendered};
use crate::local::answer::{self, Answer};
use crate::local::call::Call;

/// AWS-FACTS A5.
const MOST_INTEGRATIONS: usize = 300;
const LONGEST_TIMEOUT: u64 = 29_000;
const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    integration_type: Option<String>,
    integration_method: Option<String>,
    integration_uri: Option<String>,
    connection_type: Option<String>,
    passthrough_behavior: Option<String>,
    payload_format_version: Option<String>,
    timeout_in_millis: Option<u64>,
    description: Option<String>,
}

impl Input {
    fn check(&self) -> Result<(), Error> {
        match self.integration_type.as_deref() {
            None | Some("AWS_PROXY") => {}
            Some(other) => return Err(Error::NotCarried(format!("IntegrationType {other}"))),
        }
        if self.connection_type.as_deref().is_some_and(|kind| kind != "INTERNET") {
            return Err(Error::NotCarried("ConnectionType other than INTERNET".to_owned()));
        }
        if self.passthrough_behavior.as_deref().is_some_and(|kind| kind != "WHEN_NO_MATCH") {
            return Err(Error::NotCarried("PassthroughBehavior other than WHEN_NO_MATCH".to_owned()));
        }
        if self.payload_format_version.as_deref().is_some_and(|version| version != "1.0") {
            return Err(Error::bad_request("PayloadFormatVersion must be 1.0 for WEBSOCKET APIs"));
        }
        // Any method is taken here, and all but POST fail at run time.
        if self.integration_method.as_deref().is_some_and(|method| !METHODS.contains(&method)) {
            return Err(Error::bad_request("Invalid HTTP method specified."));
        }
        if self.timeout_in_millis.is_some_and(|timeout| !(50..=LONGEST_TIMEOUT).contains(&timeout)) {
            return Err(Error::bad_request("Timeout should be between 50 ms and 29000 ms"));
        }
        // A bare function ARN is taken here and fails at run time (AWS-FACTS B1); anything that is no ARN fails at once.
        if self.integration_uri.as_deref().is_some_and(|uri| !uri.starts_with("arn:")) {
            return Err(Error::bad_request("Invalid integration URI specified: it must be an ARN for AWS_PROXY"));
        }
        Ok(())
    }
}

pub(super) fn create(store: &mut Store, call: &Call, api: &str) -> Result<Answer, Error> {
    let api = store.api_mut(api)?;
    let input: Input = parse(call)?;
    input.check()?;
    if input.integration_type.is_none() {
        return Err(Error::bad_request("IntegrationType is required"));
    }
    let uri = input.integration_uri.ok_or_else(|| Error::bad_request("IntegrationUri is required for AWS_PROXY"))?;
    let method =
        input.integration_method.ok_or_else(|| Error::bad_request("IntegrationMethod is required for AWS_PROXY"))?;
    if api.integrations.len() >= MOST_INTEGRATIONS {
        return Err(Error::bad_request("Maximum number of Integrations for this API has been reached"));
    }
    let integration = Integration {
        integration_id: IntegrationId::generate(),
        integration_type: "AWS_PROXY",
        integration_method: method,
        integration_uri: uri,
        connection_type: "INTERNET",
        integration_response_selection_expression: "${integration.response.statuscode}",
        passthrough_behavior: "WHEN_NO_MATCH",
        payload_format_version: "1.0".to_owned(),
        timeout_in_millis: input.timeout_in_millis.unwrap_or(LONGEST_TIMEOUT),
        description: input.description.filter(|text| !text.is_empty()),
    };
    let answer = rendered(StatusCode::CREATED, &integration);
    api.integrations.insert(integration.integration_id.clone(), integration);
    answer
}

pub(super) fn get(store: &Store, api: &str, id: &str) -> Result<Answer, Error> {
    let integration = store.api(api)?.integrations.get(id).ok_or_else(|| Error::unknown("Integration", id))?;
    rendered(StatusCode::OK, integration)
}

pub(super) fn list(store: &Store, call: &Call, api: &str, largest: usize) -> Result<Answer, Error> {
    page::answer(call, largest, store.api(api)?.integrations.iter().map(|(id, item)| (id.as_str(), item)))
}

pub(super) fn update(store: &mut Store, call: &Call, api: &str, id: &str) -> Result<Answer, Error> {
    let api = store.api_mut(api)?;
    let integration = api.integrations.get_mut(id).ok_or_else(|| Error::unknown("Integration", id))?;
    let input: Input = parse(call)?;
    input.check()?;
    if let Some(method) = input.integration_method {
        integration.integration_method = method;
    }
    if let Some(uri) = input.integration_uri {
        integration.integration_uri = uri;
    }
    if let Some(timeout) = input.timeout_in_millis {
        integration.timeout_in_millis = timeout;
    }
    if let Some(text) = input.description {
        integration.description = Some(text).filter(|text| !text.is_empty());
    }
    rendered(StatusCode::OK, &*integration)
}

pub(super) fn delete(store: &mut Store, api: &str, id: &str) -> Result<Answer, Error> {
    let api = store.api_mut(api)?;
    if !api.integrations.contains_key(id) {
        return Err(Error::unknown("Integration", id));
    }
    let routes = routes_to(api, id);
    if !routes.is_empty() {
        return Err(Error::conflict(format!(
            "Cannot delete Integration because it is referenced by the following Routes with Ids: [{}]",
            routes.join(", ")
        )));
    }
    api.integrations.remove(id);
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

fn routes_to(api: &Api, integration: &str) -> Vec<String> {
    let target = format!("integrations/{integration}");
    let routes = api.routes.values().filter(|route| route.record.target.as_deref() == Some(target.as_str()));
    routes.map(|route| route.record.route_id.to_string()).collect()
}
