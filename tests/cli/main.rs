//! What people and pipelines see: exit code, stdout and stderr of the real program, in an environment without AWS.

mod bad_days;
mod help;
mod lifecycle;
mod program;
mod signals;
