//! `up --local` has processes and directories of its own on this machine: however it ends, they go with it.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};
use serde_json::Value;
use tokio::task::spawn_blocking;
use tokio_tungstenite::connect_async;

use crate::patience;
use crate::support::program::{Machine, Running};

/// A run that has deployed, and runs a relay because somebody is connected.
struct Stay {
    up: Running,
    directory: tempfile::TempDir,
    relays: Vec<OwnedFd>,
}

impl Stay {
    async fn new() -> Self {
        let machine = Machine::alone();
        let directory = tempfile::tempdir().unwrap();
        let mut command = machine.command(&["up", "--local", "--port", "0"]);
        let mut up = Running::of(command.env("TMPDIR", directory.path()));
        let ready = up.until(|event| event["event"] == "ready").await;
        let url = ready["outputs"]["websocket_url"].as_str().unwrap();
        let (mut socket, _) = patience(connect_async(url)).await.unwrap();
        futures_util::SinkExt::send(&mut socket, "".into()).await.unwrap();
        // Its answer comes from the relay's process.
        patience(futures_util::StreamExt::next(&mut socket)).await.unwrap().unwrap();
        let relays = processes_in(directory.path());
        assert!(!relays.is_empty(), "the relay runs below {}", directory.path().display());
        let relays = relays.into_iter().map(|pid| pidfd_open(pid, PidfdFlags::NONBLOCK).unwrap()).collect();
        Self { up, directory, relays }
    }

    /// Reads the rest; the exit code.
    async fn end(self) -> (Option<i32>, Value) {
        let run = patience(self.up.end()).await;
        for relay in self.relays {
            // Readable once the process has ended.
            let ended = spawn_blocking(move || poll(&mut [PollFd::new(&relay, PollFlags::IN)], None));
            patience(ended).await.unwrap().unwrap();
        }
        let left: Vec<_> = fs::read_dir(self.directory.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(left.is_empty(), "{left:?}\n{run}");
        (run.code, run.finished().clone())
    }
}

/// The processes that work below a directory.
fn processes_in(directory: &Path) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let there = |pid: &String| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|path| path.starts_with(directory));
    processes.filter(there).filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stay_that_a_signal_ends_is_a_success_and_leaves_nothing_on_this_machine() {
    for signal in [Signal::TERM, Signal::HUP] {
        let stay = Stay::new().await;
        stay.up.signal(signal);
        let (code, finished) = stay.end().await;
        assert_eq!((code, &finished["ok"]), (Some(0), &Value::Bool(true)), "{signal:?}: {finished}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_leaves_at_once_and_nothing_stays_on_this_machine() {
    let stay = Stay::new().await;
    // Both are there when it goes on: the second one cannot come too late.
    for signal in [Signal::STOP, Signal::INT, Signal::TERM, Signal::CONT] {
        stay.up.signal(signal);
    }
    let (code, finished) = stay.end().await;
    match code {
        // It was done before it could take notice of the second one.
        Some(0) => assert_eq!(finished["ok"], Value::Bool(true)),
        _ => assert!(matches!(code, Some(130 | 143)) && finished["problem"]["code"] == "interrupted", "{code:?}"),
    }
}
