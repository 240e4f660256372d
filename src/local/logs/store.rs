//! Log groups, their streams and their events.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::super::tags::Tags;

/// A stream keeps this many events; older ones go, so that a local AWS can run for days.
const MAXIMUM_EVENTS: usize = 10_000;

/// Everything CloudWatch Logs holds.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Store {
    pub(super) groups: BTreeMap<String, Group>,
}

/// One log group.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    /// Absent: events never expire.
    pub(super) retention_days: Option<u32>,
    pub(super) tags: Tags,
    #[serde(skip)]
    pub(super) created: i64,
    /// What functions wrote is no part of what a deployment made, so the snapshot leaves it out.
    #[serde(skip)]
    pub(super) streams: BTreeMap<String, Stream>,
}

impl Group {
    pub(super) fn new(created: i64) -> Self {
        Self { retention_days: None, tags: Tags::new(), created, streams: BTreeMap::new() }
    }
}

/// One log stream: the lines of one function environment.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) created: i64,
    pub(super) events: VecDeque<Event>,
    /// How many older events are gone: an event keeps its number.
    gone: usize,
}

impl Stream {
    pub(super) fn new(created: i64) -> Self {
        Self { created, events: VecDeque::new(), gone: 0 }
    }

    pub(super) fn append(&mut self, events: impl IntoIterator<Item = Event>) {
        self.events.extend(events);
        let surplus = self.events.len().saturating_sub(MAXIMUM_EVENTS);
        self.events.drain(..surplus);
        self.gone += surplus;
    }

    /// The events with their numbers, by arrival.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &Event)> {
        self.events.iter().enumerate().map(|(index, event)| (self.gone + index, event))
    }
}

/// One line.
#[derive(Clone, Debug)]
pub(super) struct Event {
    pub(super) timestamp: i64,
    pub(super) message: String,
}
