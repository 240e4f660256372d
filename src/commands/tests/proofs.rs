//! What a run makes of what it finds half-way: each test is named after what goes wrong without one line of the convergence logic.

use std::sync::Arc;

use aws_sdk_apigatewayv2::types::ProtocolType;

use super::super::{Ending, Run, up};
use super::fault::{Strike, Trouble};
use super::permissions::restrict;
use super::rig::{Rig, paused};
use super::shape;
use super::sweep::{After, Command, case, record};
use crate::aws::clients::Clients;
use crate::diagnostics::Code;
use crate::events::Events;
use crate::local::Manners;
use crate::naming::{Names, OWNER_TAG, Reach};
use crate::resources::{BUCKET, ROLE};
use crate::settings::Settings;

const NOTHING: Vec<String> = Vec::new();

async fn standing() -> Rig {
    let rig = Rig::on(Manners::none()).await;
    rig.up().await.unwrap();
    rig
}

fn operations(rig: &Rig) -> Vec<&'static str> {
    rig.world.calls().iter().map(|call| call.operation).collect()
}

async fn api_of_ours(rig: &Rig) -> String {
    let create = Clients::new(&rig.sdk).api_gateway.create_api().name("webrtc-aws-demo");
    let create = create.protocol_type(ProtocolType::Websocket).tags(OWNER_TAG, "demo");
    create.route_selection_expression("$request.body.action").send().await.unwrap().api_id.unwrap()
}

/// us-east-1 answers 200 to creating a bucket that one owns already (AWS-FACTS E3).
#[test]
fn a_bucket_that_somebody_makes_meanwhile_is_not_taken_for_a_new_one() {
    paused(async {
        let rig = Rig::on(Manners::none()).await;
        let run = Run::new(Events::discarded(), Settings::default());
        let mut session = rig.session(&run).await.unwrap();
        session.context.names = Arc::new(Names { reach: Reach::Aws, ..(*session.context.names).clone() });
        let (s3, bucket) = (Clients::new(&rig.sdk).s3, session.context.names.bucket());
        rig.world.calls().clear();
        rig.world.faults.add("s3:CreateBucket#1=throttle".parse().unwrap());
        let mut hits = rig.world.faults.hits();
        let meanwhile = async {
            hits.recv().await.unwrap();
            s3.create_bucket().bucket(&bucket).send().await.unwrap();
        };
        let (ending, ()) = tokio::join!(up::converge(&session, rig.page.clone(), rig.relay.clone()), meanwhile);
        let problem = Ending::from(ending).problem.unwrap();
        assert_eq!(problem.code, Code::NotOurs, "{problem:?}");
        assert!(!problem.left_behind.contains(&BUCKET.to_string()), "{problem:?}");
        for write in ["PutBucketTagging", "PutPublicAccessBlock", "PutBucketPolicy", "PutObject"] {
            assert!(!operations(&rig).contains(&write), "{write}");
        }
    });
}

/// Endpoints that do not know tags in the create call drop them in silence.
#[test]
fn a_new_bucket_whose_tags_got_lost_is_the_stacks_all_the_same() {
    paused(async {
        let rig = Rig::on(Manners::none()).await;
        let (s3, bucket) = (Clients::new(&rig.sdk).s3, rig.names().await.bucket());
        // The first look finds no bucket.
        rig.world.faults.add("s3:GetBucketTagging#2=throttle".parse().unwrap());
        let mut hits = rig.world.faults.hits();
        let meanwhile = async {
            hits.recv().await.unwrap();
            s3.delete_bucket_tagging().bucket(&bucket).send().await.unwrap();
        };
        let (result, ()) = tokio::join!(rig.up(), meanwhile);
        result.unwrap();
        assert_eq!(rig.pending().await.unwrap(), NOTHING);
    });
}

#[test]
fn who_may_not_read_the_functions_tags_is_told_so_and_not_that_it_is_a_strangers() {
    paused(async {
        let rig = standing().await;
        let policy = serde_json::json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
            { "Effect": "Deny", "Action": "lambda:ListTags", "Resource": "*" },
        ] });
        restrict(&rig, &policy);
        let problem = rig.pending().await.unwrap_err();
        assert_eq!(problem.code, Code::AccessDenied, "{problem:?}");
        assert!(problem.to_string().contains("tags of the function"), "{problem}");
    });
}

/// Whoever came first has looked and goes on with its own: a younger one must not win because of its id.
#[test]
fn of_several_apis_without_a_stage_the_oldest_is_kept() {
    paused(async {
        let rig = Rig::on(Manners::none()).await;
        let oldest = api_of_ours(&rig).await;
        rig.rest().await;
        // Enough for one to have a lower id.
        for _ in 0..24 {
            api_of_ours(&rig).await;
        }
        rig.up().await.unwrap();
        assert_eq!(shape::apis(&rig.snapshot()), [oldest]);
    });
}

#[test]
fn an_older_api_that_serves_nothing_does_not_cost_the_stack_its_url() {
    paused(async {
        let rig = Rig::on(Manners::none()).await;
        api_of_ours(&rig).await;
        rig.rest().await;
        let gateway = Clients::new(&rig.sdk).api_gateway;
        let serving = api_of_ours(&rig).await;
        gateway.create_stage().api_id(&serving).stage_name("live").tags(OWNER_TAG, "demo").send().await.unwrap();
        rig.up().await.unwrap();
        assert_eq!(shape::apis(&rig.snapshot()), [serving]);
    });
}

