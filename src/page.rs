//! The files of the page to deploy: the one that comes with this program, or a directory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};
use tokio::io::AsyncReadExt;
use walkdir::WalkDir;

use crate::config::{Config, PageSource};
use crate::diagnostics::{Code, Diagnostic};
use crate::naming::INDEX_DOCUMENT;

/// The page that comes with this program: `client/`, made lighter when the program is built.
static BUILT_IN: Dir<'_> = include_dir!("$OUT_DIR/page");

/// Larger files are no page.
const LARGEST_FILE: u64 = 100 * 1024 * 1024;

/// What is larger is read while it is uploaded, and not held in memory. What is not goes with its content signed.
const LARGEST_IN_MEMORY: u64 = 1024 * 1024;

/// So much of it at a time.
const READ_AT_ONCE: usize = 64 * 1024;

/// S3's longest key, in bytes.
const LONGEST_KEY: usize = 1_024;

/// A page: object key → file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Page {
    files: BTreeMap<String, PageFile>,
}

/// One file of a page.
#[derive(Clone, Debug)]
pub(crate) struct PageFile {
    source: Source,
    /// In bytes.
    pub(crate) size: u64,
    /// Hex SHA-256 of its content.
    pub(crate) sha256: String,
    pub(crate) content_type: String,
}

#[derive(Clone, Debug)]
enum Source {
    Memory(Bytes),
    File(PathBuf),
}

impl Page {
    /// No page: for commands that never deploy one.
    pub(crate) fn none() -> Self {
        Self::default()
    }

    /// A page of these files.
    #[cfg(test)]
    pub(crate) fn of(files: BTreeMap<String, PageFile>) -> Self {
        Self { files }
    }

    pub(crate) fn files(&self) -> &BTreeMap<String, PageFile> {
        &self.files
    }

    /// The page that these settings want, of which every file has a place in their bucket.
    pub(crate) fn wanted(config: &Config) -> Result<Self, Diagnostic> {
        let prefix = config.existing_bucket.as_ref().map(|bucket| bucket.prefix_of(&config.stack));
        Self::load(&config.page)?.below(&prefix.unwrap_or_default())
    }

    fn below(self, prefix: &str) -> Result<Self, Diagnostic> {
        match self.files.keys().find(|name| prefix.len() + name.len() > LONGEST_KEY) {
            None => Ok(self),
            Some(name) => Err(Diagnostic::new(
                Code::InvalidClient,
                format!("the path {prefix}{name} is longer than the {LONGEST_KEY} bytes that S3 allows"),
                "shorten its folders' names",
            )),
        }
    }

    pub(crate) fn load(source: &PageSource) -> Result<Self, Diagnostic> {
        match source {
            PageSource::BuiltIn => Ok(Self::built_in()),
            PageSource::Directory(directory) => Self::directory(directory),
        }
    }

    fn built_in() -> Self {
        let mut files = BTreeMap::new();
        let mut directories = vec![&BUILT_IN];
        while let Some(directory) = directories.pop() {
            directories.extend(directory.dirs());
            for file in directory.files() {
                let key = key_of(file.path());
                files.insert(key.clone(), PageFile::memory(&key, Bytes::from_static(file.contents())));
            }
        }
        Self { files }
    }

