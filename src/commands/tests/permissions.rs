//! Least privilege, proved: with its policy every command does its work; without any single action or resource of it some command
//! fails with exit code 3, names what it lacked, and leaves nothing that the next run cannot mend.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Mutex;

use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType, RouteSettings};
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use serde_json::{Value, json};

use super::super::Ending;
use super::acts::Act;
use super::fleet;
use super::rig::{EXISTING_BUCKET, EXISTING_ROLE, Rig, paused};
use super::shape;
use super::sweep::side_by_side;
use crate::aws::clients::Clients;
use crate::diagnostics::{Code, Diagnostic};
use crate::local::PolicyDocument;
use crate::naming::{AccountId, ApiId, OWNER_METADATA, OWNER_TAG, Partition, Patterns, Region};
use crate::page::{Page, PageFile};
use crate::permissions::{self, LEFT_OUT, Purpose, TABLE};

pub(super) const BOUNDARY: &str = "arn:aws:iam::000000000000:policy/limit";
pub(super) const ROLE: &str = "webrtc-aws-demo-us-east-1";

/// The statement without which no command fails: it then says what it could not look at.
const OPTIONAL: &str = "FindStackInOtherRegions";

const PURPOSES: [Purpose; 5] = [Purpose::ReadOnly, Purpose::Logs, Purpose::Up, Purpose::Teardown, Purpose::List];

/// A command and what stands before it: together they need every row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scenario {
    FirstUp,
    UpWithNothingToDo,
    UpThatRepairsEverything,
    UpThatRenamesTheStage,
    PlanOfNothing,
    Plan,
    PlanOfDamage,
    Logs,
    Teardown,
    TeardownOfDamage,
    List,
    ListOfRemnants,
    SweepOfRemnants,
}

/// Whether the account demands a permissions boundary and a path of every role, while the stack has a signalling channel, or lets
/// nobody make roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Account {
    Plain,
    Demanding,
    WithoutNewRoles,
    WithoutNewBuckets,
}

impl Scenario {
    const ALL: [Self; 13] = [
        Self::FirstUp,
        Self::UpWithNothingToDo,
        Self::UpThatRepairsEverything,
        Self::UpThatRenamesTheStage,
        Self::PlanOfNothing,
        Self::Plan,
        Self::PlanOfDamage,
        Self::Logs,
        Self::Teardown,
        Self::TeardownOfDamage,
        Self::List,
        Self::ListOfRemnants,
        Self::SweepOfRemnants,
    ];

    fn purpose(self) -> Purpose {
        match self {
            Self::PlanOfNothing | Self::Plan | Self::PlanOfDamage | Self::Logs => Purpose::ReadOnly,
            Self::Teardown | Self::TeardownOfDamage => Purpose::Teardown,
            Self::List | Self::ListOfRemnants => Purpose::List,
            Self::SweepOfRemnants => Purpose::Sweep,
            _ => Purpose::Up,
        }
    }

    /// Whether it can be played in an account: what is done to the stack's own role takes one.
    fn fits(self, account: Account) -> bool {
        let damages = matches!(self, Self::UpThatRepairsEverything | Self::PlanOfDamage | Self::TeardownOfDamage);
        account != Account::WithoutNewRoles || !damages
    }

    /// Whether a policy for this purpose is for it, too.
    fn serves(self, purpose: Purpose) -> bool {
        self.purpose() == purpose || (self == Self::Logs && purpose == Purpose::Logs)
    }

    /// With all rights.
    async fn prepare(self, account: Account, rig: &mut Rig) {
        let file = |name: &str| (name.to_owned(), PageFile::generated(name, name.to_owned()));
        rig.page = Page::of([file("index.html"), file("dropped.js")].into());
        if account == Account::WithoutNewRoles {
            rig.want_the_existing_role();
        }
        if account == Account::WithoutNewBuckets {
            rig.want_the_existing_bucket();
        }
        if account == Account::Demanding {
            rig.want_a_signaling_channel();
            rig.config.role.path = "/team/".parse().unwrap();
            let starts_without = self == Self::UpThatRepairsEverything;
            rig.config.role.permissions_boundary = (!starts_without).then(|| BOUNDARY.to_owned());
        }
        if !matches!(self, Self::FirstUp | Self::PlanOfNothing) {
            rig.up().await.unwrap();
        }
        if matches!(self, Self::UpThatRepairsEverything | Self::PlanOfDamage | Self::TeardownOfDamage) {
            rig.damage().await;
            self.damage_more(rig).await;
        }
        match self {
            Self::UpThatRepairsEverything => {
                rig.want_something_else();
                if account == Account::Demanding {
                    rig.config.role.permissions_boundary = Some(BOUNDARY.to_owned());
                }
            }
            Self::UpThatRenamesTheStage => rig.config.stage = "other".parse().unwrap(),
            // Without its API, nothing but the tags of the others tells whose they are.
            Self::ListOfRemnants | Self::SweepOfRemnants => {
                let api = shape::apis(&rig.snapshot()).remove(0);
                Clients::new(&rig.sdk).api_gateway.delete_api().api_id(api).send().await.unwrap();
            }
            _ => {}
        }
        rig.world.calls().clear();
    }

