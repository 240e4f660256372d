//! The `$default` route and its route response. Without the response, or without the selection expression on the route, the
//! sender never gets an answer (AWS-FACTS A4). It is the API's only route: any other would take messages, or refuse connections,
//! before the relay sees them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_apigatewayv2::types::{AuthorizationType, Route as Found};
use serde::{Deserialize, Serialize};

use super::{Doing, INTEGRATION, ROUTE, WEBSOCKET_API};
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Absence, Context, Known, Operation, UNKNOWN_ID, all_pages};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::{ApiId, DEFAULT_KEY, RouteId};

#[derive(Debug)]
pub(crate) struct Route;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    target: Option<String>,
    authorization: String,
    api_key_required: bool,
    route_response_selection_expression: Option<String>,
    /// Whether the route response `$default` exists.
    route_response: bool,
    /// By key.
    other_routes: Vec<String>,
}

pub(super) async fn all(context: &Context, api: &ApiId) -> Result<Vec<Found>, Diagnostic> {
    all_pages(async |token: Option<String>| {
        let page = context
            .call(Operation::repeatable("apigateway", "GetRoutes"), || {
                context.clients.api_gateway.get_routes().api_id(api.as_str()).set_next_token(token.clone()).send()
            })
            .await?;
        Ok((page.items.unwrap_or_default(), page.next_token))
    })
    .await
    .doing(|| format!("list the routes of the API {api}"))
}

/// The integrations that routes lead to, by id.
pub(super) async fn targets(context: &Context, api: &ApiId) -> Result<BTreeSet<String>, Diagnostic> {
    let routes = all(context, api).await?;
    let targets = routes.iter().filter_map(|route| route.target()?.strip_prefix("integrations/"));
    Ok(targets.map(str::to_owned).collect())
}

fn is_ours(route: &Found) -> bool {
    route.route_key() == Some(DEFAULT_KEY)
}

impl Route {
    /// Before the stage moves: a deployment takes all routes. What is live stays live until then (AWS-FACTS B1).
    async fn delete_others(&self, context: &Context, api: &ApiId) -> Result<(), Diagnostic> {
        for route in all(context, api).await?.iter().filter(|route| !is_ours(route)) {
            context
                .call(Operation::repeatable("apigateway", "DeleteRoute"), || {
                    let delete = context.clients.api_gateway.delete_route().api_id(api.as_str());
                    delete.set_route_id(route.route_id.clone()).send()
                })
                .await
                .absent_as_none()
                .doing(|| format!("delete the route {}", route.route_key().unwrap_or_default()))?;
        }
        Ok(())
    }

    async fn create_response(&self, context: &Context, api: &ApiId, route: &RouteId) -> Result<(), Diagnostic> {
        context
            .call(Operation::once("apigateway", "CreateRouteResponse"), || {
                context
                    .clients
                    .api_gateway
                    .create_route_response()
                    .api_id(api.as_str())
                    .route_id(route.as_str())
                    .route_response_key(DEFAULT_KEY)
                    .send()
            })
            .await
            .map(drop)
            .doing(|| format!("create the route response of the route {DEFAULT_KEY}"))
    }
}

#[async_trait]
impl Kind for Route {
    type Spec = Spec;

    fn address(&self) -> Address {
        ROUTE
    }

    fn needs(&self) -> Vec<Address> {
        vec![INTEGRATION]
    }

    fn contained_in(&self) -> Option<Address> {
        Some(WEBSOCKET_API)
    }

    fn desired(&self, known: &Known) -> Spec {
        let integration = known.integration.get().map_or_else(|| UNKNOWN_ID.to_owned(), |id| id.to_string());
        Spec {
            target: Some(format!("integrations/{integration}")),
            authorization: AuthorizationType::None.as_str().to_owned(),
            api_key_required: false,
            route_response_selection_expression: Some(DEFAULT_KEY.to_owned()),
            route_response: true,
            other_routes: Vec::new(),
        }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        context.known.route.clear();
        let api = context.api()?;
        let api_gateway = &context.clients.api_gateway;
        let (ours, others): (Vec<_>, Vec<_>) = all(context, &api).await?.into_iter().partition(is_ours);
        let Some(route) = ours.into_iter().next() else { return Ok(Observed::Absent) };
        let mut other_routes: Vec<_> = others.into_iter().filter_map(|route| route.route_key).collect();
        other_routes.sort();
        let id = RouteId(route.route_id.clone().unwrap_or_default());
        let responses = context
            .call(Operation::repeatable("apigateway", "GetRouteResponses"), || {
                api_gateway.get_route_responses().api_id(api.as_str()).route_id(id.as_str()).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("list the route responses of the route {DEFAULT_KEY}"))?;
        let route_response = responses
            .iter()
            .flat_map(|page| page.items())
            .any(|response| response.route_response_key() == Some(DEFAULT_KEY));
        context.known.route.set(id);
        Ok(Observed::Owned(Spec {
            authorization: route
                .authorization_type()
                .map_or_else(|| AuthorizationType::None.as_str().to_owned(), |kind| kind.as_str().to_owned()),
            target: route.target,
            api_key_required: route.api_key_required.unwrap_or_default(),
            route_response_selection_expression: route.route_response_selection_expression,
            route_response,
            other_routes,
        }))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let api = context.api()?;
        let created = context
            .call(Operation::once("apigateway", "CreateRoute"), || {
                context
                    .clients
                    .api_gateway
                    .create_route()
                    .api_id(api.as_str())
                    .route_key(DEFAULT_KEY)
                    .set_target(desired.target.clone())
                    .set_route_response_selection_expression(desired.route_response_selection_expression.clone())
                    .send()
            })
            .await
            .doing(|| format!("create the route {DEFAULT_KEY}"))?;
        let route = RouteId(created.route_id.unwrap_or_default());
        context.known.route.set(route.clone());
        self.create_response(context, &api, &route).await?;
        self.delete_others(context, &api).await
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let (api, route) = (context.api()?, context.route()?);
        let fields_differ = observed.target != desired.target
            || observed.authorization != desired.authorization
            || observed.api_key_required != desired.api_key_required
            || observed.route_response_selection_expression != desired.route_response_selection_expression;
        if fields_differ {
            context
                .call(Operation::repeatable("apigateway", "UpdateRoute"), || {
                    context
                        .clients
                        .api_gateway
                        .update_route()
                        .api_id(api.as_str())
                        .route_id(route.as_str())
                        .set_target(desired.target.clone())
                        .authorization_type(AuthorizationType::from(desired.authorization.as_str()))
                        .api_key_required(desired.api_key_required)
                        .set_route_response_selection_expression(desired.route_response_selection_expression.clone())
                        .send()
                })
                .await
                .doing(|| format!("update the route {DEFAULT_KEY}"))?;
        }
        if !observed.route_response {
            self.create_response(context, &api, &route).await?;
        }
        if observed.other_routes != desired.other_routes {
            self.delete_others(context, &api).await?;
        }
        Ok(())
    }

    /// Never alone: it goes with its API. A live route is never deleted.
    async fn delete(&self, _: &Context) -> Result<(), Diagnostic> {
        Ok(())
    }
}
