//! Lambda: the control plane of functions, and the execution environments that run them.
//!
//! An environment is the function's own `bootstrap` as a child process behind the Runtime API (AWS-FACTS C4).

mod configuration;
mod environment;
mod error;
mod functions;
mod invoke;
mod log;
mod package;
mod permission;
mod pool;
mod process;
mod runtime_api;
mod settings;
mod store;

use std::sync::Arc;

use http::{HeaderValue, Method, StatusCode};
use serde::de::DeserializeOwned;

use self::error::Error;
pub(crate) use self::invoke::{Caller, InvokeError, Running, begin};
pub(crate) use self::pool::Environments;
use self::store::Name;
pub(crate) use self::store::{Flush, Store};
use super::answer::{self, Answer};
use super::call::{Call, Operation};
use super::hold::Hold;
use super::world::World;

/// A request, told apart by method and path. The text is the function as the caller named it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Request {
    CreateFunction,
    ListFunctions,
    GetAccountSettings,
    OnFunction(String, OnFunction),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum OnFunction {
    GetFunction,
    GetFunctionConfiguration,
    UpdateFunctionCode,
    UpdateFunctionConfiguration,
    DeleteFunction,
    Invoke,
    AddPermission,
    RemovePermission(String),
    GetPolicy,
    PutFunctionConcurrency,
    GetFunctionConcurrency,
    DeleteFunctionConcurrency,
    ListTags,
    TagResource,
    UntagResource,
}

impl Request {
    fn of(call: &Call) -> Option<Self> {
        let segments = call.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (function, request) = match (&call.method, segments.as_slice()) {
            (&Method::POST, ["2015-03-31", "functions"]) => return Some(Self::CreateFunction),
            (&Method::GET, ["2015-03-31", "functions"]) => return Some(Self::ListFunctions),
            (&Method::GET, ["2016-08-19", "account-settings"]) => return Some(Self::GetAccountSettings),
            (method, ["2015-03-31", "functions", function, part @ ..]) => {
                (*function, OnFunction::of_function(method, part)?)
            }
            (&Method::PUT, ["2017-10-31", "functions", function, "concurrency"]) => {
                (*function, OnFunction::PutFunctionConcurrency)
            }
            (&Method::DELETE, ["2017-10-31", "functions", function, "concurrency"]) => {
                (*function, OnFunction::DeleteFunctionConcurrency)
            }
            (&Method::GET, ["2019-09-30", "functions", function, "concurrency"]) => {
                (*function, OnFunction::GetFunctionConcurrency)
            }
            (&Method::GET, ["2017-03-31", "tags", arn]) => (*arn, OnFunction::ListTags),
            (&Method::POST, ["2017-03-31", "tags", arn]) => (*arn, OnFunction::TagResource),
            (&Method::DELETE, ["2017-03-31", "tags", arn]) => (*arn, OnFunction::UntagResource),
            _ => return None,
        };
        Some(Self::OnFunction(function.to_owned(), request))
    }

    fn operation(&self) -> Operation {
        match self {
            Self::CreateFunction => Operation::write("CreateFunction"),
            Self::ListFunctions => Operation::read("ListFunctions"),
            Self::GetAccountSettings => Operation::read("GetAccountSettings"),
            Self::OnFunction(_, request) => request.operation(),
        }
    }
}

impl OnFunction {
    fn of_function(method: &Method, part: &[&str]) -> Option<Self> {
        Some(match (method, part) {
            (&Method::GET, []) => Self::GetFunction,
            (&Method::DELETE, []) => Self::DeleteFunction,
            (&Method::GET, ["configuration"]) => Self::GetFunctionConfiguration,
            (&Method::PUT, ["configuration"]) => Self::UpdateFunctionConfiguration,
            (&Method::PUT, ["code"]) => Self::UpdateFunctionCode,
            (&Method::POST, ["invocations"]) => Self::Invoke,
            (&Method::POST, ["policy"]) => Self::AddPermission,
            (&Method::GET, ["policy"]) => Self::GetPolicy,
            (&Method::DELETE, ["policy", statement]) => Self::RemovePermission((*statement).to_owned()),
            _ => return None,
        })
    }

    fn operation(&self) -> Operation {
        match self {
            Self::GetFunction => Operation::read("GetFunction"),
            Self::GetFunctionConfiguration => Operation::read("GetFunctionConfiguration"),
            Self::UpdateFunctionCode => Operation::write("UpdateFunctionCode"),
            Self::UpdateFunctionConfiguration => Operation::write("UpdateFunctionConfiguration"),
            Self::DeleteFunction => Operation::write("DeleteFunction"),
            Self::Invoke => Operation::write("Invoke"),
            Self::AddPermission => Operation::write("AddPermission"),
            Self::RemovePermission(_) => Operation::write("RemovePermission"),
            Self::GetPolicy => Operation::read("GetPolicy"),
            Self::PutFunctionConcurrency => Operation::write("PutFunctionConcurrency"),
            Self::GetFunctionConcurrency => Operation::read("GetFunctionConcurrency"),
            Self::DeleteFunctionConcurrency => Operation::write("DeleteFunctionConcurrency"),
            Self::ListTags => Operation::read("ListTags"),
            Self::TagResource => Operation::write("TagResource"),
            Self::UntagResource => Operation::write("UntagResource"),
        }
    }
}

