//! A stack whose page is in a bucket that somebody else made: moved there and back, tried out, and removed, while the rest of the
//! bucket stays as it is, to the byte.

use aws_sdk_s3::types::PublicAccessBlockConfiguration;
use serde_json::Value;

use crate::support::http::get;
use crate::support::program::Machine;
use crate::{Stack, World};

const NAME: &str = "team-pages";
const EXISTING: [&str; 2] = ["--existing-bucket", "team-pages/calls"];

impl World {
    /// With what others have in it, also where a careless prefix would reach.
    async fn with_a_bucket() -> Self {
        let world = Self::new().await;
        let s3 = &world.account.s3;
        s3.create_bucket().bucket(NAME).send().await.unwrap();
        for key in [
            "index.html",
            "config.js",
            "webrtc-aws/demo/index.html",
            "calls/webrtc-aws/demo",
            "calls/webrtc-aws/demo-two/index.html",
        ] {
            let put = s3.put_object().bucket(NAME).key(key).body(key.as_bytes().to_vec().into());
            put.metadata("webrtc-aws-stack", "demo").send().await.unwrap();
        }
        s3.create_multipart_upload().bucket(NAME).key("calls/webrtc-aws/demo.zip").send().await.unwrap();
        world
    }

    /// What its owner does with what 'webrtc-aws policy --for bucket' prints. The local AWS speaks no https.
    async fn let_everybody_read(&self) {
        let here = ["--account", "000000000000", "--region", "us-east-1"];
        let printed =
            Machine::alone().succeed(&[&["policy", "demo", "--for", "bucket"], &EXISTING[..], &here].concat()).await;
        let policy = printed.events.iter().find(|event| event["event"] == "policy").unwrap();
        assert_eq!(policy["kind"], "bucket", "{printed}");
        let mut document = policy["document"].clone();
        let condition = document["Statement"][0].as_object_mut().unwrap().remove("Condition");
        assert_eq!(condition.unwrap()["Bool"]["aws:SecureTransport"], "true");
        let s3 = &self.account.s3;
        let open = PublicAccessBlockConfiguration::builder().block_public_policy(false).restrict_public_buckets(false);
        s3.put_public_access_block().bucket(NAME).public_access_block_configuration(open.build()).send().await.unwrap();
        // What was opened is not open at once; its owner waits.
        let put = s3.put_bucket_policy().bucket(NAME).policy(document.to_string());
        while put.clone().send().await.is_err() {
            tokio::task::yield_now().await;
        }
    }

    fn buckets(&self) -> Value {
        self.account.aws.snapshot()["s3"]["buckets"].clone()
    }

    fn has_own_bucket(&self) -> bool {
        self.buckets().as_object().unwrap().keys().any(|name| name.starts_with("webrtc-aws-demo-"))
    }
}