    /// What only rights that nobody should need can mend.
    async fn damage_more(self, rig: &Rig) {
        let Clients { iam, api_gateway, .. } = Clients::new(&rig.sdk);
        let attach = iam.attach_role_policy().role_name(ROLE).policy_arn("arn:aws:iam::aws:policy/PowerUserAccess");
        attach.send().await.unwrap();
        let policy =
            json!({ "Version": "2012-10-17", "Statement": { "Effect": "Allow", "Action": "*", "Resource": "*" } });
        let put = iam.put_role_policy().role_name(ROLE).policy_name("more").policy_document(policy.to_string());
        put.send().await.unwrap();
        let api = shape::apis(&rig.snapshot()).remove(0);
        api_gateway.update_api().api_id(&api).name("renamed").send().await.unwrap();
        // As an interrupted run leaves one.
        let deployment = api_gateway.create_deployment().api_id(&api).description("webrtc-aws 0123456789abcdef");
        deployment.send().await.unwrap();
        match self {
            Self::UpThatRepairsEverything => self.damage_what_up_compares(rig, &api).await,
            Self::TeardownOfDamage => self.fill_the_bucket(rig).await,
            _ => {}
        }
    }

    async fn damage_what_up_compares(self, rig: &Rig, api: &str) {
        let Clients { lambda, api_gateway, .. } = Clients::new(&rig.sdk);
        let names = rig.names().await;
        let reserve = lambda.put_function_concurrency().function_name(names.function());
        reserve.reserved_concurrent_executions(0).send().await.unwrap();
        let spare = api_gateway.create_integration().api_id(api).integration_type(IntegrationType::AwsProxy);
        spare.integration_method("POST").integration_uri(names.integration_uri() + "x").send().await.unwrap();
        api_gateway.create_route().api_id(api).route_key("join").send().await.unwrap();
        let stage = || api_gateway.update_stage().api_id(api).stage_name(names.stage.as_str());
        let closed = RouteSettings::builder().throttling_rate_limit(0.0).throttling_burst_limit(0).build();
        stage().route_settings("$connect", closed).send().await.unwrap();
        stage().auto_deploy(true).send().await.unwrap();
        let arn = names.stage_arn(&ApiId(api.to_owned()));
        api_gateway.untag_resource().resource_arn(arn).tag_keys(OWNER_TAG).send().await.unwrap();
    }

    /// With older versions of what is ours, a key that XML cannot carry, and an upload that nobody finished.
    async fn fill_the_bucket(self, rig: &Rig) {
        let s3 = Clients::new(&rig.sdk).s3;
        let names = rig.names().await;
        let (bucket, prefix) = (names.page_bucket(), names.page_prefix());
        version(rig, &bucket).await;
        for key in ["old", "old", "\u{1}"] {
            let put = s3.put_object().bucket(&bucket).key(format!("{prefix}{key}"));
            put.metadata(OWNER_METADATA, "demo").send().await.unwrap();
        }
        s3.create_multipart_upload().bucket(&bucket).key(format!("{prefix}unfinished")).send().await.unwrap();
    }

    async fn run(self, rig: &Rig) -> Result<Ending, Diagnostic> {
        match self.purpose() {
            _ if self == Self::Logs => Act::Logs.run(rig).await.ended(),
            Purpose::ReadOnly | Purpose::Logs | Purpose::Doctor | Purpose::Relay | Purpose::Bucket => rig.plan().await,
            Purpose::Up => rig.up().await,
            Purpose::Teardown => rig.teardown().await,
            Purpose::List => rig.list().await,
            Purpose::Sweep => fleet::sweep_all(rig).await,
        }
    }
}

