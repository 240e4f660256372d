//! Patterns as IAM has them, which those of stack names follow.

/// Whether `text` matches `pattern`, where `*` stands for any text and `?` for any one character.
pub(crate) fn wildcard_match(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at_pattern, mut at_text) = (0, 0);
    // Where to go on if the text does not fit: behind the last `*`, which then takes one more character.
    let mut retry: Option<(usize, usize)> = None;
    while at_text < text.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                retry = Some((at_pattern + 1, at_text));
                at_pattern += 1;
            }
            Some(expected) if *expected == '?' || *expected == text[at_text] => {
                at_pattern += 1;
                at_text += 1;
            }
            _ => match &mut retry {
                Some((behind_star, taken)) => {
                    *taken += 1;
                    (at_pattern, at_text) = (*behind_star, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(|rest| *rest == '*')
}
