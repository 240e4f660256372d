//! Versions and delete markers: what a write keeps, and what it takes to be rid of it (AWS-FACTS E5).

use std::collections::BTreeSet;

use rand::RngExt;

use super::super::answer::AwsError;
use super::store::{Bucket, DeleteMarker, Object, Past, Versioning};
use super::{Result, access_denied, bad_request};

/// The one version that an object has where versioning was never on, or is suspended.
pub(super) const NULL_VERSION: &str = "null";
const VERSION_LENGTH: usize = 32;

/// A version, and whether it is the latest of its key.
pub(super) enum Entry<'a> {
    Object { object: &'a Object, is_latest: bool },
    DeleteMarker { marker: &'a DeleteMarker, is_latest: bool },
}

impl Entry<'_> {
    pub(super) fn version(&self) -> &str {
        match self {
            Self::Object { object, .. } => &object.version,
            Self::DeleteMarker { marker, .. } => &marker.version,
        }
    }
}

/// What a delete did.
pub(super) struct Deleted {
    /// The version that was removed or, with a delete marker, made.
    pub(super) version: Option<String>,
    pub(super) is_marker: bool,
}

impl Bucket {
    /// Whether nothing is in the way of deleting it. Stricter than AWS, which does not count unfinished uploads.
    pub(super) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.history.is_empty() && self.uploads.is_empty()
    }

    /// Everything, by key and then from new to old, as a listing of versions has it.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&str, Entry<'_>)> {
        let keys: BTreeSet<&String> = self.objects.keys().chain(self.history.keys()).collect();
        keys.into_iter().flat_map(|key| {
            let current = self.objects.get(key);
            let latest = current.map(|object| Entry::Object { object, is_latest: true });
            let past = self.history.get(key).into_iter().flatten().enumerate().map(move |(index, past)| {
                let is_latest = current.is_none() && index == 0;
                match past {
                    Past::Object(object) => Entry::Object { object, is_latest },
                    Past::DeleteMarker(marker) => Entry::DeleteMarker { marker, is_latest },
                }
            });
            latest.into_iter().chain(past).map(|entry| (key.as_str(), entry))
        })
    }

    /// The version asked for; without an id the latest, unless that is a delete marker.
    pub(super) fn object(&self, key: &str, version: Option<&str>) -> Option<&Object> {
        let current = self.objects.get(key);
        let Some(version) = version else { return current };
        current.filter(|object| object.version == version).or_else(|| {
            self.history.get(key)?.iter().find_map(|past| match past {
                Past::Object(object) if object.version == version => Some(object),
                _ => None,
            })
        })
    }

    /// The version asked for, to be changed.
    pub(super) fn object_mut(&mut self, key: &str, version: Option<&str>) -> Option<&mut Object> {
        let fits = |object: &Object| version.is_none_or(|version| object.version == version);
        let current = self.objects.get_mut(key).filter(|object| fits(object));
        current.or_else(|| {
            self.history.get_mut(key)?.iter_mut().find_map(|past| match past {
                Past::Object(object) if version.is_some() && fits(object) => Some(object),
                _ => None,
            })
        })
    }

    /// Writes an object over, or on top of, what is there.
    pub(super) fn insert(&mut self, key: &str, mut object: Object) {
        object.version = self.next_version();
        object.is_locked |= self.object_lock.is_some_and(|lock| lock.retains_new_versions);
        self.bury(key);
        self.objects.insert(key.to_owned(), object);
    }

    /// Deletes the latest version, or hides it below a delete marker, also where there was nothing.
    pub(super) fn remove(&mut self, key: &str, now: jiff::Timestamp) -> Deleted {
        self.bury(key);
        if self.versioning.is_none() {
            return Deleted { version: None, is_marker: false };
        }
        let marker = DeleteMarker { version: self.next_version(), last_modified: now };
        let version = Some(marker.version.clone());
        self.history.entry(key.to_owned()).or_default().insert(0, Past::DeleteMarker(marker));
        Deleted { version, is_marker: true }
    }

    /// Deletes one version for good. One that is gone already counts as deleted.
    pub(super) fn remove_version(&mut self, key: &str, version: &str) -> Result<Deleted> {
        let is_id = version == NULL_VERSION
            || (version.len() == VERSION_LENGTH && version.chars().all(|c| c.is_ascii_alphanumeric()));
        if !is_id {
            return Err(bad_request("NoSuchVersion", "The specified version does not exist."));
        }
        if self.object(key, Some(version)).is_some_and(|object| object.is_locked) {
            let message = "Access Denied because object protected by object lock.";
            return Err(AwsError { message: message.to_owned(), ..access_denied() });
        }
        let mut is_marker = false;
        if self.objects.get(key).is_some_and(|object| object.version == version) {
            self.objects.remove(key);
        }
        if let Some(past) = self.history.get_mut(key) {
            is_marker = past.iter().any(|past| past.version() == version && matches!(past, Past::DeleteMarker(_)));
            past.retain(|past| past.version() != version);
            // What lay below an object or a delete marker comes to light.
            if !self.objects.contains_key(key)
                && matches!(past.first(), Some(Past::Object(_)))
                && let Past::Object(object) = past.remove(0)
            {
                self.objects.insert(key.to_owned(), object);
            }
        }
        self.history.retain(|_, past| !past.is_empty());
        Ok(Deleted { version: Some(version.to_owned()), is_marker })
    }

    /// Makes way for a new latest version.
    fn bury(&mut self, key: &str) {
        let current = self.objects.remove(key);
        let Some(versioning) = self.versioning else { return };
        let past = self.history.entry(key.to_owned()).or_default();
        past.splice(0..0, current.map(Past::Object));
        if versioning == Versioning::Suspended {
            // There is one version `null` at most, and the next one takes its place.
            past.retain(|past| past.version() != NULL_VERSION);
        }
        self.history.retain(|_, past| !past.is_empty());
    }

    fn next_version(&self) -> String {
        match self.versioning {
            Some(Versioning::Enabled) => random_id(),
            Some(Versioning::Suspended) | None => NULL_VERSION.to_owned(),
        }
    }
}

