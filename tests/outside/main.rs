//! The program among others that are not ours: the AWS CLI reads what it deployed, somebody else's emulator carries it, and
//! the examples use it.
//!
//! The AWS CLI and the emulator come from PyPI and are expected in `.venv/` (`WEBRTC_AWS_TEST_VENV` names another place);
//! `tests/run setup` installs them. Without them the tests fail.

mod aws_cli;
#[path = "../support/ministack.rs"]
mod emulator;
mod examples;
mod ministack;
mod pipelines;
mod support;
