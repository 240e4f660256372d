//! Which lines of a log are new. CloudWatch can be asked for lines from a time on, to the millisecond; lines of one millisecond may
//! come in two answers, and a line may show up after later ones did. So each look reaches back a little, and what was seen is known by
//! its id.

use std::collections::{BTreeMap, HashSet};

/// How far a look reaches back behind the latest line: CloudWatch shows a line within seconds, now and then within a minute.
const OVERLAP_MS: i64 = 60_000;

/// What of a log was read.
#[derive(Debug)]
pub(crate) struct Tail {
    /// Nothing before it is wanted.
    since: i64,
    latest: Option<i64>,
    /// The ids of the lines that the next look may meet again, by time.
    seen: BTreeMap<i64, HashSet<String>>,
}

impl Tail {
    /// From a time on, in milliseconds since 1970.
    pub(crate) fn since(since: i64) -> Self {
        Self { since, latest: None, seen: BTreeMap::new() }
    }

    /// Where the next look begins.
    pub(crate) fn start(&self) -> i64 {
        self.latest.map_or(self.since, |latest| latest.saturating_sub(OVERLAP_MS).max(self.since))
    }

    /// Whether the line is met for the first time.
    pub(crate) fn is_new(&mut self, time: i64, id: &str) -> bool {
        self.latest = Some(self.latest.map_or(time, |latest| latest.max(time)));
        self.seen.entry(time).or_default().insert(id.to_owned())
    }

    /// A look is over: what no later one can meet is forgotten.
    pub(crate) fn looked(&mut self) {
        self.seen = self.seen.split_off(&self.start());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A line of the log: when it was written, and in which look it shows up first.
    fn lines() -> impl Strategy<Value = Vec<(i64, usize)>> {
        prop::collection::vec((0..200_i64, 0..6_usize), 0..60)
            // Nothing shows up later than a look reaches back.
            .prop_map(|lines| lines.into_iter().map(|(time, look)| (time * 200, look)).collect())
    }

    proptest! {
        #[test]
        fn every_line_is_new_exactly_once(lines in lines(), since in 0..20_000_i64) {
            let mut tail = Tail::since(since);
            let mut told = vec![0; lines.len()];
            for look in 0..6 {
                let start = tail.start();
                for (number, (time, shows_up)) in lines.iter().enumerate() {
                    if *shows_up <= look && *time >= start && tail.is_new(*time, &number.to_string()) {
                        told[number] += 1;
                    }
                }
                tail.looked();
                prop_assert!(tail.seen.keys().all(|time| *time >= tail.start()));
            }
            for ((time, _), told) in lines.iter().zip(told) {
                prop_assert_eq!(told, usize::from(*time >= since));
            }
        }
    }

    #[test]
    fn what_is_older_than_the_overlap_is_forgotten_and_not_asked_for() {
        let mut tail = Tail::since(0);
        assert!(tail.is_new(10, "a") && !tail.is_new(10, "a") && tail.is_new(10, "b"));
        assert!(tail.is_new(10 + 3 * OVERLAP_MS, "c"));
        tail.looked();
        assert_eq!(tail.start(), 10 + 2 * OVERLAP_MS);
        assert_eq!(tail.seen.len(), 1);
    }
}
