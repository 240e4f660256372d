//! The proxy integration from the API to the relay's function.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigatewayv2::types::{Integration as Found, IntegrationType};
use serde::{Deserialize, Serialize};

use super::{Doing, INTEGRATION, WEBSOCKET_API};
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Context, Known, Operation, all_pages};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::{IntegrationId, Names};

#[derive(Debug)]
pub(crate) struct Integration {
    pub(crate) names: Arc<Names>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    integration_type: String,
    uri: String,
}

impl Spec {
    fn of(found: &Found) -> Self {
        Self {
            integration_type: found.integration_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            uri: found.integration_uri().unwrap_or_default().to_owned(),
        }
    }
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
        Spec { integration_type: IntegrationType::AwsProxy.as_str().to_owned(), uri: self.names.integration_uri() }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        context.known.integration.clear();
        let api = context.api()?;
        let mut found = all_pages(async |token: Option<String>| {
            let page = context
                .call(Operation::repeatable("apigateway", "GetIntegrations"), || {
                    context
                        .clients
                        .api_gateway
                        .get_integrations()
                        .api_id(api.as_str())
                        .set_next_token(token.clone())
                        .send()
                })
                .await?;
            Ok((page.items.unwrap_or_default(), page.next_token))
        })
        .await
        .doing(|| format!("list the integrations of the API {api}"))?;
        // The one that calls our function; else any, to be repaired rather than joined by a second one.
        found.sort_by_key(|candidate| {
            (candidate.integration_uri() != Some(&self.names.integration_uri()), candidate.integration_id.clone())
        });
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
                    .integration_method("POST")
                    .integration_uri(&desired.uri)
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
                    .integration_method("POST")
                    .integration_uri(&desired.uri)
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
