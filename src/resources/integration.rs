//! The proxy integration from the API to the relay's function.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigatewayv2::types::{ConnectionType, Integration as Found, IntegrationType};
use serde::{Deserialize, Serialize};

use super::{Doing, INTEGRATION, WEBSOCKET_API, route};
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Context, Known, Operation, all_pages};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::{ApiId, IntegrationId, Names};

/// Lambda is called by POST, whatever the message is.
const METHOD: &str = "POST";

/// The longest that AWS allows, and its default (AWS-FACTS B1).
const TIMEOUT_MS: i32 = 29_000;

#[derive(Debug)]
pub(crate) struct Integration {
    pub(crate) names: Arc<Names>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    integration_type: String,
    uri: String,
    method: String,
    timeout_ms: i32,
    connection_type: String,
}

impl Spec {
    fn of(found: &Found) -> Self {
        Self {
            integration_type: found.integration_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            uri: found.integration_uri().unwrap_or_default().to_owned(),
            method: found.integration_method().unwrap_or_default().to_owned(),
            timeout_ms: found.timeout_in_millis().unwrap_or(TIMEOUT_MS),
            connection_type: found.connection_type().unwrap_or(&ConnectionType::Internet).as_str().to_owned(),
        }
    }
}

/// All integrations of the API, ours first: one that calls our function, and of several the one that the route leads to; else any,
/// to be repaired rather than joined by a second one. The order is total, so that runs which overlap come to the same one.
pub(super) async fn all(context: &Context, api: &ApiId) -> Result<Vec<Found>, Diagnostic> {
    let mut found = all_pages(async |token: Option<String>| {
        let page = context
            .call(Operation::repeatable("apigateway", "GetIntegrations"), || {
                context.clients.api_gateway.get_integrations().api_id(api.as_str()).set_next_token(token.clone()).send()
            })
            .await?;
        Ok((page.items.unwrap_or_default(), page.next_token))
    })
    .await
    .doing(|| format!("list the integrations of the API {api}"))?;
    if found.len() > 1 {
        let uri = context.names.integration_uri();
        let targets = route::targets(context, api).await?;
        found.sort_by_cached_key(|candidate| {
            let targeted = candidate.integration_id().is_some_and(|id| targets.contains(id));
            (candidate.integration_uri() != Some(&uri), !targeted, candidate.integration_id.clone())
        });
    }
    Ok(found)
}

#[async_trait]
impl Kind for Integration {
    type Spec = Spec;

    fn address(&self) -> Address {
        INTEGRATION
    }

    fn contained_in(&self) -> Option<Address> {
        Some(WEBSOCKET_API)
    }

    fn desired(&self, _: &Known) -> Spec {
        Spec {
            integration_type: IntegrationType::AwsProxy.as_str().to_owned(),
            uri: self.names.integration_uri(),
            method: METHOD.to_owned(),
            timeout_ms: TIMEOUT_MS,
            connection_type: ConnectionType::Internet.as_str().to_owned(),
        }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        context.known.integration.clear();
        let api = context.api()?;
        let found = all(context, &api).await?;
        let Some((found, id)) = found.first().and_then(|found| Some((found, found.integration_id()?))) else {
            return Ok(Observed::Absent);
        };
        context.known.integration.set(IntegrationId(id.to_owned()));
        Ok(Observed::Owned(Spec::of(found)))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let api = context.api()?;
        let created = context
            .call(Operation::once("apigateway", "CreateIntegration"), || {
                context
                    .clients
                    .api_gateway
                    .create_integration()
                    .api_id(api.as_str())
                    .integration_type(IntegrationType::from(desired.integration_type.as_str()))
                    .integration_method(&desired.method)
                    .integration_uri(&desired.uri)
                    .timeout_in_millis(desired.timeout_ms)
                    .connection_type(ConnectionType::from(desired.connection_type.as_str()))
                    .send()
            })
            .await
            .doing(|| format!("create the integration of the API {api}"))?;
        context.known.integration.set(IntegrationId(created.integration_id.unwrap_or_default()));
        Ok(())
    }

    async fn update(&self, context: &Context, _: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let (api, integration) = (context.api()?, context.integration()?);
        context
            .call(Operation::repeatable("apigateway", "UpdateIntegration"), || {
                context
                    .clients
                    .api_gateway
                    .update_integration()
                    .api_id(api.as_str())
                    .integration_id(integration.as_str())
                    .integration_type(IntegrationType::from(desired.integration_type.as_str()))
                    .integration_method(&desired.method)
                    .integration_uri(&desired.uri)
                    .timeout_in_millis(desired.timeout_ms)
                    .connection_type(ConnectionType::from(desired.connection_type.as_str()))
                    .send()
            })
            .await
            .map(drop)
            .doing(|| format!("update the integration {integration}"))
    }

    /// Never alone: it goes with its API.
    async fn delete(&self, _: &Context) -> Result<(), Diagnostic> {
        Ok(())
    }
}
