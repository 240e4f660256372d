//! Not ours, for every kind: what has a name of the stack and another owner is named before the first write, and stays as it is
//! when the stack is removed around it; what was edited by hand inside of the stack has one defined outcome each.

use aws_sdk_apigatewayv2::types::{IntegrationType, ProtocolType};
use serde_json::Value;

use super::acts::{Act, names};
use super::rig::{Rig, paused};
use super::shape;
use crate::aws::clients::Clients;
use crate::diagnostics::Code;
use crate::engine::plan::Action;
use crate::engine::resource::Address;
use crate::engine::status::State;
use crate::local::{Fault, FaultRule, apigateway, s3};
use crate::naming::OWNER_TAG;
use crate::resources::{BUCKET, FUNCTION, LOG_GROUP, ROLE, ROUTE, STAGE};

const NAMED: [Address; 4] = [BUCKET, LOG_GROUP, ROLE, FUNCTION];

/// Whose something seems to be.
#[derive(Clone, Copy, Debug)]
enum Owner {
    /// Somebody who uses no tags.
    Nobody,
    AnotherStack,
    /// For buckets alone: the other kinds' names are an account's own.
    AnotherAccount,
}

async fn give(rig: &Rig, address: Address, owner: Owner) {
    let Clients { s3, iam, lambda, logs, .. } = Clients::new(&rig.sdk);
    let names = names(rig).await;
    match (address, owner) {
        (BUCKET, Owner::AnotherAccount) => s3::seed_foreign_bucket(&mut rig.world.state(), &names.bucket()),
        (BUCKET, Owner::Nobody) => drop(s3.delete_bucket_tagging().bucket(names.bucket()).send().await.unwrap()),
        (BUCKET, Owner::AnotherStack) => {
            let tag = aws_sdk_s3::types::Tag::builder().key(OWNER_TAG).value("other").build().unwrap();
            let tags = aws_sdk_s3::types::Tagging::builder().tag_set(tag).build().unwrap();
            s3.put_bucket_tagging().bucket(names.bucket()).tagging(tags).send().await.map(drop).unwrap();
        }
        (LOG_GROUP, Owner::Nobody) => {
            let untag = logs.untag_resource().resource_arn(names.log_group_arn()).tag_keys(OWNER_TAG);
            untag.send().await.map(drop).unwrap();
        }
        (LOG_GROUP, _) => {
            let tag = logs.tag_resource().resource_arn(names.log_group_arn()).tags(OWNER_TAG, "other");
            tag.send().await.map(drop).unwrap();
        }
        (ROLE, Owner::Nobody) => {
            drop(iam.untag_role().role_name(names.role()).tag_keys(OWNER_TAG).send().await.unwrap());
        }
        (ROLE, _) => {
            let tag = aws_sdk_iam::types::Tag::builder().key(OWNER_TAG).value("other").build().unwrap();
            iam.tag_role().role_name(names.role()).tags(tag).send().await.map(drop).unwrap();
        }
        (FUNCTION, Owner::Nobody) => {
            let untag = lambda.untag_resource().resource(names.function_arn()).tag_keys(OWNER_TAG);
            untag.send().await.map(drop).unwrap();
        }
        (FUNCTION, _) => {
            let tag = lambda.tag_resource().resource(names.function_arn()).tags(OWNER_TAG, "other");
            tag.send().await.map(drop).unwrap();
        }
        (other, _) => panic!("{other} carries no tags of its own"),
    }
}

/// Everything that the account holds of one of [`NAMED`].
fn theirs(snapshot: &Value, address: Address, name: &str) -> Value {
    let path = match address {
        BUCKET => ["s3", "buckets"],
        LOG_GROUP => ["logs", "groups"],
        ROLE => ["iam", "roles"],
        _ => ["lambda", "functions"],
    };
    let found = snapshot[path[0]][path[1]][name].clone();
    assert!(found.is_object(), "no {name} in {:#}", snapshot[path[0]]);
    found
}

