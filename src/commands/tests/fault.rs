//! What goes wrong with one call, and where.

use std::fmt;
use std::time::Duration;

use crate::local::{CallRecord, Fault, FaultRule, Service};

/// How often a throttled call is refused: longer than any SDK's own retries last, about half a minute of ours.
const THROTTLED: usize = 10;

/// When a call takes effect whose sender is dead: while the next run is at work, and when that is long done.
const SOON: Duration = Duration::from_secs(1);
pub(super) const LATE: Duration = Duration::from_secs(60);

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trouble {
    AccessDenied,
    BadRequest,
    CredentialsExpired,
    NotFound,
    AlreadyExists,
    Conflict,
    ServerError,
    ThrottledForLong,
    AnswerLost,
    Hang,
    HangAfterEffect,
    KilledBefore,
    KilledAfter,
    KilledWithEffectSoon,
    KilledWithEffectLate,
}

impl Trouble {
    pub(super) const ALL: [Self; 15] = [
        Self::AccessDenied,
        Self::BadRequest,
        Self::CredentialsExpired,
        Self::NotFound,
        Self::AlreadyExists,
        Self::Conflict,
        Self::ServerError,
        Self::ThrottledForLong,
        Self::AnswerLost,
        Self::Hang,
        Self::HangAfterEffect,
        Self::KilledBefore,
        Self::KilledAfter,
        Self::KilledWithEffectSoon,
        Self::KilledWithEffectLate,
    ];

    /// A read has no effect: before and after are the same, and all refusals but "not found" end a run alike.
    pub(super) const OF_READS: [Self; 4] = [Self::AccessDenied, Self::NotFound, Self::Hang, Self::KilledBefore];

    /// Whether the run ends with the call, as by `kill -9`.
    pub(super) fn kills(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter) || self.has_late_effect()
    }

    /// Whether the call takes effect when nobody waits for it any more.
    pub(super) fn has_late_effect(self) -> bool {
        matches!(self, Self::KilledWithEffectSoon | Self::KilledWithEffectLate)
    }

    fn fault(self, service: Service) -> Fault {
        match self {
            Self::AccessDenied => refusal(403, "AccessDenied", "User is not authorized"),
            Self::BadRequest => refusal(400, "ValidationException", "1 validation error detected"),
            Self::CredentialsExpired => refusal(403, "ExpiredToken", "The security token included is expired"),
            Self::NotFound => match service {
                Service::Iam => refusal(404, "NoSuchEntity", "not found"),
                Service::Lambda | Service::Logs => refusal(404, "ResourceNotFoundException", "not found"),
                _ => refusal(404, "NotFoundException", "not found"),
            },
            Self::AlreadyExists => match service {
                Service::S3 => refusal(409, "BucketAlreadyOwnedByYou", "yours already"),
                Service::Iam => refusal(409, "EntityAlreadyExists", "it already exists"),
                Service::Lambda => refusal(409, "ResourceConflictException", "it already exists"),
                Service::Logs => refusal(400, "ResourceAlreadyExistsException", "it already exists"),
                _ => refusal(409, "ConflictException", "it already exists"),
            },
            Self::Conflict => match service {
                Service::S3 => refusal(409, "OperationAborted", "A conflicting conditional operation is in progress"),
                Service::Iam => refusal(409, "ConcurrentModification", "modified concurrently"),
                Service::Lambda => refusal(409, "ResourceConflictException", "An update is in progress"),
                Service::Logs => refusal(400, "OperationAbortedException", "multiple requests in conflict"),
                _ => refusal(409, "ConflictException", "concurrent modification"),
            },
            Self::ServerError => refusal(500, "InternalFailure", "try again"),
            Self::ThrottledForLong => Fault::Throttle,
            Self::AnswerLost => Fault::AnswerLost,
            Self::Hang | Self::KilledBefore => Fault::Hang,
            Self::HangAfterEffect | Self::KilledAfter => Fault::HangAfterEffect,
            Self::KilledWithEffectSoon => Fault::Late(SOON),
            Self::KilledWithEffectLate => Fault::Late(LATE),
        }
    }
}

