//! A function's process: `bootstrap`, with exactly the variables that Lambda sets, and ended with everything it started.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::sync::RwLock;

use super::package::Code;
use crate::process_group::ProcessGroup;

/// Nobody may start a process while somebody writes a program: the child would inherit the open file until its exec, and
/// running that program then fails with "text file busy".
static PROGRAMS: RwLock<()> = RwLock::const_new(());

/// Unpacks a package into a directory of its own that nobody else can read.
pub(super) async fn unpack(code: std::sync::Arc<Code>) -> std::io::Result<TempDir> {
    let _writing = PROGRAMS.write().await;
    let unpacked = tokio::task::spawn_blocking(move || {
        let mut builder = tempfile::Builder::new();
        builder.prefix("webrtc-aws-task-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let directory = builder.tempdir()?;
        code.unpack(directory.path()).map_err(std::io::Error::other)?;
        Ok(directory)
    });
    unpacked.await.map_err(std::io::Error::other)?
}

/// A running `bootstrap`.
#[derive(Debug)]
pub(super) struct Process {
    child: ProcessGroup,
}

impl Process {
    pub(super) async fn start(task_root: &Path, variables: Vec<(String, String)>) -> std::io::Result<Self> {
        let mut command = Command::new(task_root.join("bootstrap"));
        command
            .current_dir(task_root)
            .env_clear()
            .envs(variables)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let _starting = PROGRAMS.read().await;
        Ok(Self { child: ProcessGroup::spawn(&mut command)? })
    }

    /// Both pipes, once.
    pub(super) fn output(&mut self) -> (Option<tokio::process::ChildStdout>, Option<tokio::process::ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Waits until the process ends.
    pub(super) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => describe(status),
            Err(error) => error.to_string(),
        }
    }

    pub(super) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// The most memory that the process held, in MB; known on Linux only.
    pub(super) fn peak_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        Some(kilobytes.div_ceil(1024))
    }
}

fn describe(status: ExitStatus) -> String {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return format!("Runtime exited with error: signal: {signal}");
    }
    match status.code() {
        Some(0) => "Runtime exited without providing a reason".to_owned(),
        Some(code) => format!("Runtime exited with error: exit status {code}"),
        None => "Runtime exited".to_owned(),
    }
}

/// How long a function may take to initialise before it is started anew within the first invocation (AWS-FACTS C4).
pub(super) const INIT_PHASE: Duration = Duration::from_secs(10);