fn patterns(account: Account) -> Patterns {
    let path = if account == Account::Demanding { "/team/" } else { "/" };
    Patterns {
        stacks: "demo".parse().unwrap(),
        partition: Partition("aws".into()),
        account: AccountId("000000000000".into()),
        region: Region("us-east-1".into()),
        role_path: path.parse().unwrap(),
        existing_role: (account == Account::WithoutNewRoles).then(|| EXISTING_ROLE.parse().unwrap()),
        has_signaling_channel: account == Account::Demanding,
        existing_bucket: (account == Account::WithoutNewBuckets).then(|| EXISTING_BUCKET.parse().unwrap()),
    }
}

pub(super) fn policy(purpose: Purpose, account: Account) -> Value {
    let boundary = (account == Account::Demanding).then_some(BOUNDARY);
    serde_json::to_value(permissions::policy(&[purpose], &patterns(account), boundary)).unwrap()
}

pub(super) fn restrict(rig: &Rig, policy: &Value) {
    *rig.world.deployer_policy() = Some(policy.to_string().parse::<PolicyDocument>().unwrap());
}

fn with_all_rights(rig: &Rig) {
    *rig.world.deployer_policy() = None;
}

/// The policy without one action or one resource; which actions a diagnostic may then name.
struct Reduced {
    what: String,
    policy: Value,
    lacking: Vec<String>,
}

/// Every way to take one thing out of a policy.
fn reductions(policy: &Value) -> Vec<Reduced> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut all = Vec::new();
    for (number, statement) in policy["Statement"].as_array().unwrap().iter().enumerate() {
        let sid = statement["Sid"].as_str().unwrap();
        let actions = texts(&statement["Action"]);
        for (part, values) in [("Action", actions.clone()), ("Resource", texts(&statement["Resource"]))] {
            // A statement of one resource goes with its actions.
            if part == "Resource" && values.len() == 1 {
                continue;
            }
            for (index, value) in values.iter().enumerate() {
                let mut policy = policy.clone();
                let statements = policy["Statement"].as_array_mut().unwrap();
                statements[number][part].as_array_mut().unwrap().remove(index);
                if values.len() == 1 {
                    statements.remove(number);
                }
                // A policy must say something, be it what everyone may.
                if statements.is_empty() {
                    let everyone = json!({ "Effect": "Allow", "Action": "sts:GetCallerIdentity", "Resource": "*" });
                    statements.push(everyone);
                }
                let lacking = if part == "Action" { vec![value.clone()] } else { actions.clone() };
                all.push(Reduced { what: format!("{sid} without {value}"), policy, lacking });
            }
        }
    }
    all
}

pub(super) async fn version(rig: &Rig, bucket: &str) {
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let s3 = Clients::new(&rig.sdk).s3;
    s3.put_bucket_versioning().bucket(bucket).versioning_configuration(enabled).send().await.unwrap();
}

/// Runs a command with a reduced policy: nothing if it does not matter to it, else what is wrong with how it failed.
fn verdict(scenario: Scenario, account: Account, reduced: &Reduced) -> Option<Result<(), String>> {
    paused(async {
        let mut rig = Rig::new().await;
        if scenario == Scenario::TeardownOfDamage {
            version(&rig, EXISTING_BUCKET).await;
        }
        let empty = rig.snapshot();
        scenario.prepare(account, &mut rig).await;
        let before = rig.snapshot();
        restrict(&rig, &reduced.policy);
        let problem = scenario.run(&rig).await.err()?;
        with_all_rights(&rig);
        Some(
            async {
                let shown = format!("{problem} {}", problem.hint);
                if problem.code.exit_code() != 3 {
                    return Err(format!("exit code {}: {shown}", problem.code.exit_code()));
                }
                if !reduced.lacking.iter().any(|action| problem.hint.contains(action.as_str())) {
                    return Err(format!("the hint does not name the action: {shown}"));
                }
                if matches!(scenario.purpose(), Purpose::ReadOnly | Purpose::List) && rig.snapshot() != before {
                    return Err("a plan wrote".to_owned());
                }
                if !matches!(scenario.purpose(), Purpose::Teardown | Purpose::Sweep) {
                    rig.up().await.map_err(|problem| format!("the next up failed: {problem}"))?;
                    let again = rig.up().await.map_err(|problem| format!("the up after that failed: {problem}"))?;
                    let apis = shape::apis(&rig.snapshot()).len();
                    if again.changed || apis != 1 {
                        return Err(format!("it does not converge: {apis} APIs, changed: {}", again.changed));
                    }
                }
                rig.teardown().await.map_err(|problem| format!("teardown failed: {problem}"))?;
                if rig.snapshot() == empty { Ok(()) } else { Err("something is left after teardown".to_owned()) }
            }
            .await,
        )
    })
}

