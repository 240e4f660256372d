//! Faults on request: what a test or a demo makes the local AWS do wrong.
//!
//! A rule is spelled `SERVICE:OPERATION[#N]=FAULT`. `*` stands for any service or operation, `#N` for the N-th call that the
//! rule's first half fits (without it: every one), and the fault is one of
//!
//! | spelling | what happens |
//! |---|---|
//! | `latency:40ms` | the answer comes later |
//! | `throttle` | refused with the service's throttling error |
//! | `fail:STATUS:CODE[:MESSAGE]` | refused before any effect |
//! | `lost` | done, but the connection drops before the answer |
//! | `hang` | never answered, and not done |
//! | `hang-after` | done, and never answered |
//! | `late:40ms` | never answered, and done only then |
//! | `kill` | the process that runs the local AWS exits at once |
//! | `garbled:HOW` | done, and the answer spoilt on its way: `empty`, `truncated`, `reset`, `wrong-types`, `no-members`, `more-members`, `new-values`, `content-type` |
//! | `garbled:html:STATUS` | answered by a web page, as from a proxy or a captive portal; done only with 502, 503 and 504 |
//!
//! For example `lambda:CreateFunction#1=throttle` or `*=latency:40ms`. Every rule that fits a call applies: latencies add up, and
//! the first other fault wins.

use std::str::FromStr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use tokio::sync::broadcast;

use super::answer::AwsError;
use super::call::{Operation, Service};
use super::garbling::Garbling;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The answer comes later.
    Latency(Duration),
    /// Refused before any effect.
    FailBefore {
        /// HTTP status.
        status: u16,
        /// Error code in the service's wire format.
        code: String,
        /// Error message.
        message: String,
    },
    /// Refused with the service's throttling error.
    Throttle,
    /// The effect happens, but the connection drops before the answer.
    AnswerLost,
    /// Never answered, and not done.
    Hang,
    /// Done, and never answered.
    HangAfterEffect,
    /// Never answered, and done only after this time: a call whose caller died while it was under way.
    Late(Duration),
    /// The process exits, as after `kill -9`.
    Kill,
    /// The answer is spoilt on its way.
    Garbled(Garbling),
}

/// When something goes wrong, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultRule {
    /// The service called; absent fits any.
    pub service: Option<Service>,
    /// The operation's name in the service's model; absent fits any.
    pub operation: Option<String>,
    /// Which of the fitting calls, counted from 1 since the rule was added; absent means every one.
    pub nth: Option<usize>,
    /// What happens to it.
    pub fault: Fault,
}

/// A fault happened to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultHit {
    /// The service called.
    pub service: Service,
    /// The operation called.
    pub operation: &'static str,
    /// What happened. The effect of a [`Fault::HangAfterEffect`] is complete when the hit is seen.
    pub fault: Fault,
}

/// The rules in force.
#[derive(Debug)]
pub struct Faults {
    rules: Mutex<Vec<(FaultRule, usize)>>,
    hits: broadcast::Sender<FaultHit>,
}

impl Default for Faults {
    fn default() -> Self {
        Self { rules: Mutex::default(), hits: broadcast::Sender::new(256) }
    }
}

impl Faults {
    /// Adds a rule; it counts calls from now on.
    pub fn add(&self, rule: FaultRule) {
        self.rules().push((rule, 0));
    }

    /// Removes all rules.
    pub fn clear(&self) {
        self.rules().clear();
    }

    /// The faults that happen from now on, latencies left out.
    pub fn hits(&self) -> broadcast::Receiver<FaultHit> {
        self.hits.subscribe()
    }

    /// Counts a call, and says how late its answer shall be and what else goes wrong.
    pub(crate) fn strike(&self, service: Service, operation: Operation) -> (Duration, Option<Fault>) {
        let (mut latency, mut fault) = (Duration::ZERO, None);
        for (rule, count) in self.rules().iter_mut().filter(|(rule, _)| rule.fits(service, operation)) {
            *count += 1;
            if rule.nth.is_some_and(|nth| nth != *count) {
                continue;
            }
            match &rule.fault {
                Fault::Latency(more) => latency += *more,
                other => fault = fault.or_else(|| Some(other.clone())),
            }
        }
        (latency, fault)
    }

