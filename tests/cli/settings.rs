//! Settings from the environment and from a file, and what says which are in force.

use super::program::{Local, Program, snapshot};

fn in_directory(text: &str, arguments: &[&str]) -> (tempfile::TempDir, Program) {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("webrtc-aws.toml"), text).unwrap();
    let program = Program::new(arguments).current_dir(directory.path());
    (directory, program)
}

#[test]
fn every_setting_is_shown_with_where_it_comes_from() {
    snapshot!("config", Program::new(&["config"]).run());
    let text = "stack = \"shop\"\nregion = \"eu-central-1\"\nmemory = 256\nstun = [\"none\"]\nclient = \"page\"\n";
    let (_directory, program) = in_directory(text, &["config", "--timeout", "20"]);
    snapshot!("config-layers", program.env("WEBRTC_AWS_MEMORY", "512").env("AWS_PROFILE", "work").run());
    let (_directory, program) = in_directory(text, &["config", "--output", "json"]);
    snapshot!("config-json", program.run());
    let (_directory, program) = in_directory("memroy = 1", &["config", "--config", "none"]);
    assert_eq!(program.run().code, Some(0));
}

#[test]
fn mistakes_in_the_file_end_a_run_before_it_begins() {
    let text = "memroy = 256\nmemory = 64\n[up]\ntimeout = 3\n";
    let (_directory, program) = in_directory(text, &["up"]);
    snapshot!("settings-mistakes", program.run());
    let (_directory, program) = in_directory("memory = \"256\"", &["plan", "--output", "json"]);
    snapshot!("settings-mistakes-json", program.run());
    let (_directory, program) = in_directory("this is none", &["teardown", "--yes"]);
    snapshot!("settings-no-toml", program.run());
    snapshot!("settings-no-file", Program::new(&["status", "--config", "missing.toml"]).run());
    let (_directory, program) = in_directory("memroy = 256", &["build", "--help"]);
    assert_eq!(program.run().code, Some(0), "help needs no settings");
}

#[test]
fn an_existing_role_in_a_file_excludes_demands_on_a_new_one() {
    let (_directory, program) = in_directory("existing-role = \"relay\"\nrole-path = \"/team/\"\n", &["up"]);
    snapshot!("settings-existing-role-and-path", program.run());
}

#[test]
fn a_region_that_a_file_chose_is_seen() {
    let local = Local::start(&[]);
    let text = "stack = \"shop\"\nregion = \"us-east-1\"\n";
    let (_directory, program) = in_directory(text, &["status", "--endpoint-url", &local.endpoint()]);
    let ran = program.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local").run();
    assert_eq!(ran.code, Some(0), "{ran}");
    assert!(ran.stderr.contains("stack shop: account 000000000000, region us-east-1 (webrtc-aws.toml:2)\n"), "{ran}");

    for command in ["status", "list"] {
        let arguments = [command, "--output", "json", "--endpoint-url", &local.endpoint()];
        let (_directory, program) = in_directory(text, &arguments);
        let ran = program.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local").run();
        let target = ran.events().into_iter().find(|event| event["event"] == "target").unwrap();
        let file = serde_json::json!({ "from": "file", "file": "webrtc-aws.toml", "line": 2 });
        assert_eq!((&target["region_from"], &target["region"]), (&file, &"us-east-1".into()), "{command}");
    }
}

/// Somebody may have typed the secret itself.
#[test]
fn what_is_no_place_of_a_secret_is_never_repeated() {
    for key in ["turn-secret-from", "join-token-from"] {
        let variable = format!("WEBRTC_AWS_{}", key.replace('-', "_").to_uppercase());
        let from_option = Program::new(&["up", &format!("--{key}"), "hunter2"]).run();
        let joined = Program::new(&["up", &format!("--{key}=hunter2")]).run();
        let from_environment = Program::new(&["up"]).env(&variable, "hunter2").run();
        let (_directory, program) = in_directory(&format!("{key} = \"hunter2\"\n"), &["up"]);
        for ran in [from_option, joined, from_environment, program.run()] {
            assert_eq!(ran.code, Some(2), "{ran}");
            let said = format!("{}{}", ran.stdout, ran.stderr);
            assert!(said.contains("ssm:/PATH") && !said.contains("hunter2"), "{key}: {said}");
        }
    }
}
