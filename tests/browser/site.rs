//! The deployed page under test: one `webrtc-aws up --local` for all tests that run beside each other.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use serde_json::Value;

use crate::Outcome;
use crate::driver::find_program;

/// Long enough to build the relay for the first time.
const START_PATIENCE: Duration = Duration::from_secs(15 * 60);
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// A use of the deployment. It is made for the first one and taken down with the last one.
pub(crate) struct Site {
    url: String,
}

static DEPLOYMENT: Mutex<Option<Deployment>> = Mutex::new(None);

pub(crate) struct Deployment {
    pub(crate) url: String,
    users: usize,
    /// None for a page that somebody else has deployed.
    process: Option<Child>,
}

impl Site {
    pub(crate) fn get() -> Outcome<Self> {
        let mut slot = lock();
        let deployment = match slot.as_mut() {
            Some(deployment) => deployment,
            None => slot.insert(Deployment::find_or_start()?),
        };
        deployment.users += 1;
        Ok(Self { url: deployment.url.clone() })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let mut slot = lock();
        if let Some(deployment) = slot.as_mut() {
            deployment.users -= 1;
            if deployment.users == 0 {
                *slot = None;
            }
        }
    }
}

/// A test that failed while it held the lock leaves the count right: nothing in there panics half-way.
fn lock() -> MutexGuard<'static, Option<Deployment>> {
    DEPLOYMENT.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Deployment {
    fn find_or_start() -> Outcome<Self> {
        match std::env::var("WEBRTC_AWS_TEST_SITE_URL") {
            Ok(url) => Ok(Self { url, users: 0, process: None }),
            Err(_) => Self::start(&["--port", "0"]),
        }
    }

    /// Deploys to a local AWS, by itself or to one that runs.
    pub(crate) fn start(options: &[&str]) -> Outcome<Self> {
        Self::run(&["up", "--local"], options, "site_url")
    }

    /// An empty local AWS; the URL is its endpoint.
    pub(crate) fn local_aws() -> Outcome<Self> {
        Self::run(&["local", "--port", "0"], &[], "endpoint")
    }

    /// Has this local AWS keep a secret, as its owner would.
    pub(crate) fn keep_secret(&self, name: &str, secret: &str) -> Outcome {
        let put = Command::new(find_program("AWS_CLI", &["aws"])?)
            .args(["--endpoint-url", &self.url, "ssm", "put-parameter", "--name", name])
            .args(["--type", "SecureString", "--value", secret])
            .envs([
                ("AWS_ACCESS_KEY_ID", "local"),
                ("AWS_SECRET_ACCESS_KEY", "local"),
                ("AWS_DEFAULT_REGION", "us-east-1"),
            ])
            .stdin(Stdio::null())
            .output()?;
        if put.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&put.stderr).as_ref().into()) }
    }

    /// Deploys to this local AWS.
    pub(crate) fn deploy(&self, options: &[&str]) -> Outcome<Self> {
        let port = self.url.rsplit(':').next().unwrap_or_default();
        Self::start(&[&["--port", port], options].concat())
    }

    /// Runs the program until it says the URL of this name.
    fn run(command: &[&str], options: &[&str], name: &'static str) -> Outcome<Self> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_webrtc-aws"))
            .args(command)
            .args(["--output", "json"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("no stdout")?;
        let mut stderr = process.stderr.take().ok_or("no stderr")?;
        let mut deployment = Self { url: String::new(), users: 0, process: Some(process) };

        let (announce, announced) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(url) = serde_json::from_str(&line).ok().as_ref().and_then(|event| url_in(event, name)) {
                    let _ = announce.send(url.to_owned());
                }
            }
        });
        let problems = std::thread::spawn(move || {
            let mut text = String::new();
            let _ = stderr.read_to_string(&mut text);
            text
        });
        match announced.recv_timeout(START_PATIENCE) {
            Ok(url) => {
                deployment.url = url;
                Ok(deployment)
            }
            Err(_) => {
                drop(deployment);
                let said = problems.join().unwrap_or_default();
                Err(format!("`webrtc-aws {}` ended without a {name}:\n{said}", command.join(" ")).into())
            }
        }
    }
}

impl Drop for Deployment {
    /// As Ctrl-C would, so that it can stop the relays that it runs.
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        let _ = Command::new("kill").args(["-INT", &process.id().to_string()]).status();
        let (ended, end) = mpsc::channel();
        let pid = process.id();
        let waiting = std::thread::spawn(move || {
            let _ = process.wait();
            let _ = ended.send(());
        });
        if end.recv_timeout(STOP_PATIENCE).is_err() {
            let _ = Command::new("kill").args(["-KILL", &pid.to_string()]).status();
        }
        let _ = waiting.join();
    }
}

/// The URL of this name in an event, wherever the event carries it.
fn url_in<'event>(event: &'event Value, name: &str) -> Option<&'event str> {
    match event {
        Value::Object(fields) => match fields.get(name) {
            Some(Value::String(url)) => Some(url),
            _ => fields.values().find_map(|field| url_in(field, name)),
        },
        Value::Array(items) => items.iter().find_map(|item| url_in(item, name)),
        _ => None,
    }
}
