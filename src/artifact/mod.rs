//! The relay's artifact: the zip that a function runs, with its `bootstrap` checked before anybody uploads it.
//!
//! It is made by an explicit step of `up` and `build`, not by a build script: a build script would make every check of
//! the CLI pay, and could not know the architecture. `sources` says what the relay is made of and names the result by
//! its content, `cargo` compiles it, `executable` checks that Lambda can run it, `package` zips it; `cache` keeps it.
//! `--relay PATH` brings a finished one in place of all that, and a released program has them with it: `carried`.

mod cache;
mod cargo;
mod carried;
mod error;
mod executable;
mod package;
mod sources;

use std::path::{Path, PathBuf};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

pub(crate) use error::ArtifactError;

use cache::Cache;
use cargo::Toolchain;
use carried::Carried;
use sources::Sources;

/// Spelt as Lambda spells them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub(crate) enum Architecture {
    #[serde(rename = "x86_64")]
    #[value(name = "x86_64")]
    X86_64,
    Arm64,
}

impl Architecture {
    /// What a stack is deployed for, unless somebody says.
    pub(crate) fn preferred() -> Self {
        Carried::here().preferred()
    }

    /// The one of this machine, if Lambda has it.
    pub(crate) fn host() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }

    /// As Lambda and people call it.
    const fn name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    /// As in compiler target names.
    const fn target_name(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "aarch64",
        }
    }
}

impl std::fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Where the relay is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// On this machine, as a child process of the local AWS. On Linux this is the very artifact that Lambda gets.
    Host,
    /// On Lambda.
    Linux(Architecture),
}

impl Target {
    pub(crate) fn architecture(self) -> Result<Architecture, ArtifactError> {
        match self {
            Self::Host => Architecture::host().ok_or(ArtifactError::HostArchitecture { host: std::env::consts::ARCH }),
            Self::Linux(architecture) => Ok(architecture),
        }
    }

    /// What the executable must be; nothing is asked of one that only this machine is to run.
    fn linux(self) -> Option<Architecture> {
        match self {
            Self::Host if cfg!(target_os = "linux") => Architecture::host(),
            Self::Host => None,
            Self::Linux(architecture) => Some(architecture),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct BuildRequest {
    pub(crate) target: Target,
    /// A finished zip or executable to take instead of building one (`--relay`).
    pub(crate) relay: Option<PathBuf>,
}

/// A zip with an executable `bootstrap` at its root.
#[derive(Clone, Debug)]
pub(crate) struct Artifact {
    pub(crate) zip: Bytes,
    /// Lambda's `CodeSha256` of this zip (AWS-FACTS C3).
    pub(crate) sha256_base64: String,
    pub(crate) architecture: Architecture,
    /// The file it was read from: in the cache, or what `--relay` named. None, if this program carries it.
    pub(crate) path: Option<PathBuf>,
}

impl Artifact {
    fn new(zip: impl Into<Bytes>, path: Option<&Path>, target: Target) -> Result<Self, ArtifactError> {
        let zip = zip.into();
        Ok(Self {
            sha256_base64: BASE64_STANDARD.encode(Sha256::digest(&zip)),
            zip,
            architecture: target.architecture()?,
            path: path.map(Path::to_owned),
        })
    }
}

/// Makes the artifact, or takes it from the cache if nothing that it is made of has changed. `progress` is told what is
/// being done, a line at a time, and nothing at all when there is nothing to do.
pub(crate) async fn build(request: &BuildRequest, progress: &(dyn Fn(&str) + Sync)) -> Result<Artifact, ArtifactError> {
    if let Some(path) = &request.relay {
        return brought(path, request.target).await;
    }
    if let Some(artifact) = Carried::here().get(request.target)? {
        return Ok(artifact);
    }
    let sources = Sources::locate()?;
    let cache = Cache::locate()?;
    compile(&sources, &cache, request.target, progress).await
}

/// What `--relay` names. Off the threads on which everything else runs: to pack a large executable takes seconds.
async fn brought(path: &Path, target: Target) -> Result<Artifact, ArtifactError> {
    let reading = path.to_owned();
    let taken = tokio::task::spawn_blocking(move || package::take(&reading, target)).await;
    let broke_off = || ArtifactError::File {
        action: "read",
        path: path.to_owned(),
        source: std::io::ErrorKind::Interrupted.into(),
    };
    taken.unwrap_or_else(|_| Err(broke_off()))
}

/// The artifact's file: a copy at `to`, or else where it was read from. One that this program carries is put into the cache.
pub(crate) fn file(artifact: &Artifact, to: Option<&Path>) -> Result<PathBuf, ArtifactError> {
    match (to, &artifact.path) {
        (Some(to), _) => cache::write(to, &artifact.zip).map(|()| to.to_owned()),
        (None, Some(path)) => Ok(path.clone()),
        (None, None) => Cache::locate()?.write(&hex::encode(Sha256::digest(&artifact.zip)), &artifact.zip),
    }
}

/// The artifact, where it costs no build: brought along, or made before.
pub(crate) async fn at_hand(request: &BuildRequest) -> Result<Option<Artifact>, ArtifactError> {
    if let Some(path) = &request.relay {
        return brought(path, request.target).await.map(Some);
    }
    if let Some(artifact) = Carried::here().get(request.target)? {
        return Ok(Some(artifact));
    }
    let (Ok(sources), Ok(cache)) = (Sources::locate(), Cache::locate()) else { return Ok(None) };
    // Without a toolchain there is no telling what it would make.
    let Ok(toolchain) = Toolchain::find(&sources, request.target).await else { return Ok(None) };
    Ok(cache.get(&sources.key(&toolchain)?, request.target))
}

/// How near an artifact is.
pub(crate) enum Readiness {
    /// Brought along, or made before.
    AtHand(Artifact),
    /// All that it takes to build it is here.
    Buildable {
        /// For what the compiler would build.
        triple: String,
    },
}

/// Whether there is an artifact, or could be; builds nothing.
pub(crate) async fn readiness(request: &BuildRequest) -> Result<Readiness, ArtifactError> {
    if let Some(artifact) = at_hand(request).await? {
        return Ok(Readiness::AtHand(artifact));
    }
    let sources = Sources::locate()?;
    Cache::locate()?;
    let toolchain = Toolchain::find(&sources, request.target).await?;
    toolchain.linker(&sources).await?;
    Ok(Readiness::Buildable { triple: toolchain.triple().to_owned() })
}

async fn compile(
    sources: &Sources,
    cache: &Cache,
    target: Target,
    progress: &(dyn Fn(&str) + Sync),
) -> Result<Artifact, ArtifactError> {
    let toolchain = Toolchain::find(sources, target).await?;
    if let Some(artifact) = cache.get(&sources.key(&toolchain)?, target) {
        return Ok(artifact);
    }
    let linker = toolchain.linker(sources).await?;
    // Builds share one target directory, and its executable has one name: one build at a time.
    let _lock = cache.lock(progress).await?;
    loop {
        let key = sources.key(&toolchain)?;
        if let Some(artifact) = cache.get(&key, target) {
            return Ok(artifact);
        }
        progress(&format!("building the relay for {}", toolchain.triple()));
        let executable = toolchain.compile(&linker, sources, &cache.target_directory(), progress).await?;
        let zip = package::pack(&executable, target)?;
        // Sources that were edited meanwhile may or may not be in it: it has no name to be kept under.
        if sources.key(&toolchain)? == key {
            return cache.put(&key, zip, target);
        }
    }
}
