//! AWS's manners: what the real services do that no caller would expect of a correct one. Each has its switch here, with its unit,
//! what switches it off, and the entry of AWS-FACTS that it comes from. All are computed against [`World::now`] when somebody
//! looks, never by background tasks, so that they work on a paused clock.
//!
//! | manner | switch | fact |
//! |---|---|---|
//! | a new role cannot be assumed yet, said in two ways | `role_propagation`, `role_refusals` | C1 |
//! | a new function is Pending, an updated one InProgress: 409 | `function_pending`, `function_update` | C2 |
//! | a deleted function shows for a while, and holds its name | `function_deletion` | C2 |
//! | a new signalling channel is CREATING, a deleted one shows for a while, and holds its name | `channel_pending`, `channel_deletion` | H |
//! | an inline policy counts only after a while | `policy_propagation` | A6 |
//! | IAM shows what was before the last writes | `iam_lag` | D |
//! | S3 shows a bucket and its settings as before the last writes | `bucket_lag` | E1 |
//! | GetApis, GetApi and GetTags show what was before the last writes | `api_lag` | inferred |
//! | an unblocked bucket refuses public policies a while longer | `public_access_block_propagation` | E1 |
//! | a deleted bucket's name stays taken: OperationAborted | `bucket_name_release` | E3 |
//! | us-east-1 answers 200 to making one's own bucket again, others 409 | the region | E3 |
//! | two writes to one API, bucket or function policy at once: 409 | `api_write`, `bucket_write`, `permission_write` | B3, C5, E3 |
//! | windows of 5 and 30 s, and a rate for all calls: 429 | `rates` | B3 |
//! | deployments are PENDING first | `deployment_pending` | B1 |
//! | lists come in pages, and what one looks for is on a later one | `page_size` | B4 |
//! | a new stage refuses handshakes with 403 | `stage_refusal` | B3 |
//! | a post from within `$connect` finds nobody: 410 | always | A6 |
//! | a late flush brings a deleted log group back, if the role may | `late_flush` | C6 |
//!
//! [`World::now`]: super::world::World::now

use std::time::Duration;

use super::call::Service;

/// At most `burst` calls at once, and one more every `every`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rate {
    /// The service called.
    pub service: Service,
    /// The operation; absent means all of the service together.
    pub operation: Option<&'static str>,
    /// How many calls pass without a pause.
    pub burst: u32,
    /// How long one more takes to be allowed.
    pub every: Duration,
}

/// How AWS behaves. [`Manners::none`] behaves like a textbook, [`Manners::default`] mildly, [`Manners::worst`] as badly as AWS.
#[derive(Clone, Debug)]
pub struct Manners {
    /// From CreateRole until Lambda can assume the role; zero: at once (AWS-FACTS C1).
    pub role_propagation: Duration,
    /// How often Lambda refuses a new role in any case, with its two wordings in turn (AWS-FACTS C1).
    pub role_refusals: u32,
    /// From CreateFunction until `Active`; zero: at once (AWS-FACTS C2).
    pub function_pending: Duration,
    /// From an update until `LastUpdateStatus` is `Successful`; zero: at once (AWS-FACTS C2).
    pub function_update: Duration,
    /// From DeleteFunction until the function is gone and its name free; zero: at once (AWS-FACTS C2).
    pub function_deletion: Duration,
    /// From CreateSignalingChannel until `ACTIVE`; zero: at once (AWS-FACTS H).
    pub channel_pending: Duration,
    /// From DeleteSignalingChannel until the channel is gone and its name free; zero: at once (AWS-FACTS H).
    pub channel_deletion: Duration,
    /// From a change of a role's policies until it counts; zero: at once (AWS-FACTS A6).
    pub policy_propagation: Duration,
    /// How old what IAM shows may be; zero: never (AWS-FACTS D).
    pub iam_lag: Duration,
    /// How old what S3 shows of buckets and their settings may be; objects are never old. Zero: never (AWS-FACTS E1).
    pub bucket_lag: Duration,
    /// How old what API Gateway shows of APIs and their tags may be; zero: never. No source says that it is old, and none that it is not.
    pub api_lag: Duration,
    /// From PutPublicAccessBlock until a public policy is accepted; zero: at once (AWS-FACTS E1).
    pub public_access_block_propagation: Duration,
    /// From DeleteBucket until the name can be taken again; zero: at once (AWS-FACTS E3).
    pub bucket_name_release: Duration,
    /// How long one write holds its API; another that comes meanwhile conflicts (AWS-FACTS B3).
    pub api_write: Duration,
    /// How long one write to a bucket's settings holds the bucket (AWS-FACTS E3).
    pub bucket_write: Duration,
    /// How long one write to a function's resource policy holds it (AWS-FACTS C5).
    pub permission_write: Duration,
    /// How often what may be called; empty: as often as one likes (AWS-FACTS B3).
    pub rates: Vec<Rate>,
    /// From CreateDeployment until `DEPLOYED`; zero: at once (AWS-FACTS B1).
    pub deployment_pending: Duration,
    /// Most items on one page of any list; absent: as many as the service gives (AWS-FACTS B4).
    pub page_size: Option<usize>,
    /// From CreateStage until handshakes are let in; zero: at once (AWS-FACTS B3).
    pub stage_refusal: Duration,
    /// From DeleteFunction until the last lines of its log arrive; absent: with the deletion (AWS-FACTS C6).
    pub late_flush: Option<Duration>,
    /// A connection without data in either direction is closed after this (AWS-FACTS A5).
    pub connection_idle: Duration,
    /// A connection is closed after this (AWS-FACTS A5).
    pub connection_life: Duration,
    /// API Gateway waits this long for an integration (AWS-FACTS A5).
    pub integration_timeout: Duration,
    /// For how long the credentials of a signalling channel's TURN servers are good, in whole seconds (AWS-FACTS H).
    pub turn_credentials_life: Duration,
}

