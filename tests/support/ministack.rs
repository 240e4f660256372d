//! A running `ministack`, an emulator that we did not write (AWS-FACTS J2), from PyPI; `tests/run setup` installs it into `.venv/`
//! (`WEBRTC_AWS_TEST_VENV` names another place).
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::panic,
    reason = "each test file uses its own part, and a test may fail"
)]

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Said by its HTTP server once it listens.
const READY: &str = "Running on http";

/// Gone when dropped, with everything in it.
pub struct Ministack {
    pub endpoint: String,
    _process: Child,
    _temporary: TempDir,
}

impl Ministack {
    pub async fn start() -> std::io::Result<Self> {
        let temporary = TempDir::new()?;
        // It cannot choose a port itself. Nobody is given this one again soon.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut process = Command::new(program())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", temporary.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .env("TMPDIR", temporary.path())
            .current_dir(temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut said = String::new();
        let Some(stderr) = process.stderr.take() else { panic!("no stderr") };
        let mut lines = BufReader::new(stderr).lines();
        loop {
            match lines.next_line().await? {
                Some(line) if line.contains(READY) => break,
                Some(line) => said.extend([&line, "\n"]),
                None => panic!("ministack ended after saying:\n{said}"),
            }
        }
        // A full pipe would stop it.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Self { endpoint: format!("http://127.0.0.1:{port}"), _process: process, _temporary: temporary })
    }
}

fn program() -> PathBuf {
    let venv = std::env::var_os("WEBRTC_AWS_TEST_VENV")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv"), PathBuf::from);
    let path = venv.join("bin/ministack");
    assert!(path.is_file(), "there is no {}.\nInstall what these tests need: tests/run setup", path.display());
    path
}
