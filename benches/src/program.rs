//! The programs that are measured, and a machine to run them on: an empty home, no settings, nothing inherited.

use std::path::PathBuf;
use std::pin::pin;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::Outcome;
use crate::kernel::Process;

/// How often a program's memory is looked at: nobody says afterwards how much it was.
const LOOK: Duration = Duration::from_millis(5);

/// A command that ran to its end.
pub(crate) struct Timed {
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
    pub(crate) most_memory_kb: f64,
}

/// What `tests/bench` built.
pub(crate) struct Programs {
    pub(crate) webrtc_aws: PathBuf,
    /// The zip that is uploaded.
    pub(crate) relay: PathBuf,
    /// What is in it.
    pub(crate) relay_program: PathBuf,
    /// The program of the relay for Node.js, and its arguments, where Node.js is there.
    pub(crate) node_relay: Option<Vec<PathBuf>>,
}

impl Programs {
    pub(crate) fn find() -> Outcome<Self> {
        let named = |name: &str| {
            std::env::var_os(name).map(PathBuf::from).ok_or_else(|| format!("{name} is not set: run tests/bench"))
        };
        let node = std::env::var_os("WEBRTC_AWS_BENCH_NODE").map(PathBuf::from);
        let script = std::env::var_os("WEBRTC_AWS_BENCH_NODE_RELAY").map(PathBuf::from);
        Ok(Self {
            webrtc_aws: named("WEBRTC_AWS_BENCH_PROGRAM")?,
            relay: named("WEBRTC_AWS_BENCH_RELAY")?,
            relay_program: named("WEBRTC_AWS_BENCH_RELAY_PROGRAM")?,
            node_relay: node.zip(script).map(|(node, script)| vec![node, script]),
        })
    }

    /// A command of the program at this endpoint, with the keys of the local AWS.
    pub(crate) fn command(&self, home: &TempDir, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.webrtc_aws);
        command.args(arguments).env_clear().current_dir(home.path());
        // What a local AWS that is killed leaves behind goes with the home.
        command.env("HOME", home.path()).env("TMPDIR", home.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local").env("AWS_REGION", "us-east-1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn timed(&self, home: &TempDir, arguments: &[&str]) -> Outcome<Timed> {
        let begun = Instant::now();
        let child = self.command(home, arguments).spawn()?;
        let process = Process::of(&child)?;
        let mut run = pin!(child.wait_with_output());
        let mut looks = tokio::time::interval(LOOK);
        let mut most_memory_kb = 0.0;
        let output = loop {
            tokio::select! {
                biased;
                output = &mut run => break output?,
                _ = looks.tick() => most_memory_kb = process.most_memory_kb().unwrap_or(most_memory_kb),
            }
        };
        let ended = Instant::now();
        if output.status.success() {
            return Ok(Timed { begun, ended, most_memory_kb });
        }
        Err(format!("webrtc-aws {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)).into())
    }

    /// The arguments of an `up` that is not tried out, at this endpoint.
    pub(crate) fn up_at<'a>(&'a self, endpoint: &'a str) -> Outcome<[&'a str; 9]> {
        let relay = self.relay.to_str().ok_or("the relay's path is no text")?;
        let arch = architecture();
        Ok(["up", "bench", "--no-verify", "--arch", arch, "--relay", relay, "--endpoint-url", endpoint])
    }

    /// A stack on the local AWS at this endpoint, by its WebSocket URL.
    pub(crate) async fn deployed(&self, home: &TempDir, endpoint: &str) -> Outcome<Started> {
        let relay = self.relay.to_string_lossy();
        let port = endpoint.rsplit(':').next().unwrap_or_default();
        let up = ["up", "bench", "--local", "--port", port, "--no-verify", "--relay", &relay];
        self.started(home, &up, "websocket_url").await
    }

    /// Starts a command that stays, and reads its events until one says the URL of this name.
    pub(crate) async fn started(&self, home: &TempDir, arguments: &[&str], name: &str) -> Outcome<Started> {
        let mut command = self.command(home, arguments);
        let mut process = command.args(["--output", "json"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let stdout = process.stdout.take().ok_or("no output")?;
        let mut events = BufReader::new(stdout).lines();
        while let Some(line) = events.next_line().await? {
            let event: Value = serde_json::from_str(&line)?;
            if let Some(url) = event[name].as_str().or_else(|| event["outputs"][name].as_str()) {
                let url = url.to_owned();
                // A full pipe would fill the program's memory, a closed one end it.
                tokio::spawn(async move { while let Ok(Some(_)) = events.next_line().await {} });
                return Ok(Started { url, process });
            }
        }
        Err(format!("webrtc-aws {} ended without a {name}", arguments.join(" ")).into())
    }
}

/// A command that goes on until it is dropped.
pub(crate) struct Started {
    pub(crate) url: String,
    process: Child,
}

impl Started {
    pub(crate) fn process(&self) -> Outcome<Process> {
        Process::of(&self.process)
    }
}

/// This machine's, as AWS calls it: the relay was built for it.
pub(crate) fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}
