//! The `$default` route and its route response. Without the response, or without the selection expression on the route, the
//! sender never gets an answer (AWS-FACTS A4).

use async_trait::async_trait;
use aws_sdk_apigatewayv2::types::AuthorizationType;
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
    route_response_selection_expression: Option<String>,
    /// Whether the route response `$default` exists.
    route_response: bool,
}

impl Route {
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
            route_response_selection_expression: Some(DEFAULT_KEY.to_owned()),
            route_response: true,
        }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        context.known.route.clear();
        let api = context.api()?;
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
        let Some(route) = routes.into_iter().find(|route| route.route_key() == Some(DEFAULT_KEY)) else {
            return Ok(Observed::Absent);
        };
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
            route_response_selection_expression: route.route_response_selection_expression,
            route_response,
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
        self.create_response(context, &api, &route).await
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let (api, route) = (context.api()?, context.route()?);
        let fields_differ = observed.target != desired.target
            || observed.authorization != desired.authorization
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
                        .set_route_response_selection_expression(desired.route_response_selection_expression.clone())
                        .send()
                })
                .await
                .doing(|| format!("update the route {DEFAULT_KEY}"))?;
        }
        if !observed.route_response {
            self.create_response(context, &api, &route).await?;
        }
        Ok(())
    }

    /// Never alone: it goes with its API. A live route is never deleted.
    async fn delete(&self, _: &Context) -> Result<(), Diagnostic> {
        Ok(())
    }
}
