//! The life of previews, as a pipeline has it: a stack for each pull request, pushes, a close that comes in the middle of a deploy, a
//! pipeline that is cancelled, and the nightly sweep after which nothing of them is left.

use std::fs;

use aws_sdk_s3::types::{Tag, Tagging};
use serde_json::Value;

use crate::support::program::Run;
use crate::{Stack, World};

const EXPIRES: &str = "webrtc-aws:expires";
const OWNER: &str = "webrtc-aws:stack";
const LONG_AGO: &str = "2001-01-01T00:00:00Z";

/// The stacks that `list` or `sweep` speaks of, each with a part of what it says.
fn told<'a>(run: &'a Run, event: &str, part: &str) -> Vec<(&'a str, Value)> {
    let told = run.events.iter().find(|found| found["event"] == event).unwrap_or_else(|| panic!("no {event}: {run}"));
    let entry = |stack: &'a Value| (stack["stack"].as_str().unwrap(), stack[part].clone());
    told["stacks"].as_array().unwrap().iter().map(entry).collect()
}

impl World {
    async fn list(&self) -> Run {
        self.machine.succeed(&["list"]).await
    }

    /// As if the time of all previews had come.
    async fn let_previews_expire(&self) {
        let snapshot = self.account.aws.snapshot();
        let previews = |service: &str, kind: &str| -> Vec<(String, Value)> {
            let all = snapshot[service][kind].as_object().unwrap().iter();
            all.filter(|(_, it)| it["tags"][OWNER].as_str().is_some_and(|owner| owner.starts_with("pr-")))
                .map(|(name, it)| (name.clone(), it["tags"].clone()))
                .collect()
        };
        let arn = |service: &str, rest: &str| format!("arn:aws:{service}:us-east-1:{rest}");
        for (id, tags) in previews("apigateway", "apis") {
            assert!(tags[EXPIRES].is_string(), "{tags}");
            let tag = self.account.gateway.tag_resource().resource_arn(arn("apigateway", &format!(":/apis/{id}")));
            tag.tags(EXPIRES, LONG_AGO).send().await.unwrap();
        }
        for (name, _) in previews("lambda", "functions") {
            let tag = self.account.lambda.tag_resource();
            let tag = tag.resource(arn("lambda", &format!("000000000000:function:{name}")));
            tag.tags(EXPIRES, LONG_AGO).send().await.unwrap();
        }
        for (name, _) in previews("logs", "groups") {
            let tag = self.account.logs.tag_resource();
            let tag = tag.resource_arn(arn("logs", &format!("000000000000:log-group:{name}")));
            tag.tags(EXPIRES, LONG_AGO).send().await.unwrap();
        }
        for (name, _) in previews("iam", "roles") {
            let tag = aws_sdk_iam::types::Tag::builder().key(EXPIRES).value(LONG_AGO).build().unwrap();
            self.account.iam.tag_role().role_name(name).tags(tag).send().await.unwrap();
        }
        for (name, tags) in previews("s3", "buckets") {
            let tag = |key, value| Tag::builder().key(key).value(value).build().unwrap();
            let owner = tag(OWNER, tags[OWNER].as_str().unwrap());
            let tags = Tagging::builder().tag_set(owner).tag_set(tag(EXPIRES, LONG_AGO)).build().unwrap();
            self.account.s3.put_bucket_tagging().bucket(name).tagging(tags).send().await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_nightly_sweep_nothing_of_any_preview_is_left() {
    let world = World::new().await;
    let nothing = world.bytes();
    let faults = world.account.aws.faults();
    let page = tempfile::tempdir().unwrap();
    let client = page.path().to_str().unwrap();
    let push = |text: &str| fs::write(page.path().join("index.html"), text).unwrap();
    let up =
        |stack: &'static str| ["up", stack, "--expires", "3d", "--tag", "team=blue", "--no-verify", "--client", client];

    // What is no preview stands beside them all the time.
    push("one");
    world.machine.succeed(&["up", "main", "--no-verify", "--client", client]).await;

    // Opened, and pushed to twice.
    let opened = world.machine.succeed(&up("pr-7")).await;
    for text in ["two", "three"] {
        push(text);
        let pushed = world.machine.succeed(&up("pr-7")).await;
        assert_eq!((pushed.finished()["changed"].as_bool(), Stack::of(&pushed)), (Some(true), Stack::of(&opened)));
    }

    // Closed while a third push is on its way: the file comes to a bucket that is gone.
    push("four");
    let mut hits = faults.hits();
    faults.add("s3:PutObject#1=latency:20s".parse().unwrap());
    let late = world.machine.start(&up("pr-7"));
    hits.recv().await.unwrap();
    world.machine.succeed(&["teardown", "pr-7", "--yes"]).await;
    let late = late.end().await;
    assert_eq!((late.code, late.problem()["code"].as_str()), (Some(1), Some("disturbed")), "{late}");
    faults.clear();
    assert_eq!(told(&world.list().await, "stacks", "missing").len(), 1, "the close has won");

    // Closed before the first deploy has begun to write: it finds nothing, and the deploy makes the whole stack after it.
    let mut hits = faults.hits();
    faults.add("apigateway:GetApis#1=latency:20s".parse().unwrap());
    let orphan = world.machine.start(&up("pr-10"));
    hits.recv().await.unwrap();
    let closed = world.machine.succeed(&["teardown", "pr-10", "--yes"]).await;
    assert_eq!(closed.finished()["changed"], false, "{closed}");
    let orphan = orphan.end().await;
    assert_eq!(orphan.code, Some(0), "{orphan}");
    faults.clear();

    // A deploy that was cancelled, and a close that was.
    for (stack, place, cancelled) in [
        ("pr-8", "lambda:CreateFunction#1=hang", &up("pr-8")[..]),
        ("pr-9", "iam:DeleteRole#1=hang", &["teardown", "pr-9", "--yes"]),
    ] {
        if cancelled[0] == "teardown" {
            world.machine.succeed(&up("pr-9")).await;
        }
        let mut hits = faults.hits();
        faults.add(place.parse().unwrap());
        let run = world.machine.start(cancelled);
        hits.recv().await.unwrap_or_else(|error| panic!("{stack}: {error}"));
        run.kill().await;
        faults.clear();
    }

    let list = world.list().await;
    let missing = told(&list, "stacks", "missing");
    let is_whole =
        |name: &str| missing.iter().any(|(stack, missing)| *stack == name && missing.as_array().unwrap().is_empty());
    let names: Vec<_> = missing.iter().map(|(stack, _)| *stack).collect();
    assert_eq!(names, ["main", "pr-10", "pr-8", "pr-9"], "{list}");
    assert!(is_whole("main") && is_whole("pr-10") && !is_whole("pr-8") && !is_whole("pr-9"), "{list}");
    assert!(
        told(&list, "stacks", "parts")
            .iter()
            .any(|(stack, parts)| *stack == "pr-9" && !parts.to_string().contains("api"))
    );

    // Until their time has come they stay, and right after a deploy, too.
    let full = world.bytes();
    let nightly = ["sweep", "--expired", "--match", "pr-*", "--yes"];
    let early = world.machine.succeed(&nightly).await;
    assert!(told(&early, "judged", "delete").iter().all(|(_, delete)| *delete == false), "{early}");
    assert_eq!(world.bytes(), full);
    world.let_previews_expire().await;
    let full = world.bytes();
    let young = world.machine.succeed(&nightly).await;
    let reasons = told(&young, "judged", "reason");
    assert!(reasons.iter().all(|(_, why)| why.to_string().contains("may be in the making")), "{young}");
    let dry = world.machine.succeed(&["sweep", "--expired", "--older-than", "0h", "--match", "pr-*"]).await;
    assert_eq!(told(&dry, "judged", "delete").iter().filter(|(_, delete)| *delete == true).count(), 3, "{dry}");
    assert_eq!(world.bytes(), full);

    let swept = world.machine.succeed(&[&nightly[..], &["--older-than", "0h"]].concat()).await;
    let ended = swept.events.iter().filter(|event| event["event"] == "swept");
    assert_eq!(ended.filter(|event| event["ok"] == true).count(), 3, "{swept}");
    let left = world.list().await;
    assert_eq!(told(&left, "stacks", "stack").into_iter().map(|(stack, _)| stack).collect::<Vec<_>>(), ["main"]);
    push("one");
    let plan = world.machine.run(&["plan", "main", "--client", client, "--exit-code"]).await;
    assert_eq!(plan.code, Some(0), "{plan}");
    world.machine.succeed(&["teardown", "main", "--yes"]).await;
    assert_eq!(world.bytes(), nothing);
}
