//! CreateApi, GetApi, GetApis, UpdateApi, DeleteApi.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;

use super::error::Error;
use super::ids::ApiId;
use super::store::{Api, ApiRecord, Store};
use super::{page, parse, rendered, tags};
use crate::local::answer::{self, Answer};
use crate::local::call::Call;

const DEFAULT_KEY_EXPRESSION: &str = "$request.header.x-api-key";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CreateApi {
    name: String,
    protocol_type: String,
    route_selection_expression: Option<String>,
    api_key_selection_expression: Option<String>,
    description: Option<String>,
    version: Option<String>,
    #[serde(default)]
    disable_execute_api_endpoint: bool,
    #[serde(default)]
    disable_schema_validation: bool,
    ip_address_type: Option<String>,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    // Quick create is for HTTP APIs (AWS-FACTS B1).
    target: Option<String>,
    route_key: Option<String>,
}

pub(super) fn create(store: &mut Store, call: &Call, created_date: String) -> Result<Answer, Error> {
    let input: CreateApi = parse(call)?;
    match input.protocol_type.as_str() {
        "WEBSOCKET" => {}
        "HTTP" => return Err(Error::NotCarried("ProtocolType HTTP".to_owned())),
        other => {
            return Err(Error::bad_request(format!(
                "Invalid protocol specified: {other}. Must be one of [HTTP, WEBSOCKET]"
            )));
        }
    }
    if input.target.is_some() || input.route_key.is_some() {
        return Err(Error::bad_request("Quick create (Target, RouteKey) is only supported for HTTP APIs"));
    }
    let expression = input
        .route_selection_expression
        .ok_or_else(|| Error::bad_request("A RouteSelectionExpression is required for WEBSOCKET APIs"))?;
    check_name(&input.name)?;
    check_expression(&expression)?;
    tags::check(&input.tags)?;
    let ip_address_type = checked_ip_address_type(input.ip_address_type.unwrap_or_else(|| "ipv4".to_owned()))?;
    let api_id = ApiId::generate();
    let record = ApiRecord {
        api_endpoint: format!("wss://{api_id}.execute-api.{}.amazonaws.com", call.region),
        api_id: api_id.clone(),
        name: input.name,
        protocol_type: "WEBSOCKET",
        route_selection_expression: expression,
        api_key_selection_expression: input
            .api_key_selection_expression
            .unwrap_or_else(|| DEFAULT_KEY_EXPRESSION.to_owned()),
        disable_execute_api_endpoint: input.disable_execute_api_endpoint,
        disable_schema_validation: input.disable_schema_validation,
        ip_address_type,
        created_date,
        description: input.description.filter(|text| !text.is_empty()),
        version: input.version.filter(|text| !text.is_empty()),
        tags: input.tags,
    };
    let answer = rendered(StatusCode::CREATED, &record);
    let api = Api {
        record,
        integrations: BTreeMap::new(),
        routes: BTreeMap::new(),
        deployments: BTreeMap::new(),
        stages: BTreeMap::new(),
    };
    store.apis.insert(api_id, api);
    answer
}

pub(super) fn get(store: &Store, id: &str) -> Result<Answer, Error> {
    rendered(StatusCode::OK, &store.api(id)?.record)
}

pub(super) fn list(store: &Store, call: &Call, largest: usize) -> Result<Answer, Error> {
    page::answer(call, largest, store.apis.iter().map(|(id, api)| (id.as_str(), &api.record)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UpdateApi {
    name: Option<String>,
    route_selection_expression: Option<String>,
    api_key_selection_expression: Option<String>,
    description: Option<String>,
    version: Option<String>,
    disable_execute_api_endpoint: Option<bool>,
    disable_schema_validation: Option<bool>,
    ip_address_type: Option<String>,
}

/// Absent members stay, `""` clears (AWS-FACTS B2).
pub(super) fn update(store: &mut Store, call: &Call, id: &str) -> Result<Answer, Error> {
    let input: UpdateApi = parse(call)?;
    let record = &mut store.api_mut(id)?.record;
    if let Some(name) = &input.name {
        check_name(name)?;
    }
    if let Some(expression) = &input.route_selection_expression {
        check_expression(expression)?;
    }
    if let Some(kind) = input.ip_address_type {
        record.ip_address_type = checked_ip_address_type(kind)?;
    }
    if let Some(name) = input.name {
        record.name = name;
    }
    if let Some(expression) = input.route_selection_expression {
        record.route_selection_expression = expression;
    }
    if let Some(expression) = input.api_key_selection_expression {
        record.api_key_selection_expression =
            if expression.is_empty() { DEFAULT_KEY_EXPRESSION.to_owned() } else { expression };
    }
    if let Some(text) = input.description {
        record.description = Some(text).filter(|text| !text.is_empty());
    }
    if let Some(text) = input.version {
        record.version = Some(text).filter(|text| !text.is_empty());
    }
    record.disable_execute_api_endpoint =
        input.disable_execute_api_endpoint.unwrap_or(record.disable_execute_api_endpoint);
    record.disable_schema_validation = input.disable_schema_validation.unwrap_or(record.disable_schema_validation);
    rendered(StatusCode::OK, &*record)
}

/// Takes routes, integrations, deployments and stages along (AWS-FACTS B4).
pub(super) fn delete(store: &mut Store, id: &str) -> Result<Answer, Error> {
    store.api(id)?;
    store.apis.remove(id);
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

fn check_name(name: &str) -> Result<(), Error> {
    if (1..=128).contains(&name.chars().count()) {
        Ok(())
    } else {
        Err(Error::bad_request("Name must be between 1 and 128 characters"))
    }
}

fn check_expression(expression: &str) -> Result<(), Error> {
    if expression.is_empty() {
        Err(Error::bad_request("RouteSelectionExpression must not be empty for WEBSOCKET APIs"))
    } else {
        Ok(())
    }
}

fn checked_ip_address_type(kind: String) -> Result<String, Error> {
    if matches!(kind.as_str(), "ipv4" | "dualstack") {
        Ok(kind)
    } else {
        Err(Error::bad_request(format!("Invalid IpAddressType specified: {kind}. Must be one of [ipv4, dualstack]")))
    }
}
