//! What is uploaded: of the files of a page, what a run has looked at or put into its bucket is not looked at once more, unless somebody
//! else was there; and each upload has the time that it takes.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::acts::{Act, Seen, names};
use super::rig::{Rig, page, paused, relay};
use crate::aws::clients::Clients;
use crate::diagnostics::Code;
use crate::local::Manners;
use crate::naming::INDEX_DOCUMENT;
use crate::page::{Page, PageFile};

fn looks(seen: &Seen) -> usize {
    seen.reads.iter().filter(|call| **call == "HeadObject").count()
}

/// Puts the entry point there once more, as somebody else would.
async fn put_without_marks(s3: &aws_sdk_s3::Client, bucket: &str) {
    let get = s3.get_object().bucket(bucket).key(INDEX_DOCUMENT).send().await.unwrap();
    let content = get.body.collect().await.unwrap().into_bytes();
    s3.put_object().bucket(bucket).key(INDEX_DOCUMENT).body(content.into()).send().await.unwrap();
}

fn file(key: &str, size: usize) -> (String, PageFile) {
    (key.to_owned(), PageFile::generated(key, "x".repeat(size)))
}

/// A page of a thousand files cost a thousand looks more at the end of each run.
#[test]
fn each_file_is_looked_at_once_in_a_run_and_of_what_was_put_one() {
    paused(async {
        let mut rig = Rig::new().await;
        let made = Act::Up.run(&rig).await.succeeded();
        assert_eq!(looks(&made), 1, "the entry point, in the end: {made:#?}");
        rig.rest().await;
        rig.page = page("another");
        let changed = Act::Up.run(&rig).await.succeeded();
        assert_eq!(
            (looks(&changed), changed.changed),
            (3, true),
            "both files, and the new one in the end: {changed:#?}"
        );
        rig.rest().await;
        let removed = Act::Teardown.run(&rig).await.succeeded();
        assert_eq!(looks(&removed), 2, "{removed:#?}");
    });
}

/// The same content, so that only its date and its lack of a mark tell that it is not the stack's.
#[test]
fn a_file_that_somebody_puts_in_the_place_of_one_while_teardown_runs_is_seen() {
    paused(async {
        let rig = Rig::new().await;
        Act::Up.run(&rig).await.succeeded();
        rig.rest().await;
        let (s3, bucket) = (Clients::new(&rig.sdk).s3, names(&rig).await.bucket());
        rig.world.faults.add("s3:ListObjectVersions#2=throttle".parse().unwrap());
        let mut hits = rig.world.faults.hits();
        let meanwhile = async {
            hits.recv().await.unwrap();
            put_without_marks(&s3, &bucket).await;
        };
        let (seen, ()) = tokio::join!(Act::Teardown.run(&rig), meanwhile);
        assert_eq!(seen.problem().code, Code::NotOurs, "{seen:#?}");
        s3.head_object().bucket(&bucket).key(INDEX_DOCUMENT).send().await.unwrap();
    });
}

/// An endpoint that drops types and marks does that to every file.
#[test]
fn a_page_that_has_lost_its_marks_is_said() {
    paused(async {
        let rig = Rig::new().await;
        let (s3, bucket) = (Clients::new(&rig.sdk).s3, names(&rig).await.bucket());
        rig.world.faults.add("apigateway:CreateStage#1=throttle".parse().unwrap());
        let mut hits = rig.world.faults.hits();
        let meanwhile = async {
            // The page is there by then.
            hits.recv().await.unwrap();
            put_without_marks(&s3, &bucket).await;
        };
        let (seen, ()) = tokio::join!(Act::Up.run(&rig), meanwhile);
        let seen = seen.succeeded();
        assert!(seen.warnings().iter().any(|warning| warning.contains("what was done: objects.page;")), "{seen:#?}");
    });
}

/// Of a page of large files fewer go at once.
#[test]
fn uploads_share_the_line_and_the_memory() {
    for (size, files, at_once) in [(1, 50, 16), (1_000_000, 20, 8), (5_000_000, 3, 1), (20_000_000, 3, 1)] {
        paused(async {
            let mut rig = Rig::new().await;
            rig.page = Page::of((0..files).map(|number| file(&format!("{number}.js"), size)).collect());
            rig.world.faults.add("s3:PutObject=hang".parse().unwrap());
            rig.world.calls().clear();
            let up = tokio::time::timeout(Duration::from_secs(60), rig.up());
            assert!(up.await.is_err(), "no upload ends");
            let begun = rig.world.calls().iter().filter(|call| call.operation == "PutObject").count();
            assert_eq!(begun, at_once, "of {size} bytes");
        });
    }
}

/// AWS has two minutes to answer anything else.
#[test]
fn a_large_file_on_a_slow_line_has_its_time() {
    paused(async {
        let mut rig = Rig::new().await;
        rig.page = Page::of([file("index.html", 1), file("large.mp4", 2_000_000)].into());
        rig.world.faults.add("s3:PutObject#1=latency:140s".parse().unwrap());
        rig.world.faults.add("s3:PutObject#2=latency:140s".parse().unwrap());
        let seen = Act::Up.run(&rig).await.succeeded();
        let puts = seen.writes.iter().filter(|call| *call == "s3:PutObject").count();
        assert_eq!(puts, 4, "the small one of the two that took so long is sent again: {seen:#?}");
    });
}

/// A zip may have 50 MB, and goes as base64.
#[test]
fn a_large_relay_on_a_slow_line_has_its_time() {
    paused(async {
        let mut rig = Rig::on(Manners::none()).await;
        let incompressible: String = (0..50_000_u32).map(|it| hex::encode(Sha256::digest(it.to_le_bytes()))).collect();
        rig.relay = relay(&incompressible);
        assert!(rig.relay.zip.len() > 1_500_000, "{}", rig.relay.zip.len());
        rig.world.faults.add("lambda:CreateFunction#1=latency:140s".parse().unwrap());
        let seen = Act::Up.run(&rig).await.succeeded();
        let creates = seen.writes.iter().filter(|call| *call == "lambda:CreateFunction").count();
        assert_eq!(creates, 1, "{seen:#?}");
    });
}