impl Manners {
    /// None: every write is done and seen when its answer comes.
    pub fn none() -> Self {
        Self {
            role_propagation: Duration::ZERO,
            role_refusals: 0,
            function_pending: Duration::ZERO,
            function_update: Duration::ZERO,
            function_deletion: Duration::ZERO,
            channel_pending: Duration::ZERO,
            channel_deletion: Duration::ZERO,
            policy_propagation: Duration::ZERO,
            iam_lag: Duration::ZERO,
            bucket_lag: Duration::ZERO,
            api_lag: Duration::ZERO,
            public_access_block_propagation: Duration::ZERO,
            bucket_name_release: Duration::ZERO,
            api_write: Duration::ZERO,
            bucket_write: Duration::ZERO,
            permission_write: Duration::ZERO,
            rates: Vec::new(),
            deployment_pending: Duration::ZERO,
            page_size: None,
            stage_refusal: Duration::ZERO,
            late_flush: None,
            connection_idle: Duration::from_secs(600),
            connection_life: Duration::from_secs(7200),
            integration_timeout: Duration::from_secs(29),
            turn_credentials_life: Duration::from_secs(300),
        }
    }

    /// All at once, each as long as it was seen to last. Where AWS takes minutes now and then, this takes seconds often.
    pub fn worst() -> Self {
        let rate = |operation, burst, every| Rate { service: Service::ApiGateway, operation, burst, every };
        Self {
            role_propagation: Duration::from_secs(8),
            role_refusals: 3,
            function_pending: Duration::from_secs(5),
            function_update: Duration::from_secs(3),
            function_deletion: Duration::from_secs(4),
            channel_pending: Duration::from_secs(3),
            channel_deletion: Duration::from_secs(4),
            policy_propagation: Duration::from_secs(5),
            iam_lag: Duration::from_secs(3),
            bucket_lag: Duration::from_secs(3),
            api_lag: Duration::from_secs(2),
            public_access_block_propagation: Duration::from_secs(10),
            bucket_name_release: Duration::from_secs(20),
            api_write: Duration::from_millis(100),
            bucket_write: Duration::from_millis(100),
            permission_write: Duration::from_millis(100),
            rates: vec![
                rate(Some("CreateDeployment"), 1, Duration::from_secs(5)),
                rate(Some("DeleteApi"), 1, Duration::from_secs(30)),
                rate(None, 40, Duration::from_millis(100)),
            ],
            deployment_pending: Duration::from_secs(2),
            page_size: Some(1),
            stage_refusal: Duration::from_secs(5),
            late_flush: Some(Duration::from_secs(2)),
            ..Self::none()
        }
    }

    /// How long a store must remember what it was.
    pub(crate) fn memory(&self) -> Duration {
        self.iam_lag.max(self.policy_propagation).max(self.bucket_lag).max(self.api_lag)
    }

    /// The largest page of a list whose service gives at most `largest`.
    pub(crate) fn page(&self, largest: usize) -> usize {
        self.page_size.map_or(largest, |size| size.min(largest))
    }
}

impl Default for Manners {
    /// Enough to be noticed, and over within half a second.
    fn default() -> Self {
        Self {
            role_propagation: Duration::from_millis(300),
            function_pending: Duration::from_millis(150),
            function_update: Duration::from_millis(100),
            channel_pending: Duration::from_millis(100),
            channel_deletion: Duration::from_millis(100),
            public_access_block_propagation: Duration::from_millis(100),
            api_write: Duration::from_millis(10),
            ..Self::none()
        }
    }
}
