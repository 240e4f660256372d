//! From an HTTP request to the service that answers it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header, request};
use http_body_util::{BodyExt, Either, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use rand::RngExt;
use serde_json::json;

use super::answer::{self, Answer, AwsError};
use super::call::{Call, CallRecord, Operation, Principal, Service};
use super::faults::{Fault, throttle_error};
use super::garbling::{self, AnswerBody, Garbling};
use super::signature::{self, Authorization};
use super::world::World;
use super::{apigateway, authorization, browsers, gateway, iam, kinesis_video, lambda, logs, s3, secrets, sts};

/// Lambda's largest request, a 50 MB package in base64, with room to spare (AWS-FACTS C3).
const MAXIMUM_BODY: usize = 80 * 1024 * 1024;
const HEALTH: &str = "/_local/health";
const EXECUTE_API: &str = "/_aws/execute-api/";
const VIRTUAL_HOST: &str = ".s3.localhost";

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The connection is dropped instead of answered, because a fault rule says so.
#[derive(Debug, thiserror::Error)]
#[error("a fault rule dropped the connection")]
pub(crate) struct Dropped;

/// Answers one request.
pub(crate) async fn dispatch(world: Arc<World>, request: Request<Incoming>) -> Result<Response<AnswerBody>, Dropped> {
    let path = request.uri().path();
    if path == HEALTH {
        return Ok(garbling::body(health(&world)));
    }
    if path.starts_with(EXECUTE_API) && !path.contains("/@connections") {
        return Ok(gateway::handle(world, request).await.map(Either::Left));
    }
    Ok(garbling::body(call(world, request).await?))
}

/// Answers a call to a service, or a public GET.
pub(crate) async fn call<B>(world: Arc<World>, request: Request<B>) -> Result<Answer, Dropped>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let request_id = request_id();
    let (parts, body) = request.into_parts();
    let service = match service_of(&parts) {
        Ok(service) => service,
        Err(unknown) => {
            // In no wire format: whose would it be?
            let text = not_implemented(&format!("the service `{unknown}`"), &parts.method, parts.uri.path());
            return Ok(answer::with_body(StatusCode::NOT_IMPLEMENTED, "text/plain; charset=utf-8", text));
        }
    };
    let mut answer = match read_body(body).await {
        Ok(body) => match service {
            Some(service) => signed(&world, service, parts, body, &request_id).await?,
            None => unsigned(&world, &parts, &request_id),
        },
        Err(error) => answer::error(service.unwrap_or(Service::S3), &error, &request_id),
    };
    let name = if matches!(service, None | Some(Service::S3)) { "x-amz-request-id" } else { "x-amzn-requestid" };
    if let Ok(value) = HeaderValue::from_str(&request_id)
        && !Garbling::is_from_a_stranger(&answer)
    {
        answer.headers_mut().insert(name, value);
    }
    Ok(answer)
}

fn health(world: &World) -> Answer {
    let options = &world.options;
    let body = json!({
        "service": "webrtc-aws local",
        "version": env!("CARGO_PKG_VERSION"),
        "account": options.account,
        "region": options.region,
    });
    answer::json(StatusCode::OK, &body)
}

/// The service of the credential scope; none without an `Authorization` header, its name where it is not one of ours. An unreadable
/// header counts as S3's, whose answer says so.
fn service_of(parts: &request::Parts) -> Result<Option<Service>, String> {
    let Some(authorization) = parts.headers.get(header::AUTHORIZATION) else { return Ok(None) };
    match authorization.to_str().ok().and_then(Authorization::parse) {
        Some(authorization) => authorization.service.parse().map(Some).map_err(|_| authorization.service.to_owned()),
        None => Ok(Some(Service::S3)),
    }
}

async fn read_body<B>(body: B) -> Result<Bytes, AwsError>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let too_large = || {
        let message = "The local AWS reads bodies of up to 80 MB.";
        AwsError::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException", message)
    };
    // A body that announces its size is refused before it is waited for.
    if body.size_hint().lower() > MAXIMUM_BODY as u64 {
        return Err(too_large());
    }
    match Limited::new(body, MAXIMUM_BODY).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(AwsError::new(StatusCode::BAD_REQUEST, "IncompleteBody", "The request body ended early.")),
    }
}

