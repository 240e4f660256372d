//! CloudWatch's filter patterns: words and quoted phrases, `?` for one of several, `-` for none of it, and comparisons of JSON fields
//! joined by `&&` or `||`. The rest of the language (columns, regular expressions, `IS`, parentheses) is refused, not misread.

use std::str::FromStr;

use serde_json::Value;

#[derive(Debug, PartialEq)]
pub(super) enum Pattern {
    Terms(Vec<Term>),
    /// All of the comparisons must hold.
    All(Vec<Comparison>),
    /// One of them must.
    Any(Vec<Comparison>),
}

#[derive(Debug, PartialEq)]
pub(super) enum Term {
    Wanted(String),
    /// Counts only where nothing is wanted.
    OneOf(String),
    Unwanted(String),
}

#[derive(Debug, PartialEq)]
pub(super) struct Comparison {
    /// The names from the whole to the field.
    field: Vec<String>,
    operator: Operator,
    operand: Operand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, PartialEq)]
enum Operand {
    Number(f64),
    /// With `*` for any text at its ends.
    Text(String),
}

#[derive(Debug, thiserror::Error)]
pub(super) enum InvalidPattern {
    #[error("Invalid filter pattern")]
    Malformed,
    #[error("The local AWS does not implement this part of the filter pattern syntax: {0}")]
    Unimplemented(String),
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if let Some(inside) = text.strip_prefix('{') {
            return comparisons(inside.strip_suffix('}').ok_or(InvalidPattern::Malformed)?);
        }
        if text.starts_with(['[', '%']) {
            return Err(InvalidPattern::Unimplemented(text.to_owned()));
        }
        let (mut terms, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let kind = rest.chars().next().filter(|first| matches!(first, '?' | '-'));
            let body = if kind.is_some() { &rest[1..] } else { rest };
            let (term, after) = match body.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or(InvalidPattern::Malformed)?,
                None => body.split_once(char::is_whitespace).unwrap_or((body, "")),
            };
            // A bare word of anything else has to stand between quotes.
            let is_word = term.chars().all(|c| c.is_alphanumeric() || c == '_');
            if term.is_empty() || (!body.starts_with('"') && !is_word) {
                return Err(InvalidPattern::Malformed);
            }
            terms.push(match kind {
                None => Term::Wanted(term.to_owned()),
                Some('?') => Term::OneOf(term.to_owned()),
                Some(_) => Term::Unwanted(term.to_owned()),
            });
            rest = after.trim_start();
        }
        Ok(Self::Terms(terms))
    }
}

fn comparisons(text: &str) -> Result<Pattern, InvalidPattern> {
    if text.contains(['(', ')']) || (text.contains("&&") && text.contains("||")) {
        return Err(InvalidPattern::Unimplemented(text.trim().to_owned()));
    }
    let all = |separator| text.split(separator).map(comparison).collect::<Result<Vec<_>, _>>();
    if text.contains("||") { all("||").map(Pattern::Any) } else { all("&&").map(Pattern::All) }
}

fn comparison(text: &str) -> Result<Comparison, InvalidPattern> {
    let path = text.trim().strip_prefix("$.").ok_or(InvalidPattern::Malformed)?;
    let end = path.find(|c: char| c.is_whitespace() || "=!<>".contains(c)).ok_or(InvalidPattern::Malformed)?;
    let (path, rest) = path.split_at(end);
    if path.contains(['[', '*']) {
        return Err(InvalidPattern::Unimplemented(path.to_owned()));
    }
    let rest = rest.trim_start();
    let operators = [
        ("!=", Operator::Unequal),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("=", Operator::Equal),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    let found = operators.into_iter().find_map(|(sign, operator)| Some((operator, rest.strip_prefix(sign)?)));
    let Some((operator, operand)) = found else { return Err(InvalidPattern::Unimplemented(rest.to_owned())) };
    let operand = operand.trim();
    let is_bare = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "_-.*".contains(c));
    let operand = match (operand.parse(), operand.strip_prefix('"').and_then(|text| text.strip_suffix('"'))) {
        (Ok(number), _) => Operand::Number(number),
        (_, Some(text)) => Operand::Text(text.to_owned()),
        (_, None) if is_bare(operand) => Operand::Text(operand.to_owned()),
        _ => return Err(InvalidPattern::Malformed),
    };
    let is_text = matches!(operand, Operand::Text(_));
    if path.is_empty() || (is_text && !matches!(operator, Operator::Equal | Operator::Unequal)) {
        return Err(InvalidPattern::Malformed);
    }
    Ok(Comparison { field: path.split('.').map(str::to_owned).collect(), operator, operand })
}

