//! The README against the program: every command, option, event and exit code that it names exists, and none is missing.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a helper of a test fails the test")]

#[path = "support/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::process::Command;

use source::{read, variants};

const PROGRAM: &str = env!("CARGO_BIN_EXE_webrtc-aws");

fn help(arguments: &[&str]) -> String {
    let output = Command::new(PROGRAM).args(arguments).arg("--help").output().unwrap();
    assert!(output.status.success(), "{arguments:?} --help");
    String::from_utf8(output.stdout).unwrap()
}

/// The table whose header row begins with `header`: first cells only.
fn table(readme: &str, header: &str) -> Vec<String> {
    let start = readme.find(header).unwrap_or_else(|| panic!("the README has no table {header:?}"));
    let rows = readme[start..].lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split(" | ").next().unwrap().trim().to_owned()).collect()
}

/// Everything between backticks.
fn code(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn commands() -> Vec<String> {
    let help = help(&[]);
    let list = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    list.lines().map(|line| line.split_whitespace().next().unwrap().to_owned()).filter(|name| name != "help").collect()
}

#[test]
fn every_command_has_its_row_and_every_row_its_command() {
    let rows = table(&read("README.md"), "| command | what it does |");
    let named: BTreeSet<String> =
        rows.iter().map(|cell| code(cell)[0].split_whitespace().nth(1).unwrap().to_owned()).collect();
    assert_eq!(named, commands().into_iter().collect());
}

#[test]
fn every_option_that_is_named_exists() {
    let all: String = commands().iter().map(|command| help(&[command])).collect();
    let readme = read("README.md");
    let rows = table(&readme, "| option | meaning |");
    assert!(!rows.is_empty());
    // Outside of the table too; cargo's and the AWS CLI's own options apart.
    let others = ["--path", "--endpoint-url", "--name", "--type", "--value"];
    let named: BTreeSet<&str> = readme
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| {
            word.starts_with("--") && word.len() > 3 && word[2..].starts_with(|c: char| c.is_ascii_lowercase())
        })
        .filter(|word| !others.contains(word))
        .collect();
    for option in named {
        assert!(all.contains(&format!("{option} ")) || all.contains(&format!("{option}\n")), "{option}");
    }
    let up = help(&["up"]);
    for option in up.split_whitespace().filter(|word| word.starts_with("--")) {
        let option = option.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        assert!(
            readme.contains(option) || ["--help", "--verbose"].contains(&option),
            "the README does not name {option}"
        );
    }
}

#[test]
fn every_setting_has_its_row_with_its_names_and_its_default() {
    let output =
        Command::new(PROGRAM).args(["config", "--config", "none", "--output", "json"]).env_clear().output().unwrap();
    let lines = String::from_utf8(output.stdout).unwrap();
    let events = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let settings = events.into_iter().find(|event| event["event"] == "settings").unwrap()["settings"].clone();
    let row = |setting: &serde_json::Value| {
        let key = setting["key"].as_str().unwrap();
        let option = match key {
            "stack" => "STACK".to_owned(),
            // One option for each.
            "tags" => "--tag".to_owned(),
            "allowed-origins" => "--allowed-origin".to_owned(),
            key => format!("--{key}"),
        };
        let default = match &setting["value"] {
            serde_json::Value::Null => "none".to_owned(),
            serde_json::Value::Array(items) => {
                items.iter().map(|item| format!("`{}`", item.as_str().unwrap())).collect::<Vec<_>>().join(", ")
            }
            value => format!("`{value}`"),
        };
        format!("| `{option}` | `WEBRTC_AWS_{}` | `{key}` | {default} |", key.replace('-', "_").to_ascii_uppercase())
    };
    let expected: Vec<_> = settings.as_array().unwrap().iter().map(row).collect();
    let readme = read("README.md");
    let start = readme.find("| option | variable | key in the file | default |").unwrap();
    let rows: Vec<_> = readme[start..].lines().skip(2).take_while(|line| line.starts_with('|')).collect();
    assert_eq!(rows, expected);
}

#[test]
fn every_event_has_its_row_and_every_row_its_event() {
    let named = table(&read("README.md"), "| event | when |").iter().flat_map(|cell| code(cell)).collect();
    assert_eq!(variants("src/events.rs", "Event"), named);
}

