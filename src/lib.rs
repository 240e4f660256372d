//! `webrtc-aws`: serverless WebRTC signalling and a 1:1 video call on AWS, deployed by direct API calls.

pub(crate) mod artifact;
pub(crate) mod aws;
pub mod cli;
pub(crate) mod commands;
pub mod config;
pub mod cost;
pub mod diagnostics;
pub mod doctor;
pub(crate) mod engine;
pub mod events;
pub mod fleet;
pub mod lifetime;
pub mod local;
pub mod naming;
pub(crate) mod page;
pub(crate) mod permissions;
pub(crate) mod process_group;
pub mod relay_log;
pub(crate) mod resources;
pub(crate) mod settings;
pub(crate) mod signals;
pub(crate) mod stack;
pub(crate) mod ui;
pub mod verify;

pub use commands::run;
pub use settings::Invocation;
