//! Whether a deployed stack does what it is for, as seen from outside: a visitor without credentials opens the page, talks over
//! the relay, and tries what nobody may do. Only where a check fails is the stack looked at with the deployer's eyes, to name the
//! cause.
//!
//! [`page`], [`relay`] and [`access`] make the checks; what they see instead of what they expect is a [`symptom`]; [`cause`]
//! explains it. Each check waits for what may still be spreading, until one deadline for all of them.

mod access;
mod admission;
mod cause;
mod check;
mod links;
mod page;
mod relay;
mod socket;
mod suspects;
mod symptom;

use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use crate::aws::retry;
use crate::aws::visitor::Visitor;
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::outputs::Outputs;
use crate::events::{Event, Events};
use crate::naming::Reach;

pub(crate) use admission::JoinToken;
use admission::NO_JOIN_TOKEN;
pub(crate) use cause::{Advice, Survey};
pub use check::{Check, CheckId, CheckResult, Summary};
use page::Configured;
use symptom::Symptom;

/// What a check saw, as it should be.
struct Passed {
    seen: String,
    round_trip_ms: Option<f64>,
}

impl Passed {
    fn saw(seen: impl Into<String>) -> Self {
        Self { seen: seen.into(), round_trip_ms: None }
    }
}

/// One look at one stack.
pub(crate) struct Verification<'a> {
    outputs: &'a Outputs,
    site: Url,
    websocket: Url,
    reach: &'a Reach,
    /// How the keys of the page begin, in a bucket that others use as well.
    prefix: String,
    /// Until then, what is not right yet may become so.
    deadline: Instant,
    events: &'a Events,
    visitor: Visitor,
    /// What whoever connects to some relays must have, if it is known here.
    token: Option<JoinToken>,
}

impl<'a> Verification<'a> {
    pub(crate) fn new(
        outputs: &'a Outputs,
        reach: &'a Reach,
        prefix: String,
        patience: Duration,
        token: Option<JoinToken>,
        events: &'a Events,
    ) -> Result<Self, Diagnostic> {
        Ok(Self {
            site: parse(&outputs.site_url)?,
            websocket: parse(&outputs.websocket_url)?,
            outputs,
            reach,
            prefix,
            deadline: Instant::now() + patience,
            events,
            visitor: Visitor::new(),
            token,
        })
    }

    /// Makes all checks, one after the other. `look` is called once, when the first one fails.
    pub(crate) async fn run(&self, advice: &Advice<'_>, look: impl AsyncFn() -> Survey) -> Summary {
        let mut report = Report { verification: self, advice, look, survey: None, summary: Summary::default() };

        let mut configured = Configured::default();
        match report.made(CheckId::Page, self.page()).await {
            Some(document) => {
                report.done(CheckId::Files, self.files(&document)).await;
                configured = report.made(CheckId::Config, self.config()).await.unwrap_or_default();
            }
            None => report.none_of(&[CheckId::Files, CheckId::Config], "the page is not served"),
        }

        let doors = &configured.doors;
        let entered = match doors.join_token && self.token.is_none() {
            true => {
                report.none_of(&[CheckId::Handshake], NO_JOIN_TOKEN);
                None
            }
            false => report.made(CheckId::Handshake, self.handshake(doors)).await,
        };
        match entered {
            None => {
                let rest = [CheckId::OwnId, CheckId::Relay, CheckId::Errors];
                report.none_of(&rest, "there is no connection to ask over");
            }
            Some(mut pair) => match report.made(CheckId::OwnId, self.own_ids(&mut pair)).await {
                None => report.none_of(&[CheckId::Relay, CheckId::Errors], "the relay does not answer"),
                Some(ids) => {
                    if configured.ice_servers_on_demand {
                        report.done(CheckId::Turn, self.turn(&mut pair)).await;
                    }
                    if report.done(CheckId::Relay, self.relay(&mut pair, &ids)).await {
                        report.done(CheckId::Errors, self.errors(pair, &ids)).await;
                    } else {
                        report.none_of(&[CheckId::Errors], "the relay does not pass messages on");
                    }
                }
            },
        }

        if doors.are_guarded() {
            report.done(CheckId::Admission, self.admission(doors)).await;
        }
        match self.checks_no_access().await {
            Some(reason) => report.none_of(&[CheckId::Listing, CheckId::Writing], &reason),
            None => {
                report.done(CheckId::Listing, self.listing()).await;
                report.done(CheckId::Writing, self.writing()).await;
            }
        }
        match self.cannot_tell_about_tls() {
            Some(reason) => report.none_of(&[CheckId::Tls], reason),
            None => {
                report.done(CheckId::Tls, self.tls()).await;
            }
        }
        let summary = report.summary;
        self.events.emit(Event::Verified { summary: summary.clone() });
        summary
    }

