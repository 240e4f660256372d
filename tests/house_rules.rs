//! Rules about where things may be done. Clippy holds the others (`Cargo.toml`, `clippy.toml`): nothing prints, sleeps or panics
//! unless a line says why it may, and this says where such lines may be.

#![expect(clippy::expect_used, reason = "a test may stop at what it did not expect")]

use std::path::Path;

use walkdir::WalkDir;

/// A file longer than this holds more than one idea.
const LONGEST_FILE: usize = 500;

struct Rule {
    /// Code that has any of these …
    code: &'static [&'static str],
    /// … belongs below one of these, and nowhere else.
    home: &'static [&'static str],
    why: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        code: &["io::stdout(", "io::stderr(", "println!", "print!("],
        home: &["src/ui/", "relay-lambda/src/log.rs"],
        why: "what a run says goes through events to one renderer",
    },
    Rule {
        code: &["clippy::disallowed_methods"],
        home: &["src/aws/retry.rs", "src/local/"],
        why: "every wait of the product has a reason, a deadline and an event: aws::retry gives it them",
    },
    Rule {
        code: &["clippy::print_stdout", "clippy::print_stderr", "clippy::unwrap_used", "clippy::panic"],
        home: &[],
        why: "there is no exception from this lint",
    },
    Rule {
        code: &["Client::new(", "Client::from_conf(", "aws_config::defaults", "aws_config::load", "SdkConfig::builder"],
        home: &["src/aws/"],
        why: "endpoint, credentials and time limits are decided once, for all clients",
    },
    Rule {
        code: &["\"arn:{", "\"arn:aws", "\"webrtc-aws-{", "\"https://{", "\"wss://{"],
        home: &["src/naming", "src/local/"],
        why: "names, ARNs and URLs are formatted once, so that 'up' and 'teardown' agree on them",
    },
    Rule {
        code: &["crate::local::"],
        home: &["src/local/", "src/commands/", "src/cli", "src/ui/"],
        why: "the engine does not know which AWS it talks to",
    },
];

/// A source file: its path as in the rules, its text, and the lines that are code of the product.
struct Source {
    path: String,
    text: String,
}

impl Source {
    fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        ["src", "relay-lambda/src"]
            .iter()
            .flat_map(|directory| WalkDir::new(root.join(directory)).sort_by_file_name())
            .map(|entry| entry.expect("the sources can be read").into_path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
            .map(|path| Self {
                path: path.strip_prefix(root).expect("below the root").to_string_lossy().replace('\\', "/"),
                text: std::fs::read_to_string(&path).expect("a source file"),
            })
            .collect()
    }

    /// Numbered lines without comments and without the unit tests at the file's end.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text
            .lines()
            .enumerate()
            .take_while(|(_, line)| *line != "#[cfg(test)]" || !self.has_tests_inside())
            .map(|(index, line)| (index + 1, line.trim()))
            .filter(|(_, line)| !line.starts_with("//"))
    }

    fn has_tests_inside(&self) -> bool {
        self.text.contains("#[cfg(test)]\nmod tests {")
    }

    fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }
}

fn breaches(rule: &Rule, source: &Source) -> Vec<String> {
    if source.is_test() || rule.home.iter().any(|home| source.path.starts_with(home)) {
        return Vec::new();
    }
    source
        .code()
        .filter(|(_, line)| rule.code.iter().any(|code| line.contains(code)))
        .map(|(number, line)| format!("{}:{number}: {line}\n    {}", source.path, rule.why))
        .collect()
}

#[test]
fn everything_is_done_where_it_belongs() {
    let sources = Source::all();
    let found: Vec<_> =
        RULES.iter().flat_map(|rule| sources.iter().flat_map(move |source| breaches(rule, source))).collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_exception_from_a_rule_is_used() {
    let sources = Source::all();
    let used = |rule: &Rule, home: &str| {
        let below = sources.iter().filter(|source| source.path.starts_with(home));
        below.flat_map(Source::code).any(|(_, line)| rule.code.iter().any(|code| line.contains(code)))
    };
    let unused: Vec<_> = RULES
        .iter()
        .flat_map(|rule| rule.home.iter().filter(|home| !used(rule, home)).map(|home| (home, rule.code)))
        .collect();
    assert!(unused.is_empty(), "{unused:?}");
}

#[test]
fn no_file_holds_more_than_one_idea() {
    let long: Vec<_> = Source::all()
        .into_iter()
        .map(|source| (source.text.lines().count(), source.path))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST_FILE} lines: {long:?}");
}

#[test]
fn a_breach_is_found_in_code_and_not_in_comments_or_unit_tests() {
    let text = "// println!\nfn f() {\n    println!(\"x\");\n}\n\n#[cfg(test)]\nmod tests {\n    println!(\"y\");\n}\n";
    let source = Source { path: "src/engine/plan.rs".into(), text: text.into() };
    let found = breaches(&RULES[0], &source);
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("src/engine/plan.rs:3: println!"));
    let source = Source { path: "src/ui/text.rs".into(), text: text.into() };
    assert!(breaches(&RULES[0], &source).is_empty());
}

#[test]
fn the_guide_for_contributors_names_only_what_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_to_string(root.join("CONTRIBUTING.md")).expect("CONTRIBUTING.md");
    let named = guide.split('`').skip(1).step_by(2).flat_map(|code| code.split_whitespace().next());
    let is_path = |name: &&str| name.contains('/') && !name.starts_with('.') && !name.contains(['*', '<', '(']);
    let named: Vec<_> = named.filter(is_path).collect();
    assert!(named.len() > 20, "paths are no longer found in CONTRIBUTING.md: {named:?}");
    let gone: Vec<_> = named.into_iter().filter(|name| !root.join(name).exists()).collect();
    assert!(gone.is_empty(), "CONTRIBUTING.md names {gone:?}");
}