/// An id of the length that AWS's have.
pub(super) fn random_id() -> String {
    hex::encode(rand::rng().random::<[u8; VERSION_LENGTH / 2]>())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::super::tags::Tags;
    use super::super::store::Encryption;
    use super::*;

    fn object(size: usize) -> Object {
        Object {
            body: Bytes::new(),
            size,
            sha256: String::new(),
            etag: String::new(),
            encryption: Encryption::S3,
            version: String::new(),
            is_locked: false,
            headers: Default::default(),
            checksums: Default::default(),
            last_modified: jiff::Timestamp::now(),
        }
    }

    fn ids(bucket: &Bucket) -> Vec<String> {
        bucket
            .entries()
            .map(|(key, entry)| match entry {
                Entry::Object { object, is_latest } => format!("{key} {} {is_latest}", object.size),
                Entry::DeleteMarker { is_latest, .. } => format!("{key} marker {is_latest}"),
            })
            .collect()
    }

    #[test]
    fn writes_and_deletes_pile_up_and_come_to_light_again() {
        let now = jiff::Timestamp::now();
        let mut bucket = Bucket::new(Tags::new());
        bucket.insert("a", object(1));
        bucket.insert("a", object(2));
        assert_eq!(ids(&bucket), ["a 2 true"], "without versioning nothing is kept");
        bucket.versioning = Some(Versioning::Enabled);
        bucket.insert("a", object(3));
        let marker = bucket.remove("a", now).version.unwrap();
        bucket.remove("b", now);
        assert_eq!(ids(&bucket), ["a marker true", "a 3 false", "a 2 false", "b marker true"]);
        assert!(bucket.object("a", None).is_none());
        assert_eq!(bucket.object("a", Some(NULL_VERSION)).unwrap().size, 2);
        assert!(bucket.remove_version("a", &marker).unwrap().is_marker);
        assert_eq!(ids(&bucket), ["a 3 true", "a 2 false", "b marker true"]);

        bucket.versioning = Some(Versioning::Suspended);
        bucket.insert("a", object(4));
        assert_eq!(ids(&bucket), ["a 4 true", "a 3 false", "b marker true"], "the version null is replaced");
        bucket.remove("a", now);
        assert_eq!(ids(&bucket), ["a marker true", "a 3 false", "b marker true"]);
        for (key, version) in
            bucket.entries().map(|(key, entry)| (key.to_owned(), entry.version().to_owned())).collect::<Vec<_>>()
        {
            bucket.remove_version(&key, &version).unwrap();
            bucket.remove_version(&key, &version).unwrap();
        }
        assert!(bucket.is_empty());
    }

    #[test]
    fn a_locked_version_stays() {
        let mut bucket = Bucket::new(Tags::new());
        bucket.insert("a", Object { is_locked: true, ..object(1) });
        assert_eq!(bucket.remove_version("a", NULL_VERSION).map(|_| ()).unwrap_err().code, "AccessDenied");
        assert_eq!(bucket.remove_version("a", "no id").map(|_| ()).unwrap_err().code, "NoSuchVersion");
        assert!(!bucket.is_empty());
    }
}
