//! The relay's log, as people and pipelines see it.

use std::net::TcpStream;

use tokio_tungstenite::tungstenite::{Message, client};

use super::program::{Local, Program, Ran, snapshot};

/// Speaks with the relay of a stack: its own id, nonsense, and a connection that is not there.
fn speak(outputs: &serde_json::Value) {
    let url = outputs["websocket_url"].as_str().unwrap();
    let address = url.strip_prefix("ws://").unwrap().split('/').next().unwrap();
    let (mut socket, _) = client(url, TcpStream::connect(address).unwrap()).unwrap();
    for text in ["{}", "a secret that is no JSON", r#"{"connectionId":"AAAAAAAAAAAAAAA=","message":"a secret"}"#] {
        socket.send(Message::text(text)).unwrap();
        socket.read().unwrap();
    }
    socket.close(None).unwrap();
}

fn stack_that_spoke(local: &Local) {
    let up = local.program(&["up", "pr-1", "--no-verify", "--output", "json"]).run();
    assert_eq!(up.code, Some(0), "{up}");
    speak(&up.finished()["outputs"]);
}

/// The last lines come after the relay's answer: reads until all are there, four for each message.
fn settled(read: impl Fn() -> Ran) -> Ran {
    loop {
        let ran = read();
        assert_eq!(ran.code, Some(0), "{ran}");
        if ran.stdout.lines().count() == 12 {
            return ran;
        }
    }
}

/// What a process writes and what Lambda writes about it come in no fixed order: sorted by what they say.
fn sorted(mut ran: Ran) -> Ran {
    let mut lines: Vec<&str> = ran.stdout.lines().collect();
    lines.sort_by_key(|line| &line["2026-11-23 09:12:34.567".len()..]);
    ran.stdout = lines.iter().map(|line| format!("{line}\n")).collect();
    ran
}

#[test]
fn each_message_is_a_line_with_what_became_of_it_and_never_what_was_said() {
    let local = Local::start(&[]);
    snapshot!("logs-missing", local.program(&["logs", "pr-1"]).run());
    let up = local.program(&["up", "pr-1", "--no-verify"]).run();
    assert_eq!(up.code, Some(0), "{up}");
    snapshot!("logs-empty", local.program(&["logs", "pr-1", "--since", "30m"]).run());
    stack_that_spoke(&local);

    let in_seoul = |arguments: &[&str]| local.program(arguments).env("TZ", "KST-9").run();
    let whole = settled(|| in_seoul(&["logs", "pr-1", "--verbose"]));
    assert!(!whole.stdout.contains("secret"), "{whole}");
    snapshot!("logs-verbose", sorted(whole));
    snapshot!("logs", sorted(in_seoul(&["logs", "pr-1"])));
    snapshot!("logs-filter", in_seoul(&["logs", "pr-1", "--filter", "{ $.outcome = \"peer_gone\" }"]));
    snapshot!("logs-json", local.program(&["logs", "pr-1", "--filter", "WARN", "--output", "json"]).run());
    snapshot!("logs-no-pattern", local.program(&["logs", "pr-1", "--filter", "{ outcome }"]).run());
    snapshot!(
        "logs-too-early",
        local.program(&["logs", "pr-1", "--since", "2999-01-01T00:00:00Z", "--filter", "x"]).run()
    );
}

#[test]
fn without_its_permission_it_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.json");
    let policy = |purpose: &str| {
        let place = ["policy", "--account", "000000000000", "--region", "us-east-1", "--for", purpose, "pr-1"];
        Program::new(&place).run().stdout
    };
    std::fs::write(&file, policy("logs").replace("FilterLogEvents", "GetLogEvents")).unwrap();
    let local = Local::start(&["--deployer-policy", file.to_str().unwrap()]);
    snapshot!("logs-forbidden", local.program(&["logs", "pr-1"]).run());
}

#[test]
fn ctrl_c_and_a_reader_that_leaves_end_a_log_that_is_followed() {
    let local = Local::start(&[]);
    stack_that_spoke(&local);
    let mut followed = local.program(&["logs", "pr-1", "--follow"]).start();
    followed.until("relay_log");
    followed.signal("INT");
    let (last, status) = followed.end();
    assert_eq!((&last.unwrap()["ok"], status.code()), (&true.into(), Some(0)));

    let mut left = local.program(&["logs", "pr-1", "--follow"]).start();
    left.until("relay_log");
    left.close_stdout();
    stack_that_spoke(&local);
    assert_eq!(left.wait().code(), Some(0));
}
