//! Many stacks, as people and pipelines see them: tags, expiry, `list` and `sweep`, on a local AWS.

use super::program::{Local, Program, snapshot};

/// Human and JSON.
fn both(local: &Local, name: &str, arguments: &[&str]) {
    snapshot!(name, local.program(arguments).run());
    let json = local.program(&[arguments, &["--output", "json"]].concat()).run();
    assert_eq!(json.stderr, "", "{json}");
    json.finished();
    snapshot!(format!("{name}-json"), json);
}

#[test]
fn stacks_are_listed_with_age_and_expiry_and_swept() {
    let local = Local::start(&[]);
    let succeed = |arguments: &[&str]| {
        let ran = local.program(arguments).run();
        assert_eq!(ran.code, Some(0), "{ran}");
        ran
    };
    both(&local, "list-empty", &["list"]);
    both(&local, "sweep-empty", &["sweep", "--expired"]);

    succeed(&["up", "pr-1", "--expires", "3d", "--tag", "team=blue", "--no-verify"]);
    succeed(&["up", "demo", "--no-verify"]);
    both(&local, "list", &["list"]);
    snapshot!("list-match", local.program(&["list", "--match", "x-*"]).run());
    both(&local, "status-expires", &["status", "pr-1", "--tag", "team=blue"]);
    let plan = succeed(&["plan", "pr-1", "--tag", "team=red"]);
    assert_eq!(plan.stdout.matches("tags.team: \"blue\" → \"red\"").count(), 6, "{plan}");
    // What is no longer asked for stays.
    let plan = succeed(&["plan", "pr-1"]);
    assert!(plan.stdout.ends_with("0 to create, 0 to update, 0 to delete, 11 unchanged\n"), "{plan}");

    both(&local, "sweep-dry", &["sweep", "--older-than", "0h", "--expired"]);
    let json = succeed(&["sweep", "--older-than", "0h", "--yes", "--output", "json"]);
    let named = |name: &str| json.events().into_iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!(named("judged")[0]["dry"], false);
    assert_eq!((&named("sweeping")[0]["stack"], &named("swept")[0]["stack"]), (&"demo".into(), &"demo".into()));
    assert_eq!((named("swept").len(), &named("swept")[0]["ok"]), (1, &true.into()), "{json}");
    assert_eq!(json.finished()["changed"], true);

    // A time that is taken back, and a stack that goes by age alone.
    succeed(&["up", "pr-1", "--expires", "never", "--tag", "team=blue", "--no-verify"]);
    snapshot!("sweep-kept", local.program(&["sweep", "--older-than", "0h", "--yes"]).run());
    succeed(&["teardown", "pr-1", "--yes"]);
    let list = succeed(&["list"]);
    assert_eq!(list.stdout, "", "{list}");
}

#[test]
fn what_a_failed_run_left_is_listed_as_incomplete_and_swept() {
    let local = Local::start(&["--fault", "apigateway:CreateApi=fail:403:AccessDenied:no"]);
    let up = local.program(&["up", "pr-2", "--expires", "1h", "--no-verify"]).run();
    assert_eq!(up.code, Some(3), "{up}");
    both(&local, "list-incomplete", &["list", "--all-regions"]);
    both(&local, "status-incomplete", &["status", "pr-2"]);
    snapshot!("sweep-dry-incomplete", local.program(&["sweep", "--older-than", "0h"]).run());

    let local = Local::start(&["--fault", "apigateway:CreateApi=fail:403:AccessDenied:no"]);
    let up = local.program(&["up", "pr-2", "--no-verify"]).run();
    assert_eq!(up.code, Some(3), "{up}");
    let swept = local.program(&["sweep", "--older-than", "0h", "--yes"]).run();
    assert_eq!((swept.code, swept.stdout.ends_with("deleted  pr-2  us-east-1\n")), (Some(0), true), "{swept}");
    assert!(swept.stderr.contains("removing pr-2 in us-east-1: its newest part is "), "{swept}");
    assert_eq!(local.program(&["list"]).run().stdout, "");
}

#[test]
fn who_may_not_is_told_what_is_missing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.json");
    let allow = |purpose: &str| {
        let place = ["policy", "--account", "000000000000", "--region", "us-east-1", "--for"];
        let printed = Program::new(&[&place[..], &[purpose]].concat()).run();
        std::fs::write(&file, &printed.stdout).unwrap();
    };
    allow("read-only");
    let local = Local::start(&["--deployer-policy", file.to_str().unwrap()]);
    both(&local, "list-forbidden", &["list"]);
    both(&local, "sweep-forbidden", &["sweep", "--expired", "--yes"]);
    both(&local, "status-forbidden", &["status", "another"]);
    both(&local, "plan-forbidden", &["plan", "another"]);

    allow("list");
    let local = Local::start(&["--deployer-policy", file.to_str().unwrap()]);
    assert_eq!(local.program(&["list"]).run().code, Some(0));
    allow("sweep");
    let local = Local::start(&["--deployer-policy", file.to_str().unwrap()]);
    assert_eq!(local.program(&["sweep", "--expired", "--yes"]).run().code, Some(0));
}
