//! The real program over HTTP, killed with `kill -9` at each of its writes, interrupted in each of its phases, and met by another
//! run of itself: against the local AWS, and against an emulator that we did not write.
//!
//! By default a part of all this, in under two minutes; `WEBRTC_AWS_FAULTS=all` runs everything, and so does `tests/run`.
#![cfg(unix)]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]
#![allow(unreachable_pub, reason = "no interface")]
#![allow(clippy::print_stdout, clippy::large_enum_variant, reason = "the tables of the sweep; few worlds at a time")]

use std::time::Duration;

#[path = "../support/ministack.rs"]
mod ministack;
mod phases;
mod second_signal;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod sweep;
mod together;
mod world;

/// Whether everything is to be run.
fn everything() -> bool {
    std::env::var("WEBRTC_AWS_FAULTS").is_ok_and(|value| value == "all")
}

/// What only a failing test waits for to the end.
async fn patience<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(120), work).await.expect("an end")
}