    /// Tells whoever listens that a fault happened.
    pub(crate) fn report(&self, service: Service, operation: Operation, fault: Fault) {
        // Nobody listening is no error.
        let _ = self.hits.send(FaultHit { service, operation: operation.name, fault });
    }

    fn rules(&self) -> MutexGuard<'_, Vec<(FaultRule, usize)>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FaultRule {
    fn fits(&self, service: Service, operation: Operation) -> bool {
        self.service.is_none_or(|wanted| wanted == service)
            && self.operation.as_ref().is_none_or(|wanted| wanted == operation.name)
    }
}

/// How a service says that it is called too often (AWS-FACTS B3, F).
pub(crate) fn throttle_error(service: Service) -> AwsError {
    let (status, code, message) = match service {
        Service::S3 => (StatusCode::SERVICE_UNAVAILABLE, "SlowDown", "Please reduce your request rate."),
        Service::Iam | Service::Sts => (StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded"),
        Service::Logs | Service::Ssm | Service::SecretsManager => {
            (StatusCode::BAD_REQUEST, "ThrottlingException", "Rate exceeded")
        }
        Service::Lambda => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Rate exceeded"),
        Service::ApiGateway => (StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Too Many Requests"),
        Service::ExecuteApi => (StatusCode::TOO_MANY_REQUESTS, "LimitExceededException", "Rate exceeded"),
        Service::KinesisVideo => (StatusCode::BAD_REQUEST, "ClientLimitExceededException", "Rate exceeded"),
    };
    AwsError::new(status, code, message)
}

/// A fault rule that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no fault rule: {reason}\nspell it SERVICE:OPERATION[#N]=FAULT, e.g. lambda:CreateFunction#1=throttle or *=latency:40ms"
)]
pub struct InvalidFaultRule {
    text: String,
    reason: String,
}

impl FromStr for FaultRule {
    type Err = InvalidFaultRule;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |reason: String| InvalidFaultRule { text: text.to_owned(), reason };
        let (target, fault) = text.split_once('=').ok_or_else(|| invalid("there is no `=`".to_owned()))?;
        let (target, nth) = match target.split_once('#') {
            Some((target, nth)) => match nth.parse() {
                Ok(nth) if nth > 0 => (target, Some(nth)),
                _ => return Err(invalid(format!("`{nth}` is no number from 1 up"))),
            },
            None => (target, None),
        };
        let (service, operation) = target.split_once(':').unwrap_or((target, "*"));
        let service = match service {
            "*" => None,
            name => Some(name.parse::<Service>().map_err(|error| invalid(error.to_string()))?),
        };
        let operation = match operation {
            "*" => None,
            "" => return Err(invalid("the operation is missing".to_owned())),
            name => Some(name.to_owned()),
        };
        Ok(Self { service, operation, nth, fault: fault.parse().map_err(invalid)? })
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (kind, details) = text.split_once(':').unwrap_or((text, ""));
        match (kind, details) {
            ("throttle", "") => Ok(Self::Throttle),
            ("lost", "") => Ok(Self::AnswerLost),
            ("hang", "") => Ok(Self::Hang),
            ("hang-after", "") => Ok(Self::HangAfterEffect),
            ("kill", "") => Ok(Self::Kill),
            ("garbled", how) => how.parse().map(Self::Garbled),
            ("latency" | "late", text) => {
                let duration = parse_duration(text)
                    .ok_or_else(|| format!("`{text}` is no duration like 40ms or 2s, of an hour at most"))?;
                Ok(if kind == "late" { Self::Late(duration) } else { Self::Latency(duration) })
            }
            ("fail", details) => {
                let mut parts = details.splitn(3, ':');
                let status = parts.next().unwrap_or_default();
                let status = status
                    .parse()
                    .ok()
                    .filter(|status| (400..600).contains(status))
                    .ok_or_else(|| format!("`{status}` is no status from 400 to 599"))?;
                let code = parts.next().filter(|code| !code.is_empty()).ok_or("the error code is missing")?.to_owned();
                let message = parts.next().unwrap_or("a fault rule asked for this").to_owned();
                Ok(Self::FailBefore { status, code, message })
            }
            _ => Err(format!("`{text}` is no fault")),
        }
    }
}

