//! An account behind a proxy, and a machine to work on it from.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_credential_types::Credentials;
use aws_sdk_s3::config::Builder as S3;
use tokio::process::Command;
use webrtc_aws::local::{DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, LocalAws, LocalOptions};

use crate::ministack::Ministack;
use crate::support::program::{Machine, Run, Running, repacked};
use crate::support::proxy::Proxy;

/// Whose AWS it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    Local,
    Ministack,
}

/// What keeps the account alive.
enum Alive {
    Local(LocalAws),
    Ministack { _process: Ministack },
}

pub struct World {
    alive: Alive,
    pub proxy: Proxy,
    pub machine: Machine,
    clients: Clients,
}

struct Clients {
    s3: aws_sdk_s3::Client,
    iam: aws_sdk_iam::Client,
    lambda: aws_sdk_lambda::Client,
    api_gateway: aws_sdk_apigatewayv2::Client,
    logs: aws_sdk_cloudwatchlogs::Client,
}

impl Clients {
    async fn of(endpoint: &str) -> Self {
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::from_keys(DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, None))
            .endpoint_url(endpoint)
            .retry_config(RetryConfig::disabled())
            .load()
            .await;
        Self {
            s3: aws_sdk_s3::Client::from_conf(S3::from(&config).force_path_style(true).build()),
            iam: aws_sdk_iam::Client::new(&config),
            lambda: aws_sdk_lambda::Client::new(&config),
            api_gateway: aws_sdk_apigatewayv2::Client::new(&config),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
        }
    }
}

impl World {
    pub async fn new(backend: Backend) -> Self {
        let (alive, endpoint) = match backend {
            Backend::Local => {
                let aws = LocalAws::start(LocalOptions::default()).await.unwrap();
                let endpoint = aws.endpoint();
                (Alive::Local(aws), endpoint)
            }
            Backend::Ministack => {
                let process = Ministack::start().await.unwrap();
                let endpoint = process.endpoint.clone();
                (Alive::Ministack { _process: process }, endpoint)
            }
        };
        let proxy = Proxy::start(&endpoint).await;
        let machine = Machine::at(proxy.endpoint.clone());
        Self { alive, machine, clients: Clients::of(&endpoint).await, proxy }
    }

    /// A local AWS, and what costs no build to deploy to it.
    pub async fn with_versions() -> (Self, Versions) {
        let world = Self::new(Backend::Local).await;
        let versions = Versions::new(&world.machine.relay().await);
        (world, versions)
    }

    pub fn local(&self) -> &LocalAws {
        match &self.alive {
            Alive::Local(aws) => aws,
            Alive::Ministack { .. } => panic!("this is not the local AWS"),
        }
    }

    /// The whole account as far as it can be told from outside: every name, and the ids of the APIs.
    pub async fn census(&self) -> Census {
        let Clients { s3, iam, lambda, api_gateway, logs } = &self.clients;
        let (mut things, mut apis) = (Vec::new(), BTreeSet::new());
        for bucket in s3.list_buckets().send().await.unwrap().buckets() {
            let bucket = bucket.name().unwrap();
            things.push(format!("bucket {bucket}"));
            for object in s3.list_objects_v2().bucket(bucket).send().await.unwrap().contents() {
                things.push(format!("object {bucket}/{}", object.key().unwrap()));
            }
        }
        for role in iam.list_roles().send().await.unwrap().roles() {
            things.push(format!("role {}", role.role_name()));
            let policies = iam.list_role_policies().role_name(role.role_name()).send().await.unwrap();
            things.extend(policies.policy_names().iter().map(|policy| format!("policy {}/{policy}", role.role_name())));
        }
        for function in lambda.list_functions().send().await.unwrap().functions() {
            things.push(format!("function {}", function.function_name().unwrap()));
        }
        for group in logs.describe_log_groups().send().await.unwrap().log_groups() {
            things.push(format!("log group {}", group.log_group_name().unwrap()));
        }
        for api in api_gateway.get_apis().send().await.unwrap().items() {
            let (id, name) = (api.api_id().unwrap(), api.name().unwrap());
            apis.insert(id.to_owned());
            things.push(format!("api {name}"));
            let integrations = api_gateway.get_integrations().api_id(id).send().await.unwrap();
            things.extend(integrations.items().iter().map(|_| format!("integration of {name}")));
            for route in api_gateway.get_routes().api_id(id).send().await.unwrap().items() {
                let key = route.route_key().unwrap();
                things.push(format!("route of {name}: {key}"));
                let responses = api_gateway.get_route_responses().api_id(id).route_id(route.route_id().unwrap());
                let responses = responses.send().await.unwrap();
                things.extend(responses.items().iter().map(|_| format!("route response of {name}: {key}")));
            }
            let deployments = api_gateway.get_deployments().api_id(id).send().await.unwrap();
            things.extend(deployments.items().iter().map(|_| format!("deployment of {name}")));
            for stage in api_gateway.get_stages().api_id(id).send().await.unwrap().items() {
                things.push(format!("stage of {name}: {}", stage.stage_name().unwrap()));
            }
        }
        things.sort();
        let bytes = match &self.alive {
            Alive::Local(aws) if apis.is_empty() => aws.snapshot().to_string(),
            _ => String::new(),
        };
        Census { things, apis, bytes }
    }