    /// Reads a directory. Files and folders whose names begin with a dot stay out: `.git` and `.env` are not part of a page.
    fn directory(directory: &Path) -> Result<Self, Diagnostic> {
        let refuse = |summary: String, hint: &str| Diagnostic::new(Code::InvalidClient, summary, hint);
        let shown = directory.display();
        if !directory.is_dir() {
            return Err(refuse(
                format!("there is no directory {shown}"),
                "pass the directory that holds your page's index.html with --client, or leave --client out to deploy the \
                 page that comes with webrtc-aws",
            ));
        }
        let root = directory
            .canonicalize()
            .map_err(|error| refuse(format!("{shown} cannot be read: {error}"), "check its permissions"))?;
        let mut files = BTreeMap::new();
        let visible = |name: &std::ffi::OsStr| !name.to_string_lossy().starts_with('.');
        let walk = WalkDir::new(&root).follow_links(true).sort_by_file_name();
        for entry in walk.into_iter().filter_entry(|entry| entry.depth() == 0 || visible(entry.file_name())) {
            let entry = entry.map_err(|error| {
                refuse(format!("{shown} cannot be read: {error}"), "check its permissions and its symbolic links")
            })?;
            if !entry.file_type().is_file() {
                continue;
            }
            let path = entry.path();
            // What a link out of the directory, or to a hidden file in it, points at would become public.
            let real = path.canonicalize().ok();
            let target = real.as_ref().and_then(|real| real.strip_prefix(&root).ok());
            if !target.is_some_and(|target| target.iter().all(visible)) {
                return Err(refuse(
                    format!(
                        "{} is a link to a hidden file or out of {shown}; its target would become public",
                        path.display()
                    ),
                    "replace it by a copy if it belongs to the page, or remove it",
                ));
            }
            let within = path.strip_prefix(&root).unwrap_or(path);
            // Two such names may become one key, and S3's lists cannot show some of the others.
            if within.to_str().is_none_or(|name| name.contains(char::is_control)) {
                return Err(refuse(
                    format!("the file name {within:?} is not UTF-8, or has a control character in it"),
                    "rename the file",
                ));
            }
            let key = key_of(within);
            files.insert(key.clone(), PageFile::file(&key, path)?);
        }
        if !files.contains_key(INDEX_DOCUMENT) {
            return Err(refuse(
                format!("{shown} has no {INDEX_DOCUMENT}"),
                "pass the directory that holds it (often 'dist' or 'build'), not its parent",
            ));
        }
        Ok(Self { files })
    }
}

impl PageFile {
    /// A file made by this program.
    pub(crate) fn generated(key: &str, text: String) -> Self {
        Self::memory(key, Bytes::from(text))
    }

    fn memory(key: &str, bytes: Bytes) -> Self {
        Self {
            sha256: hex::encode(Sha256::digest(&bytes)),
            content_type: content_type(key),
            size: bytes.len() as u64,
            source: Source::Memory(bytes),
        }
    }

    fn file(key: &str, path: &Path) -> Result<Self, Diagnostic> {
        let unreadable = |error: std::io::Error| {
            Diagnostic::new(
                Code::InvalidClient,
                format!("{} cannot be read: {error}", path.display()),
                "check its permissions",
            )
        };
        let (sha256, size) = hash_of(path).map_err(unreadable)?;
        if size > LARGEST_FILE {
            return Err(Diagnostic::new(
                Code::InvalidClient,
                format!("{} has more than the {LARGEST_FILE} bytes (100 MiB) of a page's largest file", path.display()),
                "keep large media out of the page's directory and link to it",
            ));
        }
        Ok(Self { sha256, size, source: Source::File(path.to_owned()), content_type: content_type(key) })
    }

    /// Where it is read from while it is uploaded, if it is not held in memory.
    fn streamed(&self) -> Option<&Path> {
        match &self.source {
            Source::File(path) if self.size > LARGEST_IN_MEMORY => Some(path),
            _ => None,
        }
    }

    /// What is uploaded, for as many attempts as it takes.
    pub(crate) async fn body(&self) -> Result<SdkBody, Diagnostic> {
        let Some(path) = self.streamed() else { return self.read().await.map(SdkBody::from) };
        self.check().await?;
        let stream = ByteStream::read_from().path(path).buffer_size(READ_AT_ONCE).build().await;
        let stream = stream.map_err(|error| changed(path, &format!("cannot be read any more: {error}")))?;
        Ok(stream.into_inner())
    }

    /// Whether the content of one that is read while it is uploaded is still what it was. S3 is told the hash, and refuses anything
    /// else, but knows no file to name.
    pub(crate) async fn check(&self) -> Result<(), Diagnostic> {
        let Some(path) = self.streamed() else { return Ok(()) };
        let reading = path.to_owned();
        let hash = tokio::task::spawn_blocking(move || hash_of(&reading)).await;
        match hash.unwrap_or_else(|_| Err(std::io::ErrorKind::Interrupted.into())) {
            Ok((hash, _)) if hash == self.sha256 => Ok(()),
            Ok(_) => Err(changed(path, "changed while it was being deployed")),
            Err(error) => Err(changed(path, &format!("cannot be read any more: {error}"))),
        }
    }

