//! The relay's function.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_lambda::config;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{
    Architecture, Environment, FunctionCode, FunctionConfiguration, LastUpdateStatus, PackageType, Runtime, State,
};
use serde::{Deserialize, Serialize};

use super::tagging::{self, Tags};
use super::{Doing, FUNCTION, LOG_GROUP, ROLE, SIGNALING_CHANNEL, WEBSOCKET_API};
use crate::artifact::Artifact;
use crate::aws::clients::timeouts_of_upload;
use crate::aws::failure::AwsFailure;
use crate::aws::retry::Look;
use crate::config::{Admission, RelaySettings, Tagging, Turn, TurnServers, TurnUrl};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Absence, Context, Known, Operation, RelayRole, UNKNOWN_ID};
use crate::engine::diff::Change;
use crate::engine::resource::{Address, Kind, Observed};
use crate::naming::Names;

/// Where the relay posts to connections; the relay reads it at start-up.
const ENDPOINT_VARIABLE: &str = "CONNECTIONS_ENDPOINT";

/// What the role's id follows in the description.
const BOUND_TO: &str = ", bound to the role ";

/// A function outside of a VPC is Active within seconds (AWS-FACTS C2).
const SETTLE_DEADLINE: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) names: Arc<Names>,
    pub(crate) settings: RelaySettings,
    pub(crate) turn: Option<Turn>,
    pub(crate) admission: Admission,
    /// `None` where no code is at hand: then the code that is there is taken as wanted.
    pub(crate) code: Option<Artifact>,
    pub(crate) tagging: Tagging,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spec {
    runtime: String,
    handler: String,
    role: String,
    /// The role that Lambda bound the function to when its role was last set. A role that was deleted and made anew under the
    /// same name is another one, and the function gets no credentials until its role is set again (AWS-FACTS D). AWS does not
    /// show the binding, so the description, which is set in the same call, keeps it. `None`: nobody knows.
    role_id: Option<String>,
    architecture: String,
    code_sha256: String,
    memory_mb: i32,
    timeout_s: i32,
    environment: BTreeMap<String, String>,
    /// By a reserved concurrency of 0: every message is throttled. Any other reservation is a person's own cap.
    switched_off: bool,
    /// Ready for calls. A function that an interrupted run left Pending is waited for, one that failed is made anew.
    state: Readiness,
    #[serde(default, skip_serializing_if = "Tags::is_empty")]
    tags: Tags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Readiness {
    Ready,
    Settling,
    Failed,
}

impl Readiness {
    /// New states appear now and then, and most of them pass (AWS-FACTS C2).
    fn of(configuration: &FunctionConfiguration) -> Self {
        match (configuration.state(), configuration.last_update_status()) {
            (Some(State::Failed), _) => Self::Failed,
            // `Failed` here keeps the old code: the next update tries again.
            (
                Some(State::Active | State::Inactive) | None,
                None | Some(LastUpdateStatus::Successful | LastUpdateStatus::Failed),
            ) => Self::Ready,
            _ => Self::Settling,
        }
    }
}

/// A state of 2026 (AWS-FACTS C2): its name is taken, and nothing can be done with it.
const DELETING: &str = "Deleting";

impl Function {
    /// Of a secret only the name: anybody who may look at the function sees this.
    fn environment(&self, known: &Known) -> BTreeMap<String, String> {
        let endpoint = self.names.connections_endpoint(&known.api_or_placeholder());
        let mut variables = BTreeMap::from([(ENDPOINT_VARIABLE.to_owned(), endpoint)]);
        match &self.turn {
            None => {}
            Some(Turn::OwnServers(TurnServers { urls, secret, life_s })) => {
                let urls: Vec<&str> = urls.iter().map(TurnUrl::as_str).collect();
                variables.extend([
                    ("TURN_URLS".to_owned(), urls.join(" ")),
                    ("TURN_SECRET_FROM".to_owned(), secret.to_string()),
                    ("TURN_SECRET_ENDPOINT".to_owned(), self.names.secret_endpoint(secret)),
                    ("TURN_LIFE_SECONDS".to_owned(), life_s.to_string()),
                ]);
            }
            Some(Turn::SignalingChannel) => {
                let channel = known.signaling_channel.get().unwrap_or_else(|| UNKNOWN_ID.to_owned());
                variables.extend([
                    ("TURN_CHANNEL_ARN".to_owned(), channel),
                    ("TURN_CHANNEL_ENDPOINT".to_owned(), self.names.signaling_channel_endpoint()),
                ]);
            }
        }
        let origins = self.admission.origins(&self.names.page_origin());
        if !origins.is_empty() {
            variables.insert("ALLOWED_ORIGINS".to_owned(), origins.join(" "));
        }
        if let Some(token) = &self.admission.token {
            variables.insert("JOIN_TOKEN_FROM".to_owned(), token.to_string());
            variables.insert("JOIN_TOKEN_ENDPOINT".to_owned(), self.names.secret_endpoint(token));
        }
        variables
    }

    fn name(&self) -> String {
        self.names.function()
    }

    async fn settle(&self, context: &Context) -> Result<(), Diagnostic> {
        let name = self.name();
        let settled = context
            .until(Look::Call, "the function is being set up", SETTLE_DEADLINE, || async {
                let configuration = context
                    .call(Operation::repeatable("lambda", "GetFunction"), || {
                        context.clients.lambda.get_function().function_name(&name).send()
                    })
                    .await
                    .doing(|| format!("wait for the function {name}"))?
                    .configuration;
                let Some(configuration) = configuration else { return Ok(None) };
                Ok(match Readiness::of(&configuration) {
                    Readiness::Settling => None,
                    Readiness::Ready if configuration.last_update_status() == Some(&LastUpdateStatus::Failed) => {
                        Some(Err(configuration.last_update_status_reason.unwrap_or_default()))
                    }
                    Readiness::Ready => Some(Ok(())),
                    Readiness::Failed => Some(Err(configuration.state_reason.unwrap_or_default())),
                })
            })
            .await?;
        match settled {
            Some(Ok(())) => Ok(()),
            Some(Err(reason)) => Err(Diagnostic::new(
                Code::AwsFailed,
                format!("Lambda could not set up the function {name}: {reason}"),
                "run 'up' again: it makes the function anew",
            )),
            None => Err(Diagnostic::new(
                Code::TimedOut,
                format!("the function {name} is still being set up after {} s", SETTLE_DEADLINE.as_secs()),
                "run 'up' again: it continues where this run stopped",
            )),
        }
    }

    /// Deletion may go on after the answer (AWS-FACTS C2); the role must outlive it.
    async fn gone(&self, context: &Context) -> Result<(), Diagnostic> {
        let name = self.name();
        let gone = context.until(Look::Call, "the function is being deleted", SETTLE_DEADLINE, || async {
            let found = context
                .call(Operation::repeatable("lambda", "GetFunction"), || {
                    context.clients.lambda.get_function().function_name(&name).send()
                })
                .await
                .absent_as_none()
                .doing(|| format!("wait until the function {name} is gone"))?;
            Ok(found.is_none().then_some(()))
        });
        gone.await?.ok_or_else(|| {
            Diagnostic::new(
                Code::TimedOut,
                format!("the function {name} is still being deleted after {} s", SETTLE_DEADLINE.as_secs()),
                "run 'teardown' again",
            )
        })
    }

    /// What is uploaded, for which processor, and with the time that it takes.
    fn code(&self, context: &Context) -> Result<(Blob, Architecture, config::Builder), Diagnostic> {
        let artifact = self.code.as_ref().ok_or_else(|| {
            Diagnostic::new(
                Code::RelayArtifact,
                format!("{}: there is no relay to upload", context.address),
                "run 'up' where the relay can be built, or pass --relay PATH",
            )
        })?;
        let architecture = Architecture::from(artifact.architecture.to_string().as_str());
        // It goes as base64.
        let timeouts = timeouts_of_upload(artifact.zip.len() as u64 * 4 / 3);
        let patience = config::Builder::new().timeout_config(timeouts);
        Ok((Blob::new(artifact.zip.clone()), architecture, patience))
    }

    async fn update_configuration(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let name = self.name();
        context
            .call(Operation::repeatable("lambda", "UpdateFunctionConfiguration"), || {
                context
                    .clients
                    .lambda
                    .update_function_configuration()
                    .function_name(&name)
                    .runtime(Runtime::from(desired.runtime.as_str()))
                    .handler(&desired.handler)
                    .role(&desired.role)
                    .description(description(context, desired))
                    .memory_size(desired.memory_mb)
                    .timeout(desired.timeout_s)
                    .environment(environment(desired))
                    .send()
            })
            .await
            .doing(|| format!("update the settings of the function {name}"))?;
        self.settle(context).await
    }

    async fn update_code(&self, context: &Context) -> Result<(), Diagnostic> {
        let name = self.name();
        let (zip, architecture, patience) = self.code(context)?;
        context
            .call(Operation::repeatable("lambda", "UpdateFunctionCode"), || {
                context
                    .clients
                    .lambda
                    .update_function_code()
                    .function_name(&name)
                    .zip_file(zip.clone())
                    .architectures(architecture.clone())
                    .customize()
                    .config_override(patience.clone())
                    .send()
            })
            .await
            .doing(|| format!("upload the relay to the function {name}"))?;
        self.settle(context).await
    }

    async fn switch_on(&self, context: &Context) -> Result<(), Diagnostic> {
        let name = self.name();
        context
            .call(Operation::repeatable("lambda", "DeleteFunctionConcurrency"), || {
                context.clients.lambda.delete_function_concurrency().function_name(&name).send()
            })
            .await
            .map(drop)
            .doing(|| format!("take the reserved concurrency of 0 from the function {name}"))
    }
}

fn description(context: &Context, spec: &Spec) -> String {
    let role = spec.role_id.as_deref().unwrap_or_default();
    format!("Relay of the webrtc-aws stack '{}'{BOUND_TO}{role}", context.names.stack)
}

fn bound_role(description: &str) -> Option<String> {
    description.rsplit_once(BOUND_TO).map(|(_, role)| role.to_owned())
}

fn environment(spec: &Spec) -> Environment {
    Environment::builder()
        .set_variables(Some(spec.environment.iter().map(|(key, value)| (key.clone(), value.clone())).collect()))
        .build()
}

#[async_trait]
impl Kind for Function {
    type Spec = Spec;

    fn address(&self) -> Address {
        FUNCTION
    }

    /// The log group first: a line that comes before it is lost. The API because its id is in the environment.
    fn needs(&self) -> Vec<Address> {
        vec![ROLE, LOG_GROUP, WEBSOCKET_API, SIGNALING_CHANNEL]
    }

    fn deleted_after(&self) -> Vec<Address> {
        vec![WEBSOCKET_API]
    }

    fn desired(&self, known: &Known) -> Spec {
        let (architecture, code_sha256) = match &self.code {
            Some(artifact) => (artifact.architecture.to_string(), artifact.sha256_base64.clone()),
            None => known.code.get().unwrap_or_default(),
        };
        let (role, role_id) = match known.role.get() {
            Some(RelayRole { arn, id }) => (arn, id.to_string()),
            None => (self.names.role_arn(), UNKNOWN_ID.to_owned()),
        };
        Spec {
            runtime: Runtime::Providedal2023.as_str().to_owned(),
            handler: "bootstrap".to_owned(),
            role,
            role_id: Some(role_id),
            architecture,
            code_sha256,
            memory_mb: self.settings.memory_mb,
            timeout_s: self.settings.timeout_s,
            environment: self.environment(known),
            switched_off: false,
            state: Readiness::Ready,
            tags: self.tagging.wanted(known),
        }
    }

    async fn observe(&self, context: &Context) -> Result<Observed<Spec>, Diagnostic> {
        let name = self.name();
        let answer = context
            .call(Operation::repeatable("lambda", "GetFunction"), || {
                context.clients.lambda.get_function().function_name(&name).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("look for the function {name}"))?;
        let Some(answer) = answer else { return Ok(Observed::Absent) };
        // Who may not read the tags gets an answer without them, and must not take the function for a stranger's.
        if let Some(error) = answer.tags_error {
            let failure = AwsFailure::in_an_answer("lambda", "GetFunction", error.error_code, error.message);
            return Err(failure).doing(|| format!("read the tags of the function {name}"));
        }
        let reserved = answer.concurrency.and_then(|concurrency| concurrency.reserved_concurrent_executions);
        if let Err(why) = context.ownership(tagging::pairs(answer.tags.as_ref())) {
            return Ok(Observed::Foreign(format!("the function {name} {why}")));
        }
        let tags = self.tagging.seen(tagging::pairs(answer.tags.as_ref()), &context.known);
        let Some(configuration) = answer.configuration else { return Ok(Observed::Absent) };
        if configuration.state() == Some(&State::from(DELETING)) {
            self.gone(context).await?;
            return Ok(Observed::Absent);
        }
        let state = Readiness::of(&configuration);
        let architecture = configuration.architectures().first().map_or("x86_64", Architecture::as_str).to_owned();
        let code_sha256 = configuration.code_sha256.unwrap_or_default();
        context.known.code.set((architecture.clone(), code_sha256.clone()));
        Ok(Observed::Owned(Spec {
            runtime: configuration.runtime.as_ref().map(|runtime| runtime.as_str().to_owned()).unwrap_or_default(),
            handler: configuration.handler.unwrap_or_default(),
            role: configuration.role.unwrap_or_default(),
            role_id: configuration.description.as_deref().and_then(bound_role),
            architecture,
            code_sha256,
            memory_mb: configuration.memory_size.unwrap_or_default(),
            timeout_s: configuration.timeout.unwrap_or_default(),
            environment: configuration
                .environment
                .and_then(|environment| environment.variables)
                .unwrap_or_default()
                .into_iter()
                .collect(),
            switched_off: reserved == Some(0),
            state,
            tags,
        }))
    }

    async fn create(&self, context: &Context, desired: &Spec) -> Result<(), Diagnostic> {
        let name = self.name();
        let (zip, architecture, patience) = self.code(context)?;
        let tags = context.tags(&desired.tags);
        context
            .call(Operation::once("lambda", "CreateFunction"), || {
                context
                    .clients
                    .lambda
                    .create_function()
                    .function_name(&name)
                    .description(description(context, desired))
                    .package_type(PackageType::Zip)
                    .runtime(Runtime::from(desired.runtime.as_str()))
                    .handler(&desired.handler)
                    .role(&desired.role)
                    .architectures(architecture.clone())
                    .memory_size(desired.memory_mb)
                    .timeout(desired.timeout_s)
                    .environment(environment(desired))
                    .code(FunctionCode::builder().zip_file(zip.clone()).build())
                    .set_tags(Some(tags.clone()))
                    .customize()
                    .config_override(patience.clone())
                    .send()
            })
            .await
            .doing(|| format!("create the function {name}"))?;
        self.settle(context).await
    }

    async fn update(&self, context: &Context, observed: &Spec, desired: &Spec, _: &[Change]) -> Result<(), Diagnostic> {
        // Of a role that was made anew Lambda holds a grant to the old one. Whether setting the same ARN again renews it is not
        // documented (AWS-FACTS D), and the function cannot work as it is: a new one is right either way. Another role is set as
        // any setting is.
        let bound_to_another =
            observed.role == desired.role && observed.role_id.is_some() && observed.role_id != desired.role_id;
        if observed.state == Readiness::Failed || bound_to_another {
            self.delete(context).await?;
            return self.create(context, desired).await;
        }
        // Each update must be over before the next, and before it a new function must be Active (AWS-FACTS C2).
        self.settle(context).await?;
        let code_differs = observed.code_sha256 != desired.code_sha256 || observed.architecture != desired.architecture;
        let settings_differ = observed.runtime != desired.runtime
            || observed.handler != desired.handler
            || observed.role != desired.role
            || observed.role_id != desired.role_id
            || observed.memory_mb != desired.memory_mb
            || observed.timeout_s != desired.timeout_s
            || observed.environment != desired.environment;
        if settings_differ {
            self.update_configuration(context, desired).await?;
        }
        if code_differs {
            self.update_code(context).await?;
        }
        let missing = tagging::missing(&observed.tags, &desired.tags);
        if !missing.is_empty() {
            let (name, arn) = (self.name(), self.names.function_arn());
            context
                .call(Operation::repeatable("lambda", "TagResource"), || {
                    context.clients.lambda.tag_resource().resource(&arn).set_tags(Some(missing.clone())).send()
                })
                .await
                .doing(|| format!("tag the function {name}"))?;
        }
        if observed.switched_off {
            self.switch_on(context).await?;
        }
        Ok(())
    }

    async fn delete(&self, context: &Context) -> Result<(), Diagnostic> {
        let name = self.name();
        context
            .call(Operation::repeatable("lambda", "DeleteFunction"), || {
                context.clients.lambda.delete_function().function_name(&name).send()
            })
            .await
            .absent_as_none()
            .doing(|| format!("delete the function {name}"))?;
        self.gone(context).await
    }
}
