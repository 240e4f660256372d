//! A signal in each phase of a run: nothing new is begun, what is under way is finished, and the last event says how it ended.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::json;
use tokio::io::{AsyncReadExt, BufReader};

use crate::patience;
use crate::streams::{Terminal, until_said};
use crate::support::program::{Run, Running};
use crate::support::proxy::{Moment, Target};
use crate::world::{Backend, Version, World};

fn assert_ended_by_sigterm(run: &Run) {
    let finished = run.finished();
    assert_eq!((run.code, &finished["problem"]["code"]), (Some(143), &json!("interrupted")), "{run}");
}

/// In place of cargo: says that it compiles, and starts something that would outlive it.
const CARGO: &str = r#"#!/bin/sh
exec 9>"$OUTLIVES"
sleep 1000 2>/dev/null &
echo "   Compiling for ever" >&2
wait
"#;

#[tokio::test(flavor = "multi_thread")]
async fn while_the_relay_is_built_and_cargo_ends_with_everything_it_started() {
    let world = World::new(Backend::Local).await;
    let directory = tempfile::tempdir().unwrap();
    let (cargo, pipe) = (directory.path().join("cargo"), directory.path().join("outlives"));
    fs::write(&cargo, CARGO).unwrap();
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    // Read to its end only once nobody holds it open any more. A thread of its own, which a failing test leaves behind.
    let (gone, all_gone) = tokio::sync::oneshot::channel();
    let end = pipe.clone();
    std::thread::spawn(move || gone.send(fs::read(end).unwrap()));
    let mut command = world.machine.command(&["up", "demo"]);
    command.env("CARGO", &cargo).env("OUTLIVES", &pipe).env("WEBRTC_AWS_CACHE", directory.path().join("cache"));
    let mut up = Running::of(&mut command);
    up.until(|event| event["line"] == "Compiling for ever").await;
    up.signal(Signal::TERM);
    assert_ended_by_sigterm(&up.end().await);
    assert!(world.proxy.writes().is_empty());
    patience(all_gone).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_looks_and_nothing_is_written() {
    let (world, versions) = World::with_versions().await;
    let options = versions.options(Version::One);
    let held = world.proxy.hold(&Target::nth(1, "s3", "HEAD *"), Moment::Before);
    let up = world.start("up", &options);
    let held = held.await.unwrap();
    up.signal(Signal::TERM);
    assert_ended_by_sigterm(&up.end().await);
    drop(held);
    assert!(world.proxy.writes().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_applies_and_the_call_under_way_is_finished_but_none_begins() {
    let (world, versions) = World::with_versions().await;
    let options = versions.options(Version::One);
    let held = world.proxy.hold(&Target::nth(1, "iam", "CreateRole"), Moment::Before);
    let mut up = world.start("up", &options);
    let held = held.await.unwrap();
    up.signal(Signal::TERM);
    up.until_ending().await;
    held.release();
    let up = up.end().await;
    assert_ended_by_sigterm(&up);
    assert!(up.done().contains(&"role.relay create".to_owned()), "{up}");
    let function = Target::nth(1, "lambda", "POST functions").call;
    assert!(!world.proxy.calls().contains(&function), "the function needs the role: it comes after the signal");
    assert!(up.problem()["left_behind"].as_array().unwrap().contains(&json!("role.relay")), "{up}");
    world.succeed("up", &options).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_waits_to_make_a_call_again_and_the_call_is_not_made_any_more() {
    let (world, versions) = World::with_versions().await;
    let options = versions.options(Version::One);
    world.local().faults().add("apigateway:CreateApi=throttle".parse().unwrap());
    let mut up = world.start("up", &options);
    up.until(|event| event["event"] == "step_waiting" && event["address"] == "websocket_api.relay").await;
    up.signal(Signal::TERM);
    let up = up.end().await;
    assert_ended_by_sigterm(&up);
    let create = Target::nth(1, "apigateway", "POST apis").call;
    let made = world.proxy.calls().iter().filter(|call| **call == create).count();
    let waits = up.events.iter().filter(|event| event["event"] == "step_waiting");
    assert_eq!(waits.filter(|event| event["address"] == "websocket_api.relay").count(), made, "{up}");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_looks_for_the_last_time_and_the_next_teardown_says_that_nothing_is_there() {
    let (world, versions) = World::with_versions().await;
    let options = versions.options(Version::One);
    let nothing = world.census().await;
    world.succeed("up", &options).await;
    // The look before found the role; this one comes after it has been deleted.
    let held = world.proxy.hold(&Target::nth(2, "iam", "GetRole"), Moment::Before);
    let mut teardown = world.start("teardown", &["--yes".to_owned()]);
    teardown.until(|event| event["phase"] == "verifying").await;
    let held = held.await.unwrap();
    teardown.signal(Signal::TERM);
    let teardown = teardown.end().await;
    assert_ended_by_sigterm(&teardown);
    assert_eq!(teardown.finished()["changed"], json!(true), "{teardown}");
    drop(held);
    assert_eq!(world.census().await, nothing);
    assert_eq!(world.succeed("teardown", &["--yes".to_owned()]).await.finished()["changed"], json!(false));
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_asks_and_nothing_is_deleted() {
    let (world, versions) = World::with_versions().await;
    let options = versions.options(Version::One);
    world.succeed("up", &options).await;
    let stands = world.census().await;
    let mut terminal = Terminal::open();
    let mut command = world.machine.command(&["teardown", "demo"]);
    command.stdin(terminal.stdio()).stdout(terminal.stdio()).stderr(terminal.stdio());
    let mut teardown = command.spawn().unwrap();
    drop(command);
    until_said(&mut terminal.screen, "[y/N]").await;
    crate::support::program::send(&teardown, Signal::TERM);
    until_said(&mut terminal.screen, "interrupted").await;
    assert_eq!(patience(teardown.wait()).await.unwrap().code(), Some(143));
    assert_eq!(world.census().await, stands);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_it_asks_with_nobody_at_the_terminal_any_more_and_that_is_a_no() {
    let (world, versions) = World::with_versions().await;
    let options = versions.options(Version::One);
    world.succeed("up", &options).await;
    let stands = world.census().await;
    let mut terminal = Terminal::open();
    let mut command = world.machine.command(&["teardown", "demo"]);
    // Its words go elsewhere, so that they can be read when the terminal is gone.
    command.stdin(terminal.stdio()).stdout(Stdio::piped()).stderr(terminal.stdio());
    let mut teardown = command.spawn().unwrap();
    drop(command);
    until_said(&mut terminal.screen, "[y/N]").await;
    drop(terminal);
    let mut said = String::new();
    BufReader::new(teardown.stdout.take().unwrap()).read_to_string(&mut said).await.unwrap();
    assert_eq!(patience(teardown.wait()).await.unwrap().code(), Some(1), "declined: {said}");
    assert_eq!(world.census().await, stands);
}