#[test]
fn what_is_not_ours_is_named_before_the_first_write_and_outlives_the_stack() {
    let cases = NAMED.into_iter().flat_map(|address| [(address, Owner::Nobody), (address, Owner::AnotherStack)]);
    for (address, owner) in cases.chain([(BUCKET, Owner::AnotherAccount)]) {
        paused(async {
            let rig = Rig::new().await;
            Act::Up.run(&rig).await.succeeded();
            give(&rig, address, owner).await;
            let names = names(&rig).await;
            let name = match address {
                BUCKET => names.bucket(),
                LOG_GROUP => names.log_group(),
                ROLE => names.role(),
                _ => names.function(),
            };
            let whose = match owner {
                Owner::Nobody => "has no tag webrtc-aws:stack",
                Owner::AnotherStack => "belongs to the stack 'other'",
                Owner::AnotherAccount => "belongs to another account",
            };
            let before = rig.snapshot();
            for act in [Act::Up, Act::Plan] {
                let seen = act.run(&rig).await;
                let problem = seen.problem();
                assert_eq!((problem.code, problem.code.exit_code()), (Code::NotOurs, 4), "{address} {owner:?} {act:?}");
                assert!(problem.summary.contains(&name) && problem.summary.contains(whose), "{problem}");
                assert!(problem.hint.contains("choose another stack name"), "{}", problem.hint);
                assert_eq!((&seen.writes, seen.changed), (&Vec::new(), false), "{address} {owner:?} {act:?}");
            }
            let status = Act::Status.run(&rig).await.succeeded();
            assert_eq!((status.state(address), &status.writes), (State::Foreign, &Vec::new()));
            assert_eq!(rig.snapshot(), before);

            let there = theirs(&before, address, &name);
            for (round, changed) in [("first", true), ("second", false)] {
                let teardown = Act::Teardown.run(&rig).await;
                let problem = teardown.problem();
                assert_eq!((problem.code, problem.code.exit_code()), (Code::NotOurs, 4), "{round} {address} {owner:?}");
                assert!(problem.summary.contains(&name) && problem.summary.contains("left alone"), "{problem}");
                assert_eq!((problem.left_behind.len(), teardown.changed), (0, changed), "{round}: {problem:?}");
                assert_eq!(theirs(&rig.snapshot(), address, &name), there, "{round} {address} {owner:?}");
            }
            let status = Act::Status.run(&rig).await.succeeded();
            let mut others = status.status().iter().filter(|resource| resource.address != address);
            assert!(others.all(|resource| resource.state == State::Missing), "{address}: {status:#?}");
        });
    }
}

#[test]
fn all_names_that_are_taken_are_told_at_once() {
    paused(async {
        let rig = Rig::new().await;
        Act::Up.run(&rig).await.succeeded();
        for address in NAMED {
            give(&rig, address, Owner::Nobody).await;
        }
        for act in [Act::Up, Act::Plan, Act::Teardown] {
            let seen = act.run(&rig).await;
            let problem = seen.problem();
            let told = std::iter::once(problem).chain(&problem.further);
            let told: Vec<_> = told.map(|problem| problem.summary.split(':').next().unwrap().to_owned()).collect();
            assert_eq!(told, NAMED.map(|address| address.to_string()), "{act:?}");
        }
    });
}

/// A 403 where something is only looked at: it may be ours, and nobody can tell. A bucket that answers 403 to everything counts
/// as another account's, see above.
#[test]
fn what_may_not_be_read_ends_the_run_before_the_first_write() {
    let reads = paused(async {
        let rig = Rig::new().await;
        Act::Up.run(&rig).await.succeeded();
        rig.world.calls().clear();
        Act::Up.run(&rig).await.succeeded();
        let mut calls = rig.world.calls().clone();
        calls.retain(|call| call.operation != "GetCallerIdentity" && call.operation != "HeadBucket");
        calls.sort_by_key(|call| (call.service.signing_name(), call.operation));
        calls.dedup_by_key(|call| (call.service, call.operation));
        calls
    });
    assert!(reads.len() > 15, "{reads:?}");
    for call in reads {
        paused(async {
            let rig = Rig::new().await;
            Act::Up.run(&rig).await.succeeded();
            let before = rig.snapshot();
            let fault = Fault::FailBefore {
                status: 403,
                code: "AccessDenied".to_owned(),
                message: "not authorized".to_owned(),
            };
            let operation = Some(call.operation.to_owned());
            rig.world.faults.add(FaultRule { service: Some(call.service), operation, nth: None, fault });
            for act in [Act::Up, Act::Plan, Act::Status, Act::Teardown] {
                let seen = act.run(&rig).await;
                if act == Act::Teardown && !seen.reads.contains(&call.operation) {
                    continue;
                }
                let problem = seen.problem();
                assert_eq!((problem.code, problem.code.exit_code()), (Code::AccessDenied, 3), "{call:?} {act:?}");
                let aws = problem.aws.as_ref().unwrap();
                assert_eq!((aws.service, aws.operation), (call.service.signing_name(), call.operation));
                assert_eq!((&seen.writes, &rig.snapshot()), (&Vec::new(), &before), "{call:?} {act:?}");
            }
        });
    }
}

