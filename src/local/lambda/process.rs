//! A function's process: `bootstrap`, with exactly the variables that Lambda sets, and ended with everything it started.

use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::RwLock;

use super::package::Code;

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
    child: Child,
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
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        // A group of its own: what it starts ends with it, and Ctrl-C at the terminal is for the local AWS alone.
        #[cfg(unix)]
        command.process_group(0);
        let _starting = PROGRAMS.read().await;
        Ok(Self { child: command.spawn()? })
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

impl Drop for Process {
    fn drop(&mut self) {
        // The id is only known while the process is not reaped, so this never reaches a stranger's group.
        #[cfg(unix)]
        if let Some(group) =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw)
        {
            // Already gone is as good as killed.
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
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
