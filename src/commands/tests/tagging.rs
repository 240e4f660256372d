//! Tags of somebody's own, the expiry, and the record of the last deploy: all of it state without a state file.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::acts::Act;
use super::rig::{Rig, paused};
use super::shape;
use crate::aws::clients::Clients;
use crate::config::Tagging;
use crate::lifetime::{Expiry, LastDeploy};
use crate::naming::{ApiId, DEPLOYED_AT_TAG, DEPLOYED_BY_TAG, EXPIRY_TAG, Names, OWNER_TAG, VERSION_TAG};

/// Replaces all tags but the owner's, of whatever is there and takes tags.
pub(super) async fn retag(rig: &Rig, clients: &Clients, names: &Names, tags: &[(&str, &str)]) {
    let Clients { s3, iam, lambda, api_gateway, logs, .. } = clients;
    let keys: Vec<String> = ["team", "Cost Center", EXPIRY_TAG].map(str::to_owned).into();
    let map = || Some(tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
    let s3_tag = |key: &str, value: &str| aws_sdk_s3::types::Tag::builder().key(key).value(value).build().unwrap();
    let iam_tag =
        |(key, value): &(&str, &str)| aws_sdk_iam::types::Tag::builder().key(*key).value(*value).build().unwrap();

    let all = tags.iter().map(|(key, value)| s3_tag(key, value)).chain([s3_tag(OWNER_TAG, names.stack.as_str())]);
    let all = aws_sdk_s3::types::Tagging::builder().set_tag_set(Some(all.collect())).build().unwrap();
    drop(s3.put_bucket_tagging().bucket(names.bucket()).tagging(all).send().await);

    let role = names.role();
    drop(iam.untag_role().role_name(&role).set_tag_keys(Some(keys.clone())).send().await);
    let new: Vec<_> = tags.iter().map(iam_tag).collect();
    if !new.is_empty() {
        drop(iam.tag_role().role_name(&role).set_tags(Some(new)).send().await);
    }
    let function = names.function_arn();
    drop(lambda.untag_resource().resource(&function).set_tag_keys(Some(keys.clone())).send().await);
    drop(lambda.tag_resource().resource(&function).set_tags(map()).send().await);
    let group = names.log_group_arn();
    drop(logs.untag_resource().resource_arn(&group).set_tag_keys(Some(keys.clone())).send().await);
    drop(logs.tag_resource().resource_arn(&group).set_tags(map()).send().await);
    for api in shape::apis(&rig.snapshot()).into_iter().map(ApiId) {
        for arn in [names.api_arn(&api), names.stage_arn(&api)] {
            drop(api_gateway.untag_resource().resource_arn(&arn).set_tag_keys(Some(keys.clone())).send().await);
            drop(api_gateway.tag_resource().resource_arn(&arn).set_tags(map()).send().await);
        }
    }
}

/// The tags of everything of the stack, by kind.
fn tags(rig: &Rig, names: &Names) -> BTreeMap<&'static str, BTreeMap<String, String>> {
    let snapshot = rig.snapshot();
    let api = &snapshot["apigateway"]["apis"][shape::apis(&snapshot).remove(0)];
    let of =
        |what: &Value| serde_json::from_value(what["tags"].clone()).unwrap_or_else(|error| panic!("{what}: {error}"));
    [
        ("bucket", of(&snapshot["s3"]["buckets"][names.bucket()])),
        ("role", of(&snapshot["iam"]["roles"][names.role()])),
        ("function", of(&snapshot["lambda"]["functions"][names.function()])),
        ("log group", of(&snapshot["logs"]["groups"][names.log_group()])),
        ("api", of(api)),
        ("stage", of(&api["stages"][names.stage.as_str()])),
    ]
    .into()
}

fn expiry(text: &str) -> Option<Expiry> {
    Some(text.parse().unwrap())
}

#[test]
fn tags_are_on_everything_and_what_others_add_stays() {
    paused(async {
        let mut rig = Rig::new().await;
        let names = rig.names().await;
        rig.up().await.unwrap();
        for (what, tags) in tags(&rig, &names) {
            let tag = |key: &str| tags.get(key).map(String::as_str);
            let expected = (Some("demo"), Some("blue"), Some("2100-01-01T00:00:00Z"));
            assert_eq!((tag(OWNER_TAG), tag("team"), tag(EXPIRY_TAG)), expected, "{what}");
            assert_eq!(tag(DEPLOYED_AT_TAG).is_some(), what == "api", "the record is on one of them: {what}");
        }
        // Somebody adds one everywhere, takes ours away, and asks no more for one that was asked for before.
        retag(&rig, &Clients::new(&rig.sdk), &names, &[("owner", "somebody"), ("team", "red")]).await;
        rig.config.tagging = Tagging { user: [("stage".to_owned(), "test".to_owned())].into(), ..Tagging::default() };
        rig.up().await.unwrap();
        for (what, tags) in tags(&rig, &names) {
            let tag = |key: &str| tags.get(key).map(String::as_str);
            assert_eq!(
                (tag("owner"), tag("team"), tag("stage")),
                (Some("somebody"), Some("red"), Some("test")),
                "{what}"
            );
        }
        assert!(!rig.up().await.unwrap().changed);
    });
}

