//! The local AWS without a socket: an HTTP client for the SDK whose requests go straight to the dispatcher. Nothing but the clock
//! decides how long anything takes, so that tests with paused time run as fast as the machine allows.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig, retry::RetryConfig};
use aws_credential_types::Credentials;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use http_body_util::{BodyExt, Either, Full};

use crate::aws::clients;
use crate::local::signature::{DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY};
use crate::local::world::World;
use crate::local::{dispatch, garbling};

/// A configuration whose clients talk to this account.
pub(crate) async fn config(world: &Arc<World>) -> SdkConfig {
    let connector = SharedHttpConnector::new(Connector(Arc::clone(world)));
    let credentials = Credentials::from_keys(DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, None);
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .region(Region::new(world.options.region.clone()))
        .credentials_provider(credentials)
        .endpoint_url(world.endpoint())
        .retry_config(RetryConfig::disabled())
        .timeout_config(clients::timeouts())
        .load()
        .await
}

#[derive(Debug)]
struct Connector(Arc<World>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let world = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let lost = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::io(error);
            // A task of its own: AWS goes on with a call whose caller has died.
            tokio::spawn(answer(world, request)).await.map_err(|error| lost(error.into()))?.map_err(lost)
        })
    }
}

async fn answer(
    world: Arc<World>,
    request: HttpRequest,
) -> Result<HttpResponse, Box<dyn std::error::Error + Send + Sync>> {
    let mut builder = http::Request::builder().method(request.method()).uri(request.uri());
    for (name, value) in request.headers() {
        builder = builder.header(name, value);
    }
    let host = builder.uri_ref().and_then(|uri| uri.authority()).map(ToString::to_string).unwrap_or_default();
    builder = builder.header(http::header::HOST, host);
    let body = ByteStream::new(request.into_body()).collect().await?.into_bytes();
    let answer = dispatch::call(world, builder.body(Full::new(body))?).await?;
    let (parts, body) = garbling::body(answer).into_parts();
    let body = match body {
        Either::Left(mut whole) => {
            SdkBody::from(whole.frame().await.and_then(|frame| frame.ok()?.into_data().ok()).unwrap_or_default())
        }
        Either::Right(broken) => SdkBody::from_body_1_x(broken),
    };
    let mut response = HttpResponse::new(StatusCode::try_from(parts.status.as_u16())?, body);
    for (name, value) in &parts.headers {
        response.headers_mut().append(name.as_str().to_owned(), value.to_str()?.to_owned());
    }
    Ok(response)
}
