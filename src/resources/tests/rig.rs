//! A stack in a local AWS of its own, and the engine to work on it.

use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_credential_types::Credentials;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::artifact::{Architecture, Artifact};
use crate::aws::account::{Account, identify};
use crate::aws::clients::{self, Access, Clients};
use crate::config::{
    Admission, Config, PageSource, RelaySettings, RoleSettings, Tagging, Target, Throttling, Turn, default_ice_servers,
};
use crate::diagnostics::Diagnostic;
use crate::engine::apply::{apply_absent, apply_present};
use crate::engine::context::Context;
use crate::engine::graph::Graph;
use crate::engine::observe::{Observations, observe};
use crate::engine::plan::{Action, Goal, Plan, plan};
use crate::engine::resource::{Address, Resource};
use crate::engine::walk::{Order, walk};
use crate::events::Events;
use crate::lifetime::LastDeploy;
use crate::local::{DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, LocalAws, LocalOptions, Manners};
use crate::naming::{Memory, Names, OWNER_TAG, Reach, RolePath, StageName};
use crate::page::Page;
use crate::resources::page_files::ForeignObjects;
use crate::resources::{BUCKET, FUNCTION, LOG_GROUP, ROLE, SIGNALING_CHANNEL, WEBSOCKET_API};
use crate::stack::{self, Ingredients};

pub(super) struct Rig {
    pub(super) aws: LocalAws,
    pub(super) graph: Graph,
    pub(super) context: Context,
    /// The page is read when it is uploaded.
    _page: tempfile::TempDir,
}

/// A zip whose `bootstrap` says this.
pub(super) fn relay(says: &str) -> Artifact {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    writer.write_all(format!("#!/bin/sh\necho {says}\n").as_bytes()).unwrap();
    let zip = writer.finish().unwrap().into_inner();
    Artifact {
        sha256_base64: BASE64_STANDARD.encode(Sha256::digest(&zip)),
        zip: zip.into(),
        architecture: Architecture::host().unwrap_or(Architecture::X86_64),
        path: None,
    }
}

impl Rig {
    pub(super) async fn start() -> Self {
        let manners = Manners {
            role_propagation: Duration::ZERO,
            function_pending: Duration::ZERO,
            function_update: Duration::ZERO,
            channel_pending: Duration::ZERO,
            channel_deletion: Duration::ZERO,
            public_access_block_propagation: Duration::ZERO,
            ..Manners::default()
        };
        let aws = LocalAws::start(LocalOptions { manners, ..LocalOptions::default() }).await.unwrap();
        let endpoint: url::Url = aws.endpoint().parse().unwrap();
        let sdk = clients::load(&Access {
            region: Some("us-east-1".to_owned()),
            profile: None,
            endpoint_url: Some(endpoint.clone()),
            credentials: Some(Credentials::from_keys(DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, None)),
        })
        .await
        .unwrap();
        let clients = Clients::new(&sdk);
        let Account { id, partition, region, .. } = identify(&sdk, &clients).await.unwrap();
        let page = tempfile::tempdir().unwrap();
        std::fs::write(page.path().join("index.html"), "<!doctype html><script type=module src=app.js></script>")
            .unwrap();
        std::fs::write(page.path().join("app.js"), "import './config.js';").unwrap();
        let config = Config {
            stack: "demo".parse().unwrap(),
            stage: StageName::default(),
            target: Target::Local { port: 0, region: None },
            page: PageSource::Directory(page.path().to_owned()),
            relay: RelaySettings::default(),
            role: RoleSettings::default(),
            existing_bucket: None,
            ice_servers: default_ice_servers(),
            turn: Some(Turn::SignalingChannel),
            admission: Admission::default(),
            throttling: Throttling::default(),
            tagging: Tagging { user: [("team".to_owned(), "blue".to_owned())].into(), ..Tagging::default() },
        };
        let names = Arc::new(Names {
            stack: config.stack.clone(),
            stage: config.stage.clone(),
            partition,
            account: id,
            region,
            reach: Reach::Endpoint { url: endpoint, gateway: None },
            role_path: RolePath::default(),
            existing_bucket: config.existing_bucket.clone(),
        });
        let ingredients = Ingredients {
            page: Page::wanted(&config).unwrap(),
            relay: Some(relay("hello")),
            foreign_objects: ForeignObjects::Ignore,
            foreign_where_unwanted: ForeignObjects::Keep,
        };
        let graph = stack::graph(&config, &names, ingredients);
        let address = Address::new("stack", "all");
        let context = Context {
            clients,
            names,
            known: Arc::default(),
            deploy: Arc::new(LastDeploy::by("arn:aws:iam::000000000000:user/me", Timestamp::now())),
            events: Events::discarded(),
            cancel: CancellationToken::new(),
            address,
        };
        Self { aws, graph, context, _page: page }
    }

