//! Routes and their route responses.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;

use super::error::Error;
use super::ids::{RouteId, RouteResponseId};
use super::store::{Api, Route, RouteRecord, RouteResponse, Store};
use super::{page, parse, rendered};
use crate::local::answer::{self, Answer};
use crate::local::call::Call;

/// AWS-FACTS A5.
const MOST_ROUTES: usize = 300;
const SERVICE_KEYS: [&str; 3] = ["$connect", "$disconnect", "$default"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Input {
    route_key: Option<String>,
    target: Option<String>,
    route_response_selection_expression: Option<String>,
    operation_name: Option<String>,
    api_key_required: Option<bool>,
    authorization_type: Option<String>,
}

impl Input {
    fn check(&self, api: &Api) -> Result<(), Error> {
        if let Some(key) = self.route_key.as_deref()
            && (key.is_empty() || key.starts_with('$') && !SERVICE_KEYS.contains(&key))
        {
            return Err(Error::bad_request(format!("Invalid route key specified: {key}")));
        }
        if self.authorization_type.as_deref().is_some_and(|kind| kind != "NONE") {
            return Err(Error::NotCarried("AuthorizationType other than NONE".to_owned()));
        }
        if self.route_response_selection_expression.as_deref().is_some_and(|text| !matches!(text, "$default" | "")) {
            return Err(Error::bad_request("RouteResponseSelectionExpression must be $default"));
        }
        if let Some(target) = self.target.as_deref().filter(|target| !target.is_empty()) {
            let id = target
                .strip_prefix("integrations/")
                .ok_or_else(|| Error::bad_request(format!("Invalid target specified: {target}")))?;
            if !api.integrations.contains_key(id) {
                return Err(Error::bad_request(format!("Invalid target: no Integration with id {id}")));
            }
        }
        Ok(())
    }
}

/// The id of another route with this key.
fn holder<'a>(api: &'a Api, key: &str) -> Option<&'a RouteId> {
    api.routes.values().find(|route| route.record.route_key == key).map(|route| &route.record.route_id)
}

fn key_taken(key: &str) -> Error {
    Error::conflict(format!("Route with key {key} already exists for this API"))
}

pub(super) fn create(store: &mut Store, call: &Call, api: &str) -> Result<Answer, Error> {
    let api = store.api_mut(api)?;
    let input: Input = parse(call)?;
    input.check(api)?;
    let key = input.route_key.ok_or_else(|| Error::bad_request("RouteKey is required"))?;
    if holder(api, &key).is_some() {
        return Err(key_taken(&key));
    }
    if api.routes.len() >= MOST_ROUTES {
        return Err(Error::bad_request("Maximum number of Routes for this API has been reached"));
    }
    let record = RouteRecord {
        route_id: RouteId::generate(),
        route_key: key,
        api_key_required: input.api_key_required.unwrap_or_default(),
        authorization_type: "NONE",
        operation_name: input.operation_name.filter(|text| !text.is_empty()),
        route_response_selection_expression: input.route_response_selection_expression.filter(|text| !text.is_empty()),
        target: input.target.filter(|text| !text.is_empty()),
    };
    let answer = rendered(StatusCode::CREATED, &record);
    api.routes.insert(record.route_id.clone(), Route { record, responses: BTreeMap::new() });
    answer
}

pub(super) fn get(store: &Store, api: &str, id: &str) -> Result<Answer, Error> {
    rendered(StatusCode::OK, &route(store, api, id)?.record)
}

pub(super) fn list(store: &Store, call: &Call, api: &str, largest: usize) -> Result<Answer, Error> {
    page::answer(call, largest, store.api(api)?.routes.iter().map(|(id, route)| (id.as_str(), &route.record)))
}

