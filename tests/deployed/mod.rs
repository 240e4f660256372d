//! A local AWS with SDK clients, and steps that deploy a function behind a WebSocket API: each as a user's tool would do it.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses its own part, and is no interface")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

use std::future::Future;
use std::io::{Cursor, Write};
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, retry::RetryConfig};
use aws_credential_types::Credentials;
use aws_sdk_apigatewayv2::error::ProvideErrorMetadata;
use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType};
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{Architecture, Environment, FunctionCode, Runtime};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use webrtc_aws::local::{DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, LocalAws, LocalOptions, Manners};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

pub const ACCOUNT: &str = "000000000000";
pub const REGION: &str = "us-east-1";

/// A local account and the clients of its owner.
pub struct Account {
    pub aws: LocalAws,
    pub lambda: aws_sdk_lambda::Client,
    pub gateway: aws_sdk_apigatewayv2::Client,
    pub iam: aws_sdk_iam::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub s3: aws_sdk_s3::Client,
}

/// Delays that tests need not wait for; a test of a delay sets its own.
pub fn instant() -> Manners {
    Manners {
        role_propagation: Duration::ZERO,
        function_pending: Duration::ZERO,
        function_update: Duration::ZERO,
        ..Manners::default()
    }
}

pub async fn account(manners: Manners) -> Account {
    let aws = LocalAws::start(LocalOptions { manners, ..LocalOptions::default() }).await.unwrap();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::from_keys(DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, None))
        .endpoint_url(aws.endpoint())
        .retry_config(RetryConfig::disabled())
        .load()
        .await;
    Account {
        lambda: aws_sdk_lambda::Client::new(&config),
        gateway: aws_sdk_apigatewayv2::Client::new(&config),
        iam: aws_sdk_iam::Client::new(&config),
        logs: aws_sdk_cloudwatchlogs::Client::new(&config),
        s3: aws_sdk_s3::Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(true).build()),
        aws,
    }
}

/// The real relay, built once.
pub fn relay() -> Vec<u8> {
    static ZIP: OnceLock<Vec<u8>> = OnceLock::new();
    let build = || {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let built = Command::new(cargo)
            .args(["build", "--package", "relay-lambda", "--message-format", "json"])
            .current_dir(root)
            .output()
            .unwrap();
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let messages = String::from_utf8(built.stdout).unwrap();
        let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let mut programs = messages.filter_map(|message| Some(message["executable"].as_str()?.to_owned()));
        let program = programs.next_back().unwrap();
        zip(&std::fs::read(program).unwrap())
    };
    ZIP.get_or_init(build).clone()
}

/// A function that does what a message asks for: see `function.py`.
pub fn puppet() -> Vec<u8> {
    zip(include_bytes!("function.py"))
}

pub fn zip(bootstrap: &[u8]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    writer.write_all(bootstrap).unwrap();
    writer.finish().unwrap().into_inner()
}

/// The architecture that this machine runs.
pub fn architecture() -> Architecture {
    if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X8664 }
}

/// What a deployment is made of.
pub struct Plan<'a> {
    pub zip: Vec<u8>,
    pub variables: &'a [(&'a str, &'a str)],
    /// Route keys, each with whether it answers.
    pub routes: &'a [(&'a str, bool)],
    pub timeout: i32,
}

pub struct Deployed {
    pub api: String,
    pub url: String,
    pub integration: String,
}

pub const FUNCTION: &str = "relay";
pub const STAGE: &str = "prod";

pub fn function_arn() -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{FUNCTION}")
}

pub fn source_arn(api: &str, path: &str) -> String {
    format!("arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/{path}")
}

impl Account {
    pub fn url(&self, api: &str) -> String {
        format!("{}/_aws/execute-api/{api}/{STAGE}", self.aws.endpoint().replacen("http", "ws", 1))
    }

