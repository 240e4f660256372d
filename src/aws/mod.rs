//! The door to AWS: the only client factory, what failures mean, and the only place that waits and repeats.

pub(crate) mod account;
pub(crate) mod answer;
pub(crate) mod classify;
pub(crate) mod clients;
pub(crate) mod failure;
pub(crate) mod proxy;
pub(crate) mod retry;
pub(crate) mod visitor;
