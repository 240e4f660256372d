//! How long a stack lives, and when it was deployed last: both are kept in its tags, because there is no state file.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::naming::{DEPLOYED_AT_TAG, DEPLOYED_BY_TAG, VERSION_TAG, is_legal_in_tags};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Longer than any preview lives, and short enough to be added to any date.
const LONGEST: i64 = 3650 * DAY;

/// Room for a name in a list.
const LONGEST_NAME: usize = 64;

/// Why a time was refused, in words for people.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub(crate) struct InvalidTime(String);

/// A length of time as people write it: `90m`, `24h`, `3d`, `2w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Age(Duration);

impl Age {
    pub(crate) fn of_seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub(crate) fn seconds(self) -> u64 {
        self.0.as_secs()
    }

    fn signed(self) -> i64 {
        i64::try_from(self.seconds()).unwrap_or(LONGEST)
    }

    /// The time that has passed since then; none, where then is still to come.
    pub(crate) fn since(then: Timestamp, now: Timestamp) -> Self {
        Self(Duration::try_from(now.duration_since(then)).unwrap_or_default())
    }
}

impl FromStr for Age {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parsed = text.char_indices().next_back().and_then(|(end, unit)| {
            let number = &text[..end];
            let seconds = match unit {
                'm' => 60,
                'h' => HOUR,
                'd' => DAY,
                'w' => 7 * DAY,
                _ => return None,
            };
            let digits = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
            let whole = digits.then(|| number.parse::<i64>().ok()?.checked_mul(seconds)).flatten()?;
            (whole <= LONGEST).then(|| u64::try_from(whole).ok()).flatten()
        });
        parsed.map(|seconds| Self(Duration::from_secs(seconds))).ok_or_else(|| {
            InvalidTime("it is a number with m, h, d or w, of ten years at most: 90m, 24h, 3d, 2w".to_owned())
        })
    }
}

/// In its two largest units: `3d 4h`, `12m`.
impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.signed();
        let (days, hours, minutes) = (seconds / DAY, seconds % DAY / HOUR, seconds % HOUR / 60);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds}s"),
            (0, 0, minutes) => write!(f, "{minutes}m"),
            (0, hours, 0) => write!(f, "{hours}h"),
            (0, hours, minutes) => write!(f, "{hours}h {minutes}m"),
            (days, 0, _) => write!(f, "{days}d"),
            (days, hours, _) => write!(f, "{days}d {hours}h"),
        }
    }
}

/// How long a stack is to live from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// At least this long.
    For(Age),
    /// Until somebody removes it.
    Unlimited,
}

impl Lifetime {
    /// Rounded up to the full hour: a run that comes again soon finds nothing to change.
    pub(crate) fn from(self, now: Timestamp) -> Expiry {
        match self {
            Self::Unlimited => Expiry::Never,
            Self::For(age) => {
                let end = now.as_second() + age.signed();
                let hours = end.div_euclid(HOUR) + i64::from(end.rem_euclid(HOUR) != 0);
                Timestamp::from_second(hours * HOUR).map_or(Expiry::Never, Expiry::At)
            }
        }
    }
}

impl FromStr for Lifetime {
    type Err = InvalidTime;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            NEVER => Ok(Self::Unlimited),
            _ => match text.parse()? {
                Age(Duration::ZERO) => Err(InvalidTime("a stack lives longer than no time at all".to_owned())),
                age => Ok(Self::For(age)),
            },
        }
    }
}

/// The tag of a stack that lives until somebody removes it.
const NEVER: &str = "never";

/// Until when a stack is to live. Later is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expiry {
    /// Until then.
    At(Timestamp),
    /// Until somebody removes it.
    Never,
}

impl Expiry {
    /// How long ago it passed.
    pub(crate) fn passed(self, now: Timestamp) -> Option<Age> {
        match self {
            Self::At(then) if then <= now => Some(Age::since(then, now)),
            Self::At(_) | Self::Never => None,
        }
    }
}

impl FromStr for Expiry {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == NEVER { Ok(Self::Never) } else { text.parse().map(Self::At) }
    }
}

/// RFC 3339 in UTC, all of whose characters are legal in tags.
impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(then) => then.fmt(f),
            Self::Never => f.write_str(NEVER),
        }
    }
}

impl Serialize for Expiry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The last `up` that had something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastDeploy {
    /// When it began to do it.
    #[serde(serialize_with = "as_text")]
    pub at: Timestamp,
    /// The last part of the caller's ARN.
    pub by: String,
    /// The version of this program.
    pub version: String,
}

/// A time in RFC 3339.
fn as_text<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

