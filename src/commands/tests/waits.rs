//! What each wait is for, one test a wait: AWS is slow in this one respect alone, and so slow that no other wait makes up for it.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_apigatewayv2::types::ProtocolType;
use tokio::time::Instant;

use super::super::{Run, up};
use super::rig::{Rig, paused};
use super::shape;
use crate::aws::clients::Clients;
use crate::diagnostics::Code;
use crate::events::Events;
use crate::local::Manners;
use crate::naming::{Names, OWNER_TAG, Reach};
use crate::resources::{BUCKET, FUNCTION};
use crate::settings::Settings;

const LAG: Duration = Duration::from_secs(3);

/// Longer than any run waits for AWS to show what was done.
const MINUTE: Duration = Duration::from_secs(60);

const NOTHING: Vec<String> = Vec::new();

/// A stack on AWS with these manners.
async fn standing(manners: Manners) -> Rig {
    let rig = Rig::on(manners).await;
    rig.up().await.unwrap();
    rig
}

fn operations(rig: &Rig) -> Vec<(&'static str, Option<u16>)> {
    rig.world.calls().iter().map(|call| (call.operation, call.status)).collect()
}

/// A `plan` right after it, or a pipeline's next step, must not see an older state.
#[test]
fn what_an_up_has_done_everybody_sees_when_it_ends() {
    let none = Manners::none;
    let lags =
        [Manners { iam_lag: LAG, ..none() }, Manners { bucket_lag: LAG, ..none() }, Manners { api_lag: LAG, ..none() }];
    for manners in lags {
        paused(async {
            let mut rig = standing(manners).await;
            assert_eq!(rig.pending().await.unwrap(), NOTHING);
            rig.want_something_else();
            rig.up().await.unwrap();
            assert_eq!(rig.pending().await.unwrap(), NOTHING);
        });
    }
}

#[test]
fn a_stack_that_aws_shows_only_after_minutes_has_its_url_all_the_same() {
    paused(async {
        let rig = Rig::on(Manners { api_lag: 2 * MINUTE, ..Manners::none() }).await;
        let ending = rig.up().await.unwrap();
        let shown = ending.outputs.map(|outputs| outputs.api_id);
        assert_eq!(shown, shape::apis(&rig.snapshot()).pop());
        assert!(shown.is_some());
    });
}

#[test]
fn up_ends_when_a_new_function_is_ready_for_calls_and_not_before() {
    paused(async {
        let rig = standing(Manners { function_pending: MINUTE, ..Manners::none() }).await;
        assert_eq!(rig.pending().await.unwrap(), NOTHING);
    });
}

#[test]
fn a_function_that_a_killed_run_left_pending_is_waited_for() {
    paused(async {
        let rig = Rig::on(Manners { function_pending: MINUTE, ..Manners::none() }).await;
        rig.up_killed_after("CreateFunction").await;
        rig.up().await.unwrap();
        assert_eq!(rig.pending().await.unwrap(), NOTHING);
    });
}

#[test]
fn a_stage_is_made_when_its_deployment_is_done_and_not_before() {
    paused(async {
        let started = Instant::now();
        standing(Manners { deployment_pending: MINUTE / 2, ..Manners::none() }).await;
        assert!(started.elapsed() >= MINUTE / 2, "{:?}", started.elapsed());
    });
}

#[test]
fn a_failed_run_names_what_it_left_half_made() {
    paused(async {
        let rig = Rig::on(Manners::none()).await;
        rig.world.faults.add("s3:PutPublicAccessBlock#1=fail:403:AccessDenied".parse().unwrap());
        let problem = rig.up().await.err().unwrap();
        assert!(problem.left_behind.contains(&BUCKET.to_string()), "{problem:?}");
    });
}

#[test]
fn an_update_of_settings_or_code_is_over_when_up_ends() {
    for of_code in [false, true] {
        paused(async {
            let mut rig = standing(Manners { function_update: MINUTE, ..Manners::none() }).await;
            match of_code {
                true => rig.relay = super::rig::relay("two"),
                false => rig.config.relay.memory_mb = 256,
            }
            rig.up().await.unwrap();
            assert_eq!(rig.pending().await.unwrap(), NOTHING);
        });
    }
}

