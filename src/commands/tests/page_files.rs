//! What a run has looked at or put into its bucket is not looked at once more, unless somebody else was there.

use super::acts::{Act, Seen, names};
use super::rig::{Rig, page, paused};
use crate::aws::clients::Clients;
use crate::diagnostics::Code;
use crate::naming::INDEX_DOCUMENT;

fn looks(seen: &Seen) -> usize {
    seen.reads.iter().filter(|call| **call == "HeadObject").count()
}

/// A page of a thousand files cost a thousand looks more at the end of each run.
#[test]
fn each_file_is_looked_at_once_in_a_run_and_what_was_put_not_at_all() {
    paused(async {
        let mut rig = Rig::new().await;
        let made = Act::Up.run(&rig).await.succeeded();
        assert_eq!(looks(&made), 0, "{made:#?}");
        rig.rest().await;
        rig.page = page("another");
        let changed = Act::Up.run(&rig).await.succeeded();
        assert_eq!((looks(&changed), changed.changed), (2, true), "the page and its configuration: {changed:#?}");
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
            let get = s3.get_object().bucket(&bucket).key(INDEX_DOCUMENT).send().await.unwrap();
            let content = get.body.collect().await.unwrap().into_bytes();
            s3.put_object().bucket(&bucket).key(INDEX_DOCUMENT).body(content.into()).send().await.unwrap();
        };
        let (seen, ()) = tokio::join!(Act::Teardown.run(&rig), meanwhile);
        assert_eq!(seen.problem().code, Code::NotOurs, "{seen:#?}");
        s3.head_object().bucket(&bucket).key(INDEX_DOCUMENT).send().await.unwrap();
    });
}
