//! A store whose writes take time to reach everybody who reads (AWS-FACTS D, E1).

use std::collections::VecDeque;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use serde::{Serialize, Serializer};
use tokio::time::Instant;

/// The truth, and what it was before. Writes, and reads that AWS promises to be up to date, dereference to the truth.
#[derive(Debug, Default)]
pub(crate) struct Replicated<T> {
    truth: T,
    /// What was true until when, oldest first.
    past: VecDeque<(Instant, T)>,
}

impl<T: Clone> Replicated<T> {
    /// The store as a reader sees it whom writes reach after `lag`.
    pub(crate) fn seen(&self, now: Instant, lag: Duration) -> &T {
        self.past.iter().find(|(until, _)| now < *until + lag).map_or(&self.truth, |(_, was)| was)
    }

    /// The store for a write. What it was until now is remembered as long as somebody may still see it.
    pub(crate) fn change(&mut self, now: Instant, memory: Duration) -> &mut T {
        while self.past.front().is_some_and(|(until, _)| *until + memory <= now) {
            self.past.pop_front();
        }
        if !memory.is_zero() {
            self.past.push_back((now, self.truth.clone()));
        }
        &mut self.truth
    }
}

impl<T> Deref for Replicated<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.truth
    }
}

impl<T> DerefMut for Replicated<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.truth
    }
}

impl<T: Serialize> Serialize for Replicated<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.truth.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_who_lags_sees_each_write_later_and_in_order() {
        let (memory, lag) = (Duration::from_secs(5), Duration::from_secs(3));
        let mut store = Replicated::<u32>::default();
        let seen = |store: &Replicated<u32>, lag| *store.seen(Instant::now(), lag);
        *store.change(Instant::now(), memory) = 1;
        assert_eq!((seen(&store, lag), seen(&store, Duration::ZERO), *store), (0, 1, 1));
        tokio::time::advance(Duration::from_secs(2)).await;
        *store.change(Instant::now(), memory) = 2;
        assert_eq!(seen(&store, lag), 0);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!((seen(&store, lag), seen(&store, memory)), (1, 0));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!((seen(&store, lag), seen(&store, memory)), (2, 1));
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(seen(&store, memory), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_may_see_any_more_is_forgotten() {
        let mut store = Replicated::<u32>::default();
        for number in 0..100 {
            *store.change(Instant::now(), Duration::from_secs(3)) = number;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert!(store.past.len() <= 4, "{}", store.past.len());
        *store.change(Instant::now(), Duration::ZERO) = 0;
        assert!(store.past.is_empty());
    }
}