/// A role lets the function write its last lines, and they make the group anew if they come after it.
#[test]
fn log_group_and_role_outlive_a_function_whose_deletion_goes_on() {
    paused(async {
        let rig = standing(Manners { function_deletion: LAG, ..Manners::none() }).await;
        rig.world.calls().clear();
        rig.teardown().await.unwrap();
        let calls = operations(&rig);
        let at = |wanted: &str| calls.iter().position(|(operation, _)| *operation == wanted).unwrap();
        let gone = calls.iter().skip(at("DeleteFunction")).position(|call| *call == ("GetFunction", Some(404)));
        let gone = at("DeleteFunction") + gone.unwrap();
        for after in ["DeleteLogGroup", "DeleteRolePolicy", "DeleteRole"] {
            assert!(gone < at(after), "{after} in {calls:?}");
        }
    });
}

#[test]
fn a_function_that_is_being_deleted_is_made_anew_and_not_repaired() {
    paused(async {
        let rig = standing(Manners { function_deletion: LAG, ..Manners::none() }).await;
        let name = rig.names().await.function();
        Clients::new(&rig.sdk).lambda.delete_function().function_name(name).send().await.unwrap();
        let pending = rig.pending().await.unwrap();
        // A repair would name what it changes.
        assert!(pending.contains(&format!("{FUNCTION}: []")), "{pending:?}");
    });
}

/// The relay's lines may come when its function is gone, while its role is still there.
#[test]
fn a_late_line_of_the_relay_does_not_bring_its_log_group_back() {
    paused(async {
        let rig = Rig::on(Manners { late_flush: Some(LAG), ..Manners::none() }).await;
        let empty = rig.snapshot();
        rig.up().await.unwrap();
        rig.world.faults.add("iam:DeleteRolePolicy#1=latency:10s".parse().unwrap());
        rig.teardown().await.unwrap();
        assert_eq!(rig.snapshot(), empty);
    });
}

#[test]
fn policies_that_somebody_put_on_the_role_a_moment_ago_are_taken_away_once_they_are_listed() {
    paused(async {
        let rig = Rig::on(Manners { iam_lag: LAG, ..Manners::none() }).await;
        let empty = rig.snapshot();
        rig.up().await.unwrap();
        let (iam, role) = (Clients::new(&rig.sdk).iam, rig.names().await.role());
        let policy = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        iam.put_role_policy().role_name(&role).policy_name("more").policy_document(policy).send().await.unwrap();
        let attach = iam.attach_role_policy().role_name(&role);
        attach.policy_arn("arn:aws:iam::aws:policy/ReadOnlyAccess").send().await.unwrap();
        rig.teardown().await.unwrap();
        assert_eq!(rig.snapshot(), empty);
    });
}

/// Lambda may keep the grant to the old one although its ARN is set again (AWS-FACTS D).
#[test]
fn a_function_whose_role_was_made_anew_is_made_anew() {
    paused(async {
        let rig = standing(Manners::none()).await;
        let (iam, names) = (Clients::new(&rig.sdk).iam, rig.names().await);
        let delete = iam.delete_role_policy().role_name(names.role()).policy_name(names.role_policy());
        delete.send().await.unwrap();
        iam.delete_role().role_name(names.role()).send().await.unwrap();
        rig.up().await.unwrap();
        let state = rig.world.state();
        let role = state.iam.role(&names.role()).unwrap();
        assert!(state.lambda.is_bound_to(&names.function(), &role.id));
    });
}

/// Tags that somebody adds meanwhile would be lost with a second write of ours.
#[test]
fn tags_of_a_new_bucket_that_show_late_are_not_written_again() {
    paused(async {
        let rig = Rig::on(Manners { bucket_lag: LAG, ..Manners::none() }).await;
        let run = Run::new(Events::discarded(), Settings::default());
        let mut session = rig.session(&run).await.unwrap();
        // Other endpoints may not know tags at all, and are not waited for.
        session.context.names = Arc::new(Names { reach: Reach::Aws, ..(*session.context.names).clone() });
        let ending = up::converge(&session, rig.page.clone(), rig.relay.clone()).await.unwrap();
        assert!(ending.problem.is_none(), "{ending:?}");
        assert!(!operations(&rig).iter().any(|(operation, _)| *operation == "PutBucketTagging"));
    });
}

