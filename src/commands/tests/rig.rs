//! A stack, an account in this process, and the commands that work on it.

use std::io::{Cursor, Write};
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_apigatewayv2::types::ProtocolType;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::Value;
use sha2::{Digest, Sha256};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::ground::Ground;
use super::super::place::Place;
use super::super::session::Session;
use super::super::{Ending, Run, list, teardown, up};
use super::fault::{LATE, Strike};
use super::shape;
use crate::artifact::{Architecture, Artifact};
use crate::aws::clients::{Access, Clients};
use crate::config::{
    Admission, Config, PageSource, RelaySettings, RoleSettings, Tagging, Target, Throttling, Turn, TurnServers,
};
use crate::diagnostics::Diagnostic;
use crate::engine::plan::{Action, Goal};
use crate::events::Events;
use crate::local::tests::in_process;
use crate::local::world::World;
use crate::local::{CallRecord, Fault, LocalOptions, Manners};
use crate::naming::{CONFIG_OBJECT, Names};
use crate::page::{Page, PageFile};
use crate::resources::page_files::ForeignObjects;
use crate::settings::Settings;

/// Runs on a clock that jumps over every wait.
pub(super) fn paused<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap()
        .block_on(Box::pin(work))
}

/// No run may take longer, on the jumping clock.
const LONGEST: Duration = Duration::from_secs(3600);

/// A role that is not ours.
pub(super) const EXISTING_ROLE: &str = "arn:aws:iam::000000000000:role/team/team-relay";

/// A bucket that is not ours.
pub(super) const EXISTING_BUCKET: &str = "team-pages";

pub(super) struct Rig {
    pub(super) world: Arc<World>,
    pub(super) sdk: SdkConfig,
    pub(super) config: Config,
    pub(super) page: Page,
    pub(super) relay: Artifact,
}

impl Rig {
    pub(super) async fn new() -> Self {
        Self::on(Manners::default()).await
    }

    /// An account with somebody else's API of our name in it, and a role that a relay may run under, on AWS with these manners.
    pub(super) async fn on(manners: Manners) -> Self {
        let world = Arc::new(World::new(LocalOptions { port: 4566, manners, ..LocalOptions::default() }));
        let sdk = in_process::config(&world).await;
        let config = Config {
            stack: "demo".parse().unwrap(),
            stage: "live".parse().unwrap(),
            target: Target::Aws { region: None, profile: None, endpoint_url: None, gateway: None },
            page: PageSource::BuiltIn,
            relay: RelaySettings::default(),
            role: RoleSettings::default(),
            existing_bucket: None,
            ice_servers: Vec::new(),
            turn: None,
            admission: Admission::default(),
            throttling: Throttling::default(),
            tagging: Tagging {
                user: [("team".to_owned(), "blue".to_owned())].into(),
                expires: Some("2100-01-01T00:00:00Z".parse().unwrap()),
                ..Tagging::default()
            },
        };
        let rig = Self { world, sdk, config, page: page("one"), relay: relay("one") };
        let stranger = Clients::new(&rig.sdk).api_gateway.create_api().name("webrtc-aws-demo");
        stranger
            .protocol_type(ProtocolType::Websocket)
            .route_selection_expression("$request.body.action")
            .send()
            .await
            .unwrap();
        rig.make_existing_role().await;
        rig.make_existing_bucket().await;
        rig
    }

    /// With what others have in it, beside the stack's prefix and almost below it.
    async fn make_existing_bucket(&self) {
        let s3 = Clients::new(&self.sdk).s3;
        s3.create_bucket().bucket(EXISTING_BUCKET).send().await.unwrap();
        for key in ["index.html", "demo", "demo-two/index.html", "demo.html"] {
            s3.put_object().bucket(EXISTING_BUCKET).key(key).body(key.as_bytes().to_vec().into()).send().await.unwrap();
        }
    }

    /// From a bucket of the stack's own to that one.
    pub(super) fn want_the_existing_bucket(&mut self) {
        self.config.existing_bucket = Some(EXISTING_BUCKET.parse().unwrap());
    }

