//! Zips: ours, the same to the byte whenever the executable is the same, and those that `--relay` brings.

use std::{
    fs::File,
    io::{Cursor, Read, Write},
    path::Path,
};

use zip::{CompressionMethod, DateTime, System, ZipArchive, ZipWriter, result::ZipError, write::SimpleFileOptions};

use super::{Artifact, ArtifactError, Target, executable};

/// What Lambda starts (AWS-FACTS C3).
const ENTRY: &str = "bootstrap";
/// Lambda's limits, packed and unpacked (AWS-FACTS C3).
const LARGEST_ZIP: u64 = 50 * 1024 * 1024;
const LARGEST_UNPACKED: u64 = 250 * 1024 * 1024;

/// Reads a finished zip or executable, and checks it as if it were our own.
pub(super) fn take(path: &Path, target: Target) -> Result<Artifact, ArtifactError> {
    let bytes = read(path, LARGEST_UNPACKED)?;
    let zip = if bytes.starts_with(b"PK") {
        inspect(&bytes, path, target)?;
        bytes
    } else {
        pack_bytes(&bytes, path, target)?
    };
    Artifact::new(zip, Some(path), target)
}

pub(super) fn pack(path: &Path, target: Target) -> Result<Vec<u8>, ArtifactError> {
    pack_bytes(&read(path, LARGEST_UNPACKED)?, path, target)
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, ArtifactError> {
    let failed = |source| ArtifactError::File { action: "read", path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    at_most(limit, file.metadata().map_err(failed)?.len(), path)?;
    let mut bytes = Vec::new();
    // What says nothing of its size, as a device does, may have no end.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(failed)?;
    at_most(limit, bytes.len() as u64, path)?;
    Ok(bytes)
}

fn at_most(limit: u64, size: u64, path: &Path) -> Result<(), ArtifactError> {
    if size > limit { Err(ArtifactError::TooLarge { path: path.to_owned(), size, limit }) } else { Ok(()) }
}

fn check(bytes: &[u8], path: &Path, target: Target) -> Result<(), ArtifactError> {
    match target.linux() {
        Some(architecture) => executable::check(bytes, architecture).map_err(|problem| ArtifactError::Unfit {
            path: path.to_owned(),
            architecture,
            problem,
        }),
        None => Ok(()),
    }
}

fn pack_bytes(executable: &[u8], path: &Path, target: Target) -> Result<Vec<u8>, ArtifactError> {
    check(executable, path, target)?;
    let zip = zip(executable).map_err(|source| ArtifactError::Zip { path: path.to_owned(), source })?;
    at_most(LARGEST_ZIP, zip.len() as u64, path)?;
    Ok(zip)
}

/// The level of DEFLATE that takes longest, which for a relay is a moment.
const SMALLEST: i64 = 9;

/// Time, mode and system are fixed: equal executables give equal zips on every machine, and so no update of a function
/// that would change nothing.
fn zip(executable: &[u8]) -> Result<Vec<u8>, ZipError> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(SMALLEST))
        .last_modified_time(DateTime::default())
        .system(System::Unix)
        .unix_permissions(0o755);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file(ENTRY, options)?;
    writer.write_all(executable)?;
    Ok(writer.finish()?.into_inner())
}

