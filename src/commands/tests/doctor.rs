//! `doctor`: what it finds in an account, what it says it may not ask, and that it writes nothing.

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::Run;
use super::super::doctor::{Patient, Report, examine};
use super::super::place::Place;
use super::rig::{Rig, paused};
use crate::aws::clients::{Access, Clients};
use crate::config::RoleSettings;
use crate::doctor::{Finding, Subject, Verdict};
use crate::events::{Event, Events};
use crate::local::{PolicyDocument, s3};
use crate::naming::{AccountId, Partition, Patterns, Region, RolePath};
use crate::permissions::{self, Purpose};
use crate::settings::Settings;

async fn examined(rig: &Rig) -> Vec<Finding> {
    let (events, mut said) = Events::channel();
    let run = Run::new(events, Settings::default());
    let place = Place { access: Access::default(), gateway: None, source: None };
    let patient = Patient {
        stack: "demo".parse().unwrap(),
        role: RoleSettings::default(),
        bucket: rig.config.existing_bucket.clone(),
        turn: None,
        region: None,
    };
    let before = rig.snapshot();
    rig.world.calls().clear();
    let mut report = Report::new(&run);
    Box::pin(examine(&rig.sdk, &place, &patient, &mut report)).await;
    let writes: Vec<_> = rig.world.calls().iter().filter(|call| call.is_write).cloned().collect();
    assert!(writes.is_empty() && rig.snapshot() == before, "{writes:?}");
    std::iter::from_fn(|| said.try_recv().ok())
        .filter_map(|event| match event {
            Event::Finding(finding) => Some(finding),
            _ => None,
        })
        .collect()
}

fn of(findings: &[Finding], subject: Subject) -> &Finding {
    let mut found = findings.iter().filter(|finding| finding.subject == subject);
    let one = found.next().unwrap_or_else(|| panic!("no {subject}: {findings:#?}"));
    assert!(found.next().is_none(), "{findings:#?}");
    one
}

fn policy(purposes: &[Purpose]) -> Value {
    let of = Patterns {
        stacks: "demo".parse().unwrap(),
        partition: Partition("aws".into()),
        account: AccountId("000000000000".into()),
        region: Region("us-east-1".into()),
        role_path: RolePath::default(),
        existing_role: None,
        has_signaling_channel: false,
        existing_bucket: None,
    };
    serde_json::to_value(permissions::policy(purposes, &of, None)).unwrap()
}

fn restrict(rig: &Rig, policy: &Value) {
    *rig.world.deployer_policy() = Some(policy.to_string().parse::<PolicyDocument>().unwrap());
}

/// The policy without one action.
fn without(policy: &Value, action: &str) -> Value {
    let mut policy = policy.clone();
    for statement in policy["Statement"].as_array_mut().unwrap() {
        statement["Action"].as_array_mut().unwrap().retain(|found| found != action);
    }
    policy["Statement"].as_array_mut().unwrap().retain(|statement| statement["Action"] != json!([]));
    policy
}

#[test]
fn with_its_policy_and_that_of_up_nothing_is_missing() {
    paused(async {
        let rig = Rig::new().await;
        restrict(&rig, &policy(&[Purpose::Up, Purpose::Doctor]));
        let findings = examined(&rig).await;
        for subject in [Subject::Account, Subject::PublicAccess, Subject::Concurrency, Subject::Permissions] {
            assert_eq!(of(&findings, subject).verdict, Verdict::Ok, "{findings:#?}");
        }
    });
}

