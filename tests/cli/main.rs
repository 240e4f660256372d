//! What people and pipelines see: exit code, stdout and stderr of the real program, in an environment without AWS.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail like a test")]

mod bad_days;
mod comfort;
mod cost;
#[path = "../support/events.rs"]
#[allow(unreachable_pub, reason = "other tests share it")]
mod events;
mod fleet;
mod github;
mod help;
mod lifecycle;
mod logs;
mod policy;
mod program;
mod settings;
mod signals;
mod verify;
