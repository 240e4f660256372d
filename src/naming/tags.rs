//! The tags of a stack: ours, and those that somebody wants beside them.

use std::fmt;
use std::str::FromStr;

use super::InvalidName;

/// How the keys of our tags begin.
const PREFIX: &str = "webrtc-aws:";

/// The tag that marks a resource as ours; its value is the stack name.
pub(crate) const OWNER_TAG: &str = "webrtc-aws:stack";

/// Until when the stack is to live.
pub(crate) const EXPIRY_TAG: &str = "webrtc-aws:expires";

/// When, by whom and by which version of this program the stack was deployed last. On its API alone.
pub(crate) const DEPLOYED_AT_TAG: &str = "webrtc-aws:deployed-at";
pub(crate) const DEPLOYED_BY_TAG: &str = "webrtc-aws:deployed-by";
pub(crate) const VERSION_TAG: &str = "webrtc-aws:version";

/// What every resource of a stack that takes tags remembers of the stack. There is no state file, and `teardown NAME` is told
/// nothing else: without this it would have to look for what few stacks have, with a permission and a service that few need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Memory {
    /// What carries its calls beside its own relay.
    Turn,
    /// The bucket of somebody else's that its page is in.
    Bucket,
}

impl Memory {
    const ALL: [Self; 2] = [Self::Turn, Self::Bucket];

    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Turn => "webrtc-aws:turn",
            Self::Bucket => "webrtc-aws:bucket",
        }
    }

    pub(crate) fn of_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|memory| memory.key() == key)
    }
}

/// What AWS accepts in tags of every service of ours (AWS-FACTS D): letters, digits, spaces and these.
const SIGNS: &str = "_.:/=+-@";
const LONGEST_KEY: usize = 128;
const LONGEST_VALUE: usize = 256;

pub(crate) fn is_legal_in_tags(c: char) -> bool {
    c.is_alphanumeric() || c == ' ' || SIGNS.contains(c)
}

/// A tag of somebody's own: `KEY=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserTag {
    pub(crate) key: String,
    pub(crate) value: String,
}

impl FromStr for UserTag {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |why: String| Err(InvalidName(why));
        let Some((key, value)) = text.split_once('=') else {
            return refuse("it is KEY=VALUE, e.g. team=blue".to_owned());
        };
        let reserved = ["aws:", PREFIX].into_iter().find(|prefix| {
            let start = key.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        });
        if let Some(prefix) = reserved {
            return refuse(format!("keys that begin with '{prefix}' are not for everybody's use"));
        }
        for (what, part, longest) in [("key", key, LONGEST_KEY), ("value", value, LONGEST_VALUE)] {
            let length = part.chars().count();
            if length > longest {
                return refuse(format!("its {what} has {length} characters; AWS takes {longest}"));
            }
            if let Some(other) = part.chars().find(|c| !is_legal_in_tags(*c)) {
                return refuse(format!("{other:?} is not allowed; AWS takes letters, digits, spaces and {SIGNS}"));
            }
            // Some services cut them off, and would show another tag than was asked for.
            if part.trim() != part {
                return refuse(format!("its {what} begins or ends with a space"));
            }
        }
        if key.is_empty() {
            return refuse("its key is empty; it is KEY=VALUE, e.g. team=blue".to_owned());
        }
        Ok(Self { key: key.to_owned(), value: value.to_owned() })
    }
}

impl fmt::Display for UserTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::local::tags;

    #[test]
    fn a_tag_that_aws_or_we_keep_for_ourselves_is_refused() {
        for (text, why) in [
            ("team", "KEY=VALUE"),
            ("=x", "empty"),
            ("aws:x=y", "'aws:'"),
            ("AWS:x=y", "'aws:'"),
            ("webrtc-aws:stack=other", "'webrtc-aws:'"),
            ("Webrtc-Aws:x=y", "'webrtc-aws:'"),
            ("a=b;c", "';' is not allowed"),
            ("a =b", "space"),
            (&format!("{}=x", "k".repeat(129)), "129 characters"),
            (&format!("k={}", "v".repeat(257)), "257 characters"),
        ] {
            let refusal = text.parse::<UserTag>().unwrap_err().to_string();
            assert!(refusal.contains(why), "{text}: {refusal}");
        }
        let tag: UserTag = "team=a=b".parse().unwrap();
        assert_eq!((tag.key.as_str(), tag.value.as_str()), ("team", "a=b"));
        assert!("größe=".parse::<UserTag>().is_ok());
    }

    proptest! {
        #[test]
        fn what_is_accepted_here_aws_accepts(text in prop_oneof![".*", "[a-zA-Z:;é _.=+@-]{1,20}=[a-z0-9é <_]{0,20}"]) {
            if let Ok(UserTag { key, value }) = text.parse() {
                prop_assert!(tags::collect([(key, value)]).is_ok(), "{text}");
            }
        }
    }
}
