//! What several test files share.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test file uses its own part, and is no interface")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

pub mod call;
pub mod events;
pub mod http;
pub mod program;
pub mod proxy;