/// The operation that a call asks for; none if this Lambda does not carry it.
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
    world.state().lambda.bury(world.now());
    let (function, request) = match request {
        Request::CreateFunction => return functions::create(world, call),
        Request::ListFunctions => return functions::list(&world.state().lambda, call, world.now()),
        Request::GetAccountSettings => return Ok(settings::account(&world.state().lambda)),
        Request::OnFunction(function, request) => (function, request),
    };
    if call.query("Qualifier").is_some_and(|qualifier| qualifier != "$LATEST") {
        return Err(Error::NotCarried("Qualifier other than $LATEST".to_owned()));
    }
    let name = Name::parse(&function, &call.region, &world.options.account)?;
    if request == OnFunction::Invoke {
        return invoked(world, call, &name).await;
    }
    let _hold = match request {
        OnFunction::AddPermission | OnFunction::RemovePermission(_) => {
            let hold = Hold::take(world, name.arn().to_owned(), world.options.manners.permission_write).await;
            Some(hold.ok_or_else(|| Error::Conflict(concurrent_update(&name)))?)
        }
        _ => None,
    };
    let answer = served(world, call, &name, &request);
    if request == OnFunction::DeleteFunction && answer.is_ok() {
        world.environments.forget(name.as_str());
    }
    answer
}

/// AWS-FACTS C5.
fn concurrent_update(name: &Name) -> String {
    format!("The function could not be updated due to a concurrent update operation: {}", name.arn())
}

fn served(world: &World, call: &Call, name: &Name, request: &OnFunction) -> Result<Answer, Error> {
    let now = world.now();
    match request {
        OnFunction::UpdateFunctionCode => return functions::update_code(world, call, name),
        OnFunction::UpdateFunctionConfiguration => return functions::update_configuration(world, call, name),
        _ => {}
    }
    let mut state = world.state();
    match request {
        OnFunction::GetFunction => functions::get(&state.lambda, name, now),
        OnFunction::GetFunctionConfiguration => functions::get_configuration(&state.lambda, name, now),
        OnFunction::DeleteFunction => functions::delete(world, &mut state, name),
        OnFunction::AddPermission => permission::add(&mut state.lambda, call, name),
        OnFunction::RemovePermission(statement) => permission::remove(&mut state.lambda, call, name, statement),
        OnFunction::GetPolicy => permission::get(&state.lambda, name),
        OnFunction::PutFunctionConcurrency => settings::put_concurrency(&mut state.lambda, call, name),
        OnFunction::GetFunctionConcurrency => settings::get_concurrency(&state.lambda, name),
        OnFunction::DeleteFunctionConcurrency => settings::delete_concurrency(&mut state.lambda, name),
        OnFunction::ListTags => settings::list_tags(&state.lambda, name),
        OnFunction::TagResource => settings::tag(&mut state.lambda, call, name),
        OnFunction::UntagResource => settings::untag(&mut state.lambda, call, name),
        OnFunction::UpdateFunctionCode | OnFunction::UpdateFunctionConfiguration | OnFunction::Invoke => {
            Err(Error::Internal("dispatched before".to_owned()))
        }
    }
}

/// The Invoke call. The deployer needs no statement in the resource policy.
async fn invoked(world: &Arc<World>, call: &Call, name: &Name) -> Result<Answer, Error> {
    match call.header("x-amz-invocation-type") {
        None | Some("RequestResponse") => {}
        Some(other) => return Err(Error::NotCarried(format!("InvocationType {other}"))),
    }
    let event = if call.body.is_empty() { bytes::Bytes::from_static(b"{}") } else { call.body.clone() };
    let outcome = match begin(world, name.arn(), Caller::Account, event).await {
        Ok(running) => running.finish().await,
        Err(error) => Err(error),
    };
    let mut answer = match outcome {
        Ok(payload) => answer::with_body(StatusCode::OK, "application/json", payload),
        Err(InvokeError::Failed { payload, .. }) => {
            let mut answer = answer::with_body(StatusCode::OK, "application/json", payload);
            answer.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
            answer
        }
        Err(error) => return Err(error.into()),
    };
    answer.headers_mut().insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
    Ok(answer)
}

fn parse<T: DeserializeOwned>(call: &Call) -> Result<T, Error> {
    let body: &[u8] = if call.body.is_empty() { b"{}" } else { &call.body };
    serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        if text.starts_with("unknown field") { Error::NotCarried(text) } else { Error::Unreadable(text) }
    })
}

/// A UUID, as revision and request ids are on Lambda.
pub(crate) fn new_uuid() -> String {
    let text = hex::encode(rand::random::<[u8; 16]>());
    format!("{}-{}-{}-{}-{}", &text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..])
}

fn new_revision() -> String {
    new_uuid()
}
