//! Every fault at every call: after it, the next `up` gives the same URL and exactly one of each, and `teardown` gives zero. The same
//! from two faults at once, from any mix of half-made and damaged parts, and from two runs at once.
//!
//! Settings, by environment: `WEBRTC_AWS_FAULTS=all` strikes every call with every fault, `WEBRTC_AWS_FAULT_CASE` runs those of
//! all these cases that begin so, `WEBRTC_AWS_FAULT_SEED` with `WEBRTC_AWS_FAULT_PAIRS` or `WEBRTC_AWS_FAULT_STATES` chooses the
//! random ones. Every failure says how to run it again.

mod acts;
mod answers;
mod bucket;
mod damage;
mod demands;
mod doctor;
mod elsewhere;
mod existing_bucket;
mod fault;
mod fleet;
mod foreign;
mod logs;
mod manners;
mod pairs;
mod permissions;
mod proofs;
mod rig;
mod shape;
mod signaling_channel;
mod states;
mod sweep;
mod table;
mod tagging;
mod together;
mod uploads;
mod waits;
