//! The only place that waits and repeats. The SDK's own retries are off: they know few of the classes that matter here, hide
//! what they wait for, and would repeat a create whose answer was lost (AWS-FACTS F).

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
        // Role propagation takes seconds, now and then minutes (AWS-FACTS C1); a public access block about ten seconds (E1).
        FailureClass::NotReady => patience(100, 2_000, 180),
        // A function update or a parallel write to one API ends within seconds; a bucket name comes free within an hour, which
        // nobody should wait for in silence (AWS-FACTS B3, C2, E3).
        FailureClass::Conflict => patience(100, 2_000, 90),
        // Windows of 5 to 30 s (AWS-FACTS B3).
        FailureClass::Throttled => patience(500, 8_000, 120),
        FailureClass::Transient | FailureClass::Unreadable if repeat == Repeat::Safe => patience(100, 2_000, 20),
        FailureClass::Unreachable => patience(100, 500, 2),
        _ => None,
    }
}

/// A wait that is about to happen.
#[derive(Debug)]
pub(crate) struct Waiting<'a> {
    pub(crate) failure: &'a AwsFailure,
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

/// Makes a call until it succeeds, fails for good, its class's deadline passes, or the run is interrupted; the last failure is
/// what comes back.
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
    let started = Instant::now();
    let mut attempt = 0;
    loop {
        let failure = match call().await {
            Ok(answer) => return Ok(answer),
            Err(failure) => failure,
        };
        attempt += 1;
        let Some(patience) = patience(failure.class, repeat) else { return Err(failure) };
        let delay = next_delay(patience, attempt);
        if started.elapsed() + delay > patience.deadline {
            return Err(failure);
        }
        on_wait(Waiting { failure: &failure, attempt, delay });
        if unless_cancelled(cancel, delay).await.is_none() {
            return Err(AwsFailure { class: FailureClass::Interrupted, ..failure });
        }
    }
}

/// Looks again and again until something asynchronous is over: a function that is Pending, a deployment being made.
/// `look` answers `None` for "not yet". Ends with `None` when the deadline passes.
pub(crate) async fn polling<T, E, Look, Answer>(deadline: Duration, mut look: Look) -> Result<Option<T>, E>
where
    Look: FnMut() -> Answer,
    Answer: Future<Output = Result<Option<T>, E>>,
{
    let started = Instant::now();
    let patience = Patience { first: Duration::from_millis(50), longest: Duration::from_millis(1_000), deadline };
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
        pause(delay).await;
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
        let calls = Cell::new(0);
        let started = Instant::now();
        let result = repeating(
            repeat,
            &CancellationToken::new(),
            |_| {},
            || {
                calls.set(calls.get() + 1);
                let answer = if calls.get() > failures { Ok(()) } else { Err(failure(class)) };
                async { answer }
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
            |waiting| seen.borrow_mut().push((waiting.attempt, waiting.failure.class)),
            || {
                calls.set(calls.get() + 1);
                let answer = if calls.get() < 3 { Err(failure(FailureClass::Conflict)) } else { Ok(()) };
                async { answer }
            },
        )
        .await;
        assert!(result.is_ok());
        assert_eq!(*seen.borrow(), [(1, FailureClass::Conflict), (2, FailureClass::Conflict)]);
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
        assert!(elapsed <= Duration::from_secs(2));
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
}
