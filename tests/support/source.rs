//! What stands in the repository's files, for the tests that hold one file against another.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::panic, reason = "a test file is no interface, and may fail")]

use std::collections::BTreeSet;
use std::path::Path;

/// A file, by its path in the repository.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The variants of an enum, as serde spells them.
pub fn variants(file: &str, name: &str) -> BTreeSet<String> {
    let source = read(file);
    let body = source.split(&format!("pub enum {name} {{")).nth(1).unwrap_or_else(|| panic!("{file} has no {name}"));
    let body = body.split("\n}\n").next().unwrap();
    body.lines()
        .filter(|line| line.starts_with("    ") && line[4..].starts_with(|c: char| c.is_ascii_uppercase()))
        .map(|line| snake_case(line.trim().split(|c: char| !c.is_alphanumeric()).next().unwrap()))
        .collect()
}

fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !words.is_empty() {
            words.push('_');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}
