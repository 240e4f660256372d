//! Patterns as IAM has them, which those of stack names follow.

use std::str::Chars;

/// Whether `text` matches `pattern`, where `*` stands for any text and `?` for any one character.
pub(crate) fn wildcard_match(pattern: &str, text: &str) -> bool {
    matches(pattern, text, |one, other| one == other)
}

/// The same for the names of actions, in which capital and small letters are the same.
pub(crate) fn wildcard_match_of_action(pattern: &str, action: &str) -> bool {
    matches(pattern, action, |one, other| one.eq_ignore_ascii_case(&other))
}

fn matches(pattern: &str, text: &str, is_same: impl Fn(char, char) -> bool) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // Where to go on if the text does not fit: behind the last `*`, which then takes one more character.
    let mut retry: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let behind = text.clone();
        match (pattern.next(), text.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                retry = Some((pattern.clone(), behind.clone()));
                text = behind;
            }
            (Some(expected), Some(found)) if expected == '?' || is_same(expected, found) => {}
            (_, Some(_)) => match &mut retry {
                Some((behind_star, taken)) => {
                    taken.next();
                    (pattern, text) = (behind_star.clone(), taken.clone());
                }
                None => return false,
            },
            // With less of the text it would fit no better.
            (Some(_), None) => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As it is defined, however long that takes.
    fn by_definition(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], []) => true,
            (['*', rest @ ..], _) => (0..=text.len()).any(|taken| by_definition(rest, &text[taken..])),
            (['?', rest @ ..], [_, others @ ..]) => by_definition(rest, others),
            ([one, rest @ ..], [other, others @ ..]) => one == other && by_definition(rest, others),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn a_pattern_matches_what_its_definition_says(pattern in "[ab*?é]{0,8}", text in "[abé]{0,10}") {
            let of = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(wildcard_match(&pattern, &text), by_definition(&of(&pattern), &of(&text)));
        }
    }

    #[test]
    fn only_actions_are_the_same_in_capitals() {
        assert!(wildcard_match_of_action("S3:get*", "s3:GetObject"));
        assert!(!wildcard_match("S3:get*", "s3:GetObject"));
    }
}
