//! What the relay is made of.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{ArtifactError, cargo::Toolchain};

/// The relay's own files, and those of the workspace that decide how it is compiled. Nothing of the CLI: editing it must
/// not rebuild the relay.
const PARTS: [&str; 4] = ["Cargo.lock", "Cargo.toml", "relay-lambda/Cargo.toml", "relay-lambda/src"];

/// The workspace that holds the relay.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) workspace: PathBuf,
}

impl Sources {
    /// Where this program was compiled, if that is still there: a clone, or cargo's checkout of one.
    pub(super) fn locate() -> Result<Self, ArtifactError> {
        Self::at(Path::new(env!("CARGO_MANIFEST_DIR")))
    }

    pub(super) fn at(workspace: &Path) -> Result<Self, ArtifactError> {
        if PARTS.iter().all(|part| workspace.join(part).exists()) {
            Ok(Self { workspace: workspace.to_owned() })
        } else {
            Err(ArtifactError::NoSources { workspace: workspace.to_owned() })
        }
    }

    /// A name for what these sources and this toolchain produce.
    pub(super) fn key(&self, toolchain: &Toolchain) -> Result<String, ArtifactError> {
        let mut hash = Sha256::new();
        let mut add = |name: &str, bytes: &[u8]| {
            for part in [name.as_bytes(), bytes] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part);
            }
        };
        for description in toolchain.description() {
            add("toolchain", description.as_bytes());
        }
        for part in PARTS {
            for path in files(&self.workspace.join(part))? {
                let name = path.strip_prefix(&self.workspace).unwrap_or(&path).to_string_lossy().replace('\\', "/");
                add(&name, &std::fs::read(&path).map_err(unreadable(&path))?);
            }
        }
        Ok(hex::encode(hash.finalize()))
    }
}

/// The file itself, or all below the directory, in an order that is the same everywhere.
fn files(path: &Path) -> Result<Vec<PathBuf>, ArtifactError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries = std::fs::read_dir(path)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, _>>())
        .map_err(unreadable(path))?;
    entries.sort();
    let mut found = Vec::new();
    for entry in entries {
        found.append(&mut files(&entry)?);
    }
    Ok(found)
}

fn unreadable(path: &Path) -> impl FnOnce(std::io::Error) -> ArtifactError {
    let path = path.to_owned();
    move |source| ArtifactError::File { action: "read", path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Architecture, Target};

    fn workspace() -> (tempfile::TempDir, Sources) {
        let directory = tempfile::tempdir().expect("a directory");
        for path in ["Cargo.lock", "Cargo.toml", "src/main.rs", "relay-lambda/Cargo.toml", "relay-lambda/src/main.rs"] {
            write(directory.path(), path, path);
        }
        let sources = Sources::at(directory.path()).expect("complete");
        (directory, sources)
    }

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
        std::fs::write(path, text).expect("written");
    }

    fn toolchain(version: &str, target: Target) -> Toolchain {
        Toolchain::from_version(format!("rustc {version}\nhost: x86_64-unknown-linux-gnu\n"), target)
            .expect("a toolchain")
    }

    #[test]
    fn the_key_follows_the_relay_and_nothing_of_the_cli() {
        let (directory, sources) = workspace();
        let toolchain = toolchain("1.95.0", Target::Linux(Architecture::X86_64));
        let first = sources.key(&toolchain).expect("a key");
        assert_eq!(sources.key(&toolchain).expect("a key"), first);

        write(directory.path(), "src/main.rs", "changed");
        write(directory.path(), "src/new.rs", "new");
        write(directory.path(), "relay-lambda/tests/bootstrap.rs", "new");
        assert_eq!(sources.key(&toolchain).expect("a key"), first);

        let mut seen = vec![first];
        for part in [
            "relay-lambda/src/main.rs",
            "relay-lambda/src/a/new.rs",
            "relay-lambda/Cargo.toml",
            "Cargo.lock",
            "Cargo.toml",
        ] {
            write(directory.path(), part, "changed");
            let key = sources.key(&toolchain).expect("a key");
            assert!(!seen.contains(&key), "{part}");
            seen.push(key);
        }
        std::fs::rename(
            directory.path().join("relay-lambda/src/a/new.rs"),
            directory.path().join("relay-lambda/src/a/old.rs"),
        )
        .expect("renamed");
        assert!(!seen.contains(&sources.key(&toolchain).expect("a key")), "a file's name counts");
    }

    #[test]
    fn the_key_follows_compiler_and_target() {
        let (_directory, sources) = workspace();
        let key = |version, target| sources.key(&toolchain(version, target)).expect("a key");
        let x86 = Target::Linux(Architecture::X86_64);
        assert_ne!(key("1.95.0", x86), key("1.96.0", x86));
        assert_ne!(key("1.95.0", x86), key("1.95.0", Target::Linux(Architecture::Arm64)));
    }

    #[test]
    fn an_incomplete_workspace_is_none() {
        let (directory, _) = workspace();
        std::fs::remove_dir_all(directory.path().join("relay-lambda")).expect("removed");
        let error = Sources::at(directory.path()).expect_err("incomplete");
        assert!(matches!(error, ArtifactError::NoSources { .. }));
        assert!(error.hint().contains("--relay"), "{}", error.hint());
    }
}