    pub(super) fn resource(&self, address: Address) -> &dyn Resource {
        self.graph.resources().iter().find(|resource| resource.address() == address).unwrap().as_ref()
    }

    async fn in_order(&self, order: &Order) -> Vec<Arc<dyn Resource>> {
        let visited = Mutex::new(Vec::new());
        walk(order, 1, &CancellationToken::new(), |node| {
            visited.lock().unwrap().push(Arc::clone(&self.graph.resources()[node]));
            async { Ok::<(), ()>(()) }
        })
        .await;
        visited.into_inner().unwrap()
    }

    pub(super) async fn in_apply_order(&self) -> Vec<Arc<dyn Resource>> {
        let mut all = self.in_order(&self.graph.apply_order()).await;
        all.retain(|resource| self.graph.is_wanted(resource.address()));
        all
    }

    /// Those that have a delete of their own; the others go with their container.
    pub(super) async fn in_delete_order(&self) -> Vec<Arc<dyn Resource>> {
        let mut all = self.in_order(&self.graph.delete_order()).await;
        all.retain(|resource| !self.graph.goes_with_its_container(resource.as_ref()));
        all
    }

    pub(super) async fn observe(&self) -> Observations {
        observe(&self.graph, &self.context, &CancellationToken::new()).await.unwrap()
    }

    pub(super) async fn plan(&self) -> Plan {
        plan(&self.graph, &self.observe().await, &self.context.known, Goal::Present).unwrap()
    }

    /// What `up` does.
    pub(super) async fn apply(&self) -> Result<(), Diagnostic> {
        self.apply_to(&self.observe().await).await
    }

    pub(super) async fn apply_to(&self, observations: &Observations) -> Result<(), Diagnostic> {
        plan(&self.graph, observations, &self.context.known, Goal::Present)?;
        let outcome = apply_present(&self.graph, &self.context, observations, &CancellationToken::new()).await;
        outcome.problem.map_or(Ok(()), Err)
    }

    /// What `teardown` does.
    pub(super) async fn remove_found(&self) -> Result<(), Diagnostic> {
        self.remove(&self.observe().await).await
    }

    pub(super) async fn remove(&self, observations: &Observations) -> Result<(), Diagnostic> {
        plan(&self.graph, observations, &self.context.known, Goal::Absent)?;
        let outcome = apply_absent(&self.graph, &self.context, observations, &CancellationToken::new()).await;
        outcome.problem.map_or(Ok(()), Err)
    }

    pub(super) async fn assert_nothing_to_do(&self) {
        self.aws.clear_calls();
        let plan = self.plan().await;
        let left: Vec<_> = plan.steps.iter().filter(|step| step.action != Action::Keep).collect();
        assert!(left.is_empty(), "still to do: {left:#?}");
        self.apply().await.unwrap();
        assert_eq!(self.writes(), Vec::<String>::new(), "a run with nothing to do writes nothing");
    }

    /// The calls so far that may have changed something, as fault rules spell them.
    pub(super) fn writes(&self) -> Vec<String> {
        let calls = self.aws.calls();
        calls.iter().filter(|call| call.is_write).map(|call| format!("{}:{}", call.service, call.operation)).collect()
    }

    pub(super) fn name(&self, address: Address) -> String {
        let names = &self.context.names;
        match address {
            BUCKET => names.bucket(),
            LOG_GROUP => names.log_group(),
            ROLE => names.role(),
            SIGNALING_CHANNEL => self.context.names.signaling_channel(),
            FUNCTION => names.function(),
            other => panic!("{other} has no name"),
        }
    }