#[test]
fn an_answer_without_the_buckets_tags_does_not_cost_the_bucket_its_owner() {
    paused(async {
        let mut rig = standing(Manners::none()).await;
        rig.want_something_else();
        rig.world.faults.add("s3:GetBucketTagging#2=fail:404:NoSuchTagSet".parse().unwrap());
        rig.up().await.unwrap();
        assert_eq!(rig.pending().await.unwrap(), NOTHING);
    });
}

#[test]
fn what_goes_between_two_looks_at_it_is_nobody_elses() {
    for gone in
        ["s3:GetBucketTagging#1=fail:404:NoSuchBucket", "logs:ListTagsForResource#1=fail:404:ResourceNotFoundException"]
    {
        paused(async {
            let rig = standing(Manners::none()).await;
            rig.world.faults.add(gone.parse().unwrap());
            assert_ne!(rig.pending().await.expect(gone), NOTHING, "{gone}");
        });
    }
}

#[test]
fn an_api_that_is_gone_and_still_listed_is_not_the_stacks() {
    paused(async {
        let rig = standing(Manners { api_lag: LAG, ..Manners::none() }).await;
        let api = shape::apis(&rig.snapshot()).remove(0);
        Clients::new(&rig.sdk).api_gateway.delete_api().api_id(api).send().await.unwrap();
        let pending = rig.pending().await.unwrap();
        assert!(pending.iter().any(|step| step.starts_with("websocket_api")), "{pending:?}");
    });
}

#[test]
fn an_api_that_goes_before_the_run_says_so_on_it_is_made_anew() {
    paused(async {
        let mut rig = standing(Manners::none()).await;
        rig.want_something_else();
        rig.world.faults.add("apigateway:TagResource#1=fail:404:NotFoundException".parse().unwrap());
        rig.up().await.unwrap();
        assert_eq!(rig.pending().await.unwrap(), NOTHING);
    });
}

/// Both look until the list shows their own API, and once more: neither comes as far as the stage with one that goes again.
#[test]
fn two_runs_whose_apis_are_listed_late_agree_before_either_has_a_stage() {
    for _ in 0..8 {
        for api_lag in [Duration::ZERO, LAG] {
            paused(async {
                // The stage comes late enough for both to have looked.
                let rig = Rig::on(Manners { api_lag, function_pending: 2 * LAG, ..Manners::none() }).await;
                rig.world.faults.add("apigateway:CreateApi#2=latency:300ms".parse().unwrap());
                let (first, second) = tokio::join!(rig.up(), rig.up());
                for problem in [first.err(), second.err()].into_iter().flatten() {
                    assert_ne!(problem.code, Code::Ambiguous, "{problem:?}");
                }
                assert_eq!(shape::apis(&rig.snapshot()).len(), 1);
                rig.up().await.unwrap();
            });
        }
    }
}

/// Lists need not show everything equally late: one run may have seen the other's API, and not the other way round.
#[test]
fn a_run_that_learns_of_another_ones_url_last_of_all_gives_its_own_api_up() {
    paused(async {
        let rig = Rig::on(Manners::none()).await;
        rig.world.faults.add("apigateway:CreateDeployment#1=hang".parse().unwrap());
        let mut hits = rig.world.faults.hits();
        let gateway = Clients::new(&rig.sdk).api_gateway;
        let meanwhile = async {
            hits.recv().await.unwrap();
            let create = gateway.create_api().name("webrtc-aws-demo").protocol_type(ProtocolType::Websocket);
            let create = create.route_selection_expression("$request.body.action").tags(OWNER_TAG, "demo");
            let id = create.send().await.unwrap().api_id.unwrap();
            gateway.create_stage().api_id(&id).stage_name("live").send().await.unwrap();
            id
        };
        let (result, other) = tokio::join!(rig.up(), meanwhile);
        assert_eq!(result.err().unwrap().code, Code::Ambiguous);
        assert_eq!(shape::apis(&rig.snapshot()), std::slice::from_ref(&other));
        rig.up().await.unwrap();
        assert_eq!(shape::serving(&rig.snapshot()), [other]);
    });
}
