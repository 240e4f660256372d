//! All kinds under one contract, on a stack in a local AWS.

mod busy;
mod contract;
mod drift;
mod rig;
