//! The proxy integration from the API to the relay's function.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigatewayv2::types::{Integration as Found, IntegrationType};
use serde::{Deserialize, Serialize};

use super::{Doing, INTEGRATION, WEBSOCKET_API};
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Absence, Context, Known, Operation, all_pages};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::{ApiId, IntegrationId, Names};

#[derive(Debug)]
pub(crate) struct Integration {
    pub(crate) names: Arc<Names>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    integration_type: String,
    uri: String,
    /// More that call our function: of two runs at once, each made one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    superseded: Vec<String>,
}

impl Spec {
    fn of(found: &Found, superseded: Vec<String>) -> Self {
        Self {
            integration_type: found.integration_type().map(|kind| kind.as_str().to_owned()).unwrap_or_default(),
            uri: found.integration_uri().unwrap_or_default().to_owned(),
            superseded,
        }
    }
}

impl Integration {
    /// All integrations, the one to keep first: one that calls our function, and of those the one in use; else any, to be repaired
    /// rather than joined by a second one. Then the ids of those that call our function too, and are not in use.
    async fn look(&self, context: &Context, api: &ApiId) -> Result<(Vec<Found>, Vec<String>), Diagnostic> {
        let api_gateway = &context.clients.api_gateway;
        let mut found = all_pages(async |token: Option<String>| {
            let page = context
                .call(Operation::repeatable("apigateway", "GetIntegrations"), || {
                    api_gateway.get_integrations().api_id(api.as_str()).set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.items.unwrap_or_default(), page.next_token))
        })
        .await
        .doing(|| format!("list the integrations of the API {api}"))?;
        let uri = self.names.integration_uri();
        let calls_ours = |candidate: &Found| candidate.integration_uri() == Some(&uri);
        let several = found.iter().filter(|candidate| calls_ours(candidate)).count() > 1;
        let in_use = if several { self.in_use(context, api).await? } else { Vec::new() };
        let is_in_use =
            |candidate: &Found| candidate.integration_id().is_some_and(|id| in_use.iter().any(|it| it == id));
        found
            .sort_by_key(|candidate| (!calls_ours(candidate), !is_in_use(candidate), candidate.integration_id.clone()));
        let superseded = found.iter().skip(1).filter(|candidate| calls_ours(candidate) && !is_in_use(candidate));
        let superseded = superseded.filter_map(|candidate| candidate.integration_id.clone()).collect();
        Ok((found, superseded))
    }

    /// What routes lead to: API Gateway does not delete it, and what runs must not move.
    async fn in_use(&self, context: &Context, api: &ApiId) -> Result<Vec<String>, Diagnostic> {
        let api_gateway = &context.clients.api_gateway;
        let routes = all_pages(async |token: Option<String>| {
            let page = context
                .call(Operation::repeatable("apigateway", "GetRoutes"), || {
                    api_gateway.get_routes().api_id(api.as_str()).set_next_token(token.clone()).send()
                })
                .await?;
            Ok((page.items.unwrap_or_default(), page.next_token))
        })
        .await
        .doing(|| format!("list the routes of the API {api}"))?;
        let id = |target: String| target.strip_prefix("integrations/").map(str::to_owned);
        Ok(routes.into_iter().filter_map(|route| route.target.and_then(id)).collect())
    }

    async fn delete_one(&self, context: &Context, api: &ApiId, integration: &str) -> Result<(), Diagnostic> {
        context
            .call(Operation::repeatable("apigateway", "DeleteIntegration"), || {
                context.clients.api_gateway.delete_integration().api_id(api.as_str()).integration_id(integration).send()
            })
            .await
            .absent_as_none()
            .map(drop)
            .doing(|| format!("delete the superseded integration {integration}"))
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
        let integration_type = IntegrationType::AwsProxy.as_str().to_owned();
        Spec { integration_type, uri: self.names.integration_uri(), superseded: Vec::new() }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        context.known.integration.clear();
        let api = context.api()?;
        let (found, superseded) = self.look(context, &api).await?;
        let Some((found, id)) = found.first().and_then(|found| Some((found, found.integration_id()?))) else {
            return Ok(Observed::Absent);
        };
        context.known.integration.set(IntegrationId(id.to_owned()));
        Ok(Observed::Owned(Spec::of(found, superseded)))
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
        let created = created.integration_id.unwrap_or_default();
        // Nothing keeps two runs at once from making one each. Each looks afterwards, and deletes none but its own.
        let (found, _) = self.look(context, &api).await?;
        let is_listed = found.iter().any(|found| found.integration_id() == Some(&created));
        let kept = match found.first().and_then(Found::integration_id) {
            Some(kept) if is_listed && kept != created => {
                self.delete_one(context, &api, &created).await?;
                kept.to_owned()
            }
            // The list may not show the new one yet.
            _ => created,
        };
        context.known.integration.set(IntegrationId(kept));
        Ok(())
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let (api, integration) = (context.api()?, context.integration()?);
        for superseded in &observed.superseded {
            self.delete_one(context, &api, superseded).await?;
        }
        if (&observed.integration_type, &observed.uri) == (&desired.integration_type, &desired.uri) {
            return Ok(());
        }
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
