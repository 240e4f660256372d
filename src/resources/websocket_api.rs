//! The WebSocket API. Its names are not unique, so it is found by tag, on whatever page of the list it stands.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigatewayv2::types::{Api, ProtocolType};
use serde::{Deserialize, Serialize};

use super::{Doing, WEBSOCKET_API};
use crate::diagnostics::Diagnostic;
use crate::engine::context::{Absence, Context, Known, Operation, all_pages};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::{ApiId, Names};

#[derive(Debug)]
pub(crate) struct WebsocketApi {
    pub(crate) names: Arc<Names>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    name: String,
    route_selection_expression: String,
}

/// All APIs that carry our tag.
async fn owned(context: &Context) -> Result<Vec<Api>, Diagnostic> {
    let apis = all_pages(async |token: Option<String>| {
        let page = context
            .call(Operation::repeatable("apigateway", "GetApis"), || {
                context.clients.api_gateway.get_apis().max_results("500").set_next_token(token.clone()).send()
            })
            .await?;
        Ok((page.items.unwrap_or_default(), page.next_token))
    })
    .await
    .doing(|| "list the WebSocket APIs".to_owned())?;
    let is_ours = |api: &Api| {
        let tags = api.tags().into_iter().flatten();
        context.ownership(tags.map(|(key, value)| (key.as_str(), value.as_str()))).is_ok()
    };
    Ok(apis.into_iter().filter(is_ours).collect())
}

/// Names are not unique, so two runs at once both create an API. Each looks afterwards, and both come to the same one: the oldest.
/// A run deletes only what it has just created itself.
async fn keep_one(context: &Context, created: ApiId) -> Result<ApiId, Diagnostic> {
    let apis = owned(context).await?;
    let oldest = apis.iter().filter_map(|api| Some((api.created_date().map(|date| date.as_nanos()), id(api)?))).min_by(
        |(one_date, one), (other_date, other)| one_date.cmp(other_date).then_with(|| one.as_str().cmp(other.as_str())),
    );
    match oldest {
        Some((_, oldest)) if oldest != created => {
            delete(context, &created).await?;
            Ok(oldest)
        }
        // The list may not show the new one yet.
        _ => Ok(created),
    }
}

async fn delete(context: &Context, api: &ApiId) -> Result<(), Diagnostic> {
    context
        .call(Operation::repeatable("apigateway", "DeleteApi"), || {
            context.clients.api_gateway.delete_api().api_id(api.as_str()).send()
        })
        .await
        .absent_as_none()
        .map(drop)
        .doing(|| format!("delete the WebSocket API {api}"))
}

fn id(api: &Api) -> Option<ApiId> {
    api.api_id().map(|id| ApiId(id.to_owned()))
}

#[async_trait]
impl Kind for WebsocketApi {
    type Spec = Spec;

    fn address(&self) -> Address {
        WEBSOCKET_API
    }

    fn desired(&self, _: &Known) -> Spec {
        Spec {
            name: self.names.api(),
            // Required for WebSocket APIs; with $default as the only route its value never matters (AWS-FACTS A3).
            route_selection_expression: "$request.body.action".to_owned(),
        }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        let mut apis = owned(context).await?;
        context.known.api.clear();
        if apis.len() > 1 {
            return Ok(Observed::Several(apis.iter().filter_map(id).map(|id| id.to_string()).collect()));
        }
        let Some(api) = apis.pop() else { return Ok(Observed::Absent) };
        let Some(id) = id(&api) else { return Ok(Observed::Absent) };
        if api.protocol_type() != Some(&ProtocolType::Websocket) {
            return Ok(Observed::Foreign(format!("the API {id} carries this stack's tag but is no WebSocket API")));
        }
        context.known.api.set(id);
        Ok(Observed::Owned(Spec {
            name: api.name.unwrap_or_default(),
            route_selection_expression: api.route_selection_expression.unwrap_or_default(),
        }))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let tags: HashMap<String, String> = context.tags().into_iter().collect();
        let created = context
            .call(Operation::once("apigateway", "CreateApi"), || {
                context
                    .clients
                    .api_gateway
                    .create_api()
                    .name(&desired.name)
                    .protocol_type(ProtocolType::Websocket)
                    .route_selection_expression(&desired.route_selection_expression)
                    .set_tags(Some(tags.clone()))
                    .send()
            })
            .await
            .doing(|| format!("create the WebSocket API {}", desired.name))?;
        let created = ApiId(created.api_id.unwrap_or_default());
        let kept = keep_one(context, created).await?;
        context.known.api.set(kept);
        Ok(())
    }

    async fn update(&self, context: &Context, _: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let api = context.api()?;
        context
            .call(Operation::repeatable("apigateway", "UpdateApi"), || {
                context
                    .clients
                    .api_gateway
                    .update_api()
                    .api_id(api.as_str())
                    .name(&desired.name)
                    .route_selection_expression(&desired.route_selection_expression)
                    .send()
            })
            .await
            .map(drop)
            .doing(|| format!("update the WebSocket API {api}"))
    }

    /// Routes, integrations, deployments and stages go with it in one call (AWS-FACTS B4).
    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        for api in owned(context).await?.iter().filter_map(id) {
            delete(context, &api).await?;
        }
        context.known.api.clear();
        Ok(())
    }
}