    /// How many writes have succeeded since the start, where the account itself can tell.
    pub fn writes_as_the_account_counts_them(&self) -> Option<usize> {
        let Alive::Local(aws) = &self.alive else { return None };
        let done = |status: Option<u16>| status.is_some_and(|status| status < 400);
        Some(aws.calls().iter().filter(|call| call.is_write && done(call.status)).count())
    }

    /// A command on the stack `demo`, not started yet.
    pub fn command(&self, command: &str, options: &[String]) -> Command {
        let options = options.iter().map(String::as_str);
        self.machine.command(&[command, "demo"].into_iter().chain(options).collect::<Vec<_>>())
    }

    pub fn start(&self, command: &str, options: &[String]) -> Running {
        Running::of(&mut self.command(command, options))
    }

    pub async fn run(&self, command: &str, options: &[String]) -> Run {
        self.start(command, options).end().await
    }

    pub async fn succeed(&self, command: &str, options: &[String]) -> Run {
        let run = self.run(command, options).await;
        assert_eq!(run.code, Some(0), "{command} {options:?}: {run}");
        run
    }
}

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Census {
    /// Names, sorted; more than one of a kind is there more than once.
    pub things: Vec<String>,
    /// Ids, which no two stacks share.
    pub apis: BTreeSet<String>,
    /// The empty account to the byte, where that can be had.
    bytes: String,
}

/// Two versions of everything that options and pages can change.
pub struct Versions {
    directory: tempfile::TempDir,
    relay: PathBuf,
}

impl Versions {
    /// `relay`: a zip of the relay.
    pub fn new(relay: &Path) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (file, text) in
            [("one/index.html", "one"), ("one/old.js", "1"), ("two/index.html", "two"), ("two/new.js", "2")]
        {
            let path = directory.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        std::fs::write(directory.path().join("two.zip"), repacked(relay)).unwrap();
        Self { directory, relay: relay.to_owned() }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).to_str().unwrap().to_owned()
    }

    pub fn options(&self, version: Version) -> Vec<String> {
        let fixed = |options: &[&str]| options.iter().map(|&option| option.to_owned()).collect::<Vec<_>>();
        match version {
            Version::One => {
                let relay = self.relay.to_str().unwrap();
                fixed(&["--client", &self.path("one"), "--relay", relay])
            }
            Version::Two => fixed(&[
                "--client",
                &self.path("two"),
                "--relay",
                &self.path("two.zip"),
                "--stun",
                "none",
                "--memory",
                "256",
                "--timeout",
                "7",
                "--log-retention",
                "14",
                "--throttle-rate",
                "7",
                "--throttle-burst",
                "8",
            ]),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    One,
    Two,
}

/// A run's URLs and ids, if it has any.
pub fn outputs(run: &Run) -> Option<String> {
    Some(run.finished()["outputs"].as_object()?.values().map(ToString::to_string).collect::<Vec<_>>().join(" "))
}
