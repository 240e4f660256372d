//! All kinds under one contract, on a stack in a local AWS.

mod busy;
mod config_module;
mod contract;
mod drift;
mod remembered;
mod rig;