    pub(crate) async fn read(&self) -> Result<Bytes, Diagnostic> {
        let path = match &self.source {
            Source::Memory(bytes) => return Ok(bytes.clone()),
            Source::File(path) => path,
        };
        let mut bytes = Vec::new();
        let reading = async {
            // One that has grown meanwhile is another one, however large it is.
            tokio::fs::File::open(path).await?.take(self.size + 1).read_to_end(&mut bytes).await
        };
        reading.await.map_err(|error| changed(path, &format!("cannot be read any more: {error}")))?;
        if hex::encode(Sha256::digest(&bytes)) != self.sha256 {
            return Err(changed(path, "changed while it was being deployed"));
        }
        Ok(bytes.into())
    }
}

fn changed(path: &Path, what: &str) -> Diagnostic {
    Diagnostic::new(
        Code::InvalidClient,
        format!("{} {what}", path.display()),
        "run the command again when nothing writes to that directory",
    )
}

/// The content's SHA-256 and size, without holding the content, and of none that is larger than a file of a page may be.
fn hash_of(path: &Path) -> std::io::Result<(String, u64)> {
    let mut hash = Sha256::new();
    let mut content = std::io::Read::take(std::fs::File::open(path)?, LARGEST_FILE + 1);
    let size = std::io::copy(&mut content, &mut HashWriter(&mut hash))?;
    Ok((hex::encode(hash.finalize()), size))
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Keys have `/` between folders on every system.
fn key_of(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// S3 keeps what it is told, and tells browsers `binary/octet-stream` otherwise: they download pages and refuse modules
/// (AWS-FACTS E4).
fn content_type(key: &str) -> String {
    let guess = mime_guess::from_path(key).first_or_octet_stream();
    match (guess.type_(), guess.subtype()) {
        (_, mime_guess::mime::JAVASCRIPT) => "text/javascript; charset=utf-8".to_owned(),
        (mime_guess::mime::TEXT, _) => format!("{}; charset=utf-8", guess.essence_str()),
        _ => guess.essence_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::strategy::Strategy;

    fn refusal(source: &Path) -> Diagnostic {
        Page::load(&PageSource::Directory(source.to_owned())).unwrap_err()
    }

    #[tokio::test]
    async fn the_built_in_page_is_the_client_folder_file_by_file_and_lighter() {
        let built_in = Page::load(&PageSource::BuiltIn).unwrap();
        let folder = Page::load(&PageSource::Directory(Path::new(env!("CARGO_MANIFEST_DIR")).join("client"))).unwrap();
        assert!(built_in.files().contains_key(INDEX_DOCUMENT));
        assert!(built_in.files().keys().eq(folder.files().keys()));
        for (key, file) in built_in.files() {
            let source = &folder.files()[key];
            assert_eq!(file.content_type, source.content_type, "{key}");
            let (light, full) = (file.read().await.unwrap(), source.read().await.unwrap());
            assert!(light.len() < full.len(), "{key}: {} of {} bytes", light.len(), full.len());
            assert!(!light.windows(2).any(|pair| [b"  ", b"/*", b"\n "].iter().any(|waste| pair == *waste)), "{key}");
        }
    }

    #[test]
    fn browsers_are_told_the_types_they_insist_on() {
        for (key, expected) in [
            ("index.html", "text/html; charset=utf-8"),
            ("lib/call.js", "text/javascript; charset=utf-8"),
            ("lib/call.mjs", "text/javascript; charset=utf-8"),
            ("style.css", "text/css; charset=utf-8"),
            ("a.wasm", "application/wasm"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("site.webmanifest", "application/manifest+json"),
            ("LICENSE", "application/octet-stream"),
        ] {
            assert_eq!(content_type(key), expected, "{key}");
        }
    }

    #[test]
    fn hidden_files_stay_out_and_folders_become_keys() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(directory.path().join("a/b")).unwrap();
        std::fs::create_dir_all(directory.path().join(".git")).unwrap();
        for name in ["index.html", "a/b/c.js", ".env", ".git/config"] {
            std::fs::write(directory.path().join(name), name).unwrap();
        }
        let page = Page::load(&PageSource::Directory(directory.path().to_owned())).unwrap();
        assert_eq!(page.files().keys().collect::<Vec<_>>(), ["a/b/c.js", "index.html"]);
    }

    #[test]
    fn a_directory_without_index_or_none_at_all_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(refusal(directory.path()).summary.contains("has no index.html"));
        assert!(refusal(&directory.path().join("nowhere")).summary.contains("there is no directory"));
    }

    #[cfg(unix)]
    proptest::proptest! {
        #![proptest_config(crate::local::tests::cases(100))]

        #[test]
        fn odd_file_names_are_keys_of_their_own_or_refused(
            names in proptest::collection::btree_set(
                proptest::prop_oneof![
                    "[^/\0]{1,40}".prop_map(String::into_bytes),
                    "[a-z%+&=?# '\"\\\\\u{1}\n\u{e9}]{1,9}".prop_map(String::into_bytes),
                    proptest::collection::vec(1_u8..=255, 1..30),
                ],
                0..5,
            ),
        ) {
            use std::os::unix::ffi::OsStrExt;
            let directory = tempfile::tempdir().unwrap();
            std::fs::write(directory.path().join("index.html"), "x").unwrap();
            let mut written = std::collections::BTreeSet::from([b"index.html".to_vec()]);
            for name in names {
                // What the file system does not take, or the page leaves out, is none of our cases.
                let path = directory.path().join(std::ffi::OsStr::from_bytes(&name));
                if !name.contains(&b'/') && name[0] != b'.' && std::fs::write(path, &name).is_ok() {
                    written.insert(name);
                }
            }
            match Page::load(&PageSource::Directory(directory.path().to_owned())) {
                Ok(page) => {
                    let keys: std::collections::BTreeSet<_> = page.files().keys().map(|key| key.as_bytes().to_vec()).collect();
                    proptest::prop_assert_eq!(keys, written);
                    proptest::prop_assert!(page.files().keys().all(|key| !key.contains(char::is_control)));
                }
                Err(problem) => {
                    proptest::prop_assert_eq!(problem.code, Code::InvalidClient);
                    proptest::prop_assert!(problem.summary.contains("the file name"), "{}", problem.summary);
                }
            }
        }
    }

    #[test]
    fn a_path_that_is_too_long_for_a_key_is_refused_with_what_it_is_below() {
        let page = |length| {
            let file = PageFile::generated("x", String::new());
            Page::of(BTreeMap::from([("x".repeat(length), file)]))
        };
        for (length, prefix) in [(LONGEST_KEY, ""), (LONGEST_KEY - 11, "calls/demo/")] {
            assert!(page(length).below(prefix).is_ok());
            let problem = page(length + 1).below(prefix).unwrap_err();
            assert!(problem.summary.starts_with(&format!("the path {prefix}xxx")), "{problem}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn two_names_that_are_no_text_do_not_become_one_key() {
        use std::os::unix::ffi::OsStrExt;
        let directory = tempfile::tempdir().unwrap();
        for name in [&b"index.html"[..], b"\xff.js", b"\xfe.js"] {
            std::fs::write(directory.path().join(std::ffi::OsStr::from_bytes(name)), name).unwrap();
        }
        assert!(refusal(directory.path()).summary.contains("is not UTF-8"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_out_of_the_directory_is_not_published() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("index.html"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/hosts", directory.path().join("hosts")).unwrap();
        assert!(refusal(directory.path()).summary.contains("out of"));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_a_hidden_file_is_not_published() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("index.html"), "x").unwrap();
        std::fs::write(directory.path().join(".env"), "TOKEN=1").unwrap();
        std::os::unix::fs::symlink(".env", directory.path().join("env.txt")).unwrap();
        assert!(refusal(directory.path()).summary.contains("hidden"));
    }
}