    /// Changes or removes the owner tag, as a person with the console could.
    pub(super) async fn tag(&self, address: Address, owner: Option<&str>) {
        let Clients { s3, iam, lambda, api_gateway, logs, kinesis_video, .. } = &self.context.clients;
        let names = &self.context.names;
        match (address, owner) {
            (BUCKET, Some(owner)) => {
                let tag = |key, value| aws_sdk_s3::types::Tag::builder().key(key).value(value).build().unwrap();
                let tags = vec![tag(OWNER_TAG, owner), tag("team", "blue"), tag(Memory::Turn.key(), "kvs")];
                let tags = aws_sdk_s3::types::Tagging::builder().set_tag_set(Some(tags)).build().unwrap();
                s3.put_bucket_tagging().bucket(names.bucket()).tagging(tags).send().await.map(drop).unwrap();
            }
            (BUCKET, None) => s3.delete_bucket_tagging().bucket(names.bucket()).send().await.map(drop).unwrap(),
            (LOG_GROUP, Some(owner)) => {
                let tag = logs.tag_resource().resource_arn(names.log_group_arn());
                tag.tags(OWNER_TAG, owner).send().await.map(drop).unwrap();
            }
            (LOG_GROUP, None) => {
                let untag = logs.untag_resource().resource_arn(names.log_group_arn());
                untag.tag_keys(OWNER_TAG).send().await.map(drop).unwrap();
            }
            (ROLE, Some(owner)) => {
                let tag = aws_sdk_iam::types::Tag::builder().key(OWNER_TAG).value(owner).build().unwrap();
                iam.tag_role().role_name(names.role()).tags(tag).send().await.map(drop).unwrap();
            }
            (ROLE, None) => {
                iam.untag_role().role_name(names.role()).tag_keys(OWNER_TAG).send().await.map(drop).unwrap();
            }
            (SIGNALING_CHANNEL, Some(owner)) => {
                let tag = aws_sdk_kinesisvideo::types::Tag::builder().key(OWNER_TAG).value(owner).build().unwrap();
                let channel = self.context.known.signaling_channel.get().unwrap();
                kinesis_video.tag_resource().resource_arn(channel).tags(tag).send().await.map(drop).unwrap();
            }
            (SIGNALING_CHANNEL, None) => {
                let channel = self.context.known.signaling_channel.get().unwrap();
                let untag = kinesis_video.untag_resource().resource_arn(channel).tag_key_list(OWNER_TAG);
                untag.send().await.map(drop).unwrap();
            }
            (FUNCTION, Some(owner)) => {
                let tag = lambda.tag_resource().resource(names.function_arn());
                tag.tags(OWNER_TAG, owner).send().await.map(drop).unwrap();
            }
            (FUNCTION, None) => {
                let untag = lambda.untag_resource().resource(names.function_arn());
                untag.tag_keys(OWNER_TAG).send().await.map(drop).unwrap();
            }
            (WEBSOCKET_API, owner) => {
                // Without an account id (AWS-FACTS B2).
                let arn = format!("arn:aws:apigateway:us-east-1::/apis/{}", self.context.known.api.get().unwrap());
                match owner {
                    Some(owner) => {
                        let tag = api_gateway.tag_resource().resource_arn(arn).tags(OWNER_TAG, owner);
                        tag.send().await.map(drop).unwrap();
                    }
                    None => {
                        let untag = api_gateway.untag_resource().resource_arn(arn).tag_keys(OWNER_TAG);
                        untag.send().await.map(drop).unwrap();
                    }
                }
            }
            (other, _) => panic!("{other} carries no tags"),
        }
    }
}

/// An account without what differs from run to run: how many there are of what, and with which fields. Two that look alike were
/// made alike; a second API or deployment shows.
pub(super) fn structure(snapshot: &Value) -> Value {
    const NAMED_BY_ID: [&str; 5] = ["apis", "integrations", "routes", "deployments", "routeResponses"];
    match snapshot {
        Value::Object(fields) => {
            let inner = |(key, value): (&String, &Value)| {
                let value = match value {
                    Value::Object(items) if NAMED_BY_ID.contains(&key.as_str()) => {
                        let mut items: Vec<Value> = items.values().map(structure).collect();
                        items.sort_by_key(Value::to_string);
                        Value::Array(items)
                    }
                    other => structure(other),
                };
                (key.clone(), value)
            };
            Value::Object(fields.iter().map(inner).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(structure).collect()),
        Value::String(_) | Value::Number(_) => Value::Null,
        other => other.clone(),
    }
}