/// Nobody looks any more whether the call took effect.
#[test]
fn what_a_run_was_making_when_it_was_interrupted_is_named_as_left_behind() {
    paused(async {
        let rig = Rig::on(Manners::none()).await;
        let run = Run::new(Events::discarded(), Settings::default());
        let session = rig.session(&run).await.unwrap();
        rig.world.faults.add("iam:CreateRole#1=hang-after".parse().unwrap());
        let mut hits = rig.world.faults.hits();
        let signal = async {
            hits.recv().await.unwrap();
            run.cancel.cancel();
        };
        let (ending, ()) = tokio::join!(up::converge(&session, rig.page.clone(), rig.relay.clone()), signal);
        let problem = Ending::from(ending).problem.unwrap();
        assert_eq!(problem.code, Code::Interrupted, "{problem:?}");
        assert!(problem.left_behind.contains(&ROLE.to_string()), "{problem:?}");
    });
}

async fn deployments(rig: &Rig, api: &str) -> Vec<(Option<String>, Option<String>)> {
    let answer = Clients::new(&rig.sdk).api_gateway.get_deployments().api_id(api).send().await.unwrap();
    answer.items.unwrap().into_iter().map(|deployment| (deployment.deployment_id, deployment.description)).collect()
}

/// AWS allows one deployment in five seconds, so that making another one costs a wait (AWS-FACTS B3).
#[test]
fn a_deployment_that_an_interrupted_run_left_is_put_to_use() {
    let mut calls = record(&Manners::none(), Command::FirstUp).into_iter();
    let target = calls.find(|target| target.to_string().contains("CreateStage")).unwrap();
    let strike = Strike { target, trouble: Trouble::KilledBefore };
    paused(async {
        let rig = Rig::on(Manners::none()).await;
        assert!(rig.struck(&[strike], rig.up()).await.0.is_none());
        let api = shape::apis(&rig.snapshot()).remove(0);
        let left = deployments(&rig, &api).await;
        rig.world.calls().clear();
        rig.up().await.unwrap();
        assert!(!operations(&rig).contains(&"CreateDeployment"), "{:?}", operations(&rig));
        assert_eq!(deployments(&rig, &api).await, left);
    });
}

/// Whichever of them were taken for the live one would be kept beside it, for ever.
#[test]
fn of_several_deployments_alike_the_live_one_is_kept() {
    paused(async {
        let mut rig = standing().await;
        let api = shape::apis(&rig.snapshot()).remove(0);
        let live = deployments(&rig, &api).await;
        let create = Clients::new(&rig.sdk).api_gateway.create_deployment().api_id(&api);
        let create = create.set_description(live[0].1.clone());
        // Enough for one to be listed before it.
        for _ in 0..24 {
            create.clone().send().await.unwrap();
        }
        rig.config.tagging.user = [("team".to_owned(), "green".to_owned())].into();
        rig.up().await.unwrap();
        assert_eq!(deployments(&rig, &api).await, live);
        assert_eq!(rig.pending().await.unwrap(), NOTHING);
    });
}

/// The repetition finds nothing any more.
#[test]
fn a_delete_whose_answer_got_lost_ends_no_teardown() {
    let manners = Manners::none();
    let command = Command::TeardownWithASignalingChannel;
    let none = serde_json::Value::Null;
    for target in record(&manners, command).into_iter().filter(|target| target.is_write) {
        let strike = Strike { target, trouble: Trouble::AnswerLost };
        let verdict = case(&manners, command, &[strike], After::Teardown, &none);
        assert_eq!(verdict.struck, 1, "{strike}");
        assert!(verdict.at_once, "{strike}");
        assert_eq!(verdict.leaked, None, "{strike}");
    }
}

/// An `up` that mends a half-made stack beside another one: "Invalid target" names an id that nobody has seen.
#[test]
fn an_integration_that_another_up_has_replaced_is_not_called_an_invalid_target() {
    paused(async {
        let rig = standing().await;
        let api = shape::apis(&rig.snapshot()).remove(0);
        let gateway = Clients::new(&rig.sdk).api_gateway;
        let routes = gateway.get_routes().api_id(&api).send().await.unwrap();
        let route = routes.items()[0].route_id().unwrap();
        let change = gateway.update_route().api_id(&api).route_id(route);
        change.clone().route_response_selection_expression("").send().await.unwrap();
        rig.world.faults.add("apigateway:UpdateRoute#1=throttle".parse().unwrap());
        let mut hits = rig.world.faults.hits();
        let another_up = async {
            hits.recv().await.unwrap();
            let there = gateway.get_integrations().api_id(&api).send().await.unwrap().items.unwrap().remove(0);
            let create = gateway.create_integration().api_id(&api).set_integration_uri(there.integration_uri);
            let create =
                create.set_integration_type(there.integration_type).set_integration_method(there.integration_method);
            let another = create.send().await.unwrap().integration_id.unwrap();
            change.target(format!("integrations/{another}")).send().await.unwrap();
            let delete = gateway.delete_integration().api_id(&api).integration_id(there.integration_id.unwrap());
            delete.send().await.unwrap();
        };
        let (result, ()) = tokio::join!(rig.up(), another_up);
        let problem = result.unwrap_err();
        assert_eq!(problem.code, Code::Disturbed, "{problem:?}");
        assert!(problem.summary.contains("another integration"), "{problem}");
        rig.rest().await;
        rig.up().await.unwrap();
        assert_eq!(rig.pending().await.unwrap(), NOTHING);
    });
}
