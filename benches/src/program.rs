//! The programs that are measured, and a machine to run them on: an empty home, no settings, nothing inherited.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::Outcome;

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
        command.env("HOME", home.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local").env("AWS_REGION", "us-east-1");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// Runs a command to its end, and says how long that took.
    pub(crate) async fn timed(&self, home: &TempDir, arguments: &[&str]) -> Outcome<Duration> {
        let begun = Instant::now();
        let output = self.command(home, arguments).output().await?;
        let taken = begun.elapsed();
        if output.status.success() {
            return Ok(taken);
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
                return Ok(Started { url: url.to_owned(), process, _events: events });
            }
        }
        Err(format!("webrtc-aws {} ended without a {name}", arguments.join(" ")).into())
    }
}

/// A command that goes on until it is dropped.
pub(crate) struct Started {
    pub(crate) url: String,
    process: Child,
    /// Held open: a closed pipe would end it.
    _events: Lines<BufReader<ChildStdout>>,
}

impl Started {
    /// Kilobytes of memory that it has in use.
    pub(crate) fn resident_kb(&self) -> Outcome<f64> {
        let id = self.process.id().ok_or("it has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }
}

/// This machine's, as AWS calls it: the relay was built for it.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" }
}
