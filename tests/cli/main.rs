//! What people and pipelines see: exit code, stdout and stderr of the real program, in an environment without AWS.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's helpers fail like a test")]

mod bad_days;
mod cost;
mod doctor;
mod help;
mod lifecycle;
mod logs;
mod policy;
mod program;
mod signals;
mod verify;
