//! Somebody looks in the wrong region.

use super::acts::{Act, Seen, names};
use super::rig::{Rig, paused};
use crate::aws::clients::Clients;
use crate::diagnostics::Code;
use crate::local::{Fault, FaultRule, Service, s3};
use crate::naming::{OWNER_TAG, Region};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}}"#;

async fn bucket(rig: &Rig, region: &str) -> String {
    let name = names(rig).await.in_region(Region(region.to_owned())).bucket();
    s3::seed_bucket_elsewhere(&mut rig.world.state(), &name, region);
    name
}

async fn role(rig: &Rig, name: &str, owner: Option<&str>) {
    let tag = |owner| aws_sdk_iam::types::Tag::builder().key(OWNER_TAG).value(owner).build().unwrap();
    let create = Clients::new(&rig.sdk).iam.create_role().role_name(name).assume_role_policy_document(TRUST);
    create.set_tags(owner.map(|owner| vec![tag(owner)])).send().await.unwrap();
}

async fn our_role(rig: &Rig, region: &str) -> String {
    let name = names(rig).await.in_region(Region(region.to_owned())).role();
    role(rig, &name, Some("demo")).await;
    name
}

fn deny(rig: &Rig, service: Service, operation: &str) {
    let fault =
        Fault::FailBefore { status: 403, code: "AccessDenied".to_owned(), message: "not authorized".to_owned() };
    rig.world.faults.add(FaultRule { service: Some(service), operation: Some(operation.to_owned()), nth: None, fault });
}

fn assert_offers(seen: &Seen, region: &str, names: &[&str]) {
    let problem = seen.problem();
    assert_eq!((problem.code, problem.code.exit_code(), seen.changed), (Code::Elsewhere, 1, false));
    assert!(names.iter().all(|name| problem.summary.contains(name)), "{problem}");
    assert!(problem.summary.contains("account 000000000000, region us-east-1, but"), "{problem}");
    assert!(problem.hint.contains(&format!("'webrtc-aws teardown demo --region {region}'")), "{}", problem.hint);
    assert_eq!(seen.writes, Vec::<String>::new());
}

#[test]
fn a_bucket_or_a_role_in_another_region_is_enough_to_be_found() {
    paused(async {
        let rig = Rig::new().await;
        let there = bucket(&rig, "eu-west-1").await;
        assert_offers(&Act::Teardown.run(&rig).await, "eu-west-1", &[&there]);

        let rig = Rig::new().await;
        let there = our_role(&rig, "us-gov-west-1").await;
        assert_offers(&Act::Teardown.run(&rig).await, "us-gov-west-1", &[&there]);

        let both = [bucket(&rig, "us-gov-west-1").await, bucket(&rig, "ap-south-2").await];
        let seen = Act::Teardown.run(&rig).await;
        assert_offers(&seen, "ap-south-2", &[&there, &both[0], &both[1]]);
        assert!(seen.problem().hint.ends_with(", and likewise for us-gov-west-1"), "{}", seen.problem().hint);

        let status = Act::Status.run(&rig).await.succeeded();
        let offer = "if you mean that one, run 'webrtc-aws status demo --region ap-south-2'";
        assert!(status.warnings().iter().any(|warning| warning.contains(offer)), "{status:#?}");
        assert_eq!(status.writes, Vec::<String>::new());
    });
}

/// Pipelines tear down previews that were never deployed.
#[test]
fn nothing_anywhere_is_a_success_that_says_where_it_looked() {
    paused(async {
        let rig = Rig::new().await;
        for act in [Act::Teardown, Act::Status] {
            let seen = act.run(&rig).await.succeeded();
            let said = "there is nothing of stack 'demo' in account 000000000000, region us-east-1; no other region has a bucket \
                        or a role of it either";
            assert_eq!((seen.notes(), seen.warnings(), seen.changed), (vec![said], vec![], false));
        }
    });
}

#[test]
fn look_alikes_in_other_regions_are_not_taken_for_the_stack() {
    paused(async {
        let rig = Rig::new().await;
        s3::seed_bucket_elsewhere(&mut rig.world.state(), "webrtc-aws-demo-0123456789ab", "eu-west-1");
        s3::seed_bucket_elsewhere(&mut rig.world.state(), "webrtc-aws-demo-eu-west-1", "eu-west-1");
        role(&rig, "webrtc-aws-demo-two-eu-west-1", Some("demo-two")).await;
        role(&rig, "webrtc-aws-demo-eu-west-1", None).await;
        role(&rig, "webrtc-aws-demo-eu-west-2", Some("other")).await;
        Act::Teardown.run(&rig).await.succeeded();
    });
}

#[test]
fn who_may_not_list_is_told_what_was_not_looked_at() {
    paused(async {
        let lists = [(Service::S3, "ListBuckets"), (Service::Iam, "ListRoles")];
        for (service, operation) in lists {
            let rig = Rig::new().await;
            deny(&rig, service, operation);
            let seen = Act::Teardown.run(&rig).await.succeeded();
            let [warning] = seen.warnings()[..] else { panic!("{seen:#?}") };
            assert!(warning.contains(&format!("{service}:{operation} answered AccessDenied")), "{warning}");
            assert!(warning.contains("s3:ListAllMyBuckets, iam:ListRoles"), "{warning}");
            assert!(!seen.notes()[0].contains("no other region"), "{seen:#?}");
            // The other list is evidence enough.
            bucket(&rig, "eu-west-1").await;
            let role = our_role(&rig, "eu-west-1").await;
            let seen = Act::Teardown.run(&rig).await;
            assert_eq!(seen.problem().summary.contains(&role), service == Service::S3, "{seen:#?}");
            assert_eq!(seen.problem().code, Code::Elsewhere);
        }
    });
}

#[test]
fn other_regions_are_nobodys_business_where_the_stack_stands() {
    paused(async {
        let rig = Rig::new().await;
        our_role(&rig, "eu-west-1").await;
        for act in [Act::Up, Act::Status, Act::Teardown] {
            let seen = act.run(&rig).await.succeeded();
            assert!(!seen.reads.contains(&"ListRoles") && !seen.reads.contains(&"ListBuckets"), "{act:?}: {seen:#?}");
        }
    });
}

/// Of a stack whose API was deleted by hand, and of one that is half gone, the rest is found where it is.
#[test]
fn half_a_stack_is_still_found() {
    paused(async {
        let rig = Rig::new().await;
        let empty = rig.snapshot();
        Act::Up.run(&rig).await.succeeded();
        let api = super::shape::apis(&rig.snapshot()).remove(0);
        let clients = Clients::new(&rig.sdk);
        clients.api_gateway.delete_api().api_id(api).send().await.unwrap();
        assert!(Act::Teardown.run(&rig).await.succeeded().changed);
        assert_eq!(rig.snapshot(), empty);

        for _ in 0..2 {
            // Nothing but a log group.
            let group = names(&rig).await.log_group();
            clients.logs.create_log_group().log_group_name(group).tags(OWNER_TAG, "demo").send().await.unwrap();
            assert!(Act::Teardown.run(&rig).await.succeeded().changed);
            assert_eq!(rig.snapshot(), empty);
        }
    });
}
