//! A place in a bucket that somebody else made, as people name it.

use std::fmt;
use std::str::FromStr;

use super::InvalidName;

/// The folder in which stacks have theirs. No prefix that people name goes through such a one, so that no stack's files ever lie among
/// another's, and a pattern of stacks reaches nothing else of the bucket.
const STACKS: &str = "webrtc-aws";

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

    /// How the keys of a stack's files begin, and nobody else's. Without the last slash, those of a stack that is called like this one and a bit more
    /// would begin so as well.
    pub(crate) fn prefix_of(&self, stack: &impl fmt::Display) -> String {
        format!("{}{STACKS}/{stack}/", self.prefix)
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
            Some(prefix) if prefix.split('/').any(|folder| folder == STACKS) => {
                return Err(InvalidName(format!(
                    "the prefix after the bucket's name has the folder {STACKS:?} in it, in which stacks have their files; name what is \
                     before that"
                )));
            }
            Some(prefix) if prefix.split('/').any(|folder| ["", ".", ".."].contains(&folder)) => {
                return Err(InvalidName(
                    "the prefix after the bucket's name has a folder in it that is empty, '.' or '..', which browsers take out of a URL"
                        .to_owned(),
                ));
            }
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

/// What stands for itself in URLs, policies, tags and shells.
fn is_folder(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
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
            ("abc/", "is empty"),
            ("abc//", "is empty"),
            ("abc//calls", "is empty"),
            ("abc/calls//", "is empty"),
            ("abc/./calls", "'.'"),
            ("abc/../calls", "'..'"),
            ("abc/ca*", "at most 128 of"),
            ("abc/${aws:username}", "at most 128 of"),
            (&format!("abc/{}", "x".repeat(129)), "at most 128 of"),
            ("abc/webrtc-aws", "in which stacks have their files"),
            ("abc/calls/webrtc-aws/demo/", "in which stacks have their files"),
        ] {
            let refusal = bad.parse::<ExistingBucket>().unwrap_err().to_string();
            assert!(refusal.contains(why), "{bad}: {refusal}");
        }
    }

    #[test]
    fn each_stack_has_a_prefix_of_its_own_below_that_of_the_bucket() {
        for (place, stack, prefix) in [
            ("team-pages", "demo", "webrtc-aws/demo/"),
            ("team-pages", "demo-two", "webrtc-aws/demo-two/"),
            ("team-pages/calls", "demo", "calls/webrtc-aws/demo/"),
            ("team-pages/a/calls/", "demo", "a/calls/webrtc-aws/demo/"),
        ] {
            assert_eq!(place.parse::<ExistingBucket>().unwrap().prefix_of(&stack), prefix);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_stacks_files_lie_among_anothers(
            one in "[a-c]{3}(/([a-c]|webrtc-aws)){0,3}",
            other in "[a-c]{3}(/([a-c]|webrtc-aws)){0,3}",
            stacks in proptest::array::uniform2("[a-c]{1,2}"),
        ) {
            let (Ok(one), Ok(other)) = (one.parse::<ExistingBucket>(), other.parse::<ExistingBucket>()) else { return Ok(()) };
            let [first, second] = [one.prefix_of(&stacks[0]), other.prefix_of(&stacks[1])];
            proptest::prop_assert!(first == second || !second.starts_with(&first), "{first} {second}");
        }
    }
}