pub(super) fn update(store: &mut Store, call: &Call, api: &str, id: &str) -> Result<Answer, Error> {
    let api = store.api_mut(api)?;
    if !api.routes.contains_key(id) {
        return Err(Error::unknown("Route", id));
    }
    let input: Input = parse(call)?;
    input.check(api)?;
    if let Some(key) = &input.route_key
        && holder(api, key).is_some_and(|other| other.as_str() != id)
    {
        return Err(key_taken(key));
    }
    let record = &mut api.routes.get_mut(id).ok_or_else(|| Error::unknown("Route", id))?.record;
    if let Some(key) = input.route_key {
        record.route_key = key;
    }
    if let Some(text) = input.target {
        record.target = Some(text).filter(|text| !text.is_empty());
    }
    if let Some(text) = input.route_response_selection_expression {
        record.route_response_selection_expression = Some(text).filter(|text| !text.is_empty());
    }
    record.api_key_required = input.api_key_required.unwrap_or(record.api_key_required);
    if let Some(text) = input.operation_name {
        record.operation_name = Some(text).filter(|text| !text.is_empty());
    }
    rendered(StatusCode::OK, &*record)
}

pub(super) fn delete(store: &mut Store, api: &str, id: &str) -> Result<Answer, Error> {
    store.api_mut(api)?.routes.remove(id).ok_or_else(|| Error::unknown("Route", id))?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}

fn route<'a>(store: &'a Store, api: &str, id: &str) -> Result<&'a Route, Error> {
    store.api(api)?.routes.get(id).ok_or_else(|| Error::unknown("Route", id))
}

fn route_mut<'a>(store: &'a mut Store, api: &str, id: &str) -> Result<&'a mut Route, Error> {
    store.api_mut(api)?.routes.get_mut(id).ok_or_else(|| Error::unknown("Route", id))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResponseInput {
    route_response_key: Option<String>,
    model_selection_expression: Option<String>,
}

impl ResponseInput {
    fn check(&self) -> Result<(), Error> {
        // Only `$default` is legal (AWS-FACTS B1).
        if self.route_response_key.as_deref().is_some_and(|key| key != "$default") {
            return Err(Error::bad_request("RouteResponseKey must be $default"));
        }
        Ok(())
    }
}

pub(super) fn create_response(store: &mut Store, call: &Call, api: &str, id: &str) -> Result<Answer, Error> {
    let route = route_mut(store, api, id)?;
    let input: ResponseInput = parse(call)?;
    input.check()?;
    let key = input.route_response_key.ok_or_else(|| Error::bad_request("RouteResponseKey is required"))?;
    if route.responses.values().any(|response| response.route_response_key == key) {
        return Err(Error::conflict(format!("RouteResponse with key {key} already exists for this Route")));
    }
    let response = RouteResponse {
        route_response_id: RouteResponseId::generate(),
        route_response_key: key,
        model_selection_expression: input.model_selection_expression.filter(|text| !text.is_empty()),
    };
    let answer = rendered(StatusCode::CREATED, &response);
    route.responses.insert(response.route_response_id.clone(), response);
    answer
}

pub(super) fn get_response(store: &Store, api: &str, id: &str, response: &str) -> Result<Answer, Error> {
    let found = route(store, api, id)?.responses.get(response);
    rendered(StatusCode::OK, found.ok_or_else(|| Error::unknown("RouteResponse", response))?)
}

pub(super) fn list_responses(store: &Store, call: &Call, api: &str, id: &str, largest: usize) -> Result<Answer, Error> {
    page::answer(call, largest, route(store, api, id)?.responses.iter().map(|(id, response)| (id.as_str(), response)))
}

pub(super) fn update_response(
    store: &mut Store,
    call: &Call,
    api: &str,
    id: &str,
    response: &str,
) -> Result<Answer, Error> {
    let found = route_mut(store, api, id)?.responses.get_mut(response);
    let found = found.ok_or_else(|| Error::unknown("RouteResponse", response))?;
    let input: ResponseInput = parse(call)?;
    input.check()?;
    if let Some(text) = input.model_selection_expression {
        found.model_selection_expression = Some(text).filter(|text| !text.is_empty());
    }
    rendered(StatusCode::OK, &*found)
}

pub(super) fn delete_response(store: &mut Store, api: &str, id: &str, response: &str) -> Result<Answer, Error> {
    let removed = route_mut(store, api, id)?.responses.remove(response);
    removed.ok_or_else(|| Error::unknown("RouteResponse", response))?;
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
