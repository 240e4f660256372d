//! Compiling the relay with the Rust toolchain that is here.

use std::{
    collections::VecDeque,
    ffi::OsString,
    path::{Path, PathBuf},
    process::Stdio,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

use super::{Architecture, ArtifactError, Target, sources::Sources};
use crate::process_group::ProcessGroup;

/// Linux executables carry their C library: whatever this system's is, theirs cannot be newer than Lambda's, and half of
/// a start is saved that the dynamic loader would take.
const STATIC: &str = "-Ctarget-feature=+crt-static";

/// Counts up when this file makes something else of the same sources: what is cached then has another name.
const RECIPE: &str = "1";

/// zig links dynamically, against the C library that is named: Lambda's.
const ZIG_GLIBC: &str = ".2.34";

/// How much of a failed build is shown.
const LAST_LINES: usize = 30;

/// A compiler and what it is to compile for.
#[derive(Debug)]
pub(super) struct Toolchain {
    /// What `rustc -vV` says.
    version: String,
    triple: String,
    architecture: Architecture,
    native: bool,
}

impl Toolchain {
    pub(super) async fn find(sources: &Sources, target: Target) -> Result<Self, ArtifactError> {
        // In the workspace, which may name a toolchain of its own.
        let version = output(program("RUSTC", "rustc"), &["-vV"], &sources.workspace).await?;
        Self::from_version(version, target)
    }

    pub(super) fn from_version(version: String, target: Target) -> Result<Self, ArtifactError> {
        let Some(host) = version.lines().find_map(|line| line.strip_prefix("host: ")) else {
            return Err(ArtifactError::Toolchain { program: "rustc -vV".to_owned(), output: version });
        };
        let architecture = target.architecture()?;
        let name = architecture.target_name();
        let native = target == Target::Host || host.strip_prefix(name).is_some_and(|rest| rest.contains("-linux-"));
        let triple = if native { host.to_owned() } else { format!("{name}-unknown-linux-gnu") };
        Ok(Self { triple, architecture, native, version })
    }

    pub(super) fn triple(&self) -> &str {
        &self.triple
    }

    /// Everything here that the result depends on.
    pub(super) fn description(&self) -> impl Iterator<Item = &str> {
        [RECIPE, &*self.version, &*self.triple].into_iter().chain(self.flags().iter().copied())
    }

    fn flags(&self) -> &'static [&'static str] {
        if self.triple.contains("-linux-") { &[STATIC] } else { &[] }
    }

    /// Finds out how to link for another system than this one; asked only when there is something to build.
    pub(super) async fn linker(&self, sources: &Sources) -> Result<Linker, ArtifactError> {
        if self.native { Ok(Linker::Native) } else { self.cross_linker(&sources.workspace).await }
    }

    async fn cross_linker(&self, workspace: &Path) -> Result<Linker, ArtifactError> {
        let arguments = ["--print", "target-libdir", "--target", &self.triple];
        let library = output(program("RUSTC", "rustc"), &arguments, workspace).await?;
        if !Path::new(library.trim()).is_dir() {
            return Err(ArtifactError::NoStandardLibrary { triple: self.triple.clone() });
        }
        if std::env::var_os(linker_variable(&self.triple)).is_some() {
            return Ok(Linker::Native);
        }
        if output(program("CARGO", "cargo"), &["zigbuild", "--help"], workspace).await.is_ok() {
            return Ok(Linker::Zig);
        }
        let name = self.architecture.target_name();
        let gcc = format!("{name}-linux-gnu-gcc");
        match output(OsString::from(&gcc), &["--version"], workspace).await {
            Ok(_) => Ok(Linker::Gcc(gcc)),
            Err(_) => {
                let package = format!("gcc-{}-linux-gnu", name.replace('_', "-"));
                Err(ArtifactError::NoLinker { triple: self.triple.clone(), gcc, package })
            }
        }
    }

    /// Runs cargo, and returns the executable's path.
    pub(super) async fn compile(
        &self,
        linker: &Linker,
        sources: &Sources,
        target_directory: &Path,
        progress: &(dyn Fn(&str) + Sync),
    ) -> Result<PathBuf, ArtifactError> {
        let triple = &self.triple;
        let (subcommand, target, flags) = match linker {
            Linker::Zig => ("zigbuild", format!("{triple}{ZIG_GLIBC}"), &[][..]),
            Linker::Native | Linker::Gcc(_) => ("build", triple.clone(), self.flags()),
        };
        // This machine's directories stay out of the executable: it is the same whoever builds it, and tells nothing of them.
        let mut flags: Vec<_> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        for (directory, name) in [(Some(sources.workspace.clone()), "webrtc-aws"), (cargo_home(), "cargo")] {
            flags.extend(directory.map(|it| format!("--remap-path-prefix={}=/{name}", it.display())));
        }
        let cargo = program("CARGO", "cargo");
        let mut command = Command::new(&cargo);
        command
            .args([subcommand, "--locked", "--profile", "relay", "--package", "relay-lambda", "--target", &target])
            .arg("--target-dir")
            .arg(target_directory)
            .current_dir(&sources.workspace)
            // Overrides every other place of flags: one made for this machine's processor may not run on Lambda's.
            .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"))
            .env("CARGO_TERM_COLOR", "never")
            .env("CARGO_TERM_PROGRESS_WHEN", "never")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if let Linker::Gcc(gcc) = linker {
            command.env(linker_variable(triple), gcc);
        }
        let failed = |source| ArtifactError::NoToolchain { program: cargo.display().to_string(), source };
        let mut child = ProcessGroup::spawn(&mut command).map_err(failed)?;
        let mut last = VecDeque::new();
        if let Some(stderr) = child.stderr.take() {
            let mut lines = BufReader::new(stderr).split(b'\n');
            while let Some(line) = lines.next_segment().await.map_err(failed)? {
                let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                if line.trim_start().starts_with("Compiling ") {
                    progress(line.trim_start());
                }
                if last.len() == LAST_LINES {
                    last.pop_front();
                }
                last.push_back(line);
            }
        }
        let status = child.wait().await.map_err(failed)?;
        if !status.success() {
            let output = Vec::from(last).join("\n");
            return Err(ArtifactError::Build { triple: triple.clone(), status, output });
        }
        let name = if triple.contains("-windows-") { "bootstrap.exe" } else { "bootstrap" };
        Ok(target_directory.join(triple).join("relay").join(name))
    }
}