#[test]
fn the_costs_are_those_that_the_program_shows() {
    let output = Command::new(PROGRAM).arg("cost").env_clear().output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let mut table = shown.split("\n\n").nth(1).unwrap().lines().skip(1);
    let readme = read("README.md");
    let section = readme.split("### What it costs\n").nth(1).unwrap().split("\n### ").next().unwrap();
    let mut rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    for line in table.by_ref() {
        let cells: Vec<&str> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        // The last one is the month, which is anybody's own.
        let cells = match cells[..] {
            [what, price, call, tab, _] => [what, price, call, tab],
            [what, call, tab, _] => [what, "", call, tab],
            _ => panic!("{line}"),
        };
        let row: Vec<&str> = rows.next().unwrap_or_default().trim_matches('|').split('|').map(str::trim).collect();
        assert_eq!(row, cells);
    }
    assert_eq!(rows.next(), None);
    let header = shown.lines().next().unwrap();
    let dated = header.split("; ").next().unwrap().replace("list prices", "List prices");
    assert!(section.contains(&dated), "{dated}");
}

#[test]
fn the_exit_codes_are_those_of_the_help() {
    let help = help(&[]);
    let stated = help.split("Exit codes:").nth(1).unwrap();
    let numbers = |text: &str| -> BTreeSet<u32> {
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok()).collect()
    };
    let named = table(&read("README.md"), "| exit code | meaning |").join(" ");
    assert_eq!(numbers(stated), numbers(&named));
}

#[test]
fn every_command_line_in_the_readme_is_understood() {
    let readme = read("README.md");
    let blocks = readme.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let lines: Vec<String> = blocks.flat_map(|block| block.lines()).map(str::to_owned).collect();
    let ours =
        lines.iter().filter_map(|line| line.strip_prefix("webrtc-aws ").or_else(|| line.strip_prefix("cargo run -- ")));
    let mut seen = 0;
    for line in ours {
        // Help is printed only when everything before it parses.
        let arguments: Vec<&str> =
            line.split(['|', '>']).next().unwrap().split_whitespace().map(|word| word.trim_matches('\'')).collect();
        help(&arguments);
        seen += 1;
    }
    assert!(seen >= 5, "only {seen} command lines were found");
}

#[test]
fn what_the_readme_says_of_permissions_is_what_the_policy_says() {
    let readme = read("README.md");
    let section = readme.split("## Permissions\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let statements = |arguments: &[&str]| -> Vec<serde_json::Value> {
        let place = ["policy", "--account", "123456789012", "--region", "eu-central-1"];
        let output = Command::new(PROGRAM).args(place).args(arguments).env_clear().output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        document["Statement"].as_array().unwrap().clone()
    };
    // No list by hand, which would be wrong one day.
    assert!(!section.contains("GetBucketPolicy") && !section.contains("CreateFunction"));
    assert!(section.contains("only APIs and stages with the stack's tag"));
    let all = statements(&["--for", "up", "--for", "sweep", "--for", "read-only"]);
    for statement in &all {
        let resources = statement["Resource"].to_string();
        let by_tag = statement["Condition"].to_string().contains("webrtc-aws:stack");
        let searches = ["FindApi", "ListApis", "FindLogGroup", "FindStackInOtherRegions", "ListFunctions"];
        let searches = searches.contains(&statement["Sid"].as_str().unwrap());
        let parts = resources.contains("/apis/*/") || resources.contains("*/tags*") || statement["Sid"] == "TagNewApi";
        assert!(resources.contains("webrtc-aws-demo") || by_tag || searches || parts, "{statement}");
    }
    let bounded = statements(&["--permissions-boundary", "arn:aws:iam::123456789012:policy/limit"]);
    let actions = |statements: &[serde_json::Value]| serde_json::Value::from(statements.to_vec()).to_string();
    for statements in [&bounded, &all] {
        assert!(!actions(statements).contains("DeleteRolePermissionsBoundary"), "nobody may lift a limit");
    }
}

#[test]
fn the_page_of_error_codes_is_that_of_the_relay() {
    let source = read("relay-lambda/src/relay.rs");
    let readme = read("README.md");
    for code in ["bad_request", "peer_gone", "message_too_large", "not_permitted", "throttled", "unexpected"] {
        assert!(readme.contains(&format!("`{code}`")), "{code}");
        let variant: String =
            code.split('_').map(|word| format!("{}{}", word[..1].to_ascii_uppercase(), &word[1..])).collect();
        assert!(source.contains(&variant), "the relay has no code {variant}");
    }
}
