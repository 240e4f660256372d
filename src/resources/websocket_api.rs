//! The WebSocket API. Its names are not unique, so it is found by tag, on whatever page of the list it stands.

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_apigatewayv2::types::{Api, ProtocolType};
use serde::{Deserialize, Serialize};

use super::tagging::{self, Tags};
use super::{Doing, WEBSOCKET_API};
use crate::aws::failure::FailureClass;
use crate::aws::retry::Look;
use crate::config::Tagging;
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Context, Known, Operation, SHOWN, all_pages};
use crate::engine::diff::Change;
use crate::engine::plan::ambiguous;
use crate::engine::resource::{Address, Kind, Observed};
use crate::lifetime::LastDeploy;
use crate::naming::{ApiId, Names};

#[derive(Debug)]
pub(crate) struct WebsocketApi {
    pub(crate) names: Arc<Names>,
    pub(crate) tagging: Tagging,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    name: String,
    route_selection_expression: String,
    /// The endpoint that is switched off is the stack's URL.
    endpoint_disabled: bool,
    /// Ours too, and serving nothing.
    spare_apis: Vec<String>,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

/// All APIs that carry our tag: WebSocket APIs, which are ours, and the ids of others, which somebody tagged and we did not make.
async fn tagged(context: &Context) -> Result<(Vec<Api>, Vec<ApiId>), Diagnostic> {
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
    let is_ours = |api: &Api| context.ownership(tagging::pairs(api.tags())).is_ok();
    let (ours, others): (Vec<_>, Vec<_>) =
        apis.into_iter().filter(is_ours).partition(|api| api.protocol_type() == Some(&ProtocolType::Websocket));
    Ok((ours, others.iter().filter_map(id).collect()))
}

async fn owned(context: &Context) -> Result<Vec<Api>, Diagnostic> {
    Ok(tagged(context).await?.0)
}

/// Several APIs with our tag, told apart by what they serve.
enum Choice {
    /// The one that counts, if there is any, and those that serve nothing and that nobody was ever told a URL of: a run that was
    /// killed while it made one leaves it, if AWS carries the call out after the next run has looked.
    One(Option<Box<Api>>, Vec<ApiId>),
    /// More than one has a stage, so each may be in use. Nobody but a person can tell.
    Several(Vec<ApiId>),
}

/// The only one that has a stage; where none has, the oldest. The order is total, because dates are in whole seconds, so that runs
/// which overlap come to the same API.
async fn choose(context: &Context, mut apis: Vec<Api>) -> Result<Choice, Diagnostic> {
    apis.sort_by_cached_key(|api| (api.created_date().map(|date| date.as_nanos()), api.api_id().map(str::to_owned)));
    let (mut standing, mut serving) = (Vec::new(), Vec::new());
    for api in apis {
        let Some(serves) = serves(context, &api).await? else { continue };
        if serves {
            serving.push(standing.len());
        }
        standing.push(api);
    }
    match serving[..] {
        [] | [_] => {
            let place = serving.first().copied().unwrap_or_default();
            let chosen = (!standing.is_empty()).then(|| Box::new(standing.remove(place)));
            Ok(Choice::One(chosen, standing.iter().filter_map(id).collect()))
        }
        _ => Ok(Choice::Several(standing.iter().filter_map(id).collect())),
    }
}

/// Whether it may be somebody's URL; `None` for one that is gone, and that the list still shows.
async fn serves(context: &Context, api: &Api) -> Result<Option<bool>, Diagnostic> {
    let Some(id) = id(api) else { return Ok(Some(true)) };
    let stages = context
        .call(Operation::repeatable("apigateway", "GetStages"), || {
            context.clients.api_gateway.get_stages().api_id(id.as_str()).send()
        })
        .await
        .absent_as_none()
        .doing(|| format!("list the stages of the API {id}"))?;
    Ok(stages.map(|stages| !stages.items().is_empty()))
}

/// Two runs at once both create an API, because names are not unique. Each looks afterwards, and both come to the same one. A list
/// may not show yet what the other run has made, so each looks twice: once the list shows its own, and with it whatever was made
/// before by a run that was killed just now, and more than a second later: what is made after that has a later date. A run deletes
/// only what it has just created itself.
async fn keep_one(context: &Context, created: ApiId) -> Result<ApiId, Diagnostic> {
    const LOOKS: u32 = 2;
    for look in 1..=LOOKS {
        let apis = if look == 1 {
            once_listed(context, &created).await?
        } else {
            let reason = "another run may have made an API at the same moment, which a list shows late".to_owned();
            context.before_looking_again(look, reason).await?;
            owned(context).await?
        };
        match choose(context, apis).await? {
            Choice::One(Some(kept), _) if id(&kept).is_some_and(|kept| kept != created) => {
                delete(context, &created).await?;
                return Ok(id(&kept).unwrap_or(created));
            }
            // The list may not show the new one yet.
            Choice::One(..) => {}
            Choice::Several(ids) => {
                delete(context, &created).await?;
                let others = ids.iter().filter(|id| **id != created).map(ToString::to_string).collect::<Vec<_>>();
                return Err(ambiguous(context.address, &others));
            }
        }
    }
    Ok(created)
}

/// Our APIs, once they are shown with the new one.
async fn once_listed(context: &Context, created: &ApiId) -> Result<Vec<Api>, Diagnostic> {
    let listed = context.until(Look::GatewayCall, "the new API is not listed yet", SHOWN, || async {
        let apis = owned(context).await?;
        Ok(apis.iter().any(|api| id(api).as_ref() == Some(created)).then_some(apis))
    });
    Ok(listed.await?.unwrap_or_default())
}

/// The last look before the API gets a stage, and with it a URL that somebody may know. That is seconds after it was made: by now
/// lists show what another run has made at the same moment.
pub(super) async fn confirm(context: &Context, api: &ApiId) -> Result<(), Diagnostic> {
    let rival = match choose(context, owned(context).await?).await? {
        Choice::One(kept, _) => kept.as_deref().and_then(id).filter(|kept| kept != api),
        Choice::Several(ids) => {
            return Err(ambiguous(WEBSOCKET_API, &ids.iter().map(ToString::to_string).collect::<Vec<_>>()));
        }
    };
    let Some(rival) = rival else { return Ok(()) };
    delete(context, api).await?;
    Err(Diagnostic::new(
        Code::Ambiguous,
        format!(
            "another run has made the API {rival} of this stack at the same moment, so this run has removed its own"
        ),
        "run 'up' again: it goes on with that one",
    ))
}

/// Lets the stack say who is about to deploy it, before anything else is done to it: what removes old stacks then sees that this one
/// is in use. An API that is yet to be made says so from its create call on.
pub(crate) async fn record_deploy(context: &Context) -> Result<(), Diagnostic> {
    let Some(api) = context.known.api.get() else { return Ok(()) };
    let tags = context.deploy.tags().into_iter().collect();
    match tagging::tag_in_api_gateway(context, &context.names.api_arn(&api), tags).await {
        // Another run took it away: what comes next says so.
        Err(problem) if problem.aws.as_ref().is_some_and(|aws| aws.class == FailureClass::NotFound) => Ok(()),
        result => result,
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

    fn desired(&self, known: &Known) -> Spec {
        Spec {
            name: self.names.api(),
            // Required for WebSocket APIs; with $default as the only route its value never matters (AWS-FACTS A3).
            route_selection_expression: "$request.body.action".to_owned(),
            endpoint_disabled: false,
            spare_apis: Vec::new(),
            tags: self.tagging.wanted(known),
        }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        context.known.api.clear();
        context.known.deployed.clear();
        let text = |ids: Vec<ApiId>| ids.iter().map(ToString::to_string).collect();
        let (ours, others) = tagged(context).await?;
        let (api, spare) = match choose(context, ours).await? {
            Choice::One(api, spare) => (api, spare),
            Choice::Several(ids) => return Ok(Observed::Several(text(ids))),
        };
        let Some((api, id)) = api.and_then(|api| id(&api).map(|id| (api, id))) else {
            return Ok(others.first().map_or(Observed::Absent, |id| {
                Observed::Foreign(format!("the API {id} carries this stack's tag but is no WebSocket API"))
            }));
        };
        context.known.api.set(id);
        let tags = self.tagging.seen(tagging::pairs(api.tags()), &context.known);
        if let Some(deployed) = LastDeploy::of(tagging::pairs(api.tags())) {
            context.known.deployed.set(deployed);
        }
        Ok(Observed::Owned(Spec {
            name: api.name.unwrap_or_default(),
            route_selection_expression: api.route_selection_expression.unwrap_or_default(),
            endpoint_disabled: api.disable_execute_api_endpoint.unwrap_or_default(),
            spare_apis: text(spare),
            tags,
        }))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let mut tags = context.tags(&desired.tags);
        tags.extend(context.deploy.tags());
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

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        let api = context.api()?;
        let settings_differ = observed.name != desired.name
            || observed.route_selection_expression != desired.route_selection_expression
            || observed.endpoint_disabled != desired.endpoint_disabled;
        if settings_differ {
            context
                .call(Operation::repeatable("apigateway", "UpdateApi"), || {
                    context
                        .clients
                        .api_gateway
                        .update_api()
                        .api_id(api.as_str())
                        .name(&desired.name)
                        .route_selection_expression(&desired.route_selection_expression)
                        .disable_execute_api_endpoint(desired.endpoint_disabled)
                        .send()
                })
                .await
                .doing(|| format!("update the WebSocket API {api}"))?;
        }
        let missing = tagging::missing(&observed.tags, &desired.tags);
        if !missing.is_empty() {
            tagging::tag_in_api_gateway(context, &context.names.api_arn(&api), missing).await?;
        }
        if observed.spare_apis != desired.spare_apis {
            // Looked at anew: what has got a stage since then serves somebody.
            if let Choice::One(Some(kept), spare) = choose(context, owned(context).await?).await?
                && id(&kept).as_ref() == Some(&api)
            {
                for spare in spare.iter().filter(|spare| observed.spare_apis.contains(&spare.to_string())) {
                    delete(context, spare).await?;
                }
            }
        }
        Ok(())
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
