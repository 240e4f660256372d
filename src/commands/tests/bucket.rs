//! The bucket in earnest: whatever its owner may have set or put there, `teardown` ends at zero, or says what is left and why.

use aws_sdk_s3::types as t;
use aws_sdk_s3::types::{
    BucketVersioningStatus, DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockLegalHold,
    ObjectLockLegalHoldStatus, ObjectLockRetentionMode, ObjectLockRule, Payer, RequestPaymentConfiguration,
    VersioningConfiguration,
};
use serde_json::json;

use super::acts::{Act, Seen, names};
use super::rig::{Rig, page, paused};
use crate::aws::clients::Clients;
use crate::diagnostics::Code;
use crate::local::{Fault, FaultRule, Service};
use crate::naming::{CONFIG_OBJECT, OWNER_METADATA};

/// Keys that people and programs make, and some that only an attacker would.
const ODD_KEYS: [&str; 16] = [
    "/leading slash",
    "//",
    "a b+c%20d%",
    "a/../b/./c",
    "folder/",
    "ünïcödé €😀 日本",
    "e\u{301}",
    "<a href=\"x\">&amp;'</a>",
    "]]>",
    "tab\tand\nline\r\n",
    "\u{1}control\u{1f}",
    "\u{7f}\u{85}\u{2028}",
    "\u{fffe}",
    "?versions&uploads#fragment",
    "trailing ",
    "config.js/",
];

/// A stack, and the means to do to its bucket what its owner might.
struct Owner {
    rig: Rig,
    empty: serde_json::Value,
    s3: aws_sdk_s3::Client,
    bucket: String,
}

impl Owner {
    async fn with_demo() -> Self {
        let rig = Rig::new().await;
        let empty = rig.snapshot();
        Act::Up.run(&rig).await.succeeded();
        Self { s3: Clients::new(&rig.sdk).s3, bucket: names(&rig).await.bucket(), rig, empty }
    }

    async fn version(&self, status: BucketVersioningStatus) {
        let versioning = VersioningConfiguration::builder().status(status).build();
        let put = self.s3.put_bucket_versioning().bucket(&self.bucket).versioning_configuration(versioning);
        put.send().await.map(drop).unwrap();
    }

    /// Uploads an object with the stack's mark, or without.
    async fn put(&self, key: &str, is_ours: bool) {
        let mut put = self.s3.put_object().bucket(&self.bucket).key(key).body(Vec::new().into());
        if is_ours {
            put = put.metadata(OWNER_METADATA, "demo");
        }
        put.send().await.unwrap_or_else(|error| panic!("{key:?}: {error:?}"));
    }

    async fn begin_upload(&self, key: &str) {
        let create = self.s3.create_multipart_upload().bucket(&self.bucket).key(key);
        let id = create.send().await.unwrap().upload_id.unwrap();
        let part = self.s3.upload_part().bucket(&self.bucket).key(key).upload_id(id).part_number(1);
        part.body(b"part".to_vec().into()).send().await.map(drop).unwrap();
    }