fn with_options<'a>(command: &[&'a str]) -> Vec<&'a str> {
    [command, &EXISTING].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_moves_to_an_existing_bucket_and_back_and_goes() {
    let world = World::with_a_bucket().await;
    world.let_everybody_read().await;
    let (bucket, before) = (world.buckets()[NAME].clone(), world.bytes());
    let stack = Stack::of(&world.machine.succeed(&["up", "demo"]).await);

    let up = world.machine.succeed(&with_options(&["up", "demo"])).await;
    let moved = Stack::of(&up);
    assert!(moved.site.ends_with("/team-pages/calls/webrtc-aws/demo/index.html"), "{up}");
    assert_eq!((&moved.bucket[..], &moved.websocket), (NAME, &stack.websocket));
    assert!(!world.has_own_bucket());
    assert_eq!((get(&moved.site).await.0, get(&stack.site).await.0), (200, 404));
    let there = world.buckets()[NAME].clone();
    for part in there.as_object().unwrap().keys().filter(|part| *part != "objects") {
        assert_eq!(there[part], bucket[part], "{part}");
    }
    for (key, object) in bucket["objects"].as_object().unwrap() {
        assert_eq!(there["objects"][key], *object, "{key}");
    }
    world.assert_settled(&EXISTING).await;
    // Who is not told where the page is finds it.
    let verify = world.machine.succeed(&["verify", "demo"]).await;
    assert_eq!(verify.output("site_url"), moved.site);
    let status = world.machine.succeed(&["status", "demo"]).await;
    assert_eq!(status.output("site_url"), moved.site);

    let up = world.machine.succeed(&["up", "demo"]).await;
    assert_eq!(Stack::of(&up), stack);
    assert_eq!(world.buckets()[NAME], bucket);
    assert_eq!(get(&stack.site).await.0, 200);
    world.assert_settled(&[]).await;

    world.machine.succeed(&with_options(&["up", "demo"])).await;
    world.machine.succeed(&["teardown", "demo", "--yes"]).await;
    assert_eq!(world.bytes(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_an_existing_bucket_is_made_without_a_write_to_any_bucket() {
    let world = World::with_a_bucket().await;
    world.let_everybody_read().await;
    let before = world.bytes();
    world.account.aws.clear_calls();
    world.machine.succeed(&with_options(&["up", "demo"])).await;
    let writes = world.writes();
    assert!(writes.contains(&"PutObject") && writes.iter().all(|write| !write.contains("Bucket")), "{writes:?}");
    // Nobody's memory is left when the parts that carry it are gone.
    world.machine.succeed(&["teardown", "demo", "--yes"]).await;
    assert_eq!(world.bytes(), before);
    let put = world.account.s3.put_object().bucket(NAME).key("calls/webrtc-aws/demo/late.js");
    put.metadata("webrtc-aws-stack", "demo").send().await.unwrap();
    world.machine.succeed(&with_options(&["teardown", "demo", "--yes"])).await;
    assert_eq!(world.bytes(), before);
}

/// Else one would look for it in a bucket that never was.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_is_gone_is_named_by_verify_and_status() {
    let world = World::with_a_bucket().await;
    let s3 = &world.account.s3;
    s3.create_bucket().bucket("passing-pages").send().await.unwrap();
    world.machine.succeed(&["up", "demo", "--no-verify", "--existing-bucket", "passing-pages"]).await;
    for object in s3.list_objects_v2().bucket("passing-pages").send().await.unwrap().contents() {
        s3.delete_object().bucket("passing-pages").key(object.key().unwrap()).send().await.unwrap();
    }
    s3.delete_bucket().bucket("passing-pages").send().await.unwrap();
    let verify = world.machine.run(&["verify", "demo", "--patience", "0"]).await;
    assert_eq!(verify.code, Some(6), "{verify}");
    assert!(verify.to_string().contains("there is no bucket passing-pages"), "{verify}");
    let status = world.machine.succeed(&["status", "demo"]).await;
    assert!(status.output("site_url").ends_with("/passing-pages/webrtc-aws/demo/index.html"), "{status}");
    world.machine.succeed(&["teardown", "demo", "--yes"]).await;
    assert_eq!(world.bytes(), World::with_a_bucket().await.bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_lets_nobody_in_is_named_by_verify() {
    let world = World::with_a_bucket().await;
    let up = world.machine.run(&with_options(&["up", "demo", "--no-verify"])).await;
    assert_eq!(up.code, Some(0), "{up}");
    let verify = world.machine.run(&["verify", "demo", "--patience", "0"]).await;
    assert_eq!(verify.code, Some(6), "{verify}");
    let failed = verify.events.iter().find(|event| event["event"] == "check" && event["result"] == "failed");
    let failed = failed.unwrap_or_else(|| panic!("nothing failed: {verify}"));
    let said = |field: &str, text: &str| assert!(failed[field].as_str().unwrap().contains(text), "{failed}");
    said("cause", "the bucket team-pages, which the stack did not make, does not let everybody read");
    said(
        "remedy",
        "'webrtc-aws policy demo --for bucket --existing-bucket team-pages/calls' prints to the bucket's policy",
    );
    said("remedy", "without its Condition");
    world.let_everybody_read().await;
    world.machine.succeed(&["verify", "demo"]).await;
}
