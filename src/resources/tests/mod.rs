//! All kinds under one contract, on a stack in a local AWS.

mod contract;
mod drift;
mod rig;