pub(super) fn inspect(zip: &[u8], path: &Path, target: Target) -> Result<(), ArtifactError> {
    let unreadable = |source| ArtifactError::Zip { path: path.to_owned(), source };
    at_most(LARGEST_ZIP, zip.len() as u64, path)?;
    let mut archive = ZipArchive::new(Cursor::new(zip)).map_err(unreadable)?;
    let mut entry = match archive.by_name(ENTRY) {
        Err(ZipError::FileNotFound) => return Err(ArtifactError::NoBootstrap { path: path.to_owned() }),
        entry => entry.map_err(unreadable)?,
    };
    if entry.unix_mode().is_none_or(|mode| mode & 0o111 != 0o111) {
        return Err(ArtifactError::NotExecutable { path: path.to_owned() });
    }
    let mut executable = Vec::new();
    // The size that the directory tells may be wrong, and is not relied on.
    let limited = entry.by_ref().take(LARGEST_UNPACKED + 1).read_to_end(&mut executable);
    limited.map_err(|source| unreadable(ZipError::Io(source)))?;
    at_most(LARGEST_UNPACKED, executable.len() as u64, path)?;
    check(&executable, path, target)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::artifact::{Architecture, executable::Unfit};
    use std::path::PathBuf;

    /// As little as is a Linux executable: an ELF header without segments and sections.
    pub(in crate::artifact) fn executable(machine: u16) -> Vec<u8> {
        let mut header = vec![0; 64];
        header[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
        header[16..18].copy_from_slice(&2u16.to_le_bytes());
        header[18..20].copy_from_slice(&machine.to_le_bytes());
        header[20] = 1;
        header[52] = 64;
        header
    }

    const X86_64: u16 = 62;
    const AARCH64: u16 = 183;
    const TARGET: Target = Target::Linux(Architecture::X86_64);

    fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        (directory, path)
    }

    fn zip_of(name: &str, mode: u32, bytes: &[u8]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file(name, SimpleFileOptions::default().system(System::Unix).unix_permissions(mode)).expect("zip");
        writer.write_all(bytes).expect("zip");
        writer.finish().expect("zip").into_inner()
    }

    #[test]
    fn an_executable_is_zipped_reproducibly() {
        let (_first, first) = written("relay", &executable(X86_64));
        let (_second, second) = written("other-name", &executable(X86_64));
        let artifact = take(&first, TARGET).expect("taken");
        assert_eq!(artifact.zip, take(&second, TARGET).expect("taken").zip);
        assert_eq!(artifact.architecture, Architecture::X86_64);

        let mut archive = ZipArchive::new(Cursor::new(&artifact.zip[..])).expect("a zip");
        assert_eq!(archive.len(), 1);
        let entry = archive.by_index(0).expect("an entry");
        assert_eq!(entry.name().expect("a name"), "bootstrap");
        assert_eq!(entry.unix_mode(), Some(0o100_755));
        assert_eq!(entry.last_modified(), Some(DateTime::default()));
        assert!(entry.extra_data().is_none_or(|extra| extra.is_empty()));
    }

    #[test]
    fn the_hash_is_lambdas() {
        let (_directory, path) = written("relay.zip", &zip_of("bootstrap", 0o755, &executable(X86_64)));
        let artifact = take(&path, TARGET).expect("taken");
        let zip = std::fs::read(&path).expect("readable");
        assert_eq!(artifact.zip, zip, "a finished zip is uploaded as it is");
        use base64::Engine;
        use sha2::Digest;
        let hash = base64::prelude::BASE64_STANDARD.encode(sha2::Sha256::digest(&zip));
        assert_eq!(artifact.sha256_base64, hash);
    }

    #[test]
    fn what_lambda_could_not_run_is_refused() {
        let refusal = |bytes: &[u8]| {
            let (_directory, path) = written("relay", bytes);
            take(&path, TARGET).expect_err("refused")
        };
        let arm = Unfit::Machine { found: Some(Architecture::Arm64) };
        for bytes in [executable(AARCH64), zip_of("bootstrap", 0o755, &executable(AARCH64))] {
            let error = refusal(&bytes);
            assert!(matches!(&error, ArtifactError::Unfit { problem, .. } if *problem == arm), "{error}");
            assert!(error.hint().contains("--arch arm64"), "{}", error.hint());
        }
        assert!(matches!(refusal(b"#!/bin/sh"), ArtifactError::Unfit { problem: Unfit::NotElf, .. }));
        assert!(matches!(refusal(b"PK not a zip"), ArtifactError::Zip { .. }));
        let valid = executable(X86_64);
        assert!(matches!(refusal(&zip_of("dist/bootstrap", 0o755, &valid)), ArtifactError::NoBootstrap { .. }));
        assert!(matches!(refusal(&zip_of("bootstrap", 0o644, &valid)), ArtifactError::NotExecutable { .. }));
        let missing = take(Path::new("/nowhere/relay.zip"), TARGET).expect_err("refused");
        assert!(matches!(missing, ArtifactError::File { action: "read", .. }));
        assert!(!missing.hint().contains("space"), "{}", missing.hint());
    }

    #[cfg(unix)]
    #[test]
    fn what_has_no_end_is_not_read_to_its_end() {
        let error = read(Path::new("/dev/zero"), 1_000).expect_err("refused");
        assert!(matches!(error, ArtifactError::TooLarge { size: 1_001, limit: 1_000, .. }), "{error}");
    }
}
