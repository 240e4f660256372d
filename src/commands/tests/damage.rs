//! What may have become of a stack's parts, one by one: gone, half-made, changed by hand, or there twice.

use std::collections::HashMap;

use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType, RouteSettings};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_s3::types::{Delete, ObjectIdentifier, PublicAccessBlockConfiguration};

use super::rig::{Rig, relay};
use super::shape;
use super::tagging;
use crate::aws::clients::Clients;
use crate::naming::{CONFIG_OBJECT, EXPIRY_TAG, Names, OWNER_METADATA, OWNER_TAG};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Damage {
    BucketGone,
    BucketPolicyGone,
    PublicAccessBlockGone,
    PublicAccessBlocked,
    PageGone,
    ConfigGone,
    OtherPage,
    OldFile,
    LogGroupGone,
    RetentionGone,
    OtherRetention,
    RoleGone,
    RoleMadeAnew,
    RolePolicyGone,
    OtherRolePolicy,
    MoreRights,
    OtherTrust,
    FunctionGone,
    PermissionGone,
    PermissionOfAnotherApi,
    OtherMemory,
    OtherEnvironment,
    OtherCode,
    OtherDescription,
    SwitchedOff,
    ApiGone,
    SecondApi,
    OtherApiName,
    OtherSelection,
    EndpointDisabled,
    SecondIntegration,
    ForeignIntegration,
    OtherIntegration,
    RouteGone,
    RouteResponseGone,
    OneWayRoute,
    RouteWithKey,
    RouteElsewhere,
    MoreRoutes,
    SpareDeployment,
    StageGone,
    StageWithoutDeployment,
    SecondStage,
    StageWithoutTag,
    OtherThrottling,
    RouteThrottling,
    AutoDeploy,
    TagsGone,
    OtherTags,
}

impl Damage {
    pub(super) const ALL: [Self; 49] = [
        Self::BucketGone,
        Self::BucketPolicyGone,
        Self::PublicAccessBlockGone,
        Self::PublicAccessBlocked,
        Self::PageGone,
        Self::ConfigGone,
        Self::OtherPage,
        Self::OldFile,
        Self::LogGroupGone,
        Self::RetentionGone,
        Self::OtherRetention,
        Self::RoleGone,
        Self::RoleMadeAnew,
        Self::RolePolicyGone,
        Self::OtherRolePolicy,
        Self::MoreRights,
        Self::OtherTrust,
        Self::FunctionGone,
        Self::PermissionGone,
        Self::PermissionOfAnotherApi,
        Self::OtherMemory,
        Self::OtherEnvironment,
        Self::OtherCode,
        Self::OtherDescription,
        Self::SwitchedOff,
        Self::ApiGone,
        Self::SecondApi,
        Self::OtherApiName,
        Self::OtherSelection,
        Self::EndpointDisabled,
        Self::SecondIntegration,
        Self::ForeignIntegration,
        Self::OtherIntegration,
        Self::RouteGone,
        Self::RouteResponseGone,
        Self::OneWayRoute,
        Self::RouteWithKey,
        Self::RouteElsewhere,
        Self::MoreRoutes,
        Self::SpareDeployment,
        Self::StageGone,
        Self::StageWithoutDeployment,
        Self::SecondStage,
        Self::StageWithoutTag,
        Self::OtherThrottling,
        Self::RouteThrottling,
        Self::AutoDeploy,
        Self::TagsGone,
        Self::OtherTags,
    ];

    /// Does it, as far as what it is about is there.
    pub(super) async fn happen(self, rig: &Rig) {
        let (clients, names) = (Clients::new(&rig.sdk), rig.names().await);
        self.to_the_page(&clients, &names).await;
        self.to_the_rights(&clients, &names).await;
        self.to_the_function(&clients, &names).await;
        if let Some(api) = Parts::of(rig, &clients).await {
            self.to_the_api(&clients, &names, &api).await;
            self.to_the_stage(&clients, &names, &api).await;
        }
        let tags: &[(&str, &str)] = match self {
            Self::TagsGone => &[],
            Self::OtherTags => &[("team", "other"), (EXPIRY_TAG, "2000-01-01T00:00:00Z")],
            _ => return,
        };
        tagging::retag(rig, &clients, &names, tags).await;
    }

