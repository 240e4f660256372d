//! The real program: runs it, reads its events, and interrupts it.

use std::fmt;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use webrtc_aws::local::{DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, LocalAws};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::events;

/// Long enough to build the relay for the first time; only a failing test waits this long.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// Somebody's machine: an empty home that is the working directory too, and nothing of this process's environment but the
/// toolchain and the relays that it built before.
pub struct Machine {
    home: TempDir,
    /// `None`: a machine that knows no AWS.
    endpoint: Option<String>,
}

impl Machine {
    /// A machine that works on this account.
    pub fn new(aws: &LocalAws) -> Self {
        Self::at(aws.endpoint())
    }

    /// A machine that works on what answers at this endpoint.
    pub fn at(endpoint: String) -> Self {
        Self { endpoint: Some(endpoint), ..Self::alone() }
    }

    /// A machine with no AWS but its own.
    pub fn alone() -> Self {
        Self { home: tempfile::tempdir().unwrap(), endpoint: None }
    }

    /// A command that is not started yet, and reports to people.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_webrtc-aws"));
        command.args(arguments).args(self.endpoint.iter().flat_map(|url| ["--endpoint-url", url.as_str()]));
        command.env_clear().envs(toolchain()).env("HOME", self.home.path()).current_dir(self.home.path());
        command.env("AWS_ACCESS_KEY_ID", DEPLOYER_ACCESS_KEY_ID);
        command.env("AWS_SECRET_ACCESS_KEY", DEPLOYER_SECRET_ACCESS_KEY);
        command.env("AWS_REGION", "us-east-1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        if cfg!(target_arch = "aarch64")
            && self.endpoint.is_some()
            && !["teardown", "list", "sweep", "local"].contains(&arguments[0])
        {
            command.args(["--arch", "arm64"]);
        }
        command
    }

    /// Runs a command to its end.
    pub async fn run(&self, arguments: &[&str]) -> Run {
        self.start(arguments).end().await
    }

    /// Runs a command that must succeed.
    pub async fn succeed(&self, arguments: &[&str]) -> Run {
        let run = self.run(arguments).await;
        assert_eq!(run.code, Some(0), "{arguments:?}: {run}");
        run
    }

    /// Starts a command. It starts no processes itself if it is given a relay and works on another's AWS.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::of(&mut self.command(arguments))
    }

    /// The zip of the relay, built once for all tests.
    pub async fn relay(&self) -> PathBuf {
        let mut command = Command::new(env!("CARGO_BIN_EXE_webrtc-aws"));
        command.args(["build", "--output", "json"]).env_clear().envs(toolchain()).stdin(Stdio::null());
        if cfg!(target_arch = "aarch64") {
            command.args(["--arch", "arm64"]);
        }
        let built = command.output().await.unwrap();
        let events = String::from_utf8(built.stdout).unwrap();
        let mut events = events.lines().map(events::parsed);
        let built = events.find(|event| event["event"] == "built").expect("the relay is built");
        PathBuf::from(built["path"].as_str().unwrap())
    }
}

/// What finding and using the Rust toolchain takes, and the one cache of built relays.
fn toolchain() -> Vec<(&'static str, PathBuf)> {
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = variable("HOME").expect("HOME");
    let or = |name, default: &str| variable(name).unwrap_or_else(|| home.join(default));
    let cache = variable("WEBRTC_AWS_CACHE").unwrap_or_else(|| or("XDG_CACHE_HOME", ".cache").join("webrtc-aws"));
    vec![
        ("PATH", variable("PATH").expect("PATH")),
        ("CARGO_HOME", or("CARGO_HOME", ".cargo")),
        ("RUSTUP_HOME", or("RUSTUP_HOME", ".rustup")),
        ("WEBRTC_AWS_CACHE", cache),
    ]
}

/// A run that is under way. Killed when dropped.
pub struct Running {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    events: Vec<Value>,
}

