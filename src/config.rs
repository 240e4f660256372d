//! Everything that decides what is deployed, in one value: [`crate::stack`] turns it into a graph.

mod admission;
mod turn;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;
use url::Url;

use crate::artifact::Architecture;
use crate::lifetime::Expiry;
use crate::naming::{ExistingBucket, ExistingRole, GatewayTemplate, Memory, RolePath, StackName, StageName};

pub use admission::{Admission, AllowedOrigin};
pub(crate) use turn::{DEFAULT_TURN_LIFE, is_host_and_port};
pub use turn::{SecretSource, Turn, TurnServers, TurnUrl};

/// The only numbers of days that CloudWatch Logs accepts.
pub(crate) const LOG_RETENTION_DAYS: [i32; 22] =
    [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

/// The settings of one run.
#[derive(Clone, Debug)]
pub struct Config {
    /// Which stack.
    pub stack: StackName,
    /// The API's stage.
    pub stage: StageName,
    /// Where and as whom.
    pub target: Target,
    /// The page.
    pub page: PageSource,
    /// The bucket that somebody else made for the page; otherwise the stack has one of its own.
    pub existing_bucket: Option<ExistingBucket>,
    /// The relay.
    pub relay: RelaySettings,
    /// The relay's role.
    pub role: RoleSettings,
    /// What the page uses to find a path between two networks.
    pub ice_servers: Vec<IceServer>,
    /// What carries calls for which there is no path.
    pub turn: Option<Turn>,
    /// Who may connect to the relay.
    pub admission: Admission,
    /// Limits of the stage.
    pub throttling: Throttling,
    /// Tags beside ours.
    pub tagging: Tagging,
}

/// Where a run works and with which credentials.
#[derive(Clone, Debug)]
pub enum Target {
    /// AWS, or another endpoint that speaks its protocols.
    Aws {
        /// The region; otherwise from the environment or the profile.
        region: Option<String>,
        /// The profile; otherwise `AWS_PROFILE` or the default chain.
        profile: Option<String>,
        /// Another endpoint for all services.
        endpoint_url: Option<Url>,
        /// Where that endpoint has its WebSocket APIs.
        gateway: Option<GatewayTemplate>,
    },
    /// The local AWS at this port of the loopback interface.
    Local {
        /// The port; 0 takes a free one, where one is started.
        port: u16,
        /// The region it answers for.
        region: Option<String>,
    },
}

/// Which page is deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageSource {
    /// The one that comes with this program.
    BuiltIn,
    /// A directory with an `index.html`.
    Directory(PathBuf),
}

/// The relay's function.
#[derive(Clone, Debug)]
pub struct RelaySettings {
    /// A ready zip or binary; otherwise it is built.
    pub artifact: Option<PathBuf>,
    /// The processor that it runs on.
    pub(crate) architecture: Architecture,
    /// Memory in MB, 128 to 10240 (AWS-FACTS C3). CPU grows with it.
    pub memory_mb: i32,
    /// Longest run of one invocation in seconds; API Gateway itself waits 29 (AWS-FACTS C4).
    pub timeout_s: i32,
    /// How long CloudWatch keeps the log.
    pub log_retention_days: i32,
}

impl Default for RelaySettings {
    fn default() -> Self {
        Self {
            artifact: None,
            architecture: Architecture::preferred(),
            memory_mb: 128,
            timeout_s: 10,
            log_retention_days: 7,
        }
    }
}

/// The relay's role, and what an account may demand of every role that is made in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleSettings {
    /// One that its owner made, instead of one of the stack's own. The other settings are about that one.
    pub existing: Option<ExistingRole>,
    /// Where the role stands.
    pub path: RolePath,
    /// ARN of the managed policy beyond which the role may do nothing.
    pub permissions_boundary: Option<String>,
}

/// What every resource that takes tags carries beside the owner tag.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tagging {
    /// Somebody's own.
    pub user: BTreeMap<String, String>,
    /// Until when the stack is to live; otherwise it keeps the expiry that it has.
    pub expires: Option<Expiry>,
    /// What the stack is to remember of itself. Nothing takes such a tag away again: one that outlives what it tells of costs a
    /// look, and one that goes too early leaves something behind for ever.
    pub(crate) remembers: BTreeMap<Memory, String>,
}

/// One entry of a page's `RTCConfiguration.iceServers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IceServer {
    /// `stun:` URLs.
    pub urls: Vec<String>,
}

/// The stage's throttling. Never zero: that means "allow nothing" (AWS-FACTS A5).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Throttling {
    /// Messages a second, over all connections.
    pub rate: f64,
    /// Messages at once.
    pub burst: i32,
}

impl Default for Throttling {
    fn default() -> Self {
        Self { rate: 500.0, burst: 1_000 }
    }
}

/// The STUN servers of a page that is not told any; their operators see visitors' addresses.
pub(crate) const DEFAULT_STUN_SERVERS: [&str; 2] = ["stun:stun.cloudflare.com:3478", "stun:stun.l.google.com:19302"];

/// The ICE servers of a page that is not told any.
pub(crate) fn default_ice_servers() -> Vec<IceServer> {
    vec![IceServer { urls: DEFAULT_STUN_SERVERS.map(str::to_owned).into() }]
}
