//! CreateFunction, GetFunction, UpdateFunctionCode, UpdateFunctionConfiguration, DeleteFunction, ListFunctions.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::configuration::{self, Configuration};
use super::error::Error;
use super::package::{Architecture, Code};
use super::store::{Flush, Function, LogFormat, Logging, Name, Store, Update, Version};
use super::{new_revision, parse, settings};
use crate::local::answer::{self, Answer};
use crate::local::call::Call;
use crate::local::world::{State, World};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CreateFunction {
    function_name: String,
    code: CodeInput,
    architectures: Option<Vec<Architecture>>,
    package_type: Option<String>,
    #[serde(default)]
    publish: bool,
    #[serde(default)]
    tags: BTreeMap<String, String>,
    role: Option<String>,
    runtime: Option<String>,
    handler: Option<String>,
    description: Option<String>,
    timeout: Option<u64>,
    memory_size: Option<u64>,
    environment: Option<configuration::Environment>,
    logging_config: Option<Logging>,
    tracing_config: Option<Value>,
    ephemeral_storage: Option<Value>,
    layers: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CodeInput {
    zip_file: Option<String>,
}

pub(super) fn create(world: &World, call: &Call) -> Result<Answer, Error> {
    let input: CreateFunction = parse(call)?;
    let name = Name::parse(&input.function_name, &call.region, &world.options.account)?;
    if input.package_type.as_deref().is_some_and(|kind| kind != "Zip") {
        return Err(Error::NotCarried("PackageType other than Zip".to_owned()));
    }
    if input.publish {
        return Err(Error::NotCarried("Publish".to_owned()));
    }
    settings::check_tags(&input.tags)?;
    let architecture = single(input.architectures.as_deref())?.unwrap_or(Architecture::X86_64);
    let zip =
        input.code.zip_file.ok_or_else(|| Error::invalid("Please provide a source for function code (ZipFile)."))?;
    let code = Code::from_base64(&zip, architecture)?;
    let (Some(role), Some(runtime), Some(handler)) = (input.role, input.runtime, input.handler) else {
        return Err(Error::invalid(
            "Role, Runtime and Handler are mandatory parameters for functions created with Zip.",
        ));
    };
    let mut version = Version {
        role: role.clone(),
        role_id: None,
        runtime: String::new(),
        handler: String::new(),
        description: String::new(),
        timeout: 3,
        memory_size: 128,
        architecture,
        environment: BTreeMap::new(),
        logging: Logging {
            log_format: LogFormat::Text,
            application_log_level: None,
            system_log_level: None,
            log_group: format!("/aws/lambda/{}", name.as_str()),
        },
        code: Arc::new(code),
        last_modified: configuration::now_text(),
        revision: new_revision(),
    };
    let configuration = Configuration {
        role: Some(role.clone()),
        runtime: Some(runtime),
        handler: Some(handler),
        description: input.description,
        timeout: input.timeout,
        memory_size: input.memory_size,
        environment: input.environment,
        logging_config: input.logging_config,
        tracing_config: input.tracing_config,
        ephemeral_storage: input.ephemeral_storage,
        layers: input.layers,
        revision_id: None,
    };
    configuration.apply(&mut version, name.as_str())?;

    let now = world.now();
    let mut state = world.state();
    if state.lambda.functions.contains_key(name.as_str()) {
        return Err(Error::Conflict(format!("Function already exist: {}", name.as_str())));
    }
    configuration::check_role(&mut state, &role, now, &world.options.manners)?;
    version.role_id = state.iam.role_by_arn(&role).map(|role| role.id.clone());
    let function = Function {
        name: name.as_str().to_owned(),
        arn: name.arn().to_owned(),
        version,
        tags: input.tags,
        policy: BTreeMap::new(),
        policy_revision: new_revision(),
        reserved_concurrency: None,
        active_at: now + world.options.manners.function_pending,
        gone_at: None,
        update: None,
    };
    let answer = answer::json(StatusCode::CREATED, &function.configuration(now));
    state.lambda.functions.insert(name.as_str().to_owned(), function);
    Ok(answer)
}

fn single(architectures: Option<&[Architecture]>) -> Result<Option<Architecture>, Error> {
    match architectures {
        None => Ok(None),
        Some([one]) => Ok(Some(*one)),
        Some(_) => Err(Error::validation("architectures", "architectures", "Member must have length equal to 1")),
    }
}

pub(super) fn get(store: &Store, name: &Name, now: Instant) -> Result<Answer, Error> {
    let function = store.function(name)?;
    let mut shown = json!({
        "Configuration": function.configuration(now),
        // A presigned link of ten minutes on AWS. Nothing here follows it: CodeSha256 says what the code is.
        "Code": {
            "RepositoryType": "S3",
            "Location": format!("https://awslambda-local-tasks.s3.amazonaws.com/snapshots/{}", function.version.revision),
        },
    });
    if !function.tags.is_empty() {
        shown["Tags"] = json!(function.tags);
    }
    if let Some(reserved) = function.reserved_concurrency {
        shown["Concurrency"] = json!({ "ReservedConcurrentExecutions": reserved });
    }
    Ok(answer::json(StatusCode::OK, &shown))
}

pub(super) fn get_configuration(store: &Store, name: &Name, now: Instant) -> Result<Answer, Error> {
    Ok(answer::json(StatusCode::OK, &store.function(name)?.configuration(now)))
}

pub(super) fn list(store: &Store, call: &Call, now: Instant) -> Result<Answer, Error> {
    let size = match call.query("MaxItems") {
        None => 50,
        Some(text) => match text.parse::<usize>() {
            Ok(number @ 1..=10_000) => number.min(50),
            _ => return Err(Error::validation(text, "maxItems", "Member must be between 1 and 10000")),
        },
    };
    let after = match call.query("Marker").filter(|marker| !marker.is_empty()) {
        None => None,
        Some(marker) => {
            let bytes = URL_SAFE_NO_PAD.decode(marker).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            Some(bytes.ok_or_else(|| Error::invalid("Invalid pagination token"))?)
        }
    };
    let mut functions = store
        .functions
        .values()
        .skip_while(|function| after.as_ref().is_some_and(|after| function.name <= *after))
        .peekable();
    let page: Vec<&Function> = functions.by_ref().take(size).collect();
    let mut shown = json!({
        "Functions": page.iter().map(|function| {
            let mut shown = function.configuration(now);
            // ListFunctions leaves the states out.
            for member in ["State", "StateReason", "StateReasonCode", "LastUpdateStatus"] {
                shown.as_object_mut().map(|members| members.remove(member));
            }
            shown
        }).collect::<Vec<_>>(),
    });
    if let (Some(_), Some(last)) = (functions.peek(), page.last()) {
        shown["NextMarker"] = URL_SAFE_NO_PAD.encode(&last.name).into();
    }
    Ok(answer::json(StatusCode::OK, &shown))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UpdateFunctionCode {
    zip_file: Option<String>,
    architectures: Option<Vec<Architecture>>,
    #[serde(default)]
    dry_run: bool,
    #[serde(default)]
    publish: bool,
    revision_id: Option<String>,
}

pub(super) fn update_code(world: &World, call: &Call, name: &Name) -> Result<Answer, Error> {
    let input: UpdateFunctionCode = parse(call)?;
    if input.publish {
        return Err(Error::NotCarried("Publish".to_owned()));
    }
    let now = world.now();
    let mut state = world.state();
    let function = state.lambda.function_mut(name)?;
    function.refuse_while_changing(now)?;
    function.check_revision(input.revision_id.as_deref())?;
    let architecture = single(input.architectures.as_deref())?.unwrap_or(function.version.architecture);
    let zip = input.zip_file.ok_or_else(|| Error::invalid("Please provide a source for function code (ZipFile)."))?;
    let code = Code::from_base64(&zip, architecture)?;
    let mut version = function.version.clone();
    version.code = Arc::new(code);
    version.architecture = architecture;
    if input.dry_run {
        let kept = std::mem::replace(&mut function.version, version);
        let answer = answer::json(StatusCode::OK, &function.configuration(now));
        function.version = kept;
        return Ok(answer);
    }
    function.replace(version, now, world);
    Ok(answer::json(StatusCode::OK, &function.configuration(now)))
}

pub(super) fn update_configuration(world: &World, call: &Call, name: &Name) -> Result<Answer, Error> {
    let input: Configuration = parse(call)?;
    let now = world.now();
    let mut state = world.state();
    let function = state.lambda.function(name)?;
    function.refuse_while_changing(now)?;
    function.check_revision(input.revision_id.as_deref())?;
    let mut version = function.version.clone();
    let function_role = version.role.clone();
    input.apply(&mut version, name.as_str())?;
    if input.role.is_some() {
        configuration::check_role(&mut state, &version.role, now, &world.options.manners)?;
        // Whether the same ARN once more renews the grant is not known (AWS-FACTS D): here it does not.
        if version.role != function_role {
            version.role_id = state.iam.role_by_arn(&version.role).map(|role| role.id.clone());
        }
    }
    let function = state.lambda.function_mut(name)?;
    function.replace(version, now, world);
    Ok(answer::json(StatusCode::OK, &function.configuration(now)))
}

impl Function {
    fn check_revision(&self, revision: Option<&str>) -> Result<(), Error> {
        match revision {
            Some(revision) if revision != self.version.revision => Err(Error::PreconditionFailed(
                "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                 retrieve the latest Revision Id"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }

    fn replace(&mut self, mut version: Version, now: Instant, world: &World) {
        version.revision = new_revision();
        version.last_modified = configuration::now_text();
        let previous = std::mem::replace(&mut self.version, version);
        self.update = Some(Update { done_at: now + world.options.manners.function_update, previous });
    }
}

pub(super) fn delete(world: &World, state: &mut State, name: &Name) -> Result<Answer, Error> {
    let (manners, now) = (&world.options.manners, world.now());
    let function = state.lambda.function_mut(name)?;
    function.refuse_while_pending(now)?;
    function.gone_at = Some(now + manners.function_deletion);
    let (group, role_arn) = (function.version.logging.log_group.clone(), function.version.role.clone());
    state.lambda.bury(now);
    if let (Some(delay), Some(role)) = (manners.late_flush, state.iam.role_by_arn(&role_arn)) {
        let (role_name, role_id) = (role.name.clone(), role.id.clone());
        state.lambda.flush_later(Flush { at: now + delay, group, role_name, role_id });
    }
    Ok(answer::empty(StatusCode::NO_CONTENT))
}
