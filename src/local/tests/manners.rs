//! Each manner, switched on and off, as the SDK sees it on a jumping clock.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_apigatewayv2::types::ProtocolType;
use aws_sdk_iam::error::ProvideErrorMetadata;
use aws_sdk_lambda::primitives::Blob;
use aws_sdk_lambda::types::{FunctionCode, Runtime};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration};
use tokio::time::advance;

use super::in_process;
use super::{ROLE_ARN, TRUST};
use crate::artifact::Architecture;
use crate::local::world::World;
use crate::local::{LocalOptions, Manners, iam};

const SECOND: Duration = Duration::from_secs(1);

struct Account {
    world: Arc<World>,
    config: SdkConfig,
}

impl Account {
    async fn with(manners: Manners) -> Self {
        Self::of(LocalOptions { port: 4566, manners, ..LocalOptions::default() }).await
    }

    async fn of(options: LocalOptions) -> Self {
        let world = Arc::new(World::new(options));
        let config = in_process::config(&world).await;
        Self { world, config }
    }

    fn iam(&self) -> aws_sdk_iam::Client {
        aws_sdk_iam::Client::new(&self.config)
    }

    fn lambda(&self) -> aws_sdk_lambda::Client {
        aws_sdk_lambda::Client::new(&self.config)
    }

    fn gateway(&self) -> aws_sdk_apigatewayv2::Client {
        aws_sdk_apigatewayv2::Client::new(&self.config)
    }

    fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config).force_path_style(true).build();
        aws_sdk_s3::Client::from_conf(config)
    }

    async fn create_role(&self) {
        self.iam().create_role().role_name("demo").assume_role_policy_document(TRUST).send().await.unwrap();
    }

    async fn allow(&self, actions: &str) {
        let document = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{actions}","Resource":"*"}}}}"#
        );
        let put = self.iam().put_role_policy().role_name("demo").policy_name("all").policy_document(document);
        put.send().await.unwrap();
    }

    /// Code and message of what Lambda answers.
    async fn create_function(&self) -> Result<(), (String, String)> {
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        let executable = zip::write::SimpleFileOptions::default().unix_permissions(0o755);
        zip.start_file("bootstrap", executable).unwrap();
        std::io::Write::write_all(&mut zip, b"#!/bin/sh\n").unwrap();
        let code = FunctionCode::builder().zip_file(Blob::new(zip.finish().unwrap().into_inner())).build();
        let architecture = Architecture::host().unwrap().to_string();
        let create = self.lambda().create_function().function_name("demo").code(code).role(ROLE_ARN);
        let create = create.architectures(architecture.as_str().into()).runtime(Runtime::Providedal2023);
        match create.handler("bootstrap").send().await {
            Ok(_) => Ok(()),
            Err(error) => Err((error.code().unwrap().to_owned(), error.message().unwrap().to_owned())),
        }
    }

    async fn create_api(&self) -> Option<String> {
        let create = self.gateway().create_api().name("demo").protocol_type(ProtocolType::Websocket);
        create.route_selection_expression("$request.body.action").send().await.ok()?.api_id
    }

    async fn apis(&self) -> usize {
        self.gateway().get_apis().send().await.unwrap().items().len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_role_is_refused_a_number_of_times_with_both_wordings() {
    let account = Account::with(Manners { role_refusals: 2, ..Manners::none() }).await;
    account.create_role().await;
    let (code, first) = account.create_function().await.unwrap_err();
    let (again, second) = account.create_function().await.unwrap_err();
    assert_eq!([code, again], ["InvalidParameterValueException"; 2]);
    assert!(first.contains("cannot be assumed by Lambda"), "{first}");
    assert!(second.starts_with("The provided execution role does not have permissions"), "{second}");
    account.create_function().await.unwrap();
    let polite = Account::with(Manners::none()).await;
    polite.create_role().await;
    polite.create_function().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn iam_shows_a_write_only_after_its_lag() {
    let account = Account::with(Manners { iam_lag: 3 * SECOND, ..Manners::none() }).await;
    let role = async |account: &Account| account.iam().get_role().role_name("demo").send().await;
    let policy = async || account.iam().get_role_policy().role_name("demo").policy_name("all").send().await;
    account.create_role().await;
    assert_eq!(role(&account).await.unwrap_err().code(), Some("NoSuchEntity"));
    let again = account.iam().create_role().role_name("demo").assume_role_policy_document(TRUST).send().await;
    assert_eq!(again.unwrap_err().code(), Some("EntityAlreadyExists"), "writes see the truth");
    advance(3 * SECOND).await;
    role(&account).await.unwrap();
    account.allow("s3:*").await;
    assert_eq!(policy().await.unwrap_err().code(), Some("NoSuchEntity"));
    advance(3 * SECOND).await;
    policy().await.unwrap();
    account.iam().delete_role_policy().role_name("demo").policy_name("all").send().await.unwrap();
    account.iam().delete_role().role_name("demo").send().await.unwrap();
    role(&account).await.unwrap();
    policy().await.unwrap();
    advance(3 * SECOND).await;
    assert!(role(&account).await.is_err());
    let polite = Account::with(Manners::none()).await;
    polite.create_role().await;
    role(&polite).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_policy_counts_only_after_a_while() {
    let account = Account::with(Manners { policy_propagation: 5 * SECOND, ..Manners::none() }).await;
    let session = crate::local::call::Principal::RoleSession { role_name: "demo".to_owned(), arn: String::new() };
    let is_allowed = |world: &World| {
        let action = "execute-api:ManageConnections";
        iam::is_allowed(world, &world.state(), &session, action, "arn") == iam::Decision::Allowed
    };
    account.create_role().await;
    account.allow("execute-api:*").await;
    assert!(!is_allowed(&account.world));
    advance(5 * SECOND).await;
    assert!(is_allowed(&account.world));
    let polite = Account::with(Manners::none()).await;
    polite.create_role().await;
    polite.allow("execute-api:*").await;
    assert!(is_allowed(&polite.world));
}

#[tokio::test(start_paused = true)]
async fn a_bucket_and_its_settings_are_shown_late_and_objects_at_once() {
    let account = Account::with(Manners { bucket_lag: 3 * SECOND, ..Manners::none() }).await;
    let s3 = account.s3();
    s3.create_bucket().bucket("demo").send().await.unwrap();
    assert!(s3.head_bucket().bucket("demo").send().await.is_err());
    s3.put_object().bucket("demo").key("a").body(b"a".to_vec().into()).send().await.unwrap();
    assert_eq!(s3.list_objects_v2().bucket("demo").send().await.unwrap().contents().len(), 1);
    advance(3 * SECOND).await;
    s3.head_bucket().bucket("demo").send().await.unwrap();
    s3.delete_public_access_block().bucket("demo").send().await.unwrap();
    s3.get_public_access_block().bucket("demo").send().await.unwrap();
    advance(3 * SECOND).await;
    assert!(s3.get_public_access_block().bucket("demo").send().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_name_of_a_deleted_bucket_stays_taken_a_while() {
    let account = Account::with(Manners { bucket_name_release: 20 * SECOND, ..Manners::none() }).await;
    let s3 = account.s3();
    s3.create_bucket().bucket("demo").send().await.unwrap();
    s3.delete_bucket().bucket("demo").send().await.unwrap();
    let refused = s3.create_bucket().bucket("demo").send().await.unwrap_err();
    assert_eq!(refused.code(), Some("OperationAborted"));
    advance(20 * SECOND).await;
    s3.create_bucket().bucket("demo").send().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn making_ones_own_bucket_again_is_fine_in_us_east_1_and_a_conflict_elsewhere() {
    let classic = Account::with(Manners::none()).await;
    for _ in 0..2 {
        classic.s3().create_bucket().bucket("demo").send().await.unwrap();
    }
    let region = "eu-west-1";
    let other = Account::of(LocalOptions { port: 4566, region: region.to_owned(), ..LocalOptions::default() }).await;
    let place =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region)).build();
    let create = other.s3().create_bucket().bucket("demo").create_bucket_configuration(place);
    create.clone().send().await.unwrap();
    assert_eq!(create.send().await.unwrap_err().code(), Some("BucketAlreadyOwnedByYou"));
}

#[tokio::test(start_paused = true)]
async fn two_settings_of_one_bucket_at_once_conflict() {
    for (bucket_write, fails) in [(SECOND, true), (Duration::ZERO, false)] {
        let account = Account::with(Manners { bucket_write, ..Manners::none() }).await;
        let s3 = account.s3();
        s3.create_bucket().bucket("demo").send().await.unwrap();
        let delete = || s3.delete_public_access_block().bucket("demo").send();
        let (first, second) = tokio::join!(delete(), delete());
        let codes: Vec<_> =
            [first.err(), second.err()].into_iter().flatten().map(|it| it.code().unwrap().to_owned()).collect();
        assert_eq!(codes, vec!["OperationAborted"; usize::from(fails)]);
    }
}

#[tokio::test(start_paused = true)]
async fn two_writes_to_one_functions_policy_at_once_conflict() {
    for (permission_write, fails) in [(SECOND, true), (Duration::ZERO, false)] {
        let account = Account::with(Manners { permission_write, ..Manners::none() }).await;
        account.create_role().await;
        account.create_function().await.unwrap();
        let lambda = account.lambda();
        let add = |id: &str| {
            let add = lambda.add_permission().function_name("demo").statement_id(id).principal("s3.amazonaws.com");
            add.action("lambda:InvokeFunction").send()
        };
        let (first, second) = tokio::join!(add("a"), add("b"));
        let codes: Vec<_> =
            [first.err(), second.err()].into_iter().flatten().map(|it| it.code().unwrap().to_owned()).collect();
        assert_eq!(codes, vec!["ResourceConflictException"; usize::from(fails)]);
    }
}

#[tokio::test(start_paused = true)]
async fn apis_are_listed_late_one_a_page_and_may_be_made_so_often() {
    let account = Account::with(Manners { api_lag: 2 * SECOND, page_size: Some(1), ..Manners::none() }).await;
    account.create_api().await.unwrap();
    account.create_api().await.unwrap();
    assert_eq!(account.apis().await, 0);
    advance(2 * SECOND).await;
    let first = account.gateway().get_apis().send().await.unwrap();
    assert_eq!((first.items().len(), first.next_token.is_some()), (1, true));
    let rates = Manners::worst().rates;
    let throttled = Account::with(Manners { rates, ..Manners::none() }).await;
    let api = throttled.create_api().await.unwrap();
    let other = throttled.create_api().await.unwrap();
    let delete = async |id: &str| throttled.gateway().delete_api().api_id(id).send().await;
    delete(&api).await.unwrap();
    let refused = delete(&other).await.unwrap_err();
    assert_eq!(refused.code(), Some("TooManyRequestsException"));
    advance(30 * SECOND).await;
    delete(&other).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_deleted_function_is_seen_going_and_holds_its_name() {
    let account = Account::with(Manners { function_deletion: 4 * SECOND, ..Manners::none() }).await;
    account.create_role().await;
    account.create_function().await.unwrap();
    let lambda = account.lambda();
    lambda.delete_function().function_name("demo").send().await.unwrap();
    let shown = lambda.get_function().function_name("demo").send().await.unwrap();
    assert_eq!(shown.configuration.unwrap().state.unwrap().as_str(), "Deleting");
    assert_eq!(account.create_function().await.unwrap_err().0, "ResourceConflictException");
    let again = lambda.delete_function().function_name("demo").send().await.unwrap_err();
    assert_eq!(again.code(), Some("ResourceConflictException"));
    advance(4 * SECOND).await;
    assert!(lambda.get_function().function_name("demo").send().await.is_err());
    account.create_function().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_new_stage_refuses_handshakes_for_a_while() {
    for (stage_refusal, opens) in [(5 * SECOND, false), (Duration::ZERO, true)] {
        let account = Account::with(Manners { stage_refusal, ..Manners::none() }).await;
        let (api, gateway) = (account.create_api().await.unwrap(), account.gateway());
        gateway.create_route().api_id(&api).route_key("$default").send().await.unwrap();
        let deployment = gateway.create_deployment().api_id(&api).send().await.unwrap().deployment_id.unwrap();
        gateway.create_stage().api_id(&api).stage_name("live").deployment_id(deployment).send().await.unwrap();
        let admits = || {
            let stage = account.world.state().apigateway.served(&api, "live", account.world.now()).unwrap();
            stage.admits_connections().is_ok()
        };
        assert_eq!(admits(), opens);
        advance(5 * SECOND).await;
        assert!(admits());
    }
}

/// The role of the stack may not, and must not: its group would come back after every teardown.
#[tokio::test(start_paused = true)]
async fn a_late_flush_brings_a_log_group_back_only_if_the_role_may_create_one() {
    for (late_flush, actions, comes_back) in
        [(Some(2 * SECOND), "logs:*", true), (Some(2 * SECOND), "logs:PutLogEvents", false), (None, "logs:*", false)]
    {
        let account = Account::with(Manners { late_flush, ..Manners::none() }).await;
        account.create_role().await;
        account.allow(actions).await;
        account.create_function().await.unwrap();
        account.lambda().delete_function().function_name("demo").send().await.unwrap();
        let logs = aws_sdk_cloudwatchlogs::Client::new(&account.config);
        let groups = async || logs.describe_log_groups().send().await.unwrap().log_groups().len();
        assert_eq!(groups().await, 0);
        advance(2 * SECOND).await;
        assert_eq!(groups().await, usize::from(comes_back), "{late_flush:?} {actions}");
    }
}
