//! A page in a bucket that somebody else made: what is there is the stack's or not to be touched, and a run that is told nothing of
//! it finds what is the stack's.

use serde_json::Value;

use super::acts::{Act, Seen, names};
use super::permissions::{self, Account, restrict, version};
use super::rig::{EXISTING_BUCKET, Rig, paused};
use super::shape;
use crate::aws::clients::Clients;
use crate::diagnostics::Code;
use crate::engine::plan::Action;
use crate::engine::status::State;
use crate::local::{Manners, s3};
use crate::naming::{Memory, OWNER_METADATA};
use crate::permissions::Purpose;
use crate::resources::{BUCKET, OBJECTS, OBJECTS_IN_EXISTING_BUCKET};

async fn put(rig: &Rig, bucket: &str, key: &str, owner: Option<&str>) {
    let put = Clients::new(&rig.sdk).s3.put_object().bucket(bucket).key(key).body(b"theirs".to_vec().into());
    let put = owner.into_iter().fold(put, |put, owner| put.metadata(OWNER_METADATA, owner));
    put.send().await.unwrap();
}

/// The keys below the prefix, older versions' too.
fn below(rig: &Rig, prefix: &str) -> Vec<String> {
    let bucket = rig.snapshot()["s3"]["buckets"][EXISTING_BUCKET].clone();
    let keys = ["objects", "history"].into_iter().flat_map(|part| bucket[part].as_object().unwrap().clone());
    let mut keys: Vec<_> = keys.map(|(key, _)| key).filter(|key| key.starts_with(prefix)).collect();
    keys.sort();
    keys.dedup();
    keys
}

fn has_own_bucket(rig: &Rig) -> bool {
    let snapshot = rig.snapshot();
    snapshot["s3"]["buckets"].as_object().unwrap().keys().any(|name| name.starts_with("webrtc-aws-demo-"))
}

fn refused(seen: &Seen, code: Code, what: &str) {
    let problem = seen.problem();
    assert_eq!(problem.code, code, "{problem:?}");
    assert!(problem.summary.contains(what), "{problem:?}");
    assert_eq!(seen.writes, Vec::<String>::new());
}

#[test]
fn what_is_the_stacks_comes_and_goes_and_the_rest_stays_to_the_byte() {
    for manners in [Manners::default(), Manners::worst()] {
        paused(async {
            let mut rig = Rig::on(manners).await;
            version(&rig, EXISTING_BUCKET).await;
            let s3 = Clients::new(&rig.sdk).s3;
            // Beside the prefix, and the same as what is below it.
            put(&rig, EXISTING_BUCKET, "webrtc-aws/demo-two/old.js", Some("demo")).await;
            s3.delete_object().bucket(EXISTING_BUCKET).key("webrtc-aws/demo-two/old.js").send().await.unwrap();
            s3.create_multipart_upload().bucket(EXISTING_BUCKET).key("webrtc-aws/demo-two/half").send().await.unwrap();
            s3.create_multipart_upload().bucket(EXISTING_BUCKET).key("webrtc-aws/demo").send().await.unwrap();
            let empty = rig.snapshot();

            rig.want_the_existing_bucket();
            rig.up().await.unwrap();
            assert_eq!(below(&rig, "webrtc-aws/demo/"), ["webrtc-aws/demo/config.js", "webrtc-aws/demo/index.html"]);
            assert!(!has_own_bucket(&rig));
            assert!(!rig.up().await.unwrap().changed);
            rig.want_something_else();
            rig.up().await.unwrap();
            put(&rig, EXISTING_BUCKET, "webrtc-aws/demo/old.js", Some("demo")).await;
            s3.delete_object().bucket(EXISTING_BUCKET).key("webrtc-aws/demo/old.js").send().await.unwrap();
            s3.create_multipart_upload().bucket(EXISTING_BUCKET).key("webrtc-aws/demo/half").send().await.unwrap();

            rig.teardown().await.unwrap();
            assert!(rig.snapshot() == empty, "{}", shape::difference(&empty, &rig.snapshot()));
        });
    }
}

/// Whether the tags of the log group and of the API remember the bucket.
async fn remembering(rig: &Rig) -> [bool; 2] {
    let snapshot = rig.snapshot();
    let group = &snapshot["logs"]["groups"][names(rig).await.log_group()];
    let api = &snapshot["apigateway"]["apis"][shape::apis(&snapshot).remove(0)];
    [group, api].map(|what| what["tags"][Memory::Bucket.key()] == EXISTING_BUCKET)
}

