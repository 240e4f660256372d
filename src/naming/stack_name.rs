//! The name of a stack, from which all other names are made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidName;

/// The name of one stack: 1 to 28 of `a-z`, `0-9` and `-`, starting with a letter, ending with a letter or digit, no `--`.
///
/// Every AWS name of the stack is derived from it. S3 is the strictest of the services (lower case, no underscore), and IAM
/// allows 64 characters for a role name that must carry prefix and region too; hence the alphabet and the length.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StackName(String);

impl StackName {
    /// Longest legal name.
    pub const MAX_LENGTH: usize = 28;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StackName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |why: &str| {
            Err(InvalidName(format!(
                "{why}; a stack name is 1 to {} of a-z, 0-9 and '-', starts with a letter, ends with a letter or digit \
                 and has no '--' (S3 bucket names allow nothing more), e.g. 'demo' or 'pr-42'",
                Self::MAX_LENGTH
            )))
        };
        if text.is_empty() {
            return refuse("it is empty");
        }
        if text.len() > Self::MAX_LENGTH {
            return refuse(&format!("it is {} characters long", text.chars().count()));
        }
        if let Some(bad) = text.chars().find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-')) {
            return refuse(&format!("{bad:?} is not allowed"));
        }
        if !text.starts_with(|c: char| c.is_ascii_lowercase()) {
            return refuse("it does not start with a letter");
        }
        if text.ends_with('-') || text.contains("--") {
            return refuse("a '-' stands at its end or next to another");
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for StackName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<StackName> for String {
    fn from(name: StackName) -> Self {
        name.0
    }
}

impl fmt::Display for StackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
