//! How often one connection gets credentials. A call needs them at its start, at an interruption, and a little before they
//! expire; whoever wants more wants them for something else.
//!
//! Each execution environment of the function counts for itself, so this bounds what one visitor gets, not exactly. The stage's
//! throttling bounds what all get.

use std::{
    collections::VecDeque,
    time::{Duration, SystemTime},
};

use crate::event::ConnectionId;

const WINDOW: Duration = Duration::from_secs(600);

/// For one connection within the window.
const MOST: usize = 20;

/// Over all connections: what is remembered must not grow without bound.
const REMEMBERED: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Allowance {
    /// Oldest first.
    grants: VecDeque<(SystemTime, ConnectionId)>,
}

impl Allowance {
    /// Whether the connection may have credentials now.
    pub(super) fn has_room_for(&mut self, asker: &ConnectionId, now: SystemTime) -> bool {
        // A clock that was set back leaves old entries in the future: they go, too.
        let counts = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age < WINDOW);
        while self.grants.front().is_some_and(|(at, _)| !counts(*at)) {
            self.grants.pop_front();
        }
        self.grants.iter().filter(|(_, who)| who == asker).count() < MOST
    }

    /// The connection was given some.
    pub(super) fn take(&mut self, asker: &ConnectionId, now: SystemTime) {
        if self.grants.len() >= REMEMBERED {
            self.grants.pop_front();
        }
        self.grants.push_back((now, asker.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(allowance: &mut Allowance, asker: &ConnectionId, now: SystemTime) -> bool {
        let allowed = allowance.has_room_for(asker, now);
        if allowed {
            allowance.take(asker, now);
        }
        allowed
    }

    fn id(text: impl Into<String>) -> ConnectionId {
        ConnectionId::new(text.into()).expect("a valid id")
    }

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    #[test]
    fn one_connection_is_bounded_and_others_are_not_touched_by_it() {
        let mut allowance = Allowance::default();
        for number in 0..MOST {
            assert!(take(&mut allowance, &id("greedy="), at(number as u64)), "{number}");
        }
        assert!(!take(&mut allowance, &id("greedy="), at(30)));
        assert!(take(&mut allowance, &id("other="), at(30)));
        assert!(
            !take(&mut allowance, &id("greedy="), at(WINDOW.as_secs() - 1)),
            "a refusal does not count, nor does it help"
        );
        assert!(take(&mut allowance, &id("greedy="), at(WINDOW.as_secs())), "the first of them is past");
        assert!(!take(&mut allowance, &id("greedy="), at(WINDOW.as_secs())));
    }

    #[test]
    fn memory_is_bounded_and_a_clock_that_goes_back_locks_nobody_out() {
        let mut allowance = Allowance::default();
        for number in 0..3 * REMEMBERED {
            assert!(take(&mut allowance, &id(format!("{number}")), at(1)));
            assert!(allowance.grants.len() <= REMEMBERED);
        }
        for _ in 0..MOST {
            take(&mut allowance, &id("me="), at(5_000));
        }
        assert!(!take(&mut allowance, &id("me="), at(5_000)));
        assert!(take(&mut allowance, &id("me="), at(0)));
    }
}