/// The API's tags are read as they were two seconds ago: of a run that failed right after it wrote them, the next one saw nothing, and
/// left the files.
#[test]
fn nothing_is_put_into_the_bucket_before_two_services_remember_it() {
    paused(async {
        // The API is tagged with who deploys before anything else is done.
        for (service, nth, remembered) in [("logs", 1, [false, true]), ("apigateway", 2, [true, false])] {
            let mut rig = Rig::on(Manners::worst()).await;
            let empty = rig.snapshot();
            rig.up().await.unwrap();
            rig.want_the_existing_bucket();
            let rule = format!("{service}:TagResource#{nth}=fail:403:AccessDenied");
            rig.world.faults.add(rule.parse().unwrap());
            let problem = rig.up().await.unwrap_err();
            rig.world.faults.clear();
            let refused = problem.aws.as_ref().map(|aws| (aws.service, aws.operation));
            assert_eq!(refused, Some((service, "TagResource")), "{problem:?}");
            assert_eq!(remembering(&rig).await, remembered, "{service}");
            assert_eq!(below(&rig, "webrtc-aws/demo/"), Vec::<String>::new(), "{service}");
            rig.teardown().await.unwrap();
            assert!(rig.snapshot() == empty, "{service}: {}", shape::difference(&empty, &rig.snapshot()));
        }
    });
}

#[test]
fn another_stack_in_the_same_bucket_stays() {
    paused(async {
        let mut rig = Rig::new().await;
        rig.want_the_existing_bucket();
        let two = rig.of("demo-three");
        two.up().await.unwrap();
        let before = rig.snapshot();
        rig.up().await.unwrap();
        rig.teardown().await.unwrap();
        assert!(rig.snapshot() == before);
        assert!(!two.up().await.unwrap().changed);
        two.teardown().await.unwrap();
    });
}

#[test]
fn below_another_prefix_is_another_place() {
    paused(async {
        let mut rig = Rig::new().await;
        let empty = rig.snapshot();
        rig.want_the_existing_bucket();
        let mut two = rig.of("two");
        two.config.existing_bucket = Some("team-pages/demo".parse().unwrap());
        two.up().await.unwrap();
        assert_eq!(below(&rig, "demo/"), ["demo/webrtc-aws/two/config.js", "demo/webrtc-aws/two/index.html"]);
        Act::Up.run(&rig).await.succeeded();
        assert!(!two.up().await.unwrap().changed);
        rig.config.existing_bucket = Some("team-pages/calls".parse().unwrap());
        refused(&Act::Up.run(&rig).await, Code::InvalidInput, "the page is in the bucket team-pages");
        Act::TeardownWithForeignObjects.run(&rig).await.succeeded();
        assert!(!two.up().await.unwrap().changed);
        two.teardown().await.unwrap();

        Act::Up.run(&rig).await.succeeded();
        assert_eq!(below(&rig, "calls/"), ["calls/webrtc-aws/demo/config.js", "calls/webrtc-aws/demo/index.html"]);
        let status = Act::Status.run(&rig).await.succeeded();
        assert_eq!(status.state(OBJECTS_IN_EXISTING_BUCKET), State::Present);
        rig.teardown().await.unwrap();
        assert_eq!(rig.snapshot(), empty);
    });
}

#[test]
fn a_file_of_somebody_elses_below_the_prefix_stays_until_it_is_given_up() {
    paused(async {
        let mut rig = Rig::new().await;
        let empty = rig.snapshot();
        rig.want_the_existing_bucket();
        put(&rig, EXISTING_BUCKET, "webrtc-aws/demo/theirs.txt", None).await;
        // Of another stack's mark.
        put(&rig, EXISTING_BUCKET, "webrtc-aws/demo/other.js", Some("demo-two")).await;
        for (name, owner) in [("webrtc-aws/demo/index.html", None), ("webrtc-aws/demo/config.js", Some("demo-two"))] {
            put(&rig, EXISTING_BUCKET, name, owner).await;
            for act in [Act::Plan, Act::Up] {
                refused(&act.run(&rig).await, Code::NotOurs, &format!("holds {name:?}"));
            }
            let s3 = Clients::new(&rig.sdk).s3;
            s3.delete_object().bucket(EXISTING_BUCKET).key(name).send().await.unwrap();
        }
        Act::Up.run(&rig).await.succeeded();
        let all = [
            "webrtc-aws/demo/config.js",
            "webrtc-aws/demo/index.html",
            "webrtc-aws/demo/other.js",
            "webrtc-aws/demo/theirs.txt",
        ];
        assert_eq!(below(&rig, "webrtc-aws/demo/"), all);
        assert!(!Act::Up.run(&rig).await.succeeded().changed);

        rig.config.existing_bucket = None;
        for act in [Act::Plan, Act::Up, Act::Teardown] {
            let seen = act.run(&rig).await;
            refused(&seen, Code::NotOurs, "holds \"webrtc-aws/demo/other.js\" and 1 more");
            assert!(seen.problem().hint.contains("everything below webrtc-aws/demo/"), "{:?}", seen.problem());
        }
        Act::TeardownWithForeignObjects.run(&rig).await.succeeded();
        assert_eq!(rig.snapshot(), empty);
    });
}