    async fn to_the_page(self, clients: &Clients, names: &Names) {
        let s3 = &clients.s3;
        let bucket = names.bucket();
        let delete = |key: &str| s3.delete_object().bucket(&bucket).key(key).send();
        let put = |key: &str| s3.put_object().bucket(&bucket).key(key).body(b"other".to_vec().into());
        match self {
            Self::BucketGone => {
                let Ok(list) = s3.list_objects_v2().bucket(&bucket).send().await else { return };
                let id = |key: &str| ObjectIdentifier::builder().key(key).build().unwrap();
                let keys: Vec<_> = list.contents().iter().filter_map(|object| object.key()).map(id).collect();
                if !keys.is_empty() {
                    let all = Delete::builder().set_objects(Some(keys)).build().unwrap();
                    s3.delete_objects().bucket(&bucket).delete(all).send().await.unwrap();
                }
                s3.delete_bucket().bucket(&bucket).send().await.unwrap();
            }
            Self::BucketPolicyGone => drop(s3.delete_bucket_policy().bucket(&bucket).send().await),
            Self::PublicAccessBlockGone => drop(s3.delete_public_access_block().bucket(&bucket).send().await),
            Self::PublicAccessBlocked => {
                let all = PublicAccessBlockConfiguration::builder().block_public_acls(true).ignore_public_acls(true);
                let all = all.block_public_policy(true).restrict_public_buckets(true).build();
                let put = s3.put_public_access_block().bucket(&bucket).public_access_block_configuration(all);
                drop(put.send().await);
            }
            Self::PageGone => drop(delete("index.html").await),
            Self::ConfigGone => drop(delete(CONFIG_OBJECT).await),
            Self::OtherPage => drop(put("index.html").send().await),
            Self::OldFile => drop(put("old.js").metadata(OWNER_METADATA, "demo").send().await),
            _ => {}
        }
    }

    async fn to_the_rights(self, clients: &Clients, names: &Names) {
        let Clients { iam, logs, .. } = clients;
        let (role, group) = (names.role(), names.log_group());
        let other_trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let everything = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        let put = |name: &str| iam.put_role_policy().role_name(&role).policy_name(name).policy_document(everything);
        match self {
            Self::LogGroupGone => drop(logs.delete_log_group().log_group_name(&group).send().await),
            Self::RetentionGone => drop(logs.delete_retention_policy().log_group_name(&group).send().await),
            Self::OtherRetention => {
                drop(logs.put_retention_policy().log_group_name(&group).retention_in_days(1).send().await);
            }
            Self::RoleGone | Self::RoleMadeAnew => {
                let Ok(found) = iam.get_role().role_name(&role).send().await else { return };
                let found = found.role.unwrap();
                let policies = iam.list_role_policies().role_name(&role).send().await.unwrap();
                for name in policies.policy_names() {
                    iam.delete_role_policy().role_name(&role).policy_name(name).send().await.unwrap();
                }
                iam.delete_role().role_name(&role).send().await.unwrap();
                if self == Self::RoleMadeAnew {
                    let trust = found.assume_role_policy_document.unwrap();
                    let trust = percent_encoding::percent_decode_str(&trust).decode_utf8().unwrap().into_owned();
                    let create =
                        iam.create_role().role_name(&role).set_tags(found.tags).set_description(found.description);
                    create.assume_role_policy_document(trust).send().await.unwrap();
                }
            }
            Self::RolePolicyGone => {
                drop(iam.delete_role_policy().role_name(&role).policy_name(names.role_policy()).send().await);
            }
            Self::OtherRolePolicy => drop(put(names.role_policy()).send().await),
            Self::MoreRights => drop(put("everything").send().await),
            Self::OtherTrust => {
                let update = iam.update_assume_role_policy().role_name(&role);
                drop(update.policy_document(other_trust).send().await);
            }
            _ => {}
        }
    }

    async fn to_the_function(self, clients: &Clients, names: &Names) {
        let lambda = &clients.lambda;
        let function = names.function();
        let update = || lambda.update_function_configuration().function_name(&function);
        match self {
            Self::FunctionGone => drop(lambda.delete_function().function_name(&function).send().await),
            Self::PermissionGone | Self::PermissionOfAnotherApi => {
                let remove = lambda.remove_permission().function_name(&function);
                drop(remove.statement_id(names.permission_statement()).send().await);
                if self == Self::PermissionOfAnotherApi {
                    let add = lambda.add_permission().function_name(&function).action("lambda:InvokeFunction");
                    let add = add.statement_id(names.permission_statement()).principal("apigateway.amazonaws.com");
                    drop(add.source_arn("arn:aws:execute-api:us-east-1:000000000000:gone/*").send().await);
                }
            }
            Self::OtherMemory => drop(update().memory_size(512).send().await),
            Self::OtherEnvironment => {
                let other = HashMap::from([("MINE".to_owned(), "1".to_owned())]);
                let other = aws_sdk_lambda::types::Environment::builder().set_variables(Some(other)).build();
                drop(update().environment(other).send().await);
            }
            Self::OtherDescription => drop(update().description("mine").send().await),
            Self::OtherCode => {
                let update = lambda.update_function_code().function_name(&function);
                drop(update.zip_file(Blob::new(relay("other").zip)).send().await);
            }
            Self::SwitchedOff => {
                let put = lambda.put_function_concurrency().function_name(&function);
                drop(put.reserved_concurrent_executions(0).send().await);
            }
            _ => {}
        }
    }

