//! The embedded local AWS: a loopback HTTP server that the AWS SDK and the AWS CLI talk to, and the data plane behind it.
//!
//! Control plane: exactly the calls this product makes; anything else answers 501 loudly. Data plane: real WebSockets with API
//! Gateway's rules, the Lambda Runtime API running the deployed zip's `bootstrap` as a child process, `@connections` with the
//! role's policy evaluated, public S3 GET. It is as strict as AWS, or stricter: every rule names its entry in AWS-FACTS.
//!
//! Request life: [`server`] → ([`gateway`] or public S3 GET for the data plane) or [`signature`] → service by credential scope →
//! operation → [`faults`] → [`rates`] → [`authorization`] → the service's `handle`, with AWS's [`manners`] → call record → answer.

pub(crate) mod answer;
pub(crate) mod apigateway;
mod authorization;
mod browsers;
pub(crate) mod call;
mod chunked;
mod dispatch;
pub(crate) mod faults;
pub(crate) mod garbling;
pub(crate) mod gateway;
mod hold;
pub(crate) mod iam;
pub(crate) mod kinesis_video;
pub(crate) mod lambda;
pub(crate) mod logs;
pub(crate) mod manners;
mod rates;
mod replicated;
pub(crate) mod s3;
mod secrets;
pub(crate) mod server;
pub(crate) mod signature;
pub(crate) mod sts;
pub(crate) mod tags;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod world;
mod xml;

pub use authorization::{InvalidPolicy, PolicyDocument};
pub use call::{CallRecord, Service, UnknownService};
pub use faults::{Fault, FaultHit, FaultRule, Faults, InvalidFaultRule};
pub use garbling::Garbling;
pub(crate) use kinesis_video::has_turn_server;
pub use manners::{Manners, Rate};
pub use server::{LocalAws, LocalError};
pub use signature::{DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY};
pub use world::{Functions, LocalOptions, LogLine};