/// A `Team` on the role is what `team` would replace, and no drift for ever.
#[test]
fn a_key_in_other_letters_is_the_same_key_to_iam_alone() {
    paused(async {
        let rig = Rig::new().await;
        let names = rig.names().await;
        rig.up().await.unwrap();
        let tag = aws_sdk_iam::types::Tag::builder().key("TEAM").value("red").build().unwrap();
        Clients::new(&rig.sdk).iam.tag_role().role_name(names.role()).tags(tag).send().await.unwrap();
        assert_eq!(tags(&rig, &names)["role"].get("team"), None);
        assert!(rig.up().await.unwrap().changed);
        let tag = aws_sdk_iam::types::Tag::builder().key("TEAM").value("blue").build().unwrap();
        Clients::new(&rig.sdk).iam.tag_role().role_name(names.role()).tags(tag).send().await.unwrap();
        assert!(!rig.up().await.unwrap().changed);
    });
}

#[test]
fn an_expiry_is_renewed_by_who_asks_and_kept_by_who_does_not() {
    paused(async {
        let mut rig = Rig::new().await;
        let names = rig.names().await;
        let all = |rig: &Rig| {
            let mut all: Vec<_> = tags(rig, &names).into_values().map(|tags| tags.get(EXPIRY_TAG).cloned()).collect();
            all.dedup();
            all
        };
        rig.config.tagging.expires = None;
        rig.up().await.unwrap();
        assert_eq!(all(&rig), [None]);
        for text in ["2100-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "never", "2101-01-01T00:00:00Z"] {
            rig.config.tagging.expires = expiry(text);
            assert!(rig.up().await.unwrap().changed);
            rig.config.tagging.expires = None;
            let again = Act::Up.run(&rig).await.succeeded();
            assert_eq!((again.changed, again.writes, all(&rig)), (false, vec![], vec![Some(text.to_owned())]));
        }
        // Something is made anew, and one that is no time at all is nobody's business.
        let clients = Clients::new(&rig.sdk);
        clients.lambda.delete_function().function_name(names.function()).send().await.unwrap();
        let group = clients.logs.tag_resource().resource_arn(names.log_group_arn());
        group.tags(EXPIRY_TAG, "tomorrow").send().await.unwrap();
        rig.up().await.unwrap();
        assert_eq!(all(&rig), [Some("2101-01-01T00:00:00Z".to_owned())]);
    });
}

/// A run that is killed while it renews the expiry leaves two of them; the next one, which asks for none, comes to the later one.
#[test]
fn a_killed_renewal_is_finished_by_any_next_run() {
    paused(async {
        for write in
            ["iam:TagRole", "lambda:TagResource", "s3:PutBucketTagging", "logs:TagResource", "apigateway:TagResource#3"]
        {
            let mut rig = Rig::new().await;
            let names = rig.names().await;
            rig.up().await.unwrap();
            rig.config.tagging.expires = expiry("2100-03-01T00:00:00Z");
            let rule = format!("{write}{}=hang", if write.contains('#') { "" } else { "#1" });
            rig.world.faults.add(rule.parse().unwrap());
            let mut hits = rig.world.faults.hits();
            tokio::select! {
                biased;
                _ = hits.recv() => {}
                ended = rig.up() => panic!("{write} was not struck: {ended:?}"),
            }
            rig.world.faults.clear();
            rig.config.tagging.expires = None;
            rig.up().await.unwrap();
            let again = Act::Up.run(&rig).await.succeeded();
            assert_eq!((again.changed, again.writes), (false, vec![]), "{write}");
            let left: std::collections::BTreeSet<_> =
                tags(&rig, &names).into_values().map(|tags| tags.get(EXPIRY_TAG).cloned()).collect();
            assert_eq!(left.len(), 1, "{write}: {left:?}");
        }
    });
}

#[test]
fn only_a_run_that_has_something_to_do_says_that_it_deployed() {
    paused(async {
        let mut rig = Rig::new().await;
        let names = rig.names().await;
        let record = |rig: &Rig| {
            let tags = tags(rig, &names).remove("api").unwrap();
            LastDeploy::of(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))).unwrap()
        };
        let before = Timestamp::now().as_second();
        rig.up().await.unwrap();
        let first = record(&rig);
        assert!((before..=Timestamp::now().as_second()).contains(&first.at.as_second()), "{first:?}");
        assert_eq!((first.by.as_str(), first.version.as_str()), ("local", env!("CARGO_PKG_VERSION")));

        // As if it had been long ago, by somebody else.
        let api = names.api_arn(&ApiId(shape::apis(&rig.snapshot()).remove(0)));
        let gateway = Clients::new(&rig.sdk).api_gateway;
        let long_ago = [(DEPLOYED_AT_TAG, "2001-02-03T04:05:06Z"), (DEPLOYED_BY_TAG, "bob"), (VERSION_TAG, "0.0.1")];
        let tags = long_ago.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        gateway.tag_resource().resource_arn(&api).set_tags(Some(tags)).send().await.unwrap();
        let old = record(&rig);
        for act in [Act::Up, Act::Plan, Act::Status] {
            let seen = act.run(&rig).await.succeeded();
            assert_eq!((seen.changed, seen.writes), (false, vec![]), "{act:?}");
        }
        assert_eq!(record(&rig), old);

        rig.config.relay.memory_mb = 512;
        let seen = Act::Up.run(&rig).await.succeeded();
        // Before anything else: what looks for stacks that nobody uses must see that this one is in use.
        assert_eq!(seen.writes, ["apigateway:TagResource", "lambda:UpdateFunctionConfiguration"]);
        assert_eq!((record(&rig).by.as_str(), record(&rig).at >= first.at), ("local", true));
    });
}