/// What somebody may put into something of ours.
#[derive(Clone, Copy, Debug)]
enum Inside {
    InlinePolicy,
    ManagedPolicy,
    InstanceProfile,
    FunctionPolicyStatement,
    Stage,
    Route,
    Object,
    ObjectOfAnotherStack,
}

impl Inside {
    const ALL: [Self; 8] = [
        Self::InlinePolicy,
        Self::ManagedPolicy,
        Self::InstanceProfile,
        Self::FunctionPolicyStatement,
        Self::Stage,
        Self::Route,
        Self::Object,
        Self::ObjectOfAnotherStack,
    ];

    async fn put(self, rig: &Rig) {
        let Clients { s3, iam, lambda, api_gateway, .. } = Clients::new(&rig.sdk);
        let names = names(rig).await;
        let api = shape::apis(&rig.snapshot()).remove(0);
        match self {
            Self::InlinePolicy => {
                let policy = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
                let put = iam.put_role_policy().role_name(names.role()).policy_name("theirs").policy_document(policy);
                put.send().await.map(drop).unwrap();
            }
            Self::ManagedPolicy => {
                let attach = iam.attach_role_policy().role_name(names.role());
                attach.policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send().await.map(drop).unwrap();
            }
            Self::InstanceProfile => {
                iam.create_instance_profile().instance_profile_name("theirs").send().await.unwrap();
                let add = iam.add_role_to_instance_profile().instance_profile_name("theirs").role_name(names.role());
                add.send().await.map(drop).unwrap();
            }
            Self::FunctionPolicyStatement => {
                let add = lambda.add_permission().function_name(names.function()).statement_id("theirs");
                let add = add.action("lambda:InvokeFunction").principal("s3.amazonaws.com");
                add.source_arn("arn:aws:s3:::theirs").send().await.map(drop).unwrap();
            }
            Self::Stage => {
                api_gateway.create_stage().api_id(api).stage_name("theirs").send().await.map(drop).unwrap();
            }
            Self::Route => {
                let create = api_gateway.create_integration().api_id(&api).integration_type(IntegrationType::AwsProxy);
                let create = create.integration_method("POST").integration_uri(names.integration_uri() + "theirs");
                let integration = create.send().await.unwrap().integration_id.unwrap();
                let create = api_gateway.create_route().api_id(api).route_key("theirs");
                create.target(format!("integrations/{integration}")).send().await.map(drop).unwrap();
            }
            Self::Object => {
                let put = s3.put_object().bucket(names.bucket()).key("theirs.txt").body(b"theirs".to_vec().into());
                put.send().await.map(drop).unwrap();
            }
            Self::ObjectOfAnotherStack => {
                let put = s3.put_object().bucket(names.bucket()).key("theirs.txt").body(b"theirs".to_vec().into());
                put.metadata(crate::naming::OWNER_METADATA, "other").send().await.map(drop).unwrap();
            }
        }
    }

    /// What shows it as drift, so that `up` takes it away again: more rights than the relay needs, and what would change what it gets.
    fn repaired_by(self) -> &'static [Address] {
        match self {
            Self::InlinePolicy | Self::ManagedPolicy => &[ROLE],
            Self::Route => &[ROUTE, STAGE],
            _ => &[],
        }
    }

    fn is_repaired(self) -> bool {
        !self.repaired_by().is_empty()
    }

    /// Whether `teardown` stops at it: what cannot be made again.
    fn stops_teardown(self) -> bool {
        matches!(self, Self::Object | Self::ObjectOfAnotherStack)
    }
}

