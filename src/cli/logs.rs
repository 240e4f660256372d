//! The options of `logs`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use jiff::Timestamp;

use super::StackOptions;

#[derive(Debug, Args)]
pub(crate) struct LogsOptions {
    #[command(flatten)]
    pub(crate) stack: StackOptions,

    /// Go on with what is written from now on, until Ctrl-C
    #[arg(long, short, help_heading = "Lines")]
    pub(crate) follow: bool,

    /// From when on: so long ago, e.g. 10m, 2h or 7d, or a time, e.g. 2026-11-22T10:00:00Z
    #[arg(long, value_name = "TIME", default_value = "1h", help_heading = "Lines")]
    pub(crate) since: Since,

    /// Only lines that match this CloudWatch filter pattern, e.g. ERROR or '{ $.outcome = "peer_gone" }'
    #[arg(long, value_name = "PATTERN", help_heading = "Lines")]
    pub(crate) filter: Option<String>,
}

/// The time from which on lines are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    /// So long before now.
    Ago(Duration),
    At(Timestamp),
}

impl Since {
    /// The time, in milliseconds since 1970; never before that.
    pub(crate) fn milliseconds(self, now: Timestamp) -> i64 {
        match self {
            Self::Ago(ago) => now.as_millisecond().saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)),
            Self::At(time) => time.as_millisecond(),
        }
        .max(0)
    }
}

impl fmt::Display for Since {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ago(ago) => {
                let seconds = ago.as_secs();
                let (unit, word) = UNITS
                    .into_iter()
                    .rev()
                    .map(|(word, unit)| (unit, word))
                    .find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit))
                    .unwrap_or((1, 's'));
                write!(f, "in the last {}{word}", seconds / unit)
            }
            Self::At(time) => write!(f, "since {time}"),
        }
    }
}

/// In seconds, by size.
const UNITS: [(char, u64); 5] = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400), ('w', 604_800)];

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ago = || {
            let unit = text.chars().next_back()?;
            let (_, seconds) = UNITS.into_iter().find(|(known, _)| *known == unit)?;
            let number = &text[..text.len() - unit.len_utf8()];
            // `parse` would take a sign.
            let digits = number.bytes().all(|digit| digit.is_ascii_digit());
            let number: u64 = number.parse().ok().filter(|number| digits && *number > 0)?;
            Some(Self::Ago(Duration::from_secs(number.checked_mul(seconds)?)))
        };
        ago().or_else(|| text.parse().ok().map(Self::At)).ok_or_else(|| {
            "it is a number with s, m, h, d or w, e.g. 10m, or a time with its zone, e.g. 2026-11-22T10:00:00Z"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::local::tests::cases;

    #[test]
    fn a_time_is_so_long_ago_or_a_point_with_its_zone() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let at = |text: &str| Timestamp::from_millisecond(text.parse::<Since>().unwrap().milliseconds(now)).unwrap();
        for (text, time) in [
            ("90s", "2026-11-22T11:58:30Z"),
            ("10m", "2026-11-22T11:50:00Z"),
            ("2h", "2026-11-22T10:00:00Z"),
            ("1d", "2026-11-21T12:00:00Z"),
            ("1w", "2026-11-15T12:00:00Z"),
            ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00Z"),
            ("2026-11-22T19:00:00.25+09:00", "2026-11-22T10:00:00.25Z"),
            ("99999999999999999s", "1970-01-01T00:00:00Z"),
        ] {
            assert_eq!(at(text), time.parse().unwrap(), "{text}");
        }
        for bad in [
            "",
            "m",
            "0m",
            "-1h",
            "+1h",
            "10",
            "10 m",
            "1.5h",
            "2026-11-22T10:00:00",
            "yesterday",
            "１h",
            "99999999999999999999d",
        ] {
            assert!(bad.parse::<Since>().is_err(), "{bad}");
        }
        let shown = |text: &str| text.parse::<Since>().unwrap().to_string();
        assert_eq!((shown("120m").as_str(), shown("90s").as_str()), ("in the last 2h", "in the last 90s"));
        assert_eq!(shown("2026-11-22T10:00:00Z"), "since 2026-11-22T10:00:00Z");
    }

    proptest! {
        #![proptest_config(cases(1_000))]

        #[test]
        fn any_text_is_a_time_or_refused(text in prop_oneof![any::<String>(), "[0-9]{0,22}[smhdwx]?", "20[0-9]{2}-[0-9T:.Z+-]{0,25}"]) {
            if let Ok(since) = text.parse::<Since>() {
                prop_assert!(since.milliseconds(Timestamp::now()) >= 0);
            }
        }
    }
}