impl Running {
    /// Starts a command and reads its events.
    pub fn of(command: &mut Command) -> Self {
        let mut child = command.args(["--output", "json"]).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, events: Vec::new() }
    }

    /// The next event; none when it has ended.
    pub async fn next(&mut self) -> Option<Value> {
        let line = tokio::time::timeout(PATIENCE, self.lines.next_line()).await.expect("an event in time").unwrap()?;
        let event: Value = events::parsed(&line);
        self.events.push(event.clone());
        Some(event)
    }

    /// Reads on until an event that fits.
    pub async fn until(&mut self, mut fits: impl FnMut(&Value) -> bool) -> Value {
        loop {
            match self.next().await {
                Some(event) if fits(&event) => return event,
                Some(_) => {}
                None => panic!("the run ended without the event: {:#?}", self.events),
            }
        }
    }

    /// As Ctrl-C does.
    pub fn interrupt(&self) {
        self.signal(rustix::process::Signal::INT);
    }

    /// As `kill -9` does.
    pub async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }

    /// Reads on until the first signal has been taken notice of.
    pub async fn until_ending(&mut self) {
        let ending = |event: &Value| event["message"].as_str().is_some_and(|message| message.starts_with("ending:"));
        self.until(ending).await;
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        send(&self.child, signal);
    }

    /// Reads the rest.
    pub async fn end(mut self) -> Run {
        while self.next().await.is_some() {}
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
        let code = self.child.wait().await.unwrap().code();
        Run { code, events: self.events, said }
    }
}

/// Sends a signal to a process that has not ended.
pub fn send(child: &Child, signal: rustix::process::Signal) {
    let pid = i32::try_from(child.id().expect("still running")).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// A run that ended.
pub struct Run {
    pub code: Option<i32>,
    pub events: Vec<Value>,
    /// What it wrote to stderr.
    pub said: String,
}

impl Run {
    fn of(&self, event: &str) -> impl Iterator<Item = &Value> {
        self.events.iter().filter(move |found| found["event"] == event)
    }

    /// The last event, which must be `finished`.
    pub fn finished(&self) -> &Value {
        let last = self.events.last().unwrap_or_else(|| panic!("no events: {self}"));
        assert_eq!(last["event"], "finished", "{self}");
        last
    }

    pub fn output(&self, name: &str) -> &str {
        self.finished()["outputs"][name].as_str().unwrap_or_else(|| panic!("no {name}: {self}"))
    }

    pub fn problem(&self) -> &Value {
        &self.finished()["problem"]
    }

    /// What the plan would change: `address action`, in the order of the plan.
    pub fn planned(&self) -> Vec<String> {
        let plan = self.of("planned").next().unwrap_or_else(|| panic!("no plan: {self}"));
        let steps = plan["plan"]["steps"].as_array().unwrap().iter().filter(|step| step["action"] != "keep");
        steps.map(|step| format!("{} {}", text(&step["address"]), text(&step["action"]))).collect()
    }

    /// The fields that the plan says differ, of one resource.
    pub fn changes(&self, address: &str) -> Vec<String> {
        let steps = self.of("planned").flat_map(|event| event["plan"]["steps"].as_array().unwrap());
        let steps = steps.filter(|step| step["address"] == address);
        let changes = steps.filter_map(|step| step["changes"].as_array()).flatten();
        changes.map(|change| text(&change["field"]).to_owned()).collect()
    }

    /// What was worked on with success: `address action`, sorted.
    pub fn done(&self) -> Vec<String> {
        let steps = self.of("step_finished").filter(|step| step["outcome"] == "done");
        let mut done: Vec<_> =
            steps.map(|step| format!("{} {}", text(&step["address"]), text(&step["action"]))).collect();
        done.sort();
        done
    }

    /// Why calls were made again.
    pub fn waits(&self) -> Vec<&str> {
        self.of("step_waiting").map(|wait| text(&wait["reason"])).collect()
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "exit code {:?}\n{}", self.code, self.said)?;
        self.events.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}

/// The same program in other bytes: a zip of another hash.
pub fn repacked(zip: &Path) -> Vec<u8> {
    let mut archive = ZipArchive::new(Cursor::new(std::fs::read(zip).unwrap())).unwrap();
    let mut bootstrap = Vec::new();
    archive.by_name("bootstrap").unwrap().read_to_end(&mut bootstrap).unwrap();
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().unix_permissions(0o755).compression_method(CompressionMethod::Stored);
    writer.start_file("bootstrap", options).unwrap();
    writer.write_all(&bootstrap).unwrap();
    writer.finish().unwrap().into_inner()
}
