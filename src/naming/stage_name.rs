//! The name of the stage, which is part of the relay's URL.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidName;

/// The name of the API's stage: 1 to 128 of `A-Z`, `a-z`, `0-9`, `_` and `-` (AWS-FACTS B1). `$default` is refused: it does
/// not work for WebSocket APIs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StageName(String);

impl StageName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for StageName {
    fn default() -> Self {
        Self("prod".to_owned())
    }
}

impl FromStr for StageName {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if text.is_empty() || text.len() > 128 || !text.chars().all(legal) {
            return Err(InvalidName(format!(
                "{text:?} is no stage name; it is 1 to 128 of A-Z, a-z, 0-9, '_' and '-', e.g. 'prod'"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for StageName {
    type Error = InvalidName;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<StageName> for String {
    fn from(name: StageName) -> Self {
        name.0
    }
}

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