/// A request without credentials: a browser or `curl` that fetches a public object.
fn unsigned(world: &World, parts: &request::Parts, request_id: &str) -> Answer {
    let path = s3_path(parts);
    s3::public(world, &parts.method, &path, &parts.headers, request_id)
}

async fn signed(
    world: &Arc<World>,
    service: Service,
    parts: request::Parts,
    body: Bytes,
    request_id: &str,
) -> Result<Answer, Dropped> {
    let refuse = |error: AwsError| Ok(answer::error(service, &error, request_id));
    if let Err(error) = browsers::refuse(&parts.headers) {
        return refuse(error);
    }
    let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let Some(authorization) = Authorization::parse(header) else {
        return refuse(signature::incomplete(service, "The Authorization header is no AWS4-HMAC-SHA256 signature."));
    };
    let authenticated = match signature::authenticate(world, service, &authorization, &parts, body) {
        Ok(authenticated) => authenticated,
        Err(error) => return refuse(error),
    };
    let region = authorization.region.to_owned();
    let path = if service == Service::S3 { s3_path(&parts) } else { parts.uri.path().to_owned() };
    let mut headers = parts.headers;
    headers.extend(authenticated.trailers);
    let call = Call {
        service,
        region,
        principal: authenticated.principal,
        method: parts.method,
        path,
        query: form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect(),
        headers,
        body: authenticated.body,
        request_id: request_id.to_owned(),
    };
    carry_out(world, &call).await
}

/// Answers a call of which is known who makes it.
pub(super) async fn carry_out(world: &Arc<World>, call: &Call) -> Result<Answer, Dropped> {
    match operation(call) {
        // A function's role may call what the data plane carries; the control plane is the deployer's (stricter than AWS).
        Some(operation)
            if !call.service.serves_functions() && matches!(call.principal, Principal::RoleSession { .. }) =>
        {
            Ok(answer::error(call.service, &access_denied(call, operation), &call.request_id))
        }
        Some(operation) => run(world, call, operation).await,
        None => Ok(unknown_operation(call)),
    }
}

fn access_denied(call: &Call, operation: Operation) -> AwsError {
    let (status, code) = match call.service {
        Service::S3 | Service::Iam | Service::Sts => (StatusCode::FORBIDDEN, "AccessDenied"),
        service if service.is_aws_json() => (StatusCode::BAD_REQUEST, "AccessDeniedException"),
        _ => (StatusCode::FORBIDDEN, "AccessDeniedException"),
    };
    let (arn, service, name) = (call.principal.arn(), call.service, operation.name);
    AwsError::new(status, code, format!("User: {arn} is not authorized to perform: {service}:{name}"))
}

/// Runs a call through the fault rules, the service and the record.
async fn run(world: &Arc<World>, call: &Call, operation: Operation) -> Result<Answer, Dropped> {
    let (latency, fault) = world.faults.strike(call.service, operation);
    delay(latency).await;
    let record = |status| {
        let Operation { name, is_write } = operation;
        world.record(CallRecord { service: call.service, operation: name, is_write, status });
    };
    let report = |fault: &Fault| world.faults.report(call.service, operation, fault.clone());
    let result = match fault {
        None if !world.rates.admit(&world.options.manners.rates, call.service, operation, world.now()) => {
            Ok(answer::error(call.service, &throttle_error(call.service), &call.request_id))
        }
        None => Ok(handle(world, call).await),
        Some(fault @ (Fault::Throttle | Fault::FailBefore { .. })) => {
            report(&fault);
            let error = match fault {
                Fault::FailBefore { status, code, message } => {
                    AwsError::new(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST), code, message)
                }
                _ => throttle_error(call.service),
            };
            Ok(answer::error(call.service, &error, &call.request_id))
        }
        Some(fault @ Fault::Hang) => {
            record(None);
            report(&fault);
            std::future::pending().await
        }
        Some(fault @ (Fault::HangAfterEffect | Fault::AnswerLost)) => {
            handle(world, call).await;
            record(None);
            report(&fault);
            if fault == Fault::HangAfterEffect {
                return std::future::pending().await;
            }
            return Err(Dropped);
        }
        Some(fault @ Fault::Late(after)) => {
            report(&fault);
            delay(after).await;
            handle(world, call).await;
            record(None);
            std::future::pending().await
        }
        Some(Fault::Garbled(garbling)) => {
            let whole = if garbling.lets_the_call_through() { handle(world, call).await } else { Answer::default() };
            report(&Fault::Garbled(garbling));
            Ok(garbling.spoil(whole, &call.method))
        }
        // What a shell reports after `kill -9`.
        Some(Fault::Kill) => std::process::exit(137),
        // `strike` has added latencies up already.
        Some(Fault::Latency(_)) => Ok(handle(world, call).await),
    };
    if let Ok(answer) = &result {
        record(Some(answer.status().as_u16()));
    }
    result
}

