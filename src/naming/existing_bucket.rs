//! A place in a bucket that somebody else made, as people name it.

use std::fmt;
use std::str::FromStr;

use super::InvalidName;

/// Leaves room for the page's files in a key, and for the bucket's name in a tag of 256 characters.
const LONGEST_PREFIX: usize = 128;

/// A bucket's name and, where a part of it is for pages like this one, how keys begin there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExistingBucket {
    name: String,
    /// Empty, or with a slash at its end.
    prefix: String,
}

impl ExistingBucket {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// How the keys of a stack's files begin. Without the last slash, those of a stack that is called like this one and a bit more
    /// would begin so as well.
    pub(crate) fn prefix_of(&self, stack: &impl fmt::Display) -> String {
        format!("{}{stack}/", self.prefix)
    }
}

impl FromStr for ExistingBucket {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, prefix) = text.split_once('/').map_or((text, None), |(name, prefix)| (name, Some(prefix)));
        if name.contains('.') && name.split('.').all(is_label) {
            // The certificate of S3's endpoints is for one label (AWS-FACTS E2).
            return Err(InvalidName(format!(
                "{name:?} has a dot in it, and browsers open no page of such a bucket over https; name one without"
            )));
        }
        if !(3..=63).contains(&name.len()) || !is_label(name) {
            return Err(InvalidName(
                "it is a bucket's name, 3 to 63 of a-z, 0-9 and '-', and maybe a prefix, e.g. team-pages or team-pages/calls"
                    .to_owned(),
            ));
        }
        let prefix = match prefix.map(|prefix| prefix.strip_suffix('/').unwrap_or(prefix)) {
            None => String::new(),
            Some(prefix) if prefix.len() <= LONGEST_PREFIX && prefix.split('/').all(is_folder) => format!("{prefix}/"),
            Some(_) => {
                return Err(InvalidName(format!(
                    "the prefix after the bucket's name is at most {LONGEST_PREFIX} of A-Z, a-z, 0-9, '-', '_', '.' and '/', e.g. \
                     team-pages/calls"
                )));
            }
        };
        Ok(Self { name: name.to_owned(), prefix })
    }
}

fn is_label(text: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(is_alphanumeric)
        && text.ends_with(is_alphanumeric)
        && text.chars().all(|c| is_alphanumeric(c) || c == '-')
}

/// What stands for itself in URLs, policies, tags and shells. A browser takes dots alone out of a path.
fn is_folder(text: &str) -> bool {
    !["", ".", ".."].contains(&text) && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

impl fmt::Display for ExistingBucket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        self.prefix.strip_suffix('/').map_or(Ok(()), |prefix| write!(f, "/{prefix}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_named_as_browsers_can_open_it() {
        for good in ["abc", "team-pages", "0-9", &"x".repeat(63), "team-pages/calls", "team-pages/a/B_1.-"] {
            assert_eq!(good.parse::<ExistingBucket>().unwrap().to_string(), good);
        }
        for (bad, why) in [
            ("pages.example.org", "has a dot in it"),
            ("pages.example.org/calls", "has a dot in it"),
            ("", "3 to 63"),
            ("ab", "3 to 63"),
            ("-abc", "3 to 63"),
            ("abc-", "3 to 63"),
            ("Team", "3 to 63"),
            ("a/b", "3 to 63"),
            ("a*b", "3 to 63"),
            ("..", "3 to 63"),
            ("/abc", "3 to 63"),
            ("arn:aws:s3:::pages", "3 to 63"),
            (&"x".repeat(64), "3 to 63"),
            ("abc/", "the prefix"),
            ("abc//", "the prefix"),
            ("abc//calls", "the prefix"),
            ("abc/calls//", "the prefix"),
            ("abc/./calls", "the prefix"),
            ("abc/../calls", "the prefix"),
            ("abc/ca*", "the prefix"),
            ("abc/${aws:username}", "the prefix"),
            (&format!("abc/{}", "x".repeat(129)), "the prefix"),
        ] {
            let refusal = bad.parse::<ExistingBucket>().unwrap_err().to_string();
            assert!(refusal.contains(why), "{bad}: {refusal}");
        }
    }

    #[test]
    fn each_stack_has_a_prefix_of_its_own_below_that_of_the_bucket() {
        for (place, stack, prefix) in [
            ("team-pages", "demo", "demo/"),
            ("team-pages", "demo-two", "demo-two/"),
            ("team-pages/calls", "demo", "calls/demo/"),
            ("team-pages/a/calls/", "demo", "a/calls/demo/"),
        ] {
            assert_eq!(place.parse::<ExistingBucket>().unwrap().prefix_of(&stack), prefix);
        }
    }
}
