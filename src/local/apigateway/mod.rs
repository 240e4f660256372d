//! The API Gateway v2 control plane: WebSocket APIs and their parts.
//!
//! Writes to one API exclude each other: who comes while another is at work gets a ConflictException (AWS-FACTS B3).

mod apis;
mod deployments;
mod error;
mod ids;
mod integrations;
mod page;
mod routes;
mod stages;
mod store;
mod tags;

use std::collections::BTreeMap;
use std::sync::Arc;

use http::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::error::Error;
pub(crate) use self::store::{DeployedRoute, Integration, NotServed, ServedStage, Store};
use super::answer::{self, Answer};
use super::call::{Call, Operation};
use super::hold::Hold;
use super::world::{State, World};

/// A request, told apart by method and path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Request {
    CreateApi,
    GetApis,
    GetTags(String),
    TagResource(String),
    UntagResource(String),
    OnApi(String, OnApi),
}

/// A request on one API.
#[derive(Clone, Debug, PartialEq, Eq)]
enum OnApi {
    GetApi,
    UpdateApi,
    DeleteApi,
    CreateIntegration,
    GetIntegrations,
    GetIntegration(String),
    UpdateIntegration(String),
    DeleteIntegration(String),
    CreateRoute,
    GetRoutes,
    GetRoute(String),
    UpdateRoute(String),
    DeleteRoute(String),
    CreateRouteResponse(String),
    GetRouteResponses(String),
    GetRouteResponse(String, String),
    UpdateRouteResponse(String, String),
    DeleteRouteResponse(String, String),
    CreateDeployment,
    GetDeployments,
    GetDeployment(String),
    DeleteDeployment(String),
    CreateStage,
    GetStages,
    GetStage(String),
    UpdateStage(String),
    DeleteStage(String),
    DeleteRouteSettings(String, String),
}

impl Request {
    fn of(call: &Call) -> Option<Self> {
        let segments = call.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let ["v2", path @ ..] = segments.as_slice() else { return None };
        let verb = Verb::of(&call.method)?;
        match (verb, path) {
            (Verb::Post, ["apis"]) => Some(Self::CreateApi),
            (Verb::Get, ["apis"]) => Some(Self::GetApis),
            (_, ["apis", api, part @ ..]) => Some(Self::OnApi((*api).to_owned(), OnApi::of(verb, part)?)),
            // An ARN holds slashes; clients differ in whether they encode them.
            (Verb::Get, ["tags", arn @ ..]) => Some(Self::GetTags(arn.join("/"))),
            (Verb::Post, ["tags", arn @ ..]) => Some(Self::TagResource(arn.join("/"))),
            (Verb::Delete, ["tags", arn @ ..]) => Some(Self::UntagResource(arn.join("/"))),
            _ => None,
        }
    }

    fn operation(&self) -> Operation {
        match self {
            Self::CreateApi => Operation::write("CreateApi"),
            Self::GetApis => Operation::read("GetApis"),
            Self::GetTags(_) => Operation::read("GetTags"),
            Self::TagResource(_) => Operation::write("TagResource"),
            Self::UntagResource(_) => Operation::write("UntagResource"),
            Self::OnApi(_, request) => request.operation(),
        }
    }