impl Pattern {
    pub(super) fn matches(&self, message: &str) -> bool {
        let json = || serde_json::from_str::<Value>(message).unwrap_or_default();
        match self {
            Self::Terms(terms) => terms_match(terms, message),
            Self::All(comparisons) => {
                let line = json();
                comparisons.iter().all(|comparison| comparison.holds(&line))
            }
            Self::Any(comparisons) => {
                let line = json();
                comparisons.iter().any(|comparison| comparison.holds(&line))
            }
        }
    }
}

fn terms_match(terms: &[Term], message: &str) -> bool {
    let (mut wants_something, mut has_alternatives, mut meets_one) = (false, false, false);
    for term in terms {
        match term {
            Term::Unwanted(word) if message.contains(word) => return false,
            Term::Unwanted(_) => {}
            Term::Wanted(word) => {
                wants_something = true;
                if !message.contains(word) {
                    return false;
                }
            }
            Term::OneOf(word) => {
                has_alternatives = true;
                meets_one |= message.contains(word);
            }
        }
    }
    wants_something || !has_alternatives || meets_one
}

impl Comparison {
    fn holds(&self, line: &Value) -> bool {
        let found = self.field.iter().try_fold(line, |value, name| value.get(name));
        match (&self.operand, found) {
            // A field that is not there is equal to nothing, and unequal to nothing.
            (_, None) => false,
            (Operand::Number(wanted), Some(found)) => {
                let Some(found) = found.as_f64() else { return false };
                match self.operator {
                    Operator::Equal => found == *wanted,
                    Operator::Unequal => found != *wanted,
                    Operator::Less => found < *wanted,
                    Operator::LessOrEqual => found <= *wanted,
                    Operator::Greater => found > *wanted,
                    Operator::GreaterOrEqual => found >= *wanted,
                }
            }
            (Operand::Text(wanted), Some(found)) => {
                let Some(found) = found.as_str() else { return false };
                fits(wanted, found) == (self.operator == Operator::Equal)
            }
        }
    }
}

fn fits(wanted: &str, found: &str) -> bool {
    match (wanted.strip_prefix('*'), wanted.strip_suffix('*')) {
        (Some(_), Some(_)) => found.contains(wanted.trim_matches('*')),
        (Some(end), None) => found.ends_with(end),
        (None, Some(start)) => found.starts_with(start),
        (None, None) => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, message: &str) -> bool {
        pattern.parse::<Pattern>().unwrap().matches(message)
    }

    #[test]
    fn words_and_phrases_are_all_wanted_one_of_or_unwanted() {
        let line = "ERROR the peer is gone, status 410";
        for pattern in ["", "ERROR", "ERROR gone", "\"peer is gone\"", "?WARN ?ERROR", "ERROR -relayed", "-START"] {
            assert!(matches(pattern, line), "{pattern}");
        }
        for pattern in ["error", "ERROR relayed", "\"gone peer\"", "?WARN ?relayed", "ERROR -gone", "WARN ?ERROR"] {
            assert!(!matches(pattern, line), "{pattern}");
        }
    }

    #[test]
    fn fields_of_a_json_line_are_compared() {
        let line = r#"{"level":"WARN","outcome":"peer_gone","status":410,"record":{"durationMs":6.5}}"#;
        for pattern in [
            "{ $.outcome = \"peer_gone\" }",
            "{$.outcome=peer_gone}",
            "{ $.outcome = peer* && $.status >= 400 }",
            "{ $.level = INFO || $.level = WARN }",
            "{ $.record.durationMs > 6 }",
            "{ $.level != \"INFO\" }",
        ] {
            assert!(matches(pattern, line), "{pattern}");
        }
        for pattern in [
            "{ $.outcome = \"relayed\" }",
            "{ $.status < 400 }",
            "{ $.missing != 1 }",
            "{ $.level = WARN && $.status = 200 }",
        ] {
            assert!(!matches(pattern, line), "{pattern}");
        }
        assert!(!matches("{ $.outcome = peer_gone }", "START RequestId: 1"));
    }

    #[test]
    fn what_is_no_pattern_or_not_known_is_refused() {
        for pattern in ["{ outcome = 1 }", "{ $.a }", "\"open", "a:b", "{ $.a < b }", "{ $.a = }", "?", "{ $.a = 1"] {
            assert!(
                matches!(pattern.parse::<Pattern>(), Err(InvalidPattern::Malformed | InvalidPattern::Unimplemented(_))),
                "{pattern}"
            );
        }
        for pattern in ["[a, b]", "%a.*%", "{ ($.a = 1) }", "{ $.a IS NULL }", "{ $.a[0] = 1 }"] {
            assert!(matches!(pattern.parse::<Pattern>(), Err(InvalidPattern::Unimplemented(_))), "{pattern}");
        }
    }
}
