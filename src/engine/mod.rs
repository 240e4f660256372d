//! The engine: `Graph → observe → plan (pure) → apply`. Nothing in here knows which AWS it talks to, or what a bucket is.

pub(crate) mod apply;
pub(crate) mod context;
pub(crate) mod diff;
mod disturbance;
pub(crate) mod graph;
pub(crate) mod observe;
pub(crate) mod outputs;
pub(crate) mod plan;
pub(crate) mod resource;
pub(crate) mod status;
pub(crate) mod walk;