    async fn to_the_api(self, clients: &Clients, names: &Names, parts: &Parts) {
        let gateway = &clients.api_gateway;
        let api = parts.api.as_str();
        let update = || gateway.update_api().api_id(api);
        let integrate = |uri: String| {
            let create = gateway.create_integration().api_id(api).integration_type(IntegrationType::AwsProxy);
            create.integration_method("POST").integration_uri(uri)
        };
        let foreign_uri = || names.integration_uri().replace("webrtc-aws-demo", "another");
        match self {
            Self::ApiGone => drop(gateway.delete_api().api_id(api).send().await),
            Self::SecondApi => {
                let create = gateway.create_api().name(names.api()).protocol_type(ProtocolType::Websocket);
                let create = create.route_selection_expression("$request.body.action").tags(OWNER_TAG, "demo");
                drop(create.send().await);
            }
            Self::OtherApiName => drop(update().name("mine").send().await),
            Self::OtherSelection => drop(update().route_selection_expression("$request.body.type").send().await),
            Self::EndpointDisabled => drop(update().disable_execute_api_endpoint(true).send().await),
            Self::SecondIntegration => drop(integrate(names.integration_uri()).send().await),
            Self::ForeignIntegration => drop(integrate(foreign_uri()).send().await),
            Self::OtherIntegration => {
                let Some(integration) = &parts.integration else { return };
                let update = gateway.update_integration().api_id(api).integration_id(integration);
                let update = update.integration_uri(foreign_uri()).integration_method("GET").timeout_in_millis(50);
                drop(update.send().await);
            }
            Self::MoreRoutes => {
                drop(gateway.create_route().api_id(api).route_key("$connect").send().await);
                drop(gateway.create_route().api_id(api).route_key("join").send().await);
            }
            Self::SpareDeployment => {
                drop(gateway.create_deployment().api_id(api).description("webrtc-aws 0123456789abcdef").send().await);
            }
            _ => {}
        }
        let Some(route) = &parts.route else { return };
        let update = || gateway.update_route().api_id(api).route_id(route);
        match self {
            Self::RouteGone => drop(gateway.delete_route().api_id(api).route_id(route).send().await),
            Self::RouteResponseGone => {
                let Ok(list) = gateway.get_route_responses().api_id(api).route_id(route).send().await else { return };
                for response in list.items().iter().filter_map(|response| response.route_response_id()) {
                    let delete = gateway.delete_route_response().api_id(api).route_id(route);
                    drop(delete.route_response_id(response).send().await);
                }
            }
            Self::OneWayRoute => drop(update().route_response_selection_expression("").send().await),
            Self::RouteWithKey => drop(update().api_key_required(true).send().await),
            Self::RouteElsewhere => {
                if let Ok(other) = integrate(foreign_uri()).send().await {
                    drop(update().target(format!("integrations/{}", other.integration_id.unwrap())).send().await);
                }
            }
            _ => {}
        }
    }

    async fn to_the_stage(self, clients: &Clients, names: &Names, parts: &Parts) {
        let gateway = &clients.api_gateway;
        let (api, stage) = (parts.api.as_str(), names.stage.as_str());
        let create = |name: &str| gateway.create_stage().api_id(api).stage_name(name).tags(OWNER_TAG, "demo").send();
        let delete = || gateway.delete_stage().api_id(api).stage_name(stage).send();
        let update = || gateway.update_stage().api_id(api).stage_name(stage);
        let nothing = RouteSettings::builder().throttling_rate_limit(0.0).throttling_burst_limit(0).build();
        match self {
            Self::StageGone => drop(delete().await),
            Self::StageWithoutDeployment => {
                drop(delete().await);
                drop(create(stage).await);
            }
            Self::SecondStage => drop(create("older").await),
            Self::StageWithoutTag => {
                let arn = names.stage_arn(&crate::naming::ApiId(parts.api.clone()));
                drop(gateway.untag_resource().resource_arn(arn).tag_keys(OWNER_TAG).send().await);
            }
            Self::OtherThrottling => drop(update().default_route_settings(nothing).send().await),
            Self::RouteThrottling => drop(update().route_settings("$connect", nothing).send().await),
            Self::AutoDeploy => drop(update().auto_deploy(true).send().await),
            _ => {}
        }
    }
}

/// Ids of the API that counts.
struct Parts {
    api: String,
    integration: Option<String>,
    route: Option<String>,
}

impl Parts {
    async fn of(rig: &Rig, clients: &Clients) -> Option<Self> {
        let snapshot = rig.snapshot();
        let api = shape::serving(&snapshot).into_iter().chain(shape::apis(&snapshot)).next()?;
        let integrations = clients.api_gateway.get_integrations().api_id(&api).send().await.unwrap();
        let routes = clients.api_gateway.get_routes().api_id(&api).send().await.unwrap();
        Some(Self {
            integration: integrations.items().first().and_then(|found| found.integration_id.clone()),
            route: routes
                .items()
                .iter()
                .find(|route| route.route_key() == Some("$default"))
                .and_then(|route| route.route_id.clone()),
            api,
        })
    }
}