/// More would add up to more than a clock can show, and nobody waits that long.
const LONGEST_LATENCY: Duration = Duration::from_secs(3600);

fn parse_duration(text: &str) -> Option<Duration> {
    let milliseconds = text.strip_suffix("ms").and_then(|number| number.parse().ok()).map(Duration::from_millis);
    let duration =
        milliseconds.or_else(|| text.strip_suffix('s').and_then(|number| number.parse().ok()).map(Duration::from_secs));
    duration.filter(|duration| *duration <= LONGEST_LATENCY)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: Operation = Operation::write("CreateFunction");
    const GET: Operation = Operation::read("GetFunction");

    fn faults(rules: &[&str]) -> Faults {
        let faults = Faults::default();
        for rule in rules {
            faults.add(rule.parse().unwrap());
        }
        faults
    }

    #[test]
    fn only_the_nth_fitting_call_is_struck() {
        let faults = faults(&["lambda:CreateFunction#2=throttle"]);
        assert_eq!(faults.strike(Service::Lambda, CREATE).1, None);
        assert_eq!(faults.strike(Service::Lambda, GET).1, None);
        assert_eq!(faults.strike(Service::S3, CREATE).1, None);
        assert_eq!(faults.strike(Service::Lambda, CREATE).1, Some(Fault::Throttle));
        assert_eq!(faults.strike(Service::Lambda, CREATE).1, None);
    }

    #[test]
    fn latencies_add_up_and_the_first_other_fault_wins() {
        let faults = faults(&["*=latency:40ms", "lambda:*=latency:1s", "lambda=lost", "*=hang"]);
        let (latency, fault) = faults.strike(Service::Lambda, GET);
        assert_eq!((latency, fault), (Duration::from_millis(1040), Some(Fault::AnswerLost)));
        assert_eq!(faults.strike(Service::S3, GET).1, Some(Fault::Hang));
    }

    #[test]
    fn every_fault_has_a_spelling() {
        let fault = |text: &str| text.parse::<FaultRule>().unwrap().fault;
        assert_eq!(fault("*=hang-after"), Fault::HangAfterEffect);
        assert_eq!(fault("*=late:2s"), Fault::Late(Duration::from_secs(2)));
        assert_eq!(fault("*=kill"), Fault::Kill);
        assert_eq!(fault("*=garbled:html:200"), Fault::Garbled(Garbling::WebPage(200)));
        assert_eq!(fault("*=garbled:empty"), Fault::Garbled(Garbling::Empty));
        let (code, message) = ("Boom".to_owned(), "it: broke".to_owned());
        assert_eq!(fault("iam:*=fail:500:Boom:it: broke"), Fault::FailBefore { status: 500, code, message });
    }

    #[test]
    fn what_is_no_rule_says_why() {
        for (text, reason) in [
            ("lambda:CreateFunction", "there is no `=`"),
            ("ec2:*=throttle", "no service"),
            ("lambda:CreateFunction#0=throttle", "no number"),
            ("lambda:=throttle", "operation is missing"),
            ("*=latency:soon", "no duration"),
            ("*=fail:200:Fine", "no status"),
            ("*=fail:500", "error code is missing"),
            ("*=throttle:hard", "no fault"),
            ("*=garbled:a-little", "no way to garble"),
        ] {
            let error = text.parse::<FaultRule>().unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
