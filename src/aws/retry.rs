//! The only place that waits and repeats. The SDK's own retries are off: they know few of the classes that matter here, hide
//! what they wait for, and would repeat a create whose answer was lost (AWS-FACTS F).

use std::fmt::Display;
use std::time::Duration;

use rand::RngExt;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::failure::{AwsFailure, FailureClass};

/// Whether a call may simply be made again when its answer was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Reads, deletes and puts: the second call ends in the same state.
    Safe,
    /// Creates: a lost answer is handed up, so that the engine looks before it acts again.
    OnlyIfNotSent,
}

/// How long a class is waited for, and how the waits grow.
#[derive(Clone, Copy, Debug)]
struct Patience {
    first: Duration,
    longest: Duration,
    deadline: Duration,
}

fn patience(class: FailureClass, repeat: Repeat) -> Option<Patience> {
    let patience = |first_ms, longest_ms, deadline_s| {
        Some(Patience {
            first: Duration::from_millis(first_ms),
            longest: Duration::from_millis(longest_ms),
            deadline: Duration::from_secs(deadline_s),
        })
    };
    match class {
        // Role propagation takes seconds, now and then minutes (AWS-FACTS C1); a public access block about ten seconds (E1). Half of
        // the longest wait is lost on average, and another try may carry the whole relay again.
        FailureClass::NotReady => patience(100, 1_000, 180),
        // A function update or a parallel write to one API ends within seconds; a bucket name comes free within an hour, which
        // nobody should wait for in silence (AWS-FACTS B3, C2, E3).
        FailureClass::Conflict => patience(100, 2_000, 90),
        // Windows of 5 to 30 s (AWS-FACTS B3).
        FailureClass::Throttled => patience(500, 8_000, 120),
        FailureClass::Transient | FailureClass::Unreadable if repeat == Repeat::Safe => patience(100, 2_000, 20),
        // Long enough for another attempt after one that met its connect time-out of 4 s.
        FailureClass::Unreachable => patience(100, 1_000, 6),
        _ => None,
    }
}

/// A wait that is about to happen.
pub(crate) struct Waiting<'a> {
    /// What is waited for, in words.
    pub(crate) reason: &'a dyn Display,
    pub(crate) attempt: u32,
    pub(crate) delay: Duration,
}

/// How long a call that is under way may still take once the run is interrupted: CI runners kill 7.5 s after their first signal.
const GRACE: Duration = Duration::from_secs(4);

/// The outcome of a call, unless the run is interrupted and the call does not end within [`GRACE`].
pub(crate) async fn in_grace<T>(cancel: &CancellationToken, call: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        outcome = call => Some(outcome),
        () = async { cancel.cancelled().await; pause(GRACE).await } => None,
    }
}

/// Whatever the classes of the failures: nobody waits longer for one call than this after its first one.
const LONGEST: Duration = Duration::from_secs(300);

/// How often a call failed with one class, and since when.
#[derive(Clone, Copy, Debug)]
struct Streak {
    class: FailureClass,
    since: Instant,
    failures: u32,
}

/// Makes a call until it succeeds, fails for good, its class's deadline passes, or the run is interrupted; the last failure is
/// what comes back.
///
/// Each class has a patience of its own, because a role that cannot be assumed yet says nothing about the throttling before it.
/// All count from the first failure: a call that hung until its time-out has used up none.
pub(crate) async fn repeating<T, Call, Answer>(
    repeat: Repeat,
    cancel: &CancellationToken,
    on_wait: impl Fn(Waiting<'_>),
    mut call: Call,
) -> Result<T, AwsFailure>
where
    Call: FnMut() -> Answer,
    Answer: Future<Output = Result<T, AwsFailure>>,
{
    let mut streaks: Vec<Streak> = Vec::new();
    let mut attempt = 0;
    loop {
        let failure = match call().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        attempt += 1;
        let Some(patience) = patience(failure.class, repeat) else { return Err(failure) };
        let now = Instant::now();
        let began = streaks.first().map_or(now, |first| first.since);
        let streak = match streaks.iter_mut().find(|streak| streak.class == failure.class) {
            Some(streak) => {
                streak.failures += 1;
                *streak
            }
            None => {
                let streak = Streak { class: failure.class, since: now, failures: 1 };
                streaks.push(streak);
                streak
            }
        };
        let delay = next_delay(patience, streak.failures);
        if now + delay > (streak.since + patience.deadline).min(began + LONGEST) {
            return Err(failure);
        }
        on_wait(Waiting { reason: &failure, attempt, delay });
        if unless_cancelled(cancel, delay).await.is_none() {
            return Err(AwsFailure { class: FailureClass::Interrupted, ..failure });
        }
    }
}

/// How scarce the calls of one look are, and hence how soon the next one comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A call to a service that has plenty for each account: Lambda takes 100 looks at functions a second.
    Call,
    /// A call to API Gateway, which takes 10 a second from a whole account, pipelines that run side by side together (AWS-FACTS B3).
    GatewayCall,
    /// All calls of a whole stack.
    Stack,
}