impl LastDeploy {
    /// Of this run. Whom an environment says to act for is hearsay: only what AWS says of the caller counts.
    pub(crate) fn by(caller: &str, now: Timestamp) -> Self {
        let name = caller.rsplit(['/', ':']).next().unwrap_or_default();
        let by = name.chars().take(LONGEST_NAME).map(|c| if is_legal_in_tags(c) { c } else { '_' }).collect();
        let at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        Self { at, by, version: env!("CARGO_PKG_VERSION").to_owned() }
    }

    pub(crate) fn tags(&self) -> BTreeMap<String, String> {
        let tag = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        [tag(DEPLOYED_AT_TAG, &self.at.to_string()), tag(DEPLOYED_BY_TAG, &self.by), tag(VERSION_TAG, &self.version)]
            .into()
    }

    /// What the tags say, if they say when.
    pub(crate) fn of<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let tags: BTreeMap<&str, &str> = tags.into_iter().collect();
        let text = |key| tags.get(key).copied().unwrap_or_default().to_owned();
        let at = tags.get(DEPLOYED_AT_TAG)?.parse().ok()?;
        Some(Self { at, by: text(DEPLOYED_BY_TAG), version: text(VERSION_TAG) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::local::tags;

    fn time(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn ages_are_read_and_shown() {
        for (text, shown) in
            [("0h", "0s"), ("90m", "1h 30m"), ("24h", "1d"), ("3d", "3d"), ("2w", "14d"), ("25h", "1d 1h")]
        {
            assert_eq!(text.parse::<Age>().unwrap().to_string(), shown);
        }
        for bad in ["", "3", "d", "3 d", "-1d", "+1d", "1y", "3651d", "99999999999999999999d", "é"] {
            assert!(bad.parse::<Age>().is_err(), "{bad}");
        }
    }

    #[test]
    fn an_expiry_is_rounded_up_to_the_full_hour() {
        let lifetime = |text: &str| text.parse::<Lifetime>().unwrap();
        let now = time("2026-11-23T10:05:07Z");
        assert_eq!(lifetime("24h").from(now).to_string(), "2026-11-24T11:00:00Z");
        assert_eq!(lifetime("24h").from(time("2026-11-23T10:00:00Z")).to_string(), "2026-11-24T10:00:00Z");
        assert_eq!(lifetime("never").from(now).to_string(), "never");
        assert!("0d".parse::<Lifetime>().is_err());
    }

    #[test]
    fn later_is_greater_and_never_is_latest() {
        let expiry = |text: &str| text.parse::<Expiry>().unwrap();
        assert!(expiry("2026-11-23T10:00:00Z") < expiry("2026-11-23T10:00:01Z"));
        assert!(expiry("9999-01-01T00:00:00Z") < expiry("never"));
        assert!("soon".parse::<Expiry>().is_err());
        let now = time("2026-11-23T10:00:00Z");
        assert_eq!(expiry("2026-11-23T08:00:00Z").passed(now).unwrap().to_string(), "2h");
        assert_eq!((expiry("2026-11-23T10:00:01Z").passed(now), expiry("never").passed(now)), (None, None));
    }

    #[test]
    fn the_caller_is_named_by_the_last_part_of_its_arn() {
        let now = time("2026-11-23T10:05:07.25Z");
        for (arn, by) in [
            ("arn:aws:iam::123456789012:user/people/alice", "alice"),
            ("arn:aws:sts::123456789012:assumed-role/Admin/alice@example.org", "alice@example.org"),
            ("arn:aws:iam::123456789012:root", "root"),
            ("arn:aws:sts::123456789012:assumed-role/x/a,b", "a_b"),
        ] {
            let record = LastDeploy::by(arn, now);
            assert_eq!((record.by.as_str(), record.at.to_string().as_str()), (by, "2026-11-23T10:05:07Z"));
        }
    }

    proptest! {
        #[test]
        fn a_record_survives_its_tags_and_aws_takes_them(caller in ".*", second in -1_000_000_000..100_000_000_000_i64) {
            let record = LastDeploy::by(&caller, Timestamp::from_second(second).unwrap());
            let tags = record.tags();
            prop_assert!(tags::collect(tags.clone()).is_ok());
            prop_assert_eq!(LastDeploy::of(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))), Some(record));
        }

        #[test]
        fn any_age_is_read_or_refused_and_ends_at_a_full_hour(text in prop_oneof![".*", "[0-9]{1,6}[mhdw]"], second in 0..4_000_000_000_i64) {
            if let Ok(lifetime) = text.parse::<Lifetime>() {
                let Expiry::At(end) = lifetime.from(Timestamp::from_second(second).unwrap()) else {
                    prop_assert_eq!(text, NEVER);
                    return Ok(());
                };
                prop_assert!(end.as_second() % HOUR == 0 && end.as_second() >= second);
            }
        }
    }
}