#[test]
fn with_its_policy_every_command_does_its_work() {
    for account in [Account::Plain, Account::Demanding, Account::WithoutNewRoles, Account::WithoutNewBuckets] {
        for scenario in Scenario::ALL.into_iter().filter(|scenario| scenario.fits(account)) {
            paused(async {
                let mut rig = Rig::new().await;
                scenario.prepare(account, &mut rig).await;
                for purpose in PURPOSES.into_iter().filter(|purpose| scenario.serves(*purpose)) {
                    restrict(&rig, &policy(purpose, account));
                    let ended = scenario.run(&rig).await;
                    assert!(ended.is_ok(), "{scenario:?} {account:?}: {ended:?}");
                }
            });
        }
    }
}

#[test]
fn without_any_single_permission_a_command_fails_and_names_it() {
    let mut cases = Vec::new();
    for account in [Account::Plain, Account::Demanding, Account::WithoutNewRoles, Account::WithoutNewBuckets] {
        for purpose in PURPOSES {
            for reduced in reductions(&policy(purpose, account)) {
                // The demands are about the role alone.
                let differs = match account {
                    Account::Plain => true,
                    Account::Demanding => reduced.what.contains("Role"),
                    Account::WithoutNewRoles => {
                        reduced.what.contains("ExistingRole") || reduced.what.contains("PassRole")
                    }
                    Account::WithoutNewBuckets => reduced.what.contains("ExistingBucket"),
                };
                if differs {
                    cases.push((account, purpose, reduced));
                }
            }
        }
    }
    let failures = Mutex::new(String::new());
    let counts = Mutex::new((0, 0));
    side_by_side(&cases, |(account, purpose, reduced)| {
        let scenarios = Scenario::ALL.into_iter().filter(|it| it.serves(*purpose) && it.fits(*account));
        let verdicts: Vec<_> =
            scenarios.filter_map(|scenario| Some((scenario, verdict(scenario, *account, reduced)?))).collect();
        let mut failures = failures.lock().unwrap();
        let mut counts = counts.lock().unwrap();
        counts.0 += 1;
        counts.1 += verdicts.len();
        for (scenario, verdict) in &verdicts {
            if let Err(why) = verdict {
                writeln!(failures, "{account:?} {scenario:?}, {}: {why}", reduced.what).unwrap();
            }
        }
        if verdicts.is_empty() && !reduced.what.starts_with(OPTIONAL) {
            writeln!(failures, "{account:?} {purpose:?}, {}: nothing fails, so it is not needed", reduced.what)
                .unwrap();
        }
    });
    let failures = failures.into_inner().unwrap();
    let (removed, failed) = counts.into_inner().unwrap();
    println!("{removed} single permissions taken away, {failed} commands failed for it");
    assert!(failures.is_empty(), "\n{failures}");
}

