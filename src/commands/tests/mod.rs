//! Every fault at every call: after it, the next `up` gives the same URL and exactly one of each, and `teardown` gives zero.
//!
//! Settings, by environment: `WEBRTC_AWS_FAULTS=all` strikes reads with every fault too, `WEBRTC_AWS_FAULT_SEED` and
//! `WEBRTC_AWS_FAULT_PAIRS` choose the random runs.

mod fault;
mod pairs;
mod permissions;
mod rig;
mod shape;
mod sweep;
mod together;