#[test]
fn a_stack_moves_there_and_back_and_keeps_its_other_url() {
    paused(async {
        let mut rig = Rig::new().await;
        let empty = rig.snapshot();
        rig.up().await.unwrap();
        let api = shape::apis(&rig.snapshot());

        rig.want_the_existing_bucket();
        let plan = Act::Plan.run(&rig).await.succeeded();
        let step = |address| plan.plan().steps.iter().find(|step| step.address == address).map(|step| step.action);
        assert_eq!([BUCKET, OBJECTS].map(step), [Some(Action::Delete); 2]);
        assert_eq!(step(OBJECTS_IN_EXISTING_BUCKET), Some(Action::Create));
        let [warning] = plan.warnings()[..] else { panic!("{plan:#?}") };
        assert!(
            warning.contains("the page moves to http://127.0.0.1")
                && warning.contains("/team-pages/webrtc-aws/demo/index.html,")
        );
        Act::Up.run(&rig).await.succeeded();
        assert!(!has_own_bucket(&rig) && below(&rig, "webrtc-aws/demo/").len() == 2);
        assert!(!Act::Up.run(&rig).await.succeeded().changed);

        rig.config.existing_bucket = None;
        let status = Act::Status.run(&rig).await.succeeded();
        assert_eq!(status.state(OBJECTS_IN_EXISTING_BUCKET), State::Unwanted);
        Act::Up.run(&rig).await.succeeded();
        assert!(has_own_bucket(&rig) && below(&rig, "webrtc-aws/demo/").is_empty());
        assert!(!Act::Up.run(&rig).await.succeeded().changed);
        assert_eq!(shape::apis(&rig.snapshot()), api);

        // To yet another one, now that nothing is left in the first.
        Clients::new(&rig.sdk).s3.create_bucket().bucket("other-pages").send().await.unwrap();
        rig.config.existing_bucket = Some("other-pages".parse().unwrap());
        Act::Up.run(&rig).await.succeeded();
        rig.teardown().await.unwrap();
        Clients::new(&rig.sdk).s3.delete_bucket().bucket("other-pages").send().await.unwrap();
        assert_eq!(rig.snapshot(), empty);
    });
}

#[test]
fn a_page_whose_old_place_holds_what_is_not_ours_does_not_move() {
    paused(async {
        let mut rig = Rig::new().await;
        rig.up().await.unwrap();
        let own = names(&rig).await.bucket();
        put(&rig, &own, "theirs.txt", None).await;
        rig.want_the_existing_bucket();
        for act in [Act::Plan, Act::Up] {
            refused(&act.run(&rig).await, Code::NotOurs, "holds \"theirs.txt\"");
        }
        Clients::new(&rig.sdk).s3.delete_object().bucket(&own).key("theirs.txt").send().await.unwrap();
        Act::Up.run(&rig).await.succeeded();
        rig.teardown().await.unwrap();
    });
}