/// The calls that the source makes through `Context::call`, as `service:Operation`.
fn calls_in_the_source() -> BTreeSet<String> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let sources = walkdir::WalkDir::new(root).into_iter().map(|entry| entry.unwrap().into_path());
    let sources = sources.filter(|path| {
        let path = path.to_string_lossy();
        path.ends_with(".rs") && !path.contains("/tests/") && !path.contains("/local/")
    });
    sources
        .flat_map(|path| {
            let text = std::fs::read_to_string(path).unwrap();
            let calls = ["Operation::repeatable(", "Operation::once(", "AwsFailure::from_sdk("].map(|call| {
                let found = text.split(call).skip(1).map(|rest| rest.split('"').collect::<Vec<_>>());
                let named =
                    found.filter(|parts| parts.len() > 3 && parts[0].trim().is_empty() && parts[2].trim() == ",");
                named.map(|parts| format!("{}:{}", parts[1], parts[3])).collect::<Vec<_>>()
            });
            calls.into_iter().flatten().collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_call_of_the_product_is_in_the_table_and_nothing_else_is() {
    let known: BTreeSet<String> = TABLE.iter().flat_map(|row| row.calls).map(|call| (*call).to_owned()).collect();
    let left_out: BTreeSet<String> = LEFT_OUT.iter().map(|(call, _)| (*call).to_owned()).collect();
    assert_eq!(calls_in_the_source(), known.union(&left_out).cloned().collect());
    assert!(known.is_disjoint(&left_out));
}

#[test]
fn without_the_lists_of_other_regions_commands_say_what_they_did_not_look_at() {
    for (purpose, act) in [(Purpose::Teardown, Act::Teardown), (Purpose::ReadOnly, Act::Status)] {
        let whole = policy(purpose, Account::Plain);
        let reduced: Vec<_> =
            reductions(&whole).into_iter().filter(|reduced| reduced.what.starts_with(OPTIONAL)).collect();
        assert_eq!(reduced.len(), 2);
        paused(async {
            let rig = Rig::new().await;
            // Its name may be that of a role of 'demo' elsewhere; only its tag tells.
            let create = Clients::new(&rig.sdk).iam.create_role().role_name("webrtc-aws-demo-two-eu-west-1");
            let trust = json!({ "Version": "2012-10-17", "Statement": {
                "Effect": "Allow", "Principal": { "Service": "lambda.amazonaws.com" }, "Action": "sts:AssumeRole"
            } });
            create.assume_role_policy_document(trust.to_string()).send().await.unwrap();
            restrict(&rig, &whole);
            let seen = act.run(&rig).await.succeeded();
            assert_eq!(seen.warnings(), Vec::<&str>::new(), "{act:?}");
            for Reduced { what, policy, lacking } in &reduced {
                restrict(&rig, policy);
                let seen = act.run(&rig).await.succeeded();
                let [warning] = seen.warnings()[..] else { panic!("{act:?}, {what}: {seen:#?}") };
                assert!(warning.contains(&format!("not authorized to perform: {}", lacking[0])), "{what}: {warning}");
            }
        });
    }
}

#[test]
fn what_the_policy_leaves_out_is_named_and_explained() {
    paused(async {
        let mut rig = Rig::new().await;
        Scenario::Teardown.prepare(Account::Plain, &mut rig).await;
        let iam = Clients::new(&rig.sdk).iam;
        iam.create_instance_profile().instance_profile_name("theirs").send().await.unwrap();
        iam.add_role_to_instance_profile().instance_profile_name("theirs").role_name(ROLE).send().await.unwrap();
        restrict(&rig, &policy(Purpose::Teardown, Account::Plain));
        let problem = rig.teardown().await.unwrap_err();
        assert_eq!(problem.code, Code::AccessDenied);
        assert!(problem.hint.contains("iam:RemoveRoleFromInstanceProfile"), "{}", problem.hint);
        with_all_rights(&rig);
        rig.teardown().await.unwrap();
    });
}

#[test]
fn the_policy_reaches_nothing_of_others() {
    paused(async {
        let mut rig = Rig::new().await;
        Scenario::Plan.prepare(Account::Plain, &mut rig).await;
        let clients = Clients::new(&rig.sdk);
        clients.s3.create_bucket().bucket("somebodys-bucket").send().await.unwrap();
        let ours = shape::apis(&rig.snapshot()).remove(0);
        let apis = clients.api_gateway.get_apis().send().await.unwrap();
        let strangers = apis.items().iter().filter_map(|api| api.api_id()).find(|api| *api != ours).unwrap().to_owned();
        let all = [Purpose::Up, Purpose::Teardown, Purpose::ReadOnly];
        let document = permissions::policy(&all, &patterns(Account::Plain), None);
        restrict(&rig, &serde_json::to_value(document).unwrap());
        let before = rig.snapshot();
        assert!(clients.api_gateway.delete_api().api_id(&strangers).send().await.is_err());
        assert!(clients.api_gateway.update_api().api_id(&strangers).name("x").send().await.is_err());
        let create = clients.api_gateway.create_api().name("untagged").protocol_type(ProtocolType::Websocket);
        assert!(create.route_selection_expression("$request.body.action").send().await.is_err());
        assert!(clients.s3.put_object().bucket("somebodys-bucket").key("x").send().await.is_err());
        assert!(clients.s3.delete_bucket().bucket("somebodys-bucket").send().await.is_err());
        assert!(clients.iam.get_role().role_name("webrtc-aws-demo2-us-east-1").send().await.is_err());
        let attach =
            clients.iam.attach_role_policy().role_name(ROLE).policy_arn("arn:aws:iam::aws:policy/AdministratorAccess");
        assert!(attach.send().await.is_err());
        assert!(clients.lambda.get_function().function_name("webrtc-aws-demo2").send().await.is_err());
        assert!(clients.logs.delete_log_group().log_group_name("/aws/lambda/webrtc-aws-demo2").send().await.is_err());
        assert_eq!(rig.snapshot(), before);
        assert!(clients.api_gateway.delete_api().api_id(&ours).send().await.is_ok());
    });
}