    /// Tries until it succeeds, fails for good, or the deadline passes; each wait is told.
    async fn patiently<T>(
        &self,
        check: CheckId,
        deadline: Instant,
        attempt: impl AsyncFnMut() -> Result<T, Symptom>,
    ) -> Result<T, Symptom> {
        let tell = |symptom: &Symptom, attempt, delay: Duration| {
            self.events.emit(Event::CheckWaiting {
                check,
                reason: symptom.to_string(),
                attempt,
                delay_ms: milliseconds(delay),
            });
        };
        retry::until(deadline, Symptom::may_pass, tell, attempt).await
    }

    /// A neighbour of the page in its bucket.
    fn beside_the_page(&self, key: &str) -> Url {
        // Joining a relative path to a URL with a host cannot fail.
        self.site.join(key).unwrap_or_else(|_| self.site.clone())
    }
}

/// The checks so far.
struct Report<'a, Look> {
    verification: &'a Verification<'a>,
    advice: &'a Advice<'a>,
    look: Look,
    survey: Option<Survey>,
    summary: Summary,
}

impl<Look: AsyncFn() -> Survey> Report<'_, Look> {
    /// Makes a check; gives what later ones build on.
    async fn made<T>(&mut self, id: CheckId, work: impl Future<Output = Result<(Passed, T), Symptom>>) -> Option<T> {
        let started = Instant::now();
        let outcome = work.await;
        let elapsed = started.elapsed();
        match outcome {
            Ok((Passed { seen, round_trip_ms }, found)) => {
                self.tell(id, CheckResult::Ok { seen, round_trip_ms }, elapsed);
                Some(found)
            }
            Err(symptom) => {
                if self.survey.is_none() {
                    self.survey = Some((self.look)().await);
                }
                let (cause, remedy) = self.advice.explain(&symptom, self.survey.as_ref());
                self.tell(id, CheckResult::Failed { seen: symptom.to_string(), cause, remedy }, elapsed);
                None
            }
        }
    }

    /// Makes a check that nothing builds on; says whether it passed.
    async fn done(&mut self, id: CheckId, work: impl Future<Output = Result<Passed, Symptom>>) -> bool {
        self.made(id, async { work.await.map(|passed| (passed, ())) }).await.is_some()
    }

    fn none_of(&mut self, ids: &[CheckId], reason: &str) {
        for id in ids {
            self.tell(*id, CheckResult::Skipped { reason: reason.to_owned() }, Duration::ZERO);
        }
    }

    fn tell(&mut self, id: CheckId, result: CheckResult, elapsed: Duration) {
        let check = Check { check: id, expected: id.expected(), result, elapsed_ms: milliseconds(elapsed) };
        self.summary.count(&check);
        self.verification.events.emit(Event::Check(check));
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn parse(url: &str) -> Result<Url, Diagnostic> {
    url.parse().map_err(|error| {
        Diagnostic::new(
            Code::InvalidInput,
            format!("{url} is no URL: {error}"),
            "correct --endpoint-url or --gateway-url, or what the environment says instead",
        )
    })
}