#[expect(clippy::disallowed_methods, reason = "a latency asked for by a fault rule is no wait of the product")]
async fn delay(latency: Duration) {
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
}

pub(super) fn operation(call: &Call) -> Option<Operation> {
    match call.service {
        Service::S3 => s3::operation(call),
        Service::Iam => iam::operation(call),
        Service::Sts => sts::operation(call),
        Service::Lambda => lambda::operation(call),
        Service::ApiGateway => apigateway::operation(call),
        Service::Logs => logs::operation(call),
        Service::Ssm | Service::SecretsManager => secrets::operation(call),
        Service::KinesisVideo => kinesis_video::operation(call),
        Service::ExecuteApi if !call.path.starts_with(EXECUTE_API) => None,
        Service::ExecuteApi => match call.method {
            Method::POST => Some(Operation::write("PostToConnection")),
            Method::GET => Some(Operation::read("GetConnection")),
            Method::DELETE => Some(Operation::write("DeleteConnection")),
            _ => None,
        },
    }
}

async fn handle(world: &Arc<World>, call: &Call) -> Answer {
    if let Some(refusal) = authorization::refuse(world, call) {
        return refusal;
    }
    let answer = served(world, call).await;
    authorization::redacted(world, call, answer)
}

async fn served(world: &Arc<World>, call: &Call) -> Answer {
    // Before anything else happens: what it may do depends on what is there when it is due.
    logs::flush(world);
    kinesis_video::flush(world);
    match call.service {
        Service::S3 => s3::handle(world, call).await,
        Service::Iam => iam::handle(world, call).await,
        Service::Sts => sts::handle(world, call).await,
        Service::Lambda => lambda::handle(world, call).await,
        Service::ApiGateway => apigateway::handle(world, call).await,
        Service::Logs => logs::handle(world, call).await,
        Service::Ssm | Service::SecretsManager => secrets::handle(world, call).await,
        Service::KinesisVideo => kinesis_video::handle(world, call).await,
        Service::ExecuteApi => gateway::connections(world, call).await,
    }
}

/// Names what is missing in a way that nobody overlooks.
fn unknown_operation(call: &Call) -> Answer {
    let action = match call.service {
        service if service.is_aws_json() => call.header("x-amz-target").map(str::to_owned),
        Service::Iam | Service::Sts => {
            form_urlencoded::parse(&call.body).find_map(|(name, value)| (name == "Action").then(|| value.into_owned()))
        }
        _ => None,
    };
    let query: Vec<&str> = call.query.iter().map(|(name, _)| name.as_str()).collect();
    let what = match action {
        Some(action) => format!("{} {action}", call.service),
        None if query.is_empty() => call.service.to_string(),
        None => format!("{} (query: {})", call.service, query.join(", ")),
    };
    let text = not_implemented(&what, &call.method, &call.path);
    let error = AwsError::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", text);
    answer::error(call.service, &error, &call.request_id)
}

fn not_implemented(what: &str, method: &Method, path: &str) -> String {
    format!(
        "The local AWS does not implement {what}: {method} {path}\nIt carries only the calls that webrtc-aws makes."
    )
}

/// The path-style path of an S3 request, whichever style it came in.
fn s3_path(parts: &request::Parts) -> String {
    let host = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    match name.strip_suffix(VIRTUAL_HOST) {
        Some(bucket) => format!("/{bucket}{}", parts.uri.path()),
        None => parts.uri.path().to_owned(),
    }
}

/// A random UUID, as most services number their requests.
fn request_id() -> String {
    let hex = hex::encode(rand::rng().random::<[u8; 16]>());
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// The client's address, as [`super::server`] left it in the request.
pub(crate) fn client_address<B>(request: &Request<B>) -> Option<SocketAddr> {
    request.extensions().get().copied()
}