    pub async fn role(&self, name: &str) -> String {
        let trust = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole",
        }] });
        let role = self.iam.create_role().role_name(name).assume_role_policy_document(trust.to_string());
        role.send().await.unwrap().role.unwrap().arn
    }

    /// Lets the role post to connections and write its log.
    pub async fn allow(&self, api: &str) {
        let group = format!("arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/{FUNCTION}:*");
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "execute-api:ManageConnections", "Resource": source_arn(api, "prod/POST/*") },
            { "Effect": "Allow", "Action": ["logs:CreateLogStream", "logs:PutLogEvents"], "Resource": group },
        ] });
        let put = self.iam.put_role_policy().role_name(FUNCTION).policy_name("relay");
        put.policy_document(policy.to_string()).send().await.unwrap();
    }

    pub async fn permit(&self, statement: &str, source_arn: String) {
        let add = self.lambda.add_permission().function_name(FUNCTION).statement_id(statement);
        let add = add.action("lambda:InvokeFunction").principal("apigateway.amazonaws.com").source_arn(source_arn);
        add.send().await.unwrap();
    }

    pub async fn function(&self, plan: &Plan<'_>, role: String, api: &str) {
        let endpoint = self.url(api).replacen("ws", "http", 1);
        let mut environment = Environment::builder().variables("CONNECTIONS_ENDPOINT", endpoint);
        for (name, value) in plan.variables {
            environment = environment.variables(*name, *value);
        }
        self.lambda
            .create_function()
            .function_name(FUNCTION)
            .role(role)
            .runtime(Runtime::from("provided.al2023"))
            .handler("bootstrap")
            .architectures(architecture())
            .timeout(plan.timeout)
            .environment(environment.build())
            .code(FunctionCode::builder().zip_file(Blob::new(plan.zip.clone())).build())
            .send()
            .await
            .unwrap();
    }

    pub async fn create_api(&self) -> String {
        let create = self.gateway.create_api().name("relay").protocol_type(ProtocolType::Websocket);
        create.route_selection_expression("$request.body.action").send().await.unwrap().api_id.unwrap()
    }

    pub async fn integrate(&self, api: &str, uri: String) -> String {
        let create = self.gateway.create_integration().api_id(api).integration_type(IntegrationType::AwsProxy);
        let created = create.integration_method("POST").integration_uri(uri).send().await.unwrap();
        created.integration_id.unwrap()
    }

    pub async fn route(&self, api: &str, key: &str, integration: &str, answers: bool) -> String {
        let mut create = self.gateway.create_route().api_id(api).route_key(key);
        create = create.target(format!("integrations/{integration}"));
        if answers {
            create = create.route_response_selection_expression("$default");
        }
        let route = create.send().await.unwrap().route_id.unwrap();
        if answers {
            let response = self.gateway.create_route_response().api_id(api).route_id(&route);
            response.route_response_key("$default").send().await.unwrap();
        }
        route
    }

    /// Freezes the API and puts it on the stage.
    pub async fn deploy_stage(&self, api: &str) {
        let deployment = self.gateway.create_deployment().api_id(api).send().await.unwrap().deployment_id.unwrap();
        let update = self.gateway.update_stage().api_id(api).stage_name(STAGE).deployment_id(&deployment);
        match update.send().await {
            Ok(_) => {}
            Err(error) if error.code() == Some("NotFoundException") => {
                let create = self.gateway.create_stage().api_id(api).stage_name(STAGE);
                create.deployment_id(deployment).send().await.unwrap();
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    pub async fn deploy(&self, plan: &Plan<'_>) -> Deployed {
        let role = self.role(FUNCTION).await;
        let api = self.create_api().await;
        self.logs.create_log_group().log_group_name(format!("/aws/lambda/{FUNCTION}")).send().await.unwrap();
        self.allow(&api).await;
        self.function(plan, role, &api).await;
        self.permit("api", source_arn(&api, "*")).await;
        let integration = self.integrate(&api, integration_uri(&function_arn())).await;
        for (key, answers) in plan.routes {
            self.route(&api, key, &integration, *answers).await;
        }
        self.deploy_stage(&api).await;
        Deployed { url: self.url(&api), api, integration }
    }
}

pub fn integration_uri(function: &str) -> String {
    format!("arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations")
}

/// The relay behind a two-way `$default` route.
pub async fn relay_account(manners: Manners) -> (Account, Deployed) {
    let account = account(manners).await;
    let plan = Plan { zip: relay(), variables: &[], routes: &[("$default", true)], timeout: 10 };
    let deployed = account.deploy(&plan).await;
    (account, deployed)
}

/// A client of the WebSocket API.
pub struct Client(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// Long enough for any answer on a busy machine: only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(30);

async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("no answer within the test's patience")
}

impl Client {
    pub async fn open(url: &str) -> Self {
        Self(soon(connect_async(url)).await.unwrap().0)
    }

    /// The status of a refused handshake.
    pub async fn refused(url: &str) -> u16 {
        match soon(connect_async(url)).await {
            Err(Error::Http(response)) => response.status().as_u16(),
            other => panic!("not refused: {other:?}"),
        }
    }

    pub async fn send(&mut self, text: &str) {
        self.send_message(Message::text(text)).await;
    }

    pub async fn send_message(&mut self, message: Message) {
        soon(self.0.send(message)).await.unwrap();
    }

    /// The next text.
    pub async fn text(&mut self) -> String {
        loop {
            match soon(self.0.next()).await {
                Some(Ok(Message::Text(text))) => return text.to_string(),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                other => panic!("no text: {other:?}"),
            }
        }
    }

    pub async fn json(&mut self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text:?}"))
    }

    /// Asks the relay for the connection's own id.
    pub async fn id(&mut self) -> String {
        self.send("").await;
        self.json().await["connectionId"].as_str().unwrap().to_owned()
    }

    /// The close frame that ends the connection.
    pub async fn closed(&mut self) -> Option<CloseFrame> {
        loop {
            match soon(self.0.next()).await {
                Some(Ok(Message::Close(frame))) => return frame,
                Some(Ok(_)) => {}
                other => panic!("no close: {other:?}"),
            }
        }
    }

    pub async fn close(&mut self, frame: Option<CloseFrame>) {
        soon(self.0.close(frame)).await.unwrap();
        while let Some(Ok(_)) = soon(self.0.next()).await {}
    }

    /// The socket below, for bytes that no client library sends.
    pub fn stream(&mut self) -> &mut TcpStream {
        match self.0.get_mut() {
            MaybeTlsStream::Plain(stream) => stream,
            _ => panic!("not plain"),
        }
    }
}
