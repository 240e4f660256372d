//! The `$default` route and its route response. Without the response, or without the selection expression on the route, the
//! sender never gets an answer (AWS-FACTS A4). Where not everybody may connect, a `$connect` route leads to the relay, too; it needs
//! no response, as its status is the answer. There is no other route: it would take messages, or refuse connections, before the
//! relay sees them.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_apigatewayv2::types::{AuthorizationType, Route as Found};
use serde::{Deserialize, Serialize};

use super::{Doing, INTEGRATION, ROUTE, WEBSOCKET_API};
use crate::config::Admission;
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Absence, Context, Known, Operation, UNKNOWN_ID, all_pages};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::{ApiId, CONNECT_KEY, DEFAULT_KEY, RouteId};

#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) admission: Admission,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    target: Option<String>,
    authorization: String,
    api_key_required: bool,
    route_response_selection_expression: Option<String>,
    /// Whether the route response `$default` exists.
    route_response: bool,
    /// The `$connect` route, where one is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    connect: Option<Connect>,
    /// By key.
    other_routes: Vec<String>,
}

/// The `$connect` route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Connect {
    target: Option<String>,
    authorization: String,
    api_key_required: bool,
}

impl Connect {
    fn of(route: &Found) -> Self {
        Self {
            target: route.target.clone(),
            authorization: authorization_of(route),
            api_key_required: route.api_key_required.unwrap_or_default(),
        }
    }
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

fn authorization_of(route: &Found) -> String {
    let kind = route.authorization_type().unwrap_or(&AuthorizationType::None);
    kind.as_str().to_owned()
}

fn has_key(route: &Found, key: &str) -> bool {
    route.route_key() == Some(key)
}

impl Route {
    /// Without one everybody may connect (AWS-FACTS A4).
    fn wants_connect(&self) -> bool {
        !self.admission.is_open()
    }

    fn is_ours(&self, route: &Found) -> bool {
        has_key(route, DEFAULT_KEY) || self.wants_connect() && has_key(route, CONNECT_KEY)
    }

    /// Before the stage moves: a deployment takes all routes. What is live stays live until then (AWS-FACTS B1).
    async fn settle_others(&self, context: &Context, api: &ApiId, desired: &Spec) -> Result<(), Diagnostic> {
        let routes = all(context, api).await?;
        self.delete_others(context, api, &routes).await?;
        let Some(connect) = &desired.connect else { return Ok(()) };
        match routes.iter().find(|route| has_key(route, CONNECT_KEY)) {
            None => self.create_connect(context, api, connect).await,
            Some(found) if Connect::of(found) != *connect => self.update_connect(context, api, found, connect).await,
            Some(found) => {
                context.known.connect_route.set(RouteId(found.route_id.clone().unwrap_or_default()));
                Ok(())
            }
        }
    }

    async fn create_connect(&self, context: &Context, api: &ApiId, connect: &Connect) -> Result<(), Diagnostic> {
        let created = context
            .call(Operation::once("apigateway", "CreateRoute"), || {
                let create = context.clients.api_gateway.create_route().api_id(api.as_str()).route_key(CONNECT_KEY);
                create.set_target(connect.target.clone()).send()
            })
            .await
            .doing(|| format!("create the route {CONNECT_KEY}"))?;
        context.known.connect_route.set(RouteId(created.route_id.unwrap_or_default()));
        Ok(())
    }

    async fn update_connect(
        &self,
        context: &Context,
        api: &ApiId,
        found: &Found,
        connect: &Connect,
    ) -> Result<(), Diagnostic> {
        let route = RouteId(found.route_id.clone().unwrap_or_default());
        context
            .call(Operation::repeatable("apigateway", "UpdateRoute"), || {
                let update = context.clients.api_gateway.update_route().api_id(api.as_str()).route_id(route.as_str());
                update
                    .set_target(connect.target.clone())
                    .authorization_type(AuthorizationType::from(connect.authorization.as_str()))
                    .api_key_required(connect.api_key_required)
                    .send()
            })
            .await
            .doing(|| format!("update the route {CONNECT_KEY}"))?;
        context.known.connect_route.set(route);
        Ok(())
    }

    async fn delete_others(&self, context: &Context, api: &ApiId, routes: &[Found]) -> Result<(), Diagnostic> {
        for route in routes.iter().filter(|route| !self.is_ours(route)) {
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
        let target = Some(format!("integrations/{integration}"));
        let authorization = AuthorizationType::None.as_str().to_owned();
        Spec {
            connect: self.wants_connect().then(|| Connect {
                target: target.clone(),
                authorization: authorization.clone(),
                api_key_required: false,
            }),
            target,
            authorization,
            api_key_required: false,
            route_response_selection_expression: Some(DEFAULT_KEY.to_owned()),
            route_response: true,
            other_routes: Vec::new(),
        }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        context.known.route.clear();
        context.known.connect_route.clear();
        let api = context.api()?;
        let api_gateway = &context.clients.api_gateway;
        let (ours, others): (Vec<_>, Vec<_>) =
            all(context, &api).await?.into_iter().partition(|route| self.is_ours(route));
        let (default, connect): (Vec<_>, Vec<_>) = ours.into_iter().partition(|route| has_key(route, DEFAULT_KEY));
        let Some(route) = default.into_iter().next() else { return Ok(Observed::Absent) };
        let connect = connect.first();
        if let Some(id) = connect.and_then(|route| route.route_id.clone()) {
            context.known.connect_route.set(RouteId(id));
        }
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
            authorization: authorization_of(&route),
            target: route.target,
            api_key_required: route.api_key_required.unwrap_or_default(),
            route_response_selection_expression: route.route_response_selection_expression,
            route_response,
            connect: connect.map(Connect::of),
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
        self.settle_others(context, &api, desired).await
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
        if observed.other_routes != desired.other_routes || observed.connect != desired.connect {
            self.settle_others(context, &api, desired).await?;
        }
        Ok(())
    }

    /// Never alone: it goes with its API. A live route is never deleted.
    async fn delete(&self, _: &Context) -> Result<(), Diagnostic> {
        Ok(())
    }
}