#[test]
fn a_bucket_that_cannot_be_the_pages_is_refused_before_any_write() {
    paused(async {
        let mut rig = Rig::new().await;
        let other = rig.of("other");
        other.up().await.unwrap();
        let of_other = names(&other).await.bucket();
        let of_demo = names(&rig).await.bucket();
        s3::seed_foreign_bucket(&mut rig.world.state(), "strangers-pages");
        s3::seed_bucket_elsewhere(&mut rig.world.state(), "irish-pages", "eu-west-1");
        for (bucket, what, hint) in [
            ("nowhere", "there is no bucket nowhere", "name one that is there"),
            ("strangers-pages", "does not belong to the account 000000000000", "below webrtc-aws/demo/"),
            ("irish-pages", "is not in the region us-east-1", "--region"),
            (&of_other, "with the stack 'other'", "leave that out"),
            (&of_demo, "with the stack 'demo'", "leave that out"),
        ] {
            rig.config.existing_bucket = Some(bucket.parse().unwrap());
            for act in [Act::Plan, Act::Up, Act::Status] {
                let seen = act.run(&rig).await;
                refused(&seen, Code::InvalidInput, what);
                assert!(seen.problem().hint.contains(hint), "{:?}", seen.problem());
            }
        }
    });
}

#[test]
fn a_page_does_not_go_from_one_existing_bucket_to_another() {
    paused(async {
        let mut rig = Rig::new().await;
        rig.want_the_existing_bucket();
        rig.up().await.unwrap();
        Clients::new(&rig.sdk).s3.create_bucket().bucket("other-pages").send().await.unwrap();
        rig.config.existing_bucket = Some("other-pages".parse().unwrap());
        for act in [Act::Plan, Act::Up] {
            let seen = act.run(&rig).await;
            refused(&seen, Code::InvalidInput, "the page is in the bucket team-pages");
            assert!(seen.problem().hint.contains("pass --existing-bucket team-pages"), "{:?}", seen.problem());
        }
        rig.teardown().await.unwrap();
        assert!(below(&rig, "webrtc-aws/demo/").is_empty());
    });
}

/// A stack whose bucket its owner has deleted, and what stood before the stack did.
async fn without_its_bucket() -> (Rig, Value) {
    let mut rig = Rig::new().await;
    let empty = rig.snapshot();
    rig.config.existing_bucket = Some("passing-pages".parse().unwrap());
    let s3 = Clients::new(&rig.sdk).s3;
    s3.create_bucket().bucket("passing-pages").send().await.unwrap();
    rig.up().await.unwrap();
    for key in ["webrtc-aws/demo/index.html", "webrtc-aws/demo/config.js"] {
        s3.delete_object().bucket("passing-pages").key(key).send().await.unwrap();
    }
    s3.delete_bucket().bucket("passing-pages").send().await.unwrap();
    (rig, empty)
}

#[test]
fn of_a_bucket_that_is_somebody_elses_by_now_the_rest_is_removed() {
    paused(async {
        let (rig, empty) = without_its_bucket().await;
        s3::seed_foreign_bucket(&mut rig.world.state(), "passing-pages");
        let problem = rig.teardown().await.unwrap_err();
        assert_eq!(problem.code, Code::NotOurs, "{problem:?}");
        assert!(problem.summary.contains("the bucket passing-pages"), "{problem:?}");
        assert_eq!(rig.snapshot()["apigateway"], empty["apigateway"]);
        assert_eq!(rig.snapshot()["lambda"], empty["lambda"]);
    });
}

#[test]
fn of_a_bucket_that_is_gone_nothing_is_left() {
    paused(async {
        let (rig, empty) = without_its_bucket().await;
        rig.teardown().await.unwrap();
        assert_eq!(rig.snapshot(), empty);
    });
}

/// Nothing else would lead to what lies in the right one.
#[test]
fn a_bucket_that_teardown_is_told_of_and_that_is_not_there_is_no_success() {
    paused(async {
        let rig = Rig::new().await;
        let problem = rig.teardown_told(None, Some("team-pagse/calls")).await.unwrap_err();
        assert_eq!(problem.code, Code::InvalidInput, "{problem:?}");
        assert!(problem.summary.contains("there is no bucket team-pagse"), "{problem:?}");
        rig.teardown_told(None, Some("team-pages/calls")).await.unwrap();
    });
}

#[test]
fn who_may_not_look_where_the_tags_say_is_told_what_to_ask_for() {
    paused(async {
        let mut rig = Rig::new().await;
        rig.want_the_existing_bucket();
        rig.up().await.unwrap();
        restrict(&rig, &permissions::policy(Purpose::Teardown, Account::Plain));
        let before = rig.snapshot();
        let problem = rig.teardown().await.unwrap_err();
        assert_eq!(problem.code, Code::AccessDenied, "{problem:?}");
        assert!(problem.hint.contains("'webrtc-aws policy demo --existing-bucket team-pages'"), "{problem:?}");
        assert_eq!(rig.snapshot(), before);
    });
}
