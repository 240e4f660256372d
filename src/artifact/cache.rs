//! Where finished artifacts are kept, each under a name made of everything that went into it.

use std::{
    fs::{File, TryLockError},
    io::Write,
    path::{Path, PathBuf},
};

use etcetera::BaseStrategy;

use super::{Artifact, ArtifactError, Target, package};

pub(super) const DIRECTORY_VARIABLE: &str = "WEBRTC_AWS_CACHE";

#[derive(Debug)]
pub(super) struct Cache {
    directory: PathBuf,
}

/// Released when dropped, and by the system when the process ends.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "holds the lock")] File);

impl Cache {
    /// `$WEBRTC_AWS_CACHE`, or `webrtc-aws` where this platform keeps caches (`$XDG_CACHE_HOME`, `~/.cache`).
    pub(super) fn locate() -> Result<Self, ArtifactError> {
        match std::env::var_os(DIRECTORY_VARIABLE).filter(|it| !it.is_empty()) {
            // Cargo runs in another directory than ours.
            Some(directory) => {
                std::path::absolute(directory).map(Self::at).map_err(|_| ArtifactError::NoCacheDirectory)
            }
            None => etcetera::choose_base_strategy()
                .map(|strategy| Self::at(strategy.cache_dir().join("webrtc-aws")))
                .map_err(|_| ArtifactError::NoCacheDirectory),
        }
    }

    pub(super) const fn at(directory: PathBuf) -> Self {
        Self { directory }
    }

    /// Cargo's own cache: what does not depend on the relay's sources is compiled once.
    pub(super) fn target_directory(&self) -> PathBuf {
        self.directory.join("target")
    }

    fn path(&self, key: &str) -> PathBuf {
        self.directory.join("relay").join(format!("{key}.zip"))
    }

    /// A file that is not what it should be is as good as none.
    pub(super) fn get(&self, key: &str, target: Target) -> Option<Artifact> {
        let path = self.path(key);
        path.is_file().then(|| package::take(&path, target).ok()).flatten()
    }

    pub(super) fn put(&self, key: &str, zip: Vec<u8>, target: Target) -> Result<Artifact, ArtifactError> {
        let path = self.write(key, &zip)?;
        Artifact::new(zip, Some(&path), target)
    }

    pub(super) fn write(&self, key: &str, zip: &[u8]) -> Result<PathBuf, ArtifactError> {
        let path = self.path(key);
        write(&path, zip).map(|()| path)
    }

    /// Waits until no other process builds.
    pub(super) async fn lock(&self, progress: &(dyn Fn(&str) + Sync)) -> Result<Lock, ArtifactError> {
        let path = self.directory.join("build.lock");
        let failed = |source| ArtifactError::File { action: "locked", path: path.clone(), source };
        std::fs::create_dir_all(&self.directory).map_err(failed)?;
        let file = File::create(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => return Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => progress("waiting for another build of the relay"),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        // A thread of its own: the runtime waits for its blocking tasks when it ends, and this one may take minutes.
        let (locked, result) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || locked.send(file.lock().map(|()| Lock(file))));
        match result.await {
            Ok(lock) => lock.map_err(failed),
            Err(_) => Err(failed(std::io::ErrorKind::Interrupted.into())),
        }
    }
}

/// The file appears complete or not at all, whoever else writes it.
pub(super) fn write(path: &Path, zip: &[u8]) -> Result<(), ArtifactError> {
    let failed = |source| ArtifactError::File { action: "written", path: path.to_owned(), source };
    let directory = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory).map_err(failed)?;
    let mut file = tempfile::NamedTempFile::new_in(directory).map_err(failed)?;
    file.write_all(zip).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Architecture, package::tests::executable};
    use std::sync::Mutex;

    const TARGET: Target = Target::Linux(Architecture::X86_64);

    #[test]
    fn what_was_put_is_got_and_what_is_broken_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::at(directory.path().to_owned());
        assert!(cache.get("key", TARGET).is_none());

        let source = directory.path().join("bootstrap");
        std::fs::write(&source, executable(62)).expect("written");
        let zip = package::pack(&source, TARGET).expect("packed");
        let put = cache.put("key", zip.clone(), TARGET).expect("put");
        let got = cache.get("key", TARGET).expect("kept");
        assert_eq!((&got.zip, &got.sha256_base64, &got.path), (&put.zip, &put.sha256_base64, &put.path));
        assert!(cache.get("other", TARGET).is_none());

        std::fs::write(put.path.expect("a file"), &zip[..zip.len() / 2]).expect("written");
        assert!(cache.get("key", TARGET).is_none(), "half a file");
        cache.put("key", zip, TARGET).expect("put over it");
        assert!(cache.get("key", TARGET).is_some());
        let files = std::fs::read_dir(directory.path().join("relay")).expect("listed").count();
        assert_eq!(files, 1, "no temporary file is left");
    }

    #[tokio::test]
    async fn one_build_at_a_time() {
        let directory = tempfile::tempdir().expect("a directory");
        let cache = Cache::at(directory.path().to_owned());
        let said = Mutex::new(Vec::new());
        let progress = |line: &str| said.lock().expect("lock").push(line.to_owned());
        let first = cache.lock(&progress).await.expect("locked");
        assert!(said.lock().expect("lock").is_empty());

        let (result, ()) = tokio::join!(cache.lock(&progress), async {
            assert_eq!(*said.lock().expect("lock"), ["waiting for another build of the relay"]);
            drop(first);
        });
        result.expect("locked in its turn");
    }
}
