//! A signalling channel, which few stacks have, as a run meets it that is not told of it.

use serde_json::Value;

use super::permissions::{self, Account, restrict};
use super::rig::{Rig, paused};
use crate::diagnostics::Code;
use crate::local::{Manners, Service};
use crate::permissions::Purpose;

fn channels(rig: &Rig) -> usize {
    rig.snapshot()["kinesis_video"]["channels"].as_object().map_or(0, serde_json::Map::len)
}

fn asks_for_channels(rig: &Rig) -> bool {
    rig.world.calls().iter().any(|call| call.service == Service::KinesisVideo)
}

#[test]
fn a_stack_that_never_had_one_makes_no_call_about_it() {
    paused(async {
        let rig = Rig::on(Manners::default()).await;
        rig.up().await.unwrap();
        rig.up().await.unwrap();
        rig.teardown().await.unwrap();
        assert!(!asks_for_channels(&rig));
    });
}

#[test]
fn one_that_is_wanted_no_more_goes_and_is_looked_for_ever_after() {
    paused(async {
        let mut rig = Rig::on(Manners::default()).await;
        rig.want_a_signaling_channel();
        rig.up().await.unwrap();
        assert_eq!(channels(&rig), 1);
        rig.config.turn = None;
        let planned = rig.pending().await.unwrap();
        assert!(planned.iter().any(|step| step.starts_with("signaling_channel.turn")), "{planned:?}");
        rig.up().await.unwrap();
        assert_eq!(channels(&rig), 0);
        rig.world.calls().clear();
        assert!(!rig.up().await.unwrap().changed);
        assert!(asks_for_channels(&rig), "a tag that goes too early would leave one behind for ever");
    });
}

/// The policy that was enough before somebody tried `--turn kvs` is not enough after it: the way out is said.
#[test]
fn who_may_not_look_for_one_that_the_tags_remember_is_told_what_to_ask_for() {
    paused(async {
        let mut rig = Rig::on(Manners::default()).await;
        rig.want_a_signaling_channel();
        rig.up().await.unwrap();
        rig.config.turn = None;
        restrict(&rig, &permissions::policy(Purpose::Up, Account::Plain));
        let snapshot: Value = rig.snapshot();
        let problem = rig.up().await.unwrap_err();
        assert_eq!(problem.code, Code::AccessDenied, "{problem:?}");
        assert!(problem.hint.contains("webrtc-aws policy demo --turn kvs"), "{problem:?}");
        assert_eq!(rig.snapshot(), snapshot);
    });
}
