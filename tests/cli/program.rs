//! Runs the program and shows what came out.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

use serde_json::Value;

use super::events;

/// One invocation, in an environment that holds nothing of this machine's but `PATH`.
pub(super) struct Program {
    command: Command,
    /// Empty: no AWS configuration, no credentials.
    home: tempfile::TempDir,
}

impl Program {
    pub(super) fn new(arguments: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_webrtc-aws"));
        command.args(arguments).env_clear().env("HOME", home.path()).stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap());
        Self { command, home }
    }

    /// With what building the relay takes, unless it was built before: a toolchain, and a cache that all tests share.
    pub(super) fn with_relay(mut self) -> Self {
        let real_home = PathBuf::from(std::env::var_os("HOME").unwrap());
        for (variable, default) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let value = std::env::var_os(variable).map_or_else(|| real_home.join(default), PathBuf::from);
            self.command.env(variable, value);
        }
        let cache = std::env::var_os("WEBRTC_AWS_CACHE")
            .map_or_else(|| PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("relay-cache"), PathBuf::from);
        self.command.env("WEBRTC_AWS_CACHE", cache);
        self
    }

    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(super) fn current_dir(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Credentials that no AWS would take.
    pub(super) fn with_made_up_credentials(self) -> Self {
        self.env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE").env("AWS_SECRET_ACCESS_KEY", "example")
    }

    pub(super) fn run(mut self) -> Ran {
        Ran::new(self.command.output().unwrap())
    }

    /// Starts it and reads its events while it runs; it reports as JSON.
    pub(super) fn start(mut self) -> Running {
        let mut child =
            self.command.args(["--output", "json"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        Running { child, lines: Some(lines), _home: self.home }
    }
}

/// What a finished run left behind; displays as a snapshot.
pub(super) struct Ran {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ran {
    fn new(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    pub(super) fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(events::parsed).collect()
    }

    /// The last event, which must be `finished`.
    pub(super) fn finished(&self) -> Value {
        let last = self.events().pop().unwrap();
        assert_eq!(last["event"], "finished", "{self}");
        last
    }
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.code.map_or_else(|| "none".to_owned(), |code| code.to_string());
        write!(f, "exit code: {code}\n--- stdout\n{}--- stderr\n{}", self.stdout, self.stderr)
    }
}

/// A run that is under way. Killed when dropped.
pub(super) struct Running {
    child: Child,
    /// `None` once nobody listens any more.
    lines: Option<BufReader<ChildStdout>>,
    _home: tempfile::TempDir,
}

impl Running {
    pub(super) fn next_event(&mut self) -> Option<Value> {
        let mut line = String::new();
        (self.lines.as_mut().unwrap().read_line(&mut line).unwrap() > 0).then(|| events::parsed(&line))
    }

    /// Reads on until an event of this name.
    pub(super) fn until(&mut self, event: &str) -> Value {
        self.until_any(|seen| seen["event"] == event)
    }

    pub(super) fn until_any(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        while let Some(seen) = self.next_event() {
            if fits(&seen) {
                return seen;
            }
        }
        panic!("the run ended without the event");
    }

    /// Sends it a signal, by name.
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Stops listening, as `| head -1` does.
    pub(super) fn close_stdout(&mut self) {
        self.lines = None;
    }

    pub(super) fn wait(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Its last event, and how it ended.
    pub(super) fn end(mut self) -> (Option<Value>, ExitStatus) {
        let mut last = None;
        while let Some(event) = self.next_event() {
            last = Some(event);
        }
        (last, self.child.wait().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A local AWS of its own for one test.
pub(super) struct Local {
    running: Running,
    pub(super) port: String,
}

impl Local {
    pub(super) fn start(options: &[&str]) -> Self {
        let mut running = Program::new(&[&["local", "--port", "0"], options].concat()).start();
        let endpoint = running.until("listening")["endpoint"].as_str().unwrap().to_owned();
        let port = endpoint.rsplit(':').next().unwrap().to_owned();
        Self { running, port }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A command against it.
    pub(super) fn program(&self, arguments: &[&str]) -> Program {
        Program::new(&[arguments, &["--local", "--port", &self.port]].concat()).with_relay()
    }

    pub(super) fn stop(self) -> ExitStatus {
        self.running.signal("INT");
        self.running.end().1
    }
}

/// Compares with a snapshot in which what differs from run to run is blanked.
macro_rules! snapshot {
    ($name:expr, $ran:expr) => {
        insta::with_settings!({
            snapshot_path => "../snapshots",
            prepend_module_to_snapshot => false,
            omit_expression => true,
            filters => vec![
                (r"127\.0\.0\.1:\d{5}", "127.0.0.1:PORT"),
                (r"port \d{5}", "port PORT"),
                (r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"),
                (r"\b\d+[sm] +((in)?complete)", "AGE ${1}"),
                (r"(complete +)\d+\.\d+\.\d+ +", "${1}VERSION  "),
                (r"(last deployed|newest part is) \d+[sm]", "${1} AGE"),
                (r"(request.id.{0,3})[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "${1}ID"),
                (r"(.age_s.:)\d+", "${1}0"),
                (r"with webrtc-aws [0-9.]+", "with webrtc-aws VERSION"),
                (r"\d+\.\d s", "N.N s"),
                (r"(/execute-api/|api {8})[a-z0-9]{10}", "${1}API-ID"),
                (r"\b[0-9.]+ ms\b", "N ms"),
                (r"(_ms.:)[0-9.]+", "${1}0"),
                (r"\d+ files\b", "N files"),
                (r"(.version.:)[^,}]+", "${1}VERSION"),
                (r#"("api_id":)"[a-z0-9]{10}""#, "${1}API-ID"),
                (r"\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d\.\d{3}", "DATE${1}TIME"),
                (r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", "STREAM"),
                (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "REQUEST-ID"),
                (r"\b[A-Za-z0-9_-]{15}=", "CONNECTION-ID"),
                (r"memory \d+(\.\d+)? of", "memory N of"),
                (r#"(durationMs\\":)[0-9.]+"#, "${1}0"),
                (r"/\S*/\.tmp[A-Za-z0-9]+", "DIRECTORY"),
            ],
        }, {
            insta::assert_snapshot!($name, $ran.to_string());
        });
    };
}
pub(super) use snapshot;
