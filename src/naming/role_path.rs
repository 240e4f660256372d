//! The path of the relay's role, by which companies sort their roles and grant rights over them.

use std::fmt;
use std::str::FromStr;

use super::InvalidName;

/// A path such as `/` or `/team/`: it is part of the role's ARN and, unlike its name, tells nothing apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RolePath(String);

impl RolePath {
    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RolePath {
    fn default() -> Self {
        Self("/".to_owned())
    }
}

impl FromStr for RolePath {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let framed = text.starts_with('/') && text.ends_with('/');
        // IAM takes any printable ASCII; a wildcard would make patterns of policies ambiguous.
        let legal = |c: char| c.is_ascii_graphic() && !"*?$\"\\".contains(c);
        if !framed || text.len() > 512 || text.contains("//") || !text.chars().all(legal) {
            return Err(InvalidName(format!(
                "{text:?} is no role path; it begins and ends with '/' and has at most 512 characters, e.g. '/team/'"
            )));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RolePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_path_stands_between_slashes() {
        for good in ["/", "/team/", "/a/b-c/"] {
            assert_eq!(good.parse::<RolePath>().unwrap().as_str(), good);
        }
        for bad in ["", "team", "/team", "team/", "//", "/a//b/", "/te am/", "/*/", &format!("/{}/", "x".repeat(511))] {
            assert!(bad.parse::<RolePath>().unwrap_err().to_string().contains("begins and ends with '/'"), "{bad}");
        }
    }
}
