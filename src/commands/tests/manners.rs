//! AWS's bad manners, each alone and all together: whatever AWS does, `up`, `up` again, `teardown` and another round of them go
//! through at the first try, one directly after the other.

use std::time::Duration;

use super::rig::{Rig, paused};
use super::shape;
use crate::local::{Manners, Rate, Service};

/// Each manner of AWS at its worst, alone.
fn each() -> Vec<(&'static str, Manners)> {
    let Manners {
        role_propagation,
        role_refusals,
        function_pending,
        function_update,
        function_deletion,
        channel_pending,
        channel_deletion,
        policy_propagation,
        iam_lag,
        bucket_lag,
        api_lag,
        public_access_block_propagation,
        bucket_name_release,
        api_write,
        bucket_write,
        permission_write,
        rates,
        deployment_pending,
        page_size,
        stage_refusal,
        late_flush,
        // Limits of the data plane, which no command touches.
        connection_idle: _,
        connection_life: _,
        integration_timeout: _,
        // Of what only the relay asks for.
        turn_credentials_life: _,
    } = Manners::worst();
    let none = Manners::none;
    vec![
        ("none", none()),
        ("mild", Manners::default()),
        ("role_propagation", Manners { role_propagation, ..none() }),
        ("role_refusals", Manners { role_refusals, ..none() }),
        ("function_pending", Manners { function_pending, ..none() }),
        ("function_update", Manners { function_update, ..none() }),
        ("function_deletion", Manners { function_deletion, ..none() }),
        ("channel_pending", Manners { channel_pending, ..none() }),
        ("channel_deletion", Manners { channel_deletion, ..none() }),
        ("policy_propagation", Manners { policy_propagation, ..none() }),
        ("iam_lag", Manners { iam_lag, ..none() }),
        ("bucket_lag", Manners { bucket_lag, ..none() }),
        ("api_lag", Manners { api_lag, ..none() }),
        ("public_access_block_propagation", Manners { public_access_block_propagation, ..none() }),
        ("bucket_name_release", Manners { bucket_name_release, ..none() }),
        ("api_write", Manners { api_write, ..none() }),
        ("bucket_write", Manners { bucket_write, ..none() }),
        ("permission_write", Manners { permission_write, ..none() }),
        ("rates", Manners { rates, ..none() }),
        ("deployment_pending", Manners { deployment_pending, ..none() }),
        ("page_size", Manners { page_size, ..none() }),
        ("stage_refusal", Manners { stage_refusal, ..none() }),
        ("late_flush", Manners { late_flush, ..none() }),
        ("worst", Manners::worst()),
    ]
}

/// Runs everything twice over, with no time between one command and the next; gives the number of calls.
async fn live(name: &str, manners: Manners) -> usize {
    let mut rig = Rig::on(manners).await;
    let empty = rig.snapshot();
    for round in ["first", "second"] {
        let what = |step: &str| format!("{name}, {round} round: {step}");
        rig.up().await.unwrap_or_else(|problem| panic!("{}: {problem:?}", what("up")));
        let stands = rig.snapshot();
        let again = rig.up().await.unwrap_or_else(|problem| panic!("{}: {problem:?}", what("up again")));
        assert!(!again.changed, "{}", what("a second up finds something to do"));
        assert_eq!(rig.snapshot(), stands, "{}", what("a second up changes something"));
        assert_eq!(rig.pending().await.unwrap(), Vec::<String>::new(), "{}", what("a plan after up"));
        rig.want_something_else();
        rig.up().await.unwrap_or_else(|problem| panic!("{}: {problem:?}", what("up that changes things")));
        assert_eq!(shape::apis(&rig.snapshot()), shape::apis(&stands), "{}", what("another URL"));
        rig.teardown().await.unwrap_or_else(|problem| panic!("{}: {problem:?}", what("teardown")));
        assert_eq!(rig.snapshot(), empty, "{}", what("teardown leaves something"));
        rig.want_the_first_again();
    }
    rig.world.calls().len()
}

#[test]
fn under_each_manner_alone_and_under_all_at_once_everything_goes_through() {
    let polite = paused(live("none", Manners::none()));
    for (name, manners) in each() {
        let calls = paused(live(name, manners));
        println!("{name}: {calls} calls");
        // Every wait grows, so that minutes of them cost some calls more, not thousands.
        assert!(calls < 2 * polite + 300, "{name}: {calls} calls instead of {polite}");
    }
}

/// Killed right after a create whose effect is not shown yet, and called again at once.
#[test]
fn an_api_that_a_killed_run_made_a_moment_ago_is_found_although_it_is_not_listed_yet() {
    paused(async {
        let rig = Rig::on(Manners::worst()).await;
        rig.up_killed_after("CreateApi").await;
        // Two of the same second could not be told apart by age.
        rig.a_second().await;
        let first = shape::apis(&rig.snapshot());
        assert_eq!(first.len(), 1);
        rig.up().await.unwrap();
        assert_eq!(shape::apis(&rig.snapshot()), first);
    });
}

/// The same, and torn down at once.
#[test]
fn what_a_killed_run_made_a_moment_ago_is_torn_down_although_it_is_not_shown_yet() {
    paused(async {
        for call in ["CreateApi", "CreateRole", "CreateBucket", "CreateLogGroup", "PutRolePolicy", "PutBucketPolicy"] {
            let rig = Rig::on(Manners::worst()).await;
            let empty = rig.snapshot();
            rig.up_killed_after(call).await;
            assert_ne!(rig.snapshot(), empty, "{call}");
            rig.teardown().await.unwrap_or_else(|problem| panic!("{call}: {problem:?}"));
            assert_eq!(rig.snapshot(), empty, "{call}");
        }
    });
}

#[test]
fn a_window_that_is_closed_for_half_a_minute_is_outlasted() {
    paused(async {
        let every = Duration::from_secs(30);
        let rate = |operation| Rate { service: Service::ApiGateway, operation: Some(operation), burst: 1, every };
        let rates = vec![rate("CreateDeployment"), rate("DeleteApi"), rate("CreateIntegration")];
        live("windows of 30 s", Manners { rates, ..Manners::none() }).await;
    });
}