#[test]
fn each_action_that_up_would_lack_is_named() {
    let whole = policy(&[Purpose::Up, Purpose::Doctor]);
    let own = policy(&[Purpose::Doctor]).to_string();
    let statements = whole["Statement"].as_array().unwrap();
    let actions: Vec<&str> = statements
        .iter()
        .flat_map(|statement| statement["Action"].as_array().unwrap())
        .map(|action| action.as_str().unwrap())
        .collect();
    let actions: Vec<&str> = actions.into_iter().filter(|action| !own.contains(action)).collect();
    assert!(actions.len() > 30);
    paused(async {
        let rig = Arc::new(Rig::new().await);
        for action in actions {
            restrict(&rig, &without(&whole, action));
            let findings = examined(&rig).await;
            let found = of(&findings, Subject::Permissions);
            assert!(matches!(found.verdict, Verdict::Problem { .. }) && found.seen.ends_with(action), "{found:#?}");
        }
    });
}

#[test]
fn what_may_not_be_asked_is_said_with_the_action_and_nothing_else_is_lost() {
    let whole = policy(&[Purpose::Up, Purpose::Doctor]);
    paused(async {
        let rig = Rig::new().await;
        for (action, subject) in [
            ("s3:GetAccountPublicAccessBlock", Subject::PublicAccess),
            ("lambda:GetAccountSettings", Subject::Concurrency),
            ("iam:SimulatePrincipalPolicy", Subject::Permissions),
        ] {
            restrict(&rig, &without(&whole, action));
            let findings = examined(&rig).await;
            let Verdict::Unknown { remedy } = &of(&findings, subject).verdict else { panic!("{findings:#?}") };
            assert!(remedy.contains(action), "{remedy}");
            let unknown = |finding: &&Finding| matches!(finding.verdict, Verdict::Unknown { .. });
            let others = findings.iter().filter(unknown).filter(|finding| finding.subject != subject);
            // Nobody listens where this account seems to be.
            assert!(others.into_iter().all(|finding| finding.subject == Subject::Clock), "{findings:#?}");
        }
    });
}

#[test]
fn an_account_that_forbids_public_pages_is_found_out_before_up_fails_over_it() {
    paused(async {
        let rig = Rig::new().await;
        s3::seed_account_access_block(&mut rig.world.state());
        let findings = examined(&rig).await;
        let found = of(&findings, Subject::PublicAccess);
        assert!(matches!(found.verdict, Verdict::Problem { .. }), "{found:#?}");
        assert!(found.seen.contains("BlockPublicPolicy, RestrictPublicBuckets"), "{found:#?}");
        assert!(rig.up().await.unwrap_err().to_string().contains("BlockPublicPolicy"));
    });
}

#[test]
fn a_bucket_that_the_page_cannot_be_in_is_found_out_before_up_fails_over_it() {
    paused(async {
        let mut rig = Rig::new().await;
        assert!(examined(&rig).await.iter().all(|finding| finding.subject != Subject::Bucket));
        rig.want_the_existing_bucket();
        assert_eq!(of(&examined(&rig).await, Subject::Bucket).verdict, Verdict::Ok);
        rig.config.existing_bucket = Some("nowhere".parse().unwrap());
        let findings = examined(&rig).await;
        let found = of(&findings, Subject::Bucket);
        assert!(
            matches!(found.verdict, Verdict::Problem { .. }) && found.seen.contains("no bucket nowhere"),
            "{found:#?}"
        );
        rig.want_the_existing_bucket();
        restrict(&rig, &policy(&[Purpose::Doctor]));
        let findings = examined(&rig).await;
        assert!(matches!(of(&findings, Subject::Bucket).verdict, Verdict::Unknown { .. }), "{findings:#?}");
    });
}

#[test]
fn runs_that_others_have_reserved_are_missed() {
    paused(async {
        let rig = Rig::new().await;
        rig.up().await.unwrap();
        let reserve = Clients::new(&rig.sdk).lambda.put_function_concurrency().function_name("webrtc-aws-demo");
        reserve.reserved_concurrent_executions(900).send().await.unwrap();
        let findings = examined(&rig).await;
        assert_eq!(
            of(&findings, Subject::Concurrency).seen,
            "1000 runs of functions at once, 100 of them not reserved"
        );
    });
}
