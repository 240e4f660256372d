//! The whole local account: one in-memory state, the clock it runs on, and how it was started.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use tokio::sync::broadcast;
use tokio::time::Instant;

use super::authorization::PolicyDocument;
use super::call::CallRecord;
use super::hold::Held;
use super::manners::Manners;
use super::rates::Rates;
use super::replicated::Replicated;
use super::{apigateway, faults, gateway, iam, kinesis_video, lambda, logs, s3, secrets};

/// So many calls are kept on record; then the older half goes, so that a local AWS can run for days.
const MOST_CALLS: usize = 100_000;

/// What runs when a function is invoked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Functions {
    /// The deployed package's `bootstrap`, in processes of its own, as on Lambda.
    #[default]
    Processes,
    /// No process: every event is answered at once with its own `body`. What is left is what the gateway itself takes.
    Echo,
}

/// How a local AWS is started.
#[derive(Clone, Debug)]
pub struct LocalOptions {
    /// Address to listen on; loopback unless asked otherwise.
    pub address: IpAddr,
    /// Port to listen on; 0 takes a free one.
    pub port: u16,
    /// The account id that every ARN carries.
    pub account: String,
    /// The region that the regional services answer for.
    pub region: String,
    /// How AWS behaves.
    pub manners: Manners,
    /// What runs when a function is invoked.
    pub functions: Functions,
    /// What the deployer may do; everything without one.
    pub deployer_policy: Option<PolicyDocument>,
    /// Documents of the account's managed policies, by ARN: permissions boundaries among them limit their roles.
    pub managed_policies: BTreeMap<String, PolicyDocument>,
}

impl Default for LocalOptions {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            account: "000000000000".to_owned(),
            region: "us-east-1".to_owned(),
            manners: Manners::default(),
            functions: Functions::default(),
            deployer_policy: None,
            managed_policies: BTreeMap::new(),
        }
    }
}

/// Everything the account holds. Serialised, it is the snapshot that tests compare.
#[derive(Debug, Default, Serialize)]
pub(crate) struct State {
    pub(crate) s3: Replicated<s3::Store>,
    pub(crate) iam: Replicated<iam::Store>,
    pub(crate) logs: logs::Store,
    pub(crate) lambda: lambda::Store,
    pub(crate) apigateway: Replicated<apigateway::Store>,
    pub(crate) secrets: secrets::Store,
    pub(crate) kinesis_video: kinesis_video::Store,
}

/// One line that a function wrote, as `up --local` streams it.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// Log group, e.g. `/aws/lambda/webrtc-aws-demo`.
    pub group: String,
    /// The line without its line end.
    pub text: String,
}

/// The running account, shared by every request.
#[derive(Debug)]
pub(crate) struct World {
    /// As given, but with the port that is listened on.
    pub(crate) options: LocalOptions,
    state: Mutex<State>,
    pub(crate) faults: faults::Faults,
    pub(crate) rates: Rates,
    pub(crate) held: Held,
    /// Live sockets and function processes: not part of the account's state.
    pub(crate) gateway: gateway::Gateway,
    pub(crate) environments: lambda::Environments,
    pub(crate) turn_server: kinesis_video::TurnServerSlot,
    pub(crate) log_lines: broadcast::Sender<LogLine>,
    /// Credentials issued to functions. They end with their role, and are no part of what an account holds.
    pub(crate) sessions: iam::Sessions,
    calls: Mutex<Vec<CallRecord>>,
    deployer_policy: Mutex<Option<PolicyDocument>>,
    /// Both clocks at one moment: the one that tests pause, and the one that nobody does.
    began: (Instant, std::time::Instant),
}

impl World {
    pub(crate) fn new(options: LocalOptions) -> Self {
        let mut state = State::default();
        let documents = options.managed_policies.iter();
        state.iam.managed_policies = documents.map(|(arn, policy)| (arn.clone(), policy.value().clone())).collect();
        Self {
            deployer_policy: Mutex::new(options.deployer_policy.clone()),
            options,
            state: Mutex::new(state),
            faults: faults::Faults::default(),
            rates: Rates::default(),
            held: Held::default(),
            gateway: gateway::Gateway::default(),
            environments: lambda::Environments::default(),
            turn_server: kinesis_video::TurnServerSlot::default(),
            log_lines: broadcast::Sender::new(1024),
            sessions: iam::Sessions::default(),
            calls: Mutex::default(),
            began: (Instant::now(), std::time::Instant::now()),
        }
    }

    /// The base URL of the control plane, e.g. `http://127.0.0.1:4566`.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", std::net::SocketAddr::new(self.options.address, self.options.port))
    }

    /// The account's state. Never hold it across an await: `MutexGuard` is not `Send`, so the compiler sees to that.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        // A panic while the lock was held leaves plain data behind; serving it beats refusing every later call.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a call on record.
    pub(crate) fn record(&self, call: CallRecord) {
        let mut calls = self.calls();
        if calls.len() >= MOST_CALLS {
            calls.drain(..MOST_CALLS / 2);
        }
        calls.push(call);
    }

    /// The answered calls so far, oldest first; of very many the last ones.
    pub(crate) fn calls(&self) -> MutexGuard<'_, Vec<CallRecord>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the deployer may do; everything without one.
    pub(crate) fn deployer_policy(&self) -> MutexGuard<'_, Option<PolicyDocument>> {
        self.deployer_policy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock for every delay: tokio's, so that tests with paused time work. Transitions (Pending → Active …) are computed by
    /// comparing with it when somebody looks, never by background tasks.
    pub(crate) fn now(&self) -> Instant {
        Instant::now()
    }

    /// The time of day on that clock: what is made a paused second later is a second younger.
    pub(crate) fn wall_clock(&self) -> jiff::Timestamp {
        let (paused, real) = self.began;
        // Unpaused it is the system's time, and so right after a laptop has slept, when neither of the clocks has gone on.
        jiff::Timestamp::now() + self.now().duration_since(paused) - real.elapsed()
    }
}