impl Look {
    fn patience(self, deadline: Duration) -> Patience {
        let (first, longest) = match self {
            Self::Call => (50, 500),
            Self::GatewayCall => (50, 1_500),
            Self::Stack => (1_000, 3_000),
        };
        Patience { first: Duration::from_millis(first), longest: Duration::from_millis(longest), deadline }
    }
}

/// Looks again and again until something asynchronous is over: a function that is Pending, a deployment being made.
/// `look` answers `None` for "not yet", and `reason` says what is waited for. Ends with `None` when the deadline passes. An
/// interruption ends the wait at once; the look after it says so, because no call is made any more.
pub(crate) async fn polling<T, E, Looking, Answer>(
    kind: Look,
    deadline: Duration,
    cancel: &CancellationToken,
    reason: &str,
    on_wait: impl Fn(Waiting<'_>),
    mut look: Looking,
) -> Result<Option<T>, E>
where
    Looking: FnMut() -> Answer,
    Answer: Future<Output = Result<Option<T>, E>>,
{
    let started = Instant::now();
    let patience = kind.patience(deadline);
    let mut attempt = 0;
    loop {
        if let Some(answer) = look().await? {
            return Ok(Some(answer));
        }
        attempt += 1;
        let delay = next_delay(patience, attempt);
        if started.elapsed() + delay > deadline {
            return Ok(None);
        }
        on_wait(Waiting { reason: &reason, attempt, delay });
        if unless_cancelled(cancel, delay).await.is_none() {
            return look().await;
        }
    }
}

/// How long to wait before the n-th look, counted from 1, at what may not show yet.
pub(crate) fn before_look(look: u32) -> Duration {
    let patience =
        Patience { first: Duration::from_millis(400), longest: Duration::from_secs(4), deadline: Duration::MAX };
    next_delay(patience, look.saturating_mul(2))
}

/// How long to wait before the next look at a log that is followed, which found nothing new so many times: CloudWatch allows an
/// account five such calls a second in some regions.
pub(crate) fn before_poll(idle: u32) -> Duration {
    let patience = Patience { first: Duration::from_secs(1), longest: Duration::from_secs(5), deadline: Duration::MAX };
    next_delay(patience, idle.saturating_add(1))
}

/// Waits; ends with `None` when the run is interrupted.
pub(crate) async fn unless_cancelled(cancel: &CancellationToken, delay: Duration) -> Option<()> {
    cancel.run_until_cancelled(pause(delay)).await
}

/// Tries what may need a moment to become true, until it is, or cannot become so, or the deadline passes; the last failure is what
/// comes back.
pub(crate) async fn until<T, E>(
    deadline: Instant,
    may_pass: impl Fn(&E) -> bool,
    on_wait: impl Fn(&E, u32, Duration),
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let patience = Patience {
        first: Duration::from_millis(100),
        longest: Duration::from_millis(2_000),
        deadline: deadline.saturating_duration_since(Instant::now()),
    };
    let mut attempts = 0;
    loop {
        let failure = match attempt().await {
            Ok(found) => return Ok(found),
            Err(failure) => failure,
        };
        attempts += 1;
        let delay = next_delay(patience, attempts);
        if !may_pass(&failure) || Instant::now() + delay > deadline {
            return Err(failure);
        }
        on_wait(&failure, attempts, delay);
        pause(delay).await;
    }
}

/// Grows by half each time up to the longest, with up to a quarter of jitter so that parallel steps do not march in step.
fn next_delay(patience: Patience, attempt: u32) -> Duration {
    let grown = patience.first.mul_f64(1.5_f64.powi(attempt.saturating_sub(1).min(40) as i32)).min(patience.longest);
    grown.mul_f64(rand::rng().random_range(0.75..=1.0))
}

#[expect(clippy::disallowed_methods, reason = "this is the module that waits")]
async fn pause(delay: Duration) {
    tokio::time::sleep(delay).await;
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    fn failure(class: FailureClass) -> AwsFailure {
        AwsFailure {
            service: "lambda",
            operation: "CreateFunction",
            code: None,
            message: String::new(),
            request_id: None,
            status: None,
            class,
        }
    }

    async fn run(repeat: Repeat, class: FailureClass, failures: u32) -> (Result<(), FailureClass>, u32, Duration) {
        run_slowly(repeat, class, failures, Duration::ZERO).await
    }

    /// Each failure takes its time.
    async fn run_slowly(
        repeat: Repeat,
        class: FailureClass,
        failures: u32,
        length: Duration,
    ) -> (Result<(), FailureClass>, u32, Duration) {
        let calls = Cell::new(0);
        let started = Instant::now();
        let result = repeating(
            repeat,
            &CancellationToken::new(),
            |_| {},
            || {
                calls.set(calls.get() + 1);
                let fails = calls.get() <= failures;
                async move {
                    if !fails {
                        return Ok(());
                    }
                    pause(length).await;
                    Err(failure(class))
                }
            },
        )
        .await;
        (result.map_err(|failure| failure.class), calls.get(), started.elapsed())
    }

    #[tokio::test(start_paused = true)]
    async fn a_role_that_needs_a_minute_is_waited_for() {
        let (result, calls, _) = run(Repeat::OnlyIfNotSent, FailureClass::NotReady, 30).await;
        assert_eq!((result, calls), (Ok(()), 31));
    }

    #[tokio::test(start_paused = true)]
    async fn throttling_outlasts_a_window_of_thirty_seconds() {
        let (result, _, elapsed) = run(Repeat::Safe, FailureClass::Throttled, u32::MAX).await;
        assert_eq!(result, Err(FailureClass::Throttled));
        assert!(elapsed > Duration::from_secs(60) && elapsed <= Duration::from_secs(120), "{elapsed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_create_whose_answer_was_lost_is_not_repeated_blindly() {
        assert_eq!(run(Repeat::OnlyIfNotSent, FailureClass::Transient, 1).await.1, 1);
        assert_eq!(run(Repeat::Safe, FailureClass::Transient, 1).await.1, 2);
        assert_eq!(run(Repeat::OnlyIfNotSent, FailureClass::Unreadable, 1).await.1, 1);
        assert_eq!(run(Repeat::Safe, FailureClass::Unreadable, 1).await.1, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn every_wait_is_announced_with_its_cause() {
        let seen = RefCell::new(Vec::new());
        let calls = Cell::new(0);
        let result = repeating(
            Repeat::Safe,
            &CancellationToken::new(),
            |waiting| seen.borrow_mut().push((waiting.attempt, waiting.reason.to_string())),
            || {
                calls.set(calls.get() + 1);
                let answer = if calls.get() < 3 { Err(failure(FailureClass::Conflict)) } else { Ok(()) };
                async { answer }
            },
        )
        .await;
        assert!(result.is_ok());
        let why = failure(FailureClass::Conflict).to_string();
        assert_eq!(*seen.borrow(), [(1, why.clone()), (2, why)]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_needs_a_moment_is_tried_until_the_deadline_and_what_never_passes_once() {
        let deadline = Instant::now() + Duration::from_secs(30);
        let waits = Cell::new(0);
        let tried = async |passes: bool, failures: u32| {
            let mut calls = 0;
            let outcome = until(
                deadline,
                |_| passes,
                |_: &u32, _, _| waits.set(waits.get() + 1),
                async || {
                    calls += 1;
                    if calls > failures { Ok(()) } else { Err(calls) }
                },
            );
            (outcome.await, calls)
        };
        assert_eq!(tried(true, 3).await, (Ok(()), 4));
        assert_eq!(waits.get(), 3, "every wait is told");
        assert_eq!(tried(false, u32::MAX).await, (Err(1), 1));
        let (outcome, calls) = tried(true, u32::MAX).await;
        assert_eq!(outcome, Err(calls), "the last failure is what comes back");
        assert!(Instant::now() <= deadline && deadline - Instant::now() <= Duration::from_secs(2));
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreachable_endpoint_is_given_up_within_seconds() {
        let (result, _, elapsed) = run(Repeat::Safe, FailureClass::Unreachable, u32::MAX).await;
        assert_eq!(result, Err(FailureClass::Unreachable));
        assert!(elapsed <= Duration::from_secs(6));
    }

    /// A connect time-out is 4 s.
    #[tokio::test(start_paused = true)]
    async fn one_connect_that_timed_out_does_not_end_a_run() {
        let timing_out = Duration::from_secs(4);
        let (result, ..) = run_slowly(Repeat::OnlyIfNotSent, FailureClass::Unreachable, 2, timing_out).await;
        assert_eq!(result, Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_interruption_ends_a_wait_at_once_and_a_call_within_seconds() {
        let cancel = CancellationToken::new();
        let started = Instant::now();
        let waiting = repeating(
            Repeat::Safe,
            &cancel,
            |_| cancel.cancel(),
            || async { Err::<(), _>(failure(FailureClass::Throttled)) },
        );
        assert_eq!(waiting.await.map_err(|failure| failure.class), Err(FailureClass::Interrupted));
        assert_eq!(started.elapsed(), Duration::ZERO);
        assert_eq!(in_grace(&cancel, std::future::pending::<()>()).await, None);
        assert_eq!(started.elapsed(), GRACE);
        assert_eq!(in_grace(&cancel, std::future::ready(1)).await, Some(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_that_hung_until_its_time_out_is_made_again() {
        let hanging = Duration::from_secs(120);
        let (result, calls, _) = run_slowly(Repeat::Safe, FailureClass::Transient, 1, hanging).await;
        assert_eq!((result, calls), (Ok(()), 2));
    }

    /// Throttled for its whole patience, and only then told that the role is not ready.
    #[tokio::test(start_paused = true)]
    async fn one_class_does_not_use_up_the_patience_for_another_but_all_together_end() {
        let (started, cancel) = (Instant::now(), CancellationToken::new());
        let result = repeating(
            Repeat::Safe,
            &cancel,
            |_| {},
            || {
                let class = match started.elapsed().as_secs() {
                    0..100 => FailureClass::Throttled,
                    100..200 => FailureClass::NotReady,
                    _ => FailureClass::Other,
                };
                async move { Err::<(), _>(failure(class)) }
            },
        );
        assert_eq!(result.await.map_err(|failure| failure.class), Err(FailureClass::Other));

        let started = Instant::now();
        let result = repeating(
            Repeat::Safe,
            &cancel,
            |_| {},
            || {
                // Each within its own patience.
                let class = match started.elapsed().as_secs() {
                    0..100 => FailureClass::Throttled,
                    100..270 => FailureClass::NotReady,
                    _ => FailureClass::Conflict,
                };
                async move { Err::<(), _>(failure(class)) }
            },
        );
        assert_eq!(result.await.map_err(|failure| failure.class), Err(FailureClass::Conflict));
        assert!(started.elapsed() <= LONGEST, "{:?}", started.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_says_what_it_waits_for_grows_slower_and_ends_at_its_deadline_or_an_interruption() {
        let (cancel, seen) = (CancellationToken::new(), RefCell::new(Vec::new()));
        let deadline = Duration::from_secs(30);
        let poll = |cancel: CancellationToken, limit: u32| {
            let seen = &seen;
            async move {
                let looks = Cell::new(0_u32);
                let on_wait =
                    |waiting: Waiting<'_>| seen.borrow_mut().push((waiting.reason.to_string(), waiting.delay));
                let result = polling(Look::Call, deadline, &cancel, "until it is there", on_wait, || {
                    looks.set(looks.get() + 1);
                    if looks.get() == limit {
                        cancel.cancel();
                    }
                    async { Ok::<Option<()>, ()>(None) }
                });
                (result.await, looks.get())
            }
        };
        let started = Instant::now();
        let (result, looks) = poll(cancel.clone(), u32::MAX).await;
        assert_eq!(result, Ok(None));
        assert!(started.elapsed() > deadline - Duration::from_secs(2) && started.elapsed() <= deadline);
        assert!((60..90).contains(&looks), "{looks} looks in 30 s");
        assert!(seen.borrow().iter().all(|(reason, delay)| reason == "until it is there" && *delay < deadline));
        let started = Instant::now();
        assert_eq!(poll(cancel, 3).await, (Ok(None), 4), "one last look, which then says that it is not made any more");
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}
