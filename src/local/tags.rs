//! Tags, under the rules that all services share.

use std::collections::BTreeMap;

/// Tag values by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// The number of tags that every service of ours accepts on a resource (AWS-FACTS D).
const MAXIMUM: usize = 50;

/// Collects tags; the error is a sentence for the service's own error code.
pub(crate) fn collect(pairs: impl IntoIterator<Item = (String, String)>) -> Result<Tags, String> {
    let mut tags = Tags::new();
    for (key, value) in pairs {
        if key.is_empty() || key.chars().count() > 128 {
            return Err(format!("The tag key '{key}' must have between 1 and 128 characters."));
        }
        if value.chars().count() > 256 {
            return Err(format!("The value of the tag '{key}' must have at most 256 characters."));
        }
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(format!("The tag key '{key}' uses the prefix 'aws:', which is reserved for AWS."));
        }
        if !key.chars().chain(value.chars()).all(|c| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c)) {
            return Err(format!("The tag '{key}' has characters other than letters, digits, spaces and _.:/=+-@."));
        }
        if tags.insert(key.clone(), value).is_some() {
            return Err(format!("The tag key '{key}' is given twice."));
        }
    }
    check_number(&tags)?;
    Ok(tags)
}

/// Adds tags to those a resource has; a key that is there already gets the new value.
pub(crate) fn add(tags: &mut Tags, more: Tags) -> Result<(), String> {
    let mut merged = tags.clone();
    merged.extend(more);
    check_number(&merged)?;
    *tags = merged;
    Ok(())
}

fn check_number(tags: &Tags) -> Result<(), String> {
    if tags.len() > MAXIMUM { Err(format!("A resource can have at most {MAXIMUM} tags.")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn tags_that_aws_refuses_are_refused() {
        for pairs in [
            vec![pair("", "x")],
            vec![pair("aws:stack", "x")],
            vec![pair("AWS:stack", "x")],
            vec![pair("a", "x"), pair("a", "y")],
            vec![pair("a", "<x>")],
            vec![pair(&"k".repeat(129), "x")],
            vec![pair("a", &"v".repeat(257))],
            (0..51).map(|number| pair(&number.to_string(), "x")).collect(),
        ] {
            assert!(collect(pairs.clone()).is_err(), "{pairs:?}");
        }
    }

    #[test]
    fn a_refused_addition_changes_nothing() {
        let mut tags = collect((0..50).map(|number| pair(&number.to_string(), "x"))).unwrap();
        let before = tags.clone();
        assert!(add(&mut tags, collect([pair("one more", "x")]).unwrap()).is_err());
        assert_eq!(tags, before);
        add(&mut tags, collect([pair("0", "y")]).unwrap()).unwrap();
        assert_eq!(tags["0"], "y");
    }
}