    /// The API that this request holds while it writes.
    fn holds(&self, region: &str) -> Option<String> {
        match self {
            Self::TagResource(arn) | Self::UntagResource(arn) => tags::api_of(arn, region),
            // DeleteApi models no ConflictException.
            Self::OnApi(_, OnApi::DeleteApi) => None,
            Self::OnApi(api, request) if request.operation().is_write => Some(api.clone()),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Get,
    Post,
    Patch,
    Delete,
}

impl Verb {
    fn of(method: &Method) -> Option<Self> {
        match *method {
            Method::GET => Some(Self::Get),
            Method::POST => Some(Self::Post),
            Method::PATCH => Some(Self::Patch),
            Method::DELETE => Some(Self::Delete),
            _ => None,
        }
    }
}

impl OnApi {
    fn of(verb: Verb, part: &[&str]) -> Option<Self> {
        let text = |id: &str| id.to_owned();
        Some(match (verb, part) {
            (Verb::Get, []) => Self::GetApi,
            (Verb::Patch, []) => Self::UpdateApi,
            (Verb::Delete, []) => Self::DeleteApi,
            (Verb::Post, ["integrations"]) => Self::CreateIntegration,
            (Verb::Get, ["integrations"]) => Self::GetIntegrations,
            (Verb::Get, ["integrations", id]) => Self::GetIntegration(text(id)),
            (Verb::Patch, ["integrations", id]) => Self::UpdateIntegration(text(id)),
            (Verb::Delete, ["integrations", id]) => Self::DeleteIntegration(text(id)),
            (Verb::Post, ["routes"]) => Self::CreateRoute,
            (Verb::Get, ["routes"]) => Self::GetRoutes,
            (Verb::Get, ["routes", id]) => Self::GetRoute(text(id)),
            (Verb::Patch, ["routes", id]) => Self::UpdateRoute(text(id)),
            (Verb::Delete, ["routes", id]) => Self::DeleteRoute(text(id)),
            (Verb::Post, ["routes", id, "routeresponses"]) => Self::CreateRouteResponse(text(id)),
            (Verb::Get, ["routes", id, "routeresponses"]) => Self::GetRouteResponses(text(id)),
            (Verb::Get, ["routes", id, "routeresponses", other]) => Self::GetRouteResponse(text(id), text(other)),
            (Verb::Patch, ["routes", id, "routeresponses", other]) => Self::UpdateRouteResponse(text(id), text(other)),
            (Verb::Delete, ["routes", id, "routeresponses", other]) => Self::DeleteRouteResponse(text(id), text(other)),
            (Verb::Post, ["deployments"]) => Self::CreateDeployment,
            (Verb::Get, ["deployments"]) => Self::GetDeployments,
            (Verb::Get, ["deployments", id]) => Self::GetDeployment(text(id)),
            (Verb::Delete, ["deployments", id]) => Self::DeleteDeployment(text(id)),
            (Verb::Post, ["stages"]) => Self::CreateStage,
            (Verb::Get, ["stages"]) => Self::GetStages,
            (Verb::Get, ["stages", name]) => Self::GetStage(text(name)),
            (Verb::Patch, ["stages", name]) => Self::UpdateStage(text(name)),
            (Verb::Delete, ["stages", name]) => Self::DeleteStage(text(name)),
            (Verb::Delete, ["stages", name, "routesettings", key]) => Self::DeleteRouteSettings(text(name), text(key)),
            _ => return None,
        })
    }

    fn operation(&self) -> Operation {
        match self {
            Self::GetApi => Operation::read("GetApi"),
            Self::UpdateApi => Operation::write("UpdateApi"),
            Self::DeleteApi => Operation::write("DeleteApi"),
            Self::CreateIntegration => Operation::write("CreateIntegration"),
            Self::GetIntegrations => Operation::read("GetIntegrations"),
            Self::GetIntegration(_) => Operation::read("GetIntegration"),
            Self::UpdateIntegration(_) => Operation::write("UpdateIntegration"),
            Self::DeleteIntegration(_) => Operation::write("DeleteIntegration"),
            Self::CreateRoute => Operation::write("CreateRoute"),
            Self::GetRoutes => Operation::read("GetRoutes"),
            Self::GetRoute(_) => Operation::read("GetRoute"),
            Self::UpdateRoute(_) => Operation::write("UpdateRoute"),
            Self::DeleteRoute(_) => Operation::write("DeleteRoute"),
            Self::CreateRouteResponse(_) => Operation::write("CreateRouteResponse"),
            Self::GetRouteResponses(_) => Operation::read("GetRouteResponses"),
            Self::GetRouteResponse(..) => Operation::read("GetRouteResponse"),
            Self::UpdateRouteResponse(..) => Operation::write("UpdateRouteResponse"),
            Self::DeleteRouteResponse(..) => Operation::write("DeleteRouteResponse"),
            Self::CreateDeployment => Operation::write("CreateDeployment"),
            Self::GetDeployments => Operation::read("GetDeployments"),
            Self::GetDeployment(_) => Operation::read("GetDeployment"),
            Self::DeleteDeployment(_) => Operation::write("DeleteDeployment"),
            Self::CreateStage => Operation::write("CreateStage"),
            Self::GetStages => Operation::read("GetStages"),
            Self::GetStage(_) => Operation::read("GetStage"),
            Self::UpdateStage(_) => Operation::write("UpdateStage"),
            Self::DeleteStage(_) => Operation::write("DeleteStage"),
            Self::DeleteRouteSettings(..) => Operation::write("DeleteRouteSettings"),
        }
    }
}

/// The operation that a call asks for; none if this API Gateway does not carry it.
/// Makes it an HTTP API, which the local AWS cannot make by a call.
#[cfg(test)]
pub(crate) fn seed_as_http(state: &mut State, id: &str) {
    if let Some((_, api)) = state.apigateway.apis.iter_mut().find(|(known, _)| known.to_string() == id) {
        api.record.protocol_type = "HTTP";
    }
}

pub(crate) fn operation(call: &Call) -> Option<Operation> {
    Request::of(call).map(|request| request.operation())
}

pub(crate) async fn handle(world: &Arc<World>, call: &Call) -> Answer {
    match answered(world, call).await {
        Ok(answer) => answer,
        Err(error) => error.into(),
    }
}

async fn answered(world: &Arc<World>, call: &Call) -> Result<Answer, Error> {
    let request = Request::of(call).ok_or_else(|| Error::NotCarried(format!("{} {}", call.method, call.path)))?;
    let _hold = match request.holds(&call.region) {
        Some(api) => {
            Some(Hold::take(world, format!("apis/{api}"), world.options.manners.api_write).await.ok_or_else(|| {
                Error::conflict("Unable to complete operation due to concurrent modification. Please try again later.")
            })?)
        }
        None => None,
    };
    let answer = served(world, call, &request)?;
    // What is gone serves nobody: a stage or API that is deleted closes its sockets (AWS-FACTS K4 is open; closing is the
    // stricter choice).
    match &request {
        Request::OnApi(api, OnApi::DeleteApi) => world.gateway.close_api(api),
        Request::OnApi(api, OnApi::DeleteStage(stage)) => world.gateway.close_stage(api, stage),
        _ => {}
    }
    Ok(answer)
}

fn served(world: &World, call: &Call, request: &Request) -> Result<Answer, Error> {
    let (now, manners) = (world.now(), &world.options.manners);
    let largest = manners.page(page::LARGEST);
    let mut state = world.state();
    // What an API is and how it is tagged is shown late; what it consists of is not known to be.
    match request {
        Request::GetApis => return apis::list(state.apigateway.seen(now, manners.api_lag), call, largest),
        Request::GetTags(arn) => return tags::get(&mut state.apigateway.seen(now, manners.api_lag).clone(), call, arn),
        Request::OnApi(api, OnApi::GetApi) => return apis::get(state.apigateway.seen(now, manners.api_lag), api),
        _ => {}
    }
    let store = match request.operation().is_write {
        true => state.apigateway.change(now, manners.memory()),
        false => &mut *state.apigateway,
    };
    let (api, request) = match request {
        Request::CreateApi => return apis::create(store, call, text_of(world.wall_clock())),
        Request::GetApis | Request::GetTags(_) => return Err(Error::Internal("answered before".to_owned())),
        Request::TagResource(arn) => return tags::add(store, call, arn),
        Request::UntagResource(arn) => return tags::remove(store, call, arn),
        Request::OnApi(api, request) => (api, request),
    };
    match request {
        OnApi::GetApi => Err(Error::Internal("answered before".to_owned())),
        OnApi::UpdateApi => apis::update(store, call, api),
        OnApi::DeleteApi => apis::delete(store, api),
        OnApi::CreateIntegration => integrations::create(store, call, api),
        OnApi::GetIntegrations => integrations::list(store, call, api, largest),
        OnApi::GetIntegration(id) => integrations::get(store, api, id),
        OnApi::UpdateIntegration(id) => integrations::update(store, call, api, id),
        OnApi::DeleteIntegration(id) => integrations::delete(store, api, id),
        OnApi::CreateRoute => routes::create(store, call, api),
        OnApi::GetRoutes => routes::list(store, call, api, largest),
        OnApi::GetRoute(id) => routes::get(store, api, id),
        OnApi::UpdateRoute(id) => routes::update(store, call, api, id),
        OnApi::DeleteRoute(id) => routes::delete(store, api, id),
        OnApi::CreateRouteResponse(id) => routes::create_response(store, call, api, id),
        OnApi::GetRouteResponses(id) => routes::list_responses(store, call, api, id, largest),
        OnApi::GetRouteResponse(id, other) => routes::get_response(store, api, id, other),
        OnApi::UpdateRouteResponse(id, other) => routes::update_response(store, call, api, id, other),
        OnApi::DeleteRouteResponse(id, other) => routes::delete_response(store, api, id, other),
        OnApi::CreateDeployment => deployments::create(store, call, api, now, manners),
        OnApi::GetDeployments => deployments::list(store, call, api, now, largest),
        OnApi::GetDeployment(id) => deployments::get(store, api, id, now),
        OnApi::DeleteDeployment(id) => deployments::delete(store, api, id),
        OnApi::CreateStage => stages::create(store, call, api, now + manners.stage_refusal),
        OnApi::GetStages => stages::list(store, call, api, largest),
        OnApi::GetStage(name) => stages::get(store, api, name),
        OnApi::UpdateStage(name) => stages::update(store, call, api, name),
        OnApi::DeleteStage(name) => stages::delete(store, api, name),
        OnApi::DeleteRouteSettings(name, key) => stages::delete_route_settings(store, api, name, key),
    }
}

/// The tags of the API or stage at a path such as `/apis/ID`; none for anything else.
pub(crate) fn tags_by_path(state: &State, path: &str) -> BTreeMap<String, String> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let api = |id: &str| state.apigateway.apis.get(id);
    let tags = match segments.as_slice() {
        ["apis", id] => api(id).map(|api| &api.record.tags),
        ["apis", id, "stages", name] => api(id).and_then(|api| api.stages.get(*name)).map(|stage| &stage.tags),
        _ => None,
    };
    tags.cloned().unwrap_or_default()
}

fn parse<T: DeserializeOwned>(call: &Call) -> Result<T, Error> {
    let body: &[u8] = if call.body.is_empty() { b"{}" } else { &call.body };
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        if text.starts_with("unknown field") { Error::NotCarried(text) } else { Error::BadRequest(text) }
    })
}

fn to_json(value: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::Internal(error.to_string()))
}

fn rendered(status: StatusCode, value: &impl Serialize) -> Result<Answer, Error> {
    Ok(answer::json(status, &to_json(value)?))
}

/// The wall clock as API Gateway writes it.
fn now_text() -> String {
    text_of(jiff::Timestamp::now())
}

fn text_of(time: jiff::Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