    async fn make_existing_role(&self) {
        let iam = Clients::new(&self.sdk).iam;
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"execute-api:ManageConnections","Resource":"*"}]}"#;
        let create = iam.create_role().role_name("team-relay").path("/team/").assume_role_policy_document(trust);
        create.send().await.unwrap();
        let put = iam.put_role_policy().role_name("team-relay").policy_name("post").policy_document(policy);
        put.send().await.unwrap();
    }

    /// From a role of the stack's own to that one.
    pub(super) fn want_the_existing_role(&mut self) {
        self.config.role.existing = Some(EXISTING_ROLE.parse().unwrap());
    }

    pub(super) fn want_a_signaling_channel(&mut self) {
        self.config.turn = Some(Turn::SignalingChannel);
    }

    /// Other settings, another page, another relay.
    pub(super) fn want_something_else(&mut self) {
        self.page = page("two");
        self.relay = relay("two");
        self.config.relay.memory_mb = 256;
        self.config.relay.log_retention_days = 14;
        self.config.throttling = Throttling { rate: 7.0, burst: 8 };
        self.config.tagging = Tagging {
            user: [("team".to_owned(), "red".to_owned()), ("Cost Center".to_owned(), "7".to_owned())].into(),
            expires: Some("2100-02-01T00:00:00Z".parse().unwrap()),
            ..Tagging::default()
        };
        self.config.turn = Some(Turn::OwnServers(TurnServers {
            urls: vec!["turn:turn.test".parse().unwrap()],
            secret: "ssm:/turn/secret".parse().unwrap(),
            life_s: 600,
        }));
        self.config.admission = Admission {
            origins: vec!["self".parse().unwrap(), "https://app.test".parse().unwrap()],
            token: Some("secretsmanager:join".parse().unwrap()),
        };
    }

    /// The settings, the page and the relay that the rig began with.
    pub(super) fn want_the_first_again(&mut self) {
        self.page = page("one");
        self.relay = relay("one");
        self.config.relay = RelaySettings::default();
        self.config.throttling = Throttling::default();
        self.config.turn = None;
        self.config.admission = Admission::default();
    }

    /// What somebody might do by hand to whatever takes no settings.
    pub(super) async fn damage(&self) {
        let names = self.names().await;
        let Clients { s3, iam, lambda, api_gateway, .. } = Clients::new(&self.sdk);
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["lambda.amazonaws.com","ec2.amazonaws.com"]},"Action":"sts:AssumeRole"}]}"#;
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        if names.existing_bucket.is_none() {
            s3.delete_bucket_policy().bucket(names.bucket()).send().await.unwrap();
        }
        let key = format!("{}{CONFIG_OBJECT}", names.page_prefix());
        s3.delete_object().bucket(names.page_bucket()).key(key).send().await.unwrap();
        iam.update_assume_role_policy().role_name(names.role()).policy_document(trust).send().await.unwrap();
        let put = iam.put_role_policy().role_name(names.role()).policy_name(names.role_policy());
        put.policy_document(policy).send().await.unwrap();
        let remove = lambda.remove_permission().function_name(names.function());
        remove.statement_id(names.permission_statement()).send().await.unwrap();
        let add = lambda.add_permission().function_name(names.function()).statement_id(names.permission_statement());
        let add = add.action("lambda:InvokeFunction").principal("apigateway.amazonaws.com");
        add.source_arn("arn:aws:execute-api:us-east-1:000000000000:gone/*").send().await.unwrap();
        let api = shape::apis(&self.snapshot()).remove(0);
        let integrations = api_gateway.get_integrations().api_id(&api).send().await.unwrap();
        let integration = integrations.items()[0].integration_id().unwrap();
        let update = api_gateway.update_integration().api_id(&api).integration_id(integration);
        update.integration_uri(names.integration_uri().replace("webrtc-aws-demo", "another")).send().await.unwrap();
        let routes = api_gateway.get_routes().api_id(&api).send().await.unwrap();
        let route = routes.items()[0].route_id().unwrap();
        let responses = api_gateway.get_route_responses().api_id(&api).route_id(route).send().await.unwrap();
        let response = responses.items()[0].route_response_id().unwrap();
        let delete = api_gateway.delete_route_response().api_id(&api).route_id(route);
        delete.route_response_id(response).send().await.unwrap();
        let update = api_gateway.update_route().api_id(&api).route_id(route);
        update.route_response_selection_expression("").send().await.unwrap();
    }

    pub(super) async fn names(&self) -> Arc<Names> {
        let run = Run::new(Events::discarded(), Settings::default());
        Arc::clone(&self.session(&run).await.unwrap().context.names)
    }

    /// A run with these faults in force. `None`: it was killed. Its calls under way go on, as they do on AWS. Also says how many of
    /// the faults happened.
    pub(super) async fn struck<T>(&self, strikes: &[Strike], run: impl Future<Output = T>) -> (Option<T>, usize) {
        let kill = strikes.iter().any(|strike| strike.trouble.kills());
        for rule in strikes.iter().flat_map(Strike::rules) {
            self.world.faults.add(rule);
        }
        let (mut hits, mut happened) = (self.world.faults.hits(), self.world.faults.hits());
        let killed = async {
            loop {
                let fault = hits.recv().await.unwrap().fault;
                if kill && matches!(fault, Fault::Hang | Fault::HangAfterEffect | Fault::Late(_)) {
                    return;
                }
            }
        };
        let result = tokio::select! {
            biased;
            () = killed => None,
            result = tokio::time::timeout(LONGEST, run) => Some(result.expect("the run hangs")),
        };
        self.world.faults.clear();
        let happened = std::iter::from_fn(|| happened.try_recv().ok()).count();
        (result, happened)
    }

    /// Everything that was under way has happened.
    #[expect(clippy::disallowed_methods, reason = "the clock jumps, and there is no event to wait for")]
    pub(super) async fn long_after(&self) {
        tokio::time::sleep(2 * LATE).await;
    }

    /// Until AWS shows everything to everybody, and lets everybody call it again.
    #[expect(clippy::disallowed_methods, reason = "the clock jumps, and there is no event to wait for")]
    pub(super) async fn rest(&self) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }

    /// Less than AWS at its worst takes to show anything.
    #[expect(clippy::disallowed_methods, reason = "the clock jumps, and there is no event to wait for")]
    pub(super) async fn a_second(&self) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    /// `up`, killed within a millisecond after this call was answered.
    #[expect(clippy::disallowed_methods, reason = "the clock jumps, and there is no event to wait for")]
    pub(super) async fn up_killed_after(&self, operation: &str) {
        self.world.calls().clear();
        let succeeded =
            |call: &CallRecord| call.operation == operation && call.status.is_some_and(|status| status < 300);
        let answered = async {
            while !self.world.calls().iter().any(succeeded) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::select! {
            biased;
            () = answered => {}
            ending = self.up() => panic!("not killed: {ending:?}"),
        }
    }

    /// What `plan` says `up` would do.
    pub(super) async fn pending(&self) -> Result<Vec<String>, Diagnostic> {
        let run = Run::new(Events::discarded(), Settings::default());
        let session = self.session(&run).await?;
        let survey = session.survey(session.graph(self.page.clone(), Some(self.relay.clone())), Goal::Present).await?;
        let steps = survey.plan.steps.into_iter().filter(|step| step.action != Action::Keep);
        Ok(steps.map(|step| format!("{}: {:?}", step.address, step.changes)).collect())
    }

    pub(super) async fn session<'run>(&self, run: &'run Run) -> Result<Session<'run>, Diagnostic> {
        Ok(self.ground(run).await?.session(self.config.clone(), run))
    }

    /// The same account, and another stack in it.
    pub(super) fn of(&self, stack: &str) -> Self {
        let config = Config { stack: stack.parse().unwrap(), ..self.config.clone() };
        let Self { world, sdk, page, relay, .. } = self;
        Self { world: world.clone(), sdk: sdk.clone(), config, page: page.clone(), relay: relay.clone() }
    }

    pub(super) async fn ground(&self, run: &Run) -> Result<Ground, Diagnostic> {
        let place = Place { access: Access::default(), gateway: None, source: None };
        Ground::with(&self.sdk, &place, run).await
    }

    pub(super) async fn list(&self) -> Result<Ending, Diagnostic> {
        let run = Run::new(Events::discarded(), Settings::default());
        let mut ending = list::show(&[&self.ground(&run).await?], None, &run).await?;
        ending.problem.take().map_or(Ok(ending), Err)
    }

    pub(super) async fn up(&self) -> Result<Ending, Diagnostic> {
        self.up_with(Events::discarded()).await
    }

    pub(super) async fn up_with(&self, events: Events) -> Result<Ending, Diagnostic> {
        let run = Run::new(events, Settings::default());
        let session = self.session(&run).await?;
        let mut ending = up::converge(&session, self.page.clone(), self.relay.clone()).await?;
        ending.problem.take().map_or(Ok(ending), Err)
    }

    /// What `plan` does, which `status` does too.
    pub(super) async fn plan(&self) -> Result<Ending, Diagnostic> {
        let run = Run::new(Events::discarded(), Settings::default());
        let session = self.session(&run).await?;
        session.survey(session.graph(self.page.clone(), Some(self.relay.clone())), Goal::Present).await?;
        Ok(Ending::default())
    }

    pub(super) async fn teardown(&self) -> Result<Ending, Diagnostic> {
        self.teardown_told(None, None).await
    }

    pub(super) async fn teardown_told(&self, turn: Option<Turn>, bucket: Option<&str>) -> Result<Ending, Diagnostic> {
        let run = Run::new(Events::discarded(), Settings::default());
        let existing_bucket = bucket.map(|bucket| bucket.parse().unwrap());
        // It is told neither under which role the relay runs nor in which bucket the page is.
        let config = Config { role: RoleSettings::default(), existing_bucket, turn, ..self.config.clone() };
        let session = self.ground(&run).await?.session(config, &run);
        let mut ending = teardown::remove(&session, ForeignObjects::Keep, false).await?;
        ending.problem.take().map_or(Ok(ending), Err)
    }

    pub(super) fn snapshot(&self) -> Value {
        serde_json::to_value(&*self.world.state()).unwrap()
    }
}

/// A page of one file, beside the generated one.
pub(super) fn page(text: &str) -> Page {
    Page::of([("index.html".to_owned(), PageFile::generated("index.html", text.to_owned()))].into())
}

/// A relay that is uploaded and never run.
pub(super) fn relay(text: &str) -> Artifact {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("bootstrap", SimpleFileOptions::default().unix_permissions(0o755)).unwrap();
    writer.write_all(format!("#!/bin/sh\n# {text}\n").as_bytes()).unwrap();
    let zip = writer.finish().unwrap().into_inner();
    Artifact {
        sha256_base64: BASE64_STANDARD.encode(Sha256::digest(&zip)),
        zip: zip.into(),
        architecture: Architecture::host().unwrap(),
        path: None,
    }
}