fn refusal(status: u16, code: &str, message: &str) -> Fault {
    Fault::FailBefore { status, code: code.to_owned(), message: message.to_owned() }
}

/// A call of a recorded run: the `nth` of its operation. The order of calls side by side differs from run to run, their number
/// does not, but for repetitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) service: Service,
    operation: &'static str,
    pub(super) nth: usize,
    pub(super) is_write: bool,
    /// The one before it came to nothing, or it asks whether something is over: how often a run does that is left to its waits,
    /// which are random.
    pub(super) is_repetition: bool,
    /// Its place in its wait: how often its operation has been called since a call last changed anything in its service. 0 if
    /// it is one that did.
    pub(super) look: usize,
}

/// Asked again and again.
const POLLED: [&str; 3] = ["GetFunction", "GetDeployment", "DescribeSignalingChannel"];

impl Target {
    /// In the order of their names, so that a seed chooses the same ones again.
    pub(super) fn all(calls: &[CallRecord]) -> Vec<Self> {
        let mut targets: Vec<Self> = Vec::new();
        for (place, &CallRecord { service, operation, is_write, .. }) in calls.iter().enumerate() {
            let same = |call: &&CallRecord| call.service == service && call.operation == operation;
            let changed = |call: &CallRecord| call.service == service && call.is_write && call.status < Some(400);
            let nth = calls[..=place].iter().filter(same).count();
            let refused = calls[..place].iter().rfind(same).is_some_and(|call| call.status >= Some(400));
            let is_repetition = is_write && refused || nth > 1 && POLLED.contains(&operation);
            let first = calls[..=place].iter().rposition(changed).map_or(0, |change| change + 1);
            let look = calls[first..=place].iter().filter(same).count();
            targets.push(Self { service, operation, nth, is_write, is_repetition, look });
        }
        targets.sort_by_key(|target| (target.service.signing_name(), target.operation, target.nth));
        targets
    }

    pub(super) fn rule(self, fault: Fault) -> FaultRule {
        let operation = Some(self.operation.to_owned());
        FaultRule { service: Some(self.service), operation, nth: Some(self.nth), fault }
    }
}

/// One thing that goes wrong.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strike {
    pub(super) target: Target,
    pub(super) trouble: Trouble,
}

impl Strike {
    pub(super) fn rules(&self) -> impl Iterator<Item = FaultRule> {
        let Self { target, trouble } = *self;
        let times = if trouble == Trouble::ThrottledForLong { THROTTLED } else { 1 };
        (target.nth..target.nth + times).map(move |nth| Target { nth, ..target }.rule(trouble.fault(target.service)))
    }
}

impl fmt::Display for Strike {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.trouble, self.target)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { service, operation, nth, .. } = self;
        write!(f, "{service}:{operation}#{nth}")
    }
}

#[test]
fn each_wait_counts_its_looks_anew() {
    let call = |operation, is_write, status| {
        let service = Service::Lambda;
        CallRecord { service, operation, is_write, status: Some(status) }
    };
    let create = |status| call("CreateFunction", true, status);
    let get = call("GetFunction", false, 200);
    let update = call("UpdateFunctionCode", true, 200);
    let calls = [create(400), create(400), create(201), get.clone(), get.clone(), update, get];
    let looks = Target::all(&calls).into_iter().map(|target| (target.operation, target.nth, target.look));
    let expected = [
        ("CreateFunction", 1, 1),
        ("CreateFunction", 2, 2),
        ("CreateFunction", 3, 0),
        ("GetFunction", 1, 1),
        ("GetFunction", 2, 2),
        ("GetFunction", 3, 1),
        ("UpdateFunctionCode", 1, 0),
    ];
    assert_eq!(looks.collect::<Vec<_>>(), expected);
}
