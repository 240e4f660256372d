//! What a run knows of a page's objects without asking for each once more: what it looked at or put there itself, as long as a list
//! shows that nothing took its place. S3's lists are never older than its last write (S3 User Guide, "Amazon S3 data consistency
//! model"); what they do not tell is an object's type and marks. It is kept for one run: that somebody put the same content there
//! with another type, in the same second or between a put of this run and its next list, only the next run sees.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use aws_smithy_types::DateTime;

use super::bucket_contents::Version;
use super::page_files::Found;

/// What a list, a look and a put tell of one state of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) etag: String,
    /// In seconds since 1970: a look tells no more. `None`: a put does not tell.
    pub(super) modified: Option<i64>,
}

impl State {
    /// `None` where an answer without an ETag tells nothing.
    pub(super) fn of(etag: Option<&str>, modified: Option<&DateTime>) -> Option<Self> {
        let etag = etag.filter(|etag| !etag.is_empty())?;
        Some(Self { etag: etag.to_owned(), modified: modified.map(DateTime::secs) })
    }

    fn is(&self, listed: &Self) -> bool {
        self.etag == listed.etag && (self.modified.is_none() || self.modified == listed.modified)
    }
}

/// What was seen where: bucket, key, and the version, where it is not just the latest.
#[derive(Debug, Default)]
pub(crate) struct Sightings(Mutex<HashMap<Place, (State, Found)>>);

type Place = (String, String, Option<String>);

fn place(bucket: &str, version: &Version) -> Place {
    (bucket.to_owned(), version.key.clone(), version.id.clone())
}

impl Sightings {
    /// Remembers what was found or put there, and in which state.
    pub(super) fn remember(&self, bucket: &str, version: &Version, state: Option<State>, found: &Found) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match state {
            Some(state) => drop(all.insert(place(bucket, version), (state, found.clone()))),
            None => drop(all.remove(&place(bucket, version))),
        }
    }

    /// What is there, if the list shows the state in which it was seen.
    pub(super) fn unchanged(&self, bucket: &str, listed: &Version) -> Option<Found> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (state, found) = all.get_mut(&place(bucket, listed))?;
        let listed = listed.state.as_ref().filter(|listed| state.is(listed))?;
        // The first list after a put tells its date.
        *state = listed.clone();
        Some(found.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUCKET: &str = "pages";

    fn state(etag: &str, modified: Option<i64>) -> Option<State> {
        State::of(Some(etag), modified.map(DateTime::from_secs).as_ref())
    }

    fn listed(etag: &str, modified: i64) -> Version {
        Version { state: state(etag, Some(modified)), ..Version::latest("js/call.js") }
    }

    /// Whether it is known after it was seen in the first state and is listed in the second.
    fn is_known(seen: Option<State>, listed: &Version) -> bool {
        let sightings = Sightings::default();
        let found = Found::unmarked("js/call.js");
        sightings.remember(BUCKET, &Version::latest("js/call.js"), seen, &found);
        assert_eq!(sightings.unchanged("others", listed), None, "of another bucket nothing is known");
        let version = Version { id: Some("null".to_owned()), ..listed.clone() };
        assert_eq!(sightings.unchanged(BUCKET, &version), None, "nor of another version");
        sightings.unchanged(BUCKET, listed).is_some()
    }

    #[test]
    fn what_is_listed_as_it_was_seen_is_known() {
        assert!(is_known(state("a", Some(7)), &listed("a", 7)));
        assert!(!is_known(state("a", Some(7)), &listed("b", 7)), "other content");
        assert!(
            !is_known(state("a", Some(7)), &listed("a", 8)),
            "the same, put there again: its type and marks may be others"
        );
        assert!(!is_known(state("a", Some(7)), &Version::latest("js/call.js")), "a list that does not tell");
    }

    #[test]
    fn what_was_put_is_known_whenever_that_was() {
        assert!(is_known(state("a", None), &listed("a", 7)));
        assert!(!is_known(state("a", None), &listed("b", 7)));
        assert!(!is_known(None, &listed("a", 7)), "an answer that did not tell");
        assert!(!is_known(state("", None), &listed("", 7)), "nor did this one");
    }

    #[test]
    fn what_was_put_is_known_until_it_is_put_once_more() {
        let sightings = Sightings::default();
        let latest = Version::latest("js/call.js");
        sightings.remember(BUCKET, &latest, state("a", None), &Found::unmarked("js/call.js"));
        assert!(sightings.unchanged(BUCKET, &listed("a", 7)).is_some());
        assert_eq!(sightings.unchanged(BUCKET, &listed("a", 8)), None);
    }

    #[test]
    fn a_later_sighting_takes_the_place_of_an_earlier_one() {
        let sightings = Sightings::default();
        let found = Found::unmarked("js/call.js");
        let latest = Version::latest("js/call.js");
        sightings.remember(BUCKET, &latest, state("a", Some(7)), &found);
        sightings.remember(BUCKET, &latest, None, &found);
        assert_eq!(sightings.unchanged(BUCKET, &listed("a", 7)), None);
    }
}