#[derive(Debug)]
pub(super) enum Linker {
    /// The one that cargo takes by itself.
    Native,
    Zig,
    Gcc(String),
}

/// As cargo does: the variable names the program when it is not the one in the path.
fn program(variable: &str, name: &str) -> OsString {
    std::env::var_os(variable).filter(|it| !it.is_empty()).unwrap_or_else(|| name.into())
}

fn cargo_home() -> Option<PathBuf> {
    std::env::var_os("CARGO_HOME")
        .filter(|it| !it.is_empty())
        .map(PathBuf::from)
        .or_else(|| etcetera::home_dir().ok().map(|home| home.join(".cargo")))
}

fn linker_variable(triple: &str) -> String {
    format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase().replace('-', "_"))
}

async fn output(program: OsString, arguments: &[&str], directory: &Path) -> Result<String, ArtifactError> {
    let name = || format!("{} {}", program.display(), arguments.join(" "));
    let output = Command::new(&program)
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        // What goes wrong in it is for people, not for its developers.
        .env_remove("RUST_BACKTRACE")
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|source| ArtifactError::NoToolchain { program: program.display().to_string(), source })?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        Err(ArtifactError::Toolchain { program: name(), output })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn triple(host: &str, target: Target) -> (String, bool, &'static [&'static str]) {
        let toolchain = Toolchain::from_version(format!("rustc 1.95.0\nhost: {host}\n"), target).expect("a toolchain");
        (toolchain.triple.clone(), toolchain.native, toolchain.flags())
    }

    #[test]
    fn lambda_always_gets_a_linux_build() {
        let x86 = Target::Linux(Architecture::X86_64);
        let arm = Target::Linux(Architecture::Arm64);
        for (host, target, expected, native) in [
            ("x86_64-unknown-linux-gnu", x86, "x86_64-unknown-linux-gnu", true),
            ("x86_64-unknown-linux-musl", x86, "x86_64-unknown-linux-musl", true),
            ("x86_64-unknown-linux-gnu", arm, "aarch64-unknown-linux-gnu", false),
            ("aarch64-unknown-linux-gnu", arm, "aarch64-unknown-linux-gnu", true),
            ("aarch64-apple-darwin", arm, "aarch64-unknown-linux-gnu", false),
            ("aarch64-apple-darwin", x86, "x86_64-unknown-linux-gnu", false),
            ("x86_64-pc-windows-msvc", x86, "x86_64-unknown-linux-gnu", false),
        ] {
            assert_eq!(triple(host, target), (expected.to_owned(), native, &[STATIC][..]), "{host}");
        }
    }

    #[test]
    fn the_host_gets_its_own_build() {
        for (host, flags) in [
            ("x86_64-unknown-linux-gnu", &[STATIC][..]),
            ("aarch64-apple-darwin", &[]),
            ("x86_64-pc-windows-msvc", &[]),
        ] {
            assert_eq!(triple(host, Target::Host), (host.to_owned(), true, flags));
        }
    }

    #[test]
    fn on_linux_the_host_and_lambda_share_one_artifact() {
        let host = "x86_64-unknown-linux-gnu";
        let linux = Target::Linux(Architecture::X86_64);
        assert_eq!(triple(host, Target::Host), triple(host, linux));
    }

    #[test]
    fn a_compiler_that_says_nothing_of_its_host_is_an_error() {
        let error = Toolchain::from_version("gcc 12".to_owned(), Target::Linux(Architecture::Arm64));
        assert!(matches!(error, Err(ArtifactError::Toolchain { .. })));
    }

    #[tokio::test]
    async fn a_missing_program_is_named() {
        let error = output("no-such-compiler".into(), &["-vV"], Path::new(".")).await.expect_err("missing");
        assert!(matches!(&error, ArtifactError::NoToolchain { program, .. } if program == "no-such-compiler"));
        assert!(error.hint().contains("rustup"), "{}", error.hint());
    }
}
