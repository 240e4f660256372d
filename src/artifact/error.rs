//! What can go wrong on the way to an artifact, and what to do then.

use std::{io, path::PathBuf};

use super::{Architecture, executable::Unfit};

const BRING_ONE: &str = "give a finished zip or executable with --relay PATH";

#[derive(Debug, thiserror::Error)]
pub(crate) enum ArtifactError {
    #[error("the relay's sources are not at {}", .workspace.display())]
    NoSources { workspace: PathBuf },
    #[error("no cache directory could be found")]
    NoCacheDirectory,
    #[error("the relay runs on x86_64 and arm64, and this machine is {host}")]
    HostArchitecture { host: &'static str },
    #[error("{program} could not be run: {source}")]
    NoToolchain { program: String, source: io::Error },
    #[error("{program} failed: {output}")]
    Toolchain { program: String, output: String },
    #[error("the Rust toolchain has no standard library for {triple}")]
    NoStandardLibrary { triple: String },
    #[error("there is no linker for {triple}: neither cargo-zigbuild nor {gcc} was found")]
    NoLinker { triple: String, gcc: String, package: String },
    #[error("the relay could not be built for {triple} (cargo ended with {status})\n{output}")]
    Build { triple: String, status: std::process::ExitStatus, output: String },
    #[error("{} could not be {action}: {source}", .path.display())]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("{} is not a zip that can be read: {source}", .path.display())]
    Zip { path: PathBuf, source: zip::result::ZipError },
    #[error("{} has no file \"bootstrap\" at its root", .path.display())]
    NoBootstrap { path: PathBuf },
    #[error("\"bootstrap\" in {} is not marked as executable", .path.display())]
    NotExecutable { path: PathBuf },
    #[error("{} is larger than Lambda accepts ({size} bytes, at most {limit})", .path.display())]
    TooLarge { path: PathBuf, size: u64, limit: u64 },
    #[error("Lambda cannot run {} on {architecture}: {problem}", .path.display())]
    Unfit { path: PathBuf, architecture: Architecture, problem: Unfit },
}

impl ArtifactError {
    /// What to do next.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::NoSources { .. } => format!("run this from a clone of the repository, or {BRING_ONE}"),
            Self::NoCacheDirectory => {
                format!("set {} to a directory that can be written to", super::cache::DIRECTORY_VARIABLE)
            }
            Self::HostArchitecture { .. } => "deploy to AWS with --arch x86_64 or --arch arm64 instead".to_owned(),
            Self::NoToolchain { .. } => format!("install Rust from https://rustup.rs, or {BRING_ONE}"),
            Self::Toolchain { .. } => format!("mend the Rust toolchain, or {BRING_ONE}"),
            Self::NoStandardLibrary { triple } => format!("run `rustup target add {triple}`, or {BRING_ONE}"),
            Self::NoLinker { gcc, package, .. } => format!(
                "run `cargo install cargo-zigbuild` and `pip install ziglang`, or install {gcc} (on Debian and Ubuntu \
                 the package {package}), or {BRING_ONE}"
            ),
            Self::Build { output, .. } if output.contains("cannot find -lc") => format!(
                "install the static C library (on Fedora and Amazon Linux the package glibc-static, on Debian and \
                 Ubuntu libc6-dev), or {BRING_ONE}"
            ),
            Self::Build { .. } => format!("see the compiler's words above, or {BRING_ONE}"),
            Self::File { action: "read", .. } => "check the path and its permissions".to_owned(),
            Self::File { .. } => "look at the path, its permissions and the space left on its disk".to_owned(),
            Self::Zip { .. } | Self::NoBootstrap { .. } => {
                "make it with `webrtc-aws build`, or put the executable at the zip's root and call it bootstrap"
                    .to_owned()
            }
            Self::NotExecutable { .. } => "run `chmod 755 bootstrap` and zip it again".to_owned(),
            Self::TooLarge { .. } => "build it with `cargo build --profile relay -p relay-lambda`".to_owned(),
            Self::Unfit { architecture, problem, .. } => match problem {
                Unfit::Machine { found: Some(found) } => {
                    format!("choose --arch {found}, or build the relay for {architecture}")
                }
                Unfit::Glibc { .. } | Unfit::Interpreter { .. } => {
                    "link it statically: RUSTFLAGS=\"-C target-feature=+crt-static\" and --target".to_owned()
                }
                Unfit::Machine { found: None } | Unfit::NotElf | Unfit::Malformed => {
                    format!("build it for Linux on {architecture}, or let webrtc-aws build it: leave out --relay")
                }
            },
        }
    }
}
