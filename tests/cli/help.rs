//! The help of every command, and command lines that are not valid.

use super::program::{Program, snapshot};

#[test]
fn every_command_explains_its_options() {
    let overview = Program::new(&["--help"]).run();
    let list = overview.stdout.split("Commands:\n").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap();
    let commands: Vec<_> = list.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"up"), "{overview}");
    for command in commands {
        snapshot!(format!("help-{command}"), Program::new(&[command, "--help"]).run());
    }
    snapshot!("help", overview);
}

#[test]
fn no_command_is_a_mistake_that_shows_the_help() {
    snapshot!("no-command", Program::new(&[]).run());
}

#[test]
fn an_unknown_option_is_refused_with_a_suggestion() {
    snapshot!("unknown-option", Program::new(&["up", "--clinet", "page"]).run());
}

#[test]
fn values_that_cannot_be_are_refused_with_what_can() {
    let cases: &[(&str, &[&str])] = &[
        ("stack-upper-case", &["up", "Demo"]),
        ("stack-too-long", &["teardown", "abcdefghijklmnopqrstuvwxyz-123"]),
        ("stage", &["up", "--stage", "$default"]),
        ("region", &["up", "--region", "frankfurt"]),
        ("memory", &["up", "--memory", "64"]),
        ("timeout", &["up", "--timeout", "30"]),
        ("log-retention", &["up", "--log-retention", "8"]),
        ("stun", &["up", "--stun", "stun.example.org"]),
        ("turn-url", &["up", "--turn-url", "turn.example.org", "--turn-secret-from", "ssm:/turn/secret"]),
        ("turn-secret", &["up", "--turn-url", "turn:turn.example.org", "--turn-secret-from", "/turn/secret"]),
        ("turn-without-secret", &["up", "--turn-url", "turn:turn.example.org"]),
        ("join-token", &["up", "--join-token-from", "hunter2"]),
        ("allowed-origin", &["up", "--allowed-origin", "*.example.org"]),
        ("endpoint", &["up", "--endpoint-url", "localhost:4566"]),
        ("gateway", &["up", "--gateway-url", "ws://127.0.0.1/"]),
        ("port", &["up", "--local", "--port", "70000"]),
        ("local-and-profile", &["up", "--local", "--profile", "work"]),
        ("fault", &["local", "--fault", "lambda:CreateFunction"]),
        ("latency", &["local", "--latency", "soon"]),
        ("boundary", &["up", "--permissions-boundary", "limit"]),
        ("role-path", &["up", "--role-path", "team"]),
        ("existing-bucket", &["up", "--existing-bucket", "Team"]),
        ("existing-bucket-prefix", &["up", "--existing-bucket", "team-pages/../x"]),
        ("existing-role", &["up", "--existing-role", "team/relay"]),
        ("existing-role-and-path", &["up", "--existing-role", "relay", "--role-path", "/team/"]),
        ("account", &["policy", "--account", "12345"]),
        ("stacks", &["policy", "--stacks", "PR-*"]),
        ("repository", &["policy", "--github", "name"]),
        ("minutes", &["cost", "--minutes", "NaN"]),
        ("since", &["logs", "--since", "yesterday"]),
        ("tag", &["up", "--tag", "team"]),
        ("tag-of-ours", &["up", "--tag", "webrtc-aws:stack=other"]),
        ("tag-twice", &["up", "--tag", "team=blue", "--tag", "Team=red"]),
        ("expires", &["up", "--expires", "soon"]),
        ("sweep", &["sweep", "--yes"]),
        ("older-than", &["sweep", "--older-than", "3"]),
        ("output", &["plan", "--output", "yaml"]),
    ];
    for (name, arguments) in cases {
        let ran = Program::new(arguments).run();
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{name}: {ran}");
        snapshot!(format!("invalid-{name}"), ran);
    }
}

#[test]
fn a_stack_name_from_the_environment_is_checked_too() {
    snapshot!("invalid-stack-in-environment", Program::new(&["status"]).env("WEBRTC_AWS_STACK", "a--b").run());
}