/// Somebody tagged an HTTP API; we make WebSocket APIs only.
async fn tag_an_http_api(rig: &Rig) -> String {
    let create = Clients::new(&rig.sdk).api_gateway.create_api().name("theirs").protocol_type(ProtocolType::Websocket);
    let create = create.route_selection_expression("$request.body.action").tags(OWNER_TAG, "demo");
    let id = create.send().await.unwrap().api_id.unwrap();
    apigateway::seed_as_http(&mut rig.world.state(), &id);
    id
}

#[test]
fn an_api_of_another_kind_with_our_tag_is_never_ours() {
    paused(async {
        let rig = Rig::new().await;
        let id = tag_an_http_api(&rig).await;
        for act in [Act::Up, Act::Plan] {
            let seen = act.run(&rig).await;
            assert_eq!((seen.problem().code, seen.writes.len()), (Code::NotOurs, 0), "{seen:#?}");
            assert!(seen.problem().summary.contains(&id), "{}", seen.problem());
        }
    });
    paused(async {
        let rig = Rig::new().await;
        Act::Up.run(&rig).await.succeeded();
        let id = tag_an_http_api(&rig).await;
        let theirs = rig.snapshot()["apigateway"]["apis"][&id].clone();
        assert!(!Act::Up.run(&rig).await.succeeded().changed);
        let teardown = Act::Teardown.run(&rig).await;
        assert!(teardown.problem().summary.contains(&id), "ours is gone, and it says what is not: {teardown:#?}");
        let left = rig.snapshot();
        assert_eq!((shape::apis(&left), &left["apigateway"]["apis"][&id]), (vec![id.clone()], &theirs));
    });
}

#[test]
fn what_somebody_put_into_ours_has_one_outcome_each() {
    for inside in Inside::ALL {
        paused(async {
            let rig = Rig::new().await;
            let empty = rig.snapshot();
            Act::Up.run(&rig).await.succeeded();
            let clean = rig.snapshot();
            inside.put(&rig).await;
            let edited = rig.snapshot();
            assert_ne!(edited, clean);

            let plan = Act::Plan.run(&rig).await.succeeded();
            let steps = plan.plan().steps.iter().filter(|step| step.action != Action::Keep);
            let planned: Vec<_> = steps.map(|step| step.address).collect();
            assert_eq!(planned, inside.repaired_by(), "{inside:?}");
            let status = Act::Status.run(&rig).await.succeeded();
            let drifted = status.status().iter().filter(|resource| resource.state == State::Drifted);
            assert_eq!(drifted.map(|resource| resource.address).collect::<Vec<_>>(), planned, "{inside:?}");
            assert_eq!((&plan.writes, &status.writes, &rig.snapshot()), (&Vec::new(), &Vec::new(), &edited));

            let up = Act::Up.run(&rig).await.succeeded();
            assert_eq!(up.changed, inside.is_repaired(), "{inside:?}");
            let expected = if inside.is_repaired() { clean } else { edited };
            assert_eq!(shape::difference(&shape::of(&expected), &shape::of(&rig.snapshot())), "", "{inside:?}");

            if inside.is_repaired() {
                inside.put(&rig).await;
            }
            let before = rig.snapshot();
            let mut teardown = Act::Teardown.run(&rig).await;
            if inside.stops_teardown() {
                let problem = teardown.problem();
                assert_eq!((problem.code, problem.code.exit_code()), (Code::NotOurs, 4), "{inside:?}");
                assert!(problem.summary.contains("\"theirs.txt\""), "{problem}");
                assert!(problem.hint.contains("--delete-foreign-objects"), "{}", problem.hint);
                assert_eq!((&teardown.writes, &rig.snapshot()), (&Vec::new(), &before), "{inside:?}");
                teardown = Act::TeardownWithForeignObjects.run(&rig).await;
            }
            teardown.succeeded();
            let mut left = rig.snapshot();
            if let Some(profiles) = left["iam"]["instance_profiles"].as_object_mut() {
                // Theirs, without our role in it.
                let profile = profiles.remove("theirs");
                assert_eq!(profile, matches!(inside, Inside::InstanceProfile).then_some(Value::Null));
            }
            assert_eq!(left, empty, "{inside:?}");
        });
    }
}