    async fn lock(&self, default: Option<DefaultRetention>) {
        self.version(BucketVersioningStatus::Enabled).await;
        let rule = default.map(|default| ObjectLockRule::builder().default_retention(default).build());
        let enabled = ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled);
        let put = self.s3.put_object_lock_configuration().bucket(&self.bucket);
        put.object_lock_configuration(enabled.set_rule(rule).build()).send().await.map(drop).unwrap();
    }

    async fn hold(&self, key: &str, status: ObjectLockLegalHoldStatus) {
        let hold = ObjectLockLegalHold::builder().status(status).build();
        let put = self.s3.put_object_legal_hold().bucket(&self.bucket).key(key).legal_hold(hold);
        put.send().await.map(drop).unwrap();
    }

    async fn deny(&self, actions: &[&str]) {
        let arn = format!("arn:aws:s3:::{}", self.bucket);
        let policy = json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": actions, "Resource": [arn, format!("{arn}/*")],
        }] });
        let put = self.s3.put_bucket_policy().bucket(&self.bucket).policy(policy.to_string());
        put.send().await.map(drop).unwrap();
    }

    /// The stack goes, and the account is as it was before.
    async fn assert_gone(&self) -> Seen {
        let seen = Act::Teardown.run(&self.rig).await.succeeded();
        assert_eq!(self.rig.snapshot(), self.empty);
        seen
    }

    /// `teardown` does not get to the end, and names what is in the way.
    async fn assert_stuck(&self, code: Code, words: &[&str]) -> Seen {
        let seen = Act::Teardown.run(&self.rig).await;
        let problem = seen.problem();
        assert_eq!(problem.code, code, "{seen:#?}");
        let said = format!("{problem} / {}", problem.hint);
        assert!(words.iter().all(|word| said.contains(word)), "{words:?} not in {said}");
        seen
    }
}

fn times(seen: &Seen, write: &str) -> usize {
    seen.writes.iter().filter(|call| *call == write).count()
}

/// The answer to HEAD has no body, and says 400 also to credentials that have expired in the middle of a run.
#[test]
fn files_are_not_taken_for_somebodys_because_the_credentials_have_expired() {
    paused(async {
        let owner = Owner::with_demo().await;
        let faults = &owner.rig.world.faults;
        faults.add("s3:HeadObject=fail:400:BadRequest".parse().unwrap());
        // What is in the bucket is listed with its versions; this only asks why.
        faults.add("s3:ListObjectsV2=fail:400:ExpiredToken".parse().unwrap());
        let seen = owner.assert_stuck(Code::CredentialsRefused, &["ExpiredToken"]).await;
        assert!(seen.writes.is_empty(), "{seen:#?}");
        faults.clear();
        owner.assert_gone().await;
    });
}

#[test]
fn a_versioned_bucket_is_emptied_with_its_history() {
    for then in [BucketVersioningStatus::Enabled, BucketVersioningStatus::Suspended] {
        paused(async {
            let mut owner = Owner::with_demo().await;
            owner.version(BucketVersioningStatus::Enabled).await;
            owner.rig.page = page("two");
            Act::Up.run(&owner.rig).await.succeeded();
            owner.s3.delete_object().bucket(&owner.bucket).key(CONFIG_OBJECT).send().await.unwrap();
            owner.s3.delete_object().bucket(&owner.bucket).key("never-there").send().await.unwrap();
            owner.version(then.clone()).await;
            owner.rig.page = page("three");
            Act::Up.run(&owner.rig).await.succeeded();
            assert!(Act::Plan.run(&owner.rig).await.plan().is_empty());
            owner.s3.delete_object().bucket(&owner.bucket).key("index.html").send().await.unwrap();
            owner.assert_gone().await;
        });
    }
}

#[test]
fn nothing_but_delete_markers_is_left_of_the_page_and_the_bucket_still_goes() {
    paused(async {
        let owner = Owner::with_demo().await;
        owner.version(BucketVersioningStatus::Enabled).await;
        for key in ["index.html", CONFIG_OBJECT] {
            let delete = owner.s3.delete_object().bucket(&owner.bucket).key(key);
            delete.clone().send().await.unwrap();
            delete.version_id("null").send().await.unwrap();
        }
        owner.assert_gone().await;
    });
}

/// The page ends inside of one key's versions: without the version's marker the rest of them would be lost from sight.
#[test]
fn versions_are_listed_and_deleted_page_by_page() {
    paused(async {
        let owner = Owner::with_demo().await;
        owner.version(BucketVersioningStatus::Enabled).await;
        for _ in 0..1_005 {
            owner.put("many", true).await;
        }
        owner.put("odd \u{1}", true).await;
        let seen = owner.assert_gone().await;
        assert_eq!((times(&seen, "s3:DeleteObjects"), times(&seen, "s3:DeleteObject")), (2, 1));
    });
}

#[test]
fn more_than_a_thousand_objects_take_several_calls() {
    paused(async {
        let owner = Owner::with_demo().await;
        for number in 0..1_001 {
            owner.put(&format!("{number}"), false).await;
        }
        let before = owner.rig.snapshot();
        let seen = owner.assert_stuck(Code::NotOurs, &["\"0\" and 1000 more", "--delete-foreign-objects"]).await;
        assert_eq!((&seen.writes, &owner.rig.snapshot()), (&Vec::new(), &before));
        let seen = Act::TeardownWithForeignObjects.run(&owner.rig).await.succeeded();
        assert_eq!((times(&seen, "s3:DeleteObjects"), owner.rig.snapshot()), (2, owner.empty.clone()));
        assert!(!seen.reads.contains(&"HeadObject"), "nobody asks whose they are");
    });
}

#[test]
fn unfinished_uploads_are_aborted_page_by_page() {
    paused(async {
        let owner = Owner::with_demo().await;
        for _ in 0..1_003 {
            let create = owner.s3.create_multipart_upload().bucket(&owner.bucket).key("one key");
            create.send().await.map(drop).unwrap();
        }
        // The answer to CreateMultipartUpload repeats the key in XML, which cannot carry all of them.
        let keys = ODD_KEYS.into_iter().filter(|key| !key.contains(['\u{1}', '\u{fffe}']));
        let mut uploads = 1_003;
        for key in keys {
            owner.begin_upload(key).await;
            uploads += 1;
        }
        let seen = owner.assert_gone().await;
        assert_eq!(times(&seen, "s3:AbortMultipartUpload"), uploads);
    });
}

#[test]
fn a_bucket_with_nothing_but_an_unfinished_upload_goes_too() {
    paused(async {
        let owner = Owner::with_demo().await;
        for key in ["index.html", CONFIG_OBJECT] {
            owner.s3.delete_object().bucket(&owner.bucket).key(key).send().await.unwrap();
        }
        owner.begin_upload("holiday.mov").await;
        owner.assert_gone().await;
    });
}

#[test]
fn keys_may_hold_any_character() {
    paused(async {
        let owner = Owner::with_demo().await;
        for (number, key) in ODD_KEYS.into_iter().enumerate() {
            // Theirs stay, ours of an earlier page go.
            owner.put(key, number % 2 == 0).await;
        }
        assert!(Act::Up.run(&owner.rig).await.succeeded().changed);
        assert!(Act::Plan.run(&owner.rig).await.plan().is_empty());
        let objects = owner.rig.snapshot()["s3"]["buckets"][&owner.bucket]["objects"].clone();
        let objects = objects.as_object().unwrap();
        assert_eq!(objects.len(), 2 + ODD_KEYS.len() / 2, "{:?}", objects.keys().collect::<Vec<_>>());

        owner.assert_stuck(Code::NotOurs, &["and 7 more"]).await;
        for key in ODD_KEYS {
            owner.put(key, true).await;
        }
        owner.assert_gone().await;
    });
}

#[test]
fn an_older_version_of_somebody_elses_file_stops_teardown_as_well() {
    paused(async {
        let owner = Owner::with_demo().await;
        owner.version(BucketVersioningStatus::Enabled).await;
        owner.put("holiday.jpg", false).await;
        owner.s3.delete_object().bucket(&owner.bucket).key("holiday.jpg").send().await.unwrap();
        assert!(Act::Plan.run(&owner.rig).await.succeeded().plan().is_empty());
        let seen = owner.assert_stuck(Code::NotOurs, &["\"holiday.jpg\"", "older versions"]).await;
        assert_eq!(seen.writes, Vec::<String>::new());
        Act::TeardownWithForeignObjects.run(&owner.rig).await.succeeded();
        assert_eq!(owner.rig.snapshot(), owner.empty);
    });
}

/// S3 answers 400 to whoever asks for an object without the key that its owner encrypted it with.
#[test]
fn an_object_under_somebodys_own_key_is_theirs() {
    paused(async {
        let owner = Owner::with_demo().await;
        owner.put("secret", false).await;
        let unreadable = || {
            owner.rig.world.faults.add(FaultRule {
                service: Some(Service::S3),
                operation: Some("HeadObject".to_owned()),
                // Listed in order: config.js, index.html, secret; looked at in any.
                nth: Some(3),
                fault: Fault::FailBefore { status: 400, code: "BadRequest".to_owned(), message: String::new() },
            });
        };
        unreadable();
        let up = Act::Up.run(&owner.rig).await;
        assert!(up.problem.is_none(), "{up:#?}");
        owner.rig.world.faults.clear();
        unreadable();
        owner.assert_stuck(Code::NotOurs, &["did not put there"]).await;
    });
}

#[test]
fn a_version_under_a_legal_hold_is_named_and_the_rest_goes() {
    paused(async {
        let owner = Owner::with_demo().await;
        owner.lock(None).await;
        owner.put("held", true).await;
        owner.hold("held", ObjectLockLegalHoldStatus::On).await;
        let words = ["1 object versions", "\"held\"", "object lock", "legal hold"];
        let seen = owner.assert_stuck(Code::Leftover, &words).await;
        let problem = seen.problem();
        assert_eq!(
            (problem.code.exit_code(), &problem.left_behind[..]),
            (1, &["bucket.page".to_owned(), "objects.page".to_owned()][..])
        );
        let left = owner.rig.snapshot()["s3"]["buckets"][&owner.bucket]["objects"].clone();
        assert_eq!(left.as_object().unwrap().keys().collect::<Vec<_>>(), ["held"]);
        owner.assert_stuck(Code::Leftover, &words).await;
        owner.hold("held", ObjectLockLegalHoldStatus::Off).await;
        owner.assert_gone().await;
    });
}

#[test]
fn many_refusals_are_counted_and_some_are_named() {
    paused(async {
        let mut owner = Owner::with_demo().await;
        let retention = DefaultRetention::builder().mode(ObjectLockRetentionMode::Compliance).days(1).build();
        owner.lock(Some(retention)).await;
        for number in 0..5 {
            owner.put(&number.to_string(), true).await;
        }
        owner.rig.page = page("two");
        owner.assert_stuck(Code::Leftover, &["5 object versions", "\"0\", \"1\", \"2\", …", "AccessDenied"]).await;
    });
}

#[test]
fn mfa_delete_is_named_as_the_possible_cause() {
    paused(async {
        let owner = Owner::with_demo().await;
        let versioning = VersioningConfiguration::builder()
            .status(BucketVersioningStatus::Enabled)
            .mfa_delete(t::MfaDelete::Enabled)
            .build();
        let put = owner.s3.put_bucket_versioning().bucket(&owner.bucket).versioning_configuration(versioning);
        put.mfa("device 123456").send().await.unwrap();
        Act::Up.run(&owner.rig).await.succeeded();
        let seen = owner.assert_stuck(Code::AccessDenied, &["Mfa Authentication", "MFA delete", "root user"]).await;
        assert_eq!(seen.problem().left_behind[..], ["bucket.page", "objects.page"]);
    });
}

#[test]
fn a_policy_that_denies_us_is_named_and_up_takes_it_away() {
    let cases: [(&[&str], Code, &[&str]); 4] = [
        (&["s3:DeleteObjectVersion"], Code::Leftover, &["2 object versions", "explicit deny", "'up' takes"]),
        (&["s3:DeleteBucket"], Code::AccessDenied, &["explicit deny", "s3:DeleteBucket"]),
        (&["s3:ListBucketVersions"], Code::AccessDenied, &["ListObjectVersions"]),
        (&["s3:ListBucketMultipartUploads"], Code::AccessDenied, &["ListMultipartUploads"]),
    ];
    for (actions, code, words) in cases {
        paused(async {
            let owner = Owner::with_demo().await;
            owner.deny(actions).await;
            let seen = owner.assert_stuck(code, words).await;
            assert_ne!(seen.problem().code.exit_code(), 0);
            Act::Up.run(&owner.rig).await.succeeded();
            owner.assert_gone().await;
        });
    }
}

/// It cannot be told from a bucket of another account: the rest goes, and the bucket is named.
#[test]
fn a_policy_that_denies_everything_never_ends_in_a_success() {
    paused(async {
        let owner = Owner::with_demo().await;
        owner.deny(&["s3:*"]).await;
        for changed in [true, false] {
            let seen = owner.assert_stuck(Code::NotOurs, &[&owner.bucket, "these credentials may not read it"]).await;
            assert_eq!(seen.changed, changed);
        }
    });
}

#[test]
fn settings_that_hinder_nobody_hinder_nothing() {
    paused(async {
        let owner = Owner::with_demo().await;
        let Owner { s3, bucket, .. } = &owner;
        let payment = RequestPaymentConfiguration::builder().payer(Payer::Requester).build().unwrap();
        let put = s3.put_bucket_request_payment().bucket(bucket).request_payment_configuration(payment);
        put.send().await.map(drop).unwrap();
        let expiration = t::LifecycleExpiration::builder().days(1).build();
        let filter = t::LifecycleRuleFilter::builder().prefix("").build();
        let rule =
            t::LifecycleRule::builder().status(t::ExpirationStatus::Enabled).filter(filter).expiration(expiration);
        let lifecycle = t::BucketLifecycleConfiguration::builder().rules(rule.build().unwrap()).build().unwrap();
        let put = s3.put_bucket_lifecycle_configuration().bucket(bucket).lifecycle_configuration(lifecycle);
        put.send().await.map(drop).unwrap();
        owner.version(BucketVersioningStatus::Enabled).await;
        let destination = t::Destination::builder().bucket("arn:aws:s3:::theirs").build().unwrap();
        let rule = t::ReplicationRule::builder().status(t::ReplicationRuleStatus::Enabled).destination(destination);
        let replication = t::ReplicationConfiguration::builder().role("arn:aws:iam::000000000000:role/theirs");
        let replication = replication.rules(rule.build().unwrap()).build().unwrap();
        let put = s3.put_bucket_replication().bucket(bucket).replication_configuration(replication);
        put.send().await.map(drop).unwrap();
        assert!(Act::Plan.run(&owner.rig).await.plan().is_empty());
        owner.assert_gone().await;
    });
}

#[test]
fn what_is_put_there_while_it_is_emptied_is_told() {
    paused(async {
        let owner = Owner::with_demo().await;
        owner.rig.world.faults.add(FaultRule {
            service: Some(Service::S3),
            operation: Some("DeleteBucket".to_owned()),
            nth: Some(1),
            fault: Fault::FailBefore {
                status: 409,
                code: "BucketNotEmpty".to_owned(),
                message: "The bucket you tried to delete is not empty".to_owned(),
            },
        });
        let seen = owner.assert_stuck(Code::Leftover, &["not empty", "run 'teardown' again"]).await;
        assert_eq!(seen.problem().left_behind[..], ["bucket.page"]);
        owner.assert_gone().await;
    });
}
