//! What makes the program pleasant at a keyboard: opening the page, completions, manual pages, what it says of itself.

use super::program::{Local, Program, snapshot};

#[test]
fn the_page_is_opened_where_there_is_a_screen_and_named_everywhere() {
    let local = Local::start(&[]);
    let missing = local.program(&["open", "pr-1"]).run();
    assert_eq!((missing.code, missing.stdout.as_str()), (Some(1), ""), "{missing}");
    let up = local.program(&["up", "pr-1", "--qr"]).run();
    assert_eq!(up.code, Some(0), "{up}");
    assert!(up.stderr.contains("a QR code is shown on a terminal only"), "{up}");
    snapshot!("open-no-screen", local.program(&["open", "pr-1"]).run());
    snapshot!(
        "open-in-pipeline",
        local.program(&["open", "pr-1", "--output", "json"]).env("CI", "true").env("DISPLAY", ":0").run()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_browser_gets_the_url_and_one_that_fails_is_said() {
    let local = Local::start(&[]);
    let up = local.program(&["up", "pr-1", "--no-verify"]).run();
    assert_eq!(up.code, Some(0), "{up}");
    let directory = tempfile::tempdir().unwrap();
    let opened = directory.path().join("opened");
    let run = |script: &str| {
        std::fs::write(directory.path().join("xdg-open"), script).unwrap();
        let chmod = std::process::Command::new("chmod").arg("+x").arg(directory.path().join("xdg-open")).status();
        assert!(chmod.unwrap().success());
        let path = format!("{}:{}", directory.path().display(), std::env::var("PATH").unwrap());
        local.program(&["open", "pr-1"]).env("DISPLAY", ":0").env("PATH", &path).run()
    };
    let ran = run(&format!("#!/bin/sh\nprintf '%s' \"$*\" > {}\n", opened.display()));
    assert!(ran.stderr.ends_with("opened in the browser\n"), "{ran}");
    assert_eq!(std::fs::read_to_string(opened).unwrap(), ran.stdout.trim_end());
    let ran = run("#!/bin/sh\nexit 3\n");
    assert!(ran.stderr.contains("no browser was opened: xdg-open ended with exit status: 3"), "{ran}");
    assert!(ran.stdout.ends_with("/index.html\n"), "{ran}");
}

#[test]
fn shells_learn_every_command_and_option() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = Program::new(&["completions", shell]).run();
        assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{shell}");
        for word in ["teardown", "log-retention"] {
            assert!(ran.stdout.contains(word), "{shell} does not complete {word}");
        }
    }
    let json = Program::new(&["completions", "bash", "--output", "json"]).run();
    assert_eq!(json.events()[1]["event"], "completions");
    // A shell takes it.
    let script = Program::new(&["completions", "bash"]).run().stdout;
    let complete = format!(
        "{script}\nregistered=$(complete -p webrtc-aws)\nfunction=${{registered#*-F }}\nCOMP_WORDS=(webrtc-aws teard) COMP_CWORD=1\n\
         ${{function%% *}} webrtc-aws teard webrtc-aws\nprintf '%s' \"${{COMPREPLY[*]}}\""
    );
    let bash = std::process::Command::new("bash").args(["--norc", "-c", &complete]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&bash.stdout), "teardown", "{}", String::from_utf8_lossy(&bash.stderr));
}

#[test]
fn every_command_has_a_manual_page() {
    let directory = tempfile::tempdir().unwrap();
    let pages = directory.path().join("man").join("man1");
    let ran = Program::new(&["man", pages.to_str().unwrap()]).run();
    assert_eq!(ran.code, Some(0), "{ran}");
    let names: Vec<_> = ran.stdout.lines().map(|line| line.rsplit('/').next().unwrap()).collect();
    let help = Program::new(&["--help"]).run().stdout;
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands = commands.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let expected: Vec<_> =
        commands.map(|line| format!("webrtc-aws-{}.1", line.split_whitespace().next().unwrap())).collect();
    assert_eq!(names[0], "webrtc-aws.1");
    assert_eq!(names[1..], expected);
    let up = std::fs::read_to_string(pages.join("webrtc-aws-up.1")).unwrap();
    assert!(
        up.starts_with(".ie") && up.contains(".TH webrtc-aws-up 1") && up.contains("\\-\\-log\\-retention"),
        "{up}"
    );
    let file = pages.join("webrtc-aws.1");
    let refused = Program::new(&["man", file.to_str().unwrap()]).run();
    assert_eq!(refused.code, Some(1), "{refused}");
}

#[test]
fn a_trace_that_cannot_be_written_is_said_before_anything_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let traced = |name: &str| {
        let file = directory.path().join(name);
        (Program::new(&["cost", "--trace", file.to_str().unwrap()]).run(), file)
    };
    let (ran, file) = traced("missing/trace.json");
    assert_eq!(ran.code, Some(0), "{ran}");
    let warning = format!("warning: the trace {} cannot be written: ", file.display());
    assert!(ran.stderr.starts_with(&warning) && ran.stderr.contains("the run goes on without it"), "{ran}");
    std::fs::write(
        directory.path().join("trace.json"),
        "what was there before, and is longer than a trace".repeat(100),
    )
    .unwrap();
    let (ran, file) = traced("trace.json");
    assert_eq!((ran.code, ran.stderr.contains("warning")), (Some(0), false), "{ran}");
    let trace: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    assert!(!trace["traceEvents"].as_array().unwrap().is_empty(), "{trace}");
}

#[test]
fn a_mistyped_command_is_refused_with_a_suggestion() {
    snapshot!("unknown-command", Program::new(&["teradown"]).run());
}

#[test]
fn the_version_tells_of_the_build() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(Program::new(&["-V"]).run().stdout, format!("webrtc-aws {version}\n"));
    let long = Program::new(&["--version"]).run().stdout;
    assert!(long.starts_with(&format!("webrtc-aws {version}, ")), "{long}");
    assert!(long.contains("target: ") && long.contains("rustc: rustc 1."), "{long}");
}

#[test]
fn the_relay_s_zip_is_put_where_it_is_told_and_up_takes_it() {
    let directory = tempfile::tempdir().unwrap();
    let zip = directory.path().join("relays").join("host.zip").display().to_string();
    let built = Program::new(&["build", "--local", "--to", &zip, "--output", "json"]).with_relay().run();
    assert_eq!(built.code, Some(0), "{built}");
    let event = built.events().into_iter().find(|event| event["event"] == "built").unwrap();
    assert_eq!(event["path"], *zip);
    assert_eq!(event["bytes"], std::fs::metadata(&zip).unwrap().len());
    let local = Local::start(&[]);
    let up = local.program(&["up", "pr-1", "--no-verify", "--relay", &zip]).run();
    assert_eq!(up.code, Some(0), "{up}");

    let nowhere = Program::new(&["build", "--local", "--to", "/dev/null/relay.zip"]).with_relay().run();
    assert_eq!(nowhere.code, Some(1), "{nowhere}");
    assert!(nowhere.stderr.contains("/dev/null/relay.zip could not be written"), "{nowhere}");
}
