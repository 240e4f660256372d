//! The deployment package: a zip with an executable `bootstrap` at its root.
//!
//! AWS takes a zip whose `bootstrap` is missing, not executable or built for another architecture, and fails at run time with
//! `Internal server error` (AWS-FACTS C3). Here the upload is refused with the reason: a mistake costs less where it is made.

use std::io::{Cursor, Read};
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zip::ZipArchive;

use super::error::Error;

const LARGEST_ZIP: usize = 50 * 1024 * 1024;
const LARGEST_UNZIPPED: u64 = 250 * 1024 * 1024;

/// A checked deployment package.
#[derive(Debug)]
pub(super) struct Code {
    pub(super) zip: Bytes,
    /// base64 of the zip's SHA-256.
    pub(super) sha256: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Architecture {
    #[serde(rename = "x86_64")]
    X86_64,
    #[serde(rename = "arm64")]
    Arm64,
}

impl Architecture {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }

    fn of_host() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Arm64),
            _ => None,
        }
    }
}

impl Code {
    /// Takes a base64 zip as the API carries it.
    pub(super) fn from_base64(text: &str, architecture: Architecture) -> Result<Self, Error> {
        let zip = STANDARD.decode(text).map_err(|_| Error::Unreadable("ZipFile is not valid base64".to_owned()))?;
        Self::new(Bytes::from(zip), architecture)
    }

    pub(super) fn new(zip: Bytes, architecture: Architecture) -> Result<Self, Error> {
        if zip.len() > LARGEST_ZIP {
            return Err(Error::RequestTooLarge(format!(
                "Request must be smaller than {LARGEST_ZIP} bytes for the CreateFunction and UpdateFunctionCode operations"
            )));
        }
        let code = Self { sha256: STANDARD.encode(Sha256::digest(&zip)), zip };
        code.check(architecture)?;
        Ok(code)
    }

    fn archive(&self) -> Result<ZipArchive<Cursor<&[u8]>>, Error> {
        ZipArchive::new(Cursor::new(&*self.zip)).map_err(unreadable)
    }

    /// Whether this package can run on `architecture`, and here.
    pub(super) fn check(&self, architecture: Architecture) -> Result<(), Error> {
        let mut archive = self.archive()?;
        let mut unzipped: u64 = 0;
        for index in 0..archive.len() {
            let file = archive.by_index(index).map_err(unreadable)?;
            unzipped = unzipped.saturating_add(file.size());
            if file.enclosed_name().is_none() {
                return Err(Error::invalid("Could not unzip uploaded file: a path in it leaves the package"));
            }
        }
        if unzipped > LARGEST_UNZIPPED {
            return Err(Error::invalid(format!("Unzipped size must be smaller than {LARGEST_UNZIPPED} bytes")));
        }
        let bootstrap = archive.by_name("bootstrap").map_err(|_| {
            Error::invalid("The package has no file `bootstrap` at its root (Runtime.InvalidEntrypoint)")
        })?;
        if bootstrap.unix_mode().is_none_or(|mode| mode & 0o111 == 0) {
            return Err(Error::invalid(
                "`bootstrap` is not executable in the package: zip it with unix mode 0755 (Runtime.InvalidEntrypoint)",
            ));
        }
        let mut head = Vec::new();
        bootstrap.take(64).read_to_end(&mut head).map_err(|error| Error::invalid(error.to_string()))?;
        Program::of(&head).check(architecture)
    }

    /// Unpacks into `directory`. Blocking.
    pub(super) fn unpack(&self, directory: &Path) -> Result<(), Error> {
        self.archive()?.extract(directory).map_err(unreadable)
    }
}

fn unreadable(error: zip::result::ZipError) -> Error {
    Error::invalid(format!(
        "Could not unzip uploaded file. Please check your file, then try to upload again. ({error})"
    ))
}

/// What sort of program a file holds, told by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Program {
    Elf(Option<Architecture>),
    MachO(Option<Architecture>),
    Script,
    Unknown,
}

impl Program {
    fn of(head: &[u8]) -> Self {
        let half_word = |at: usize| Some(u16::from_le_bytes(head.get(at..at + 2)?.try_into().ok()?));
        let word = |at: usize| Some(u32::from_le_bytes(head.get(at..at + 4)?.try_into().ok()?));
        match head {
            [0x7f, b'E', b'L', b'F', ..] => Self::Elf(match half_word(18) {
                Some(0x3e) => Some(Architecture::X86_64),
                Some(0xb7) => Some(Architecture::Arm64),
                _ => None,
            }),
            [0xcf, 0xfa, 0xed, 0xfe, ..] => Self::MachO(match word(4) {
                Some(0x0100_0007) => Some(Architecture::X86_64),
                Some(0x0100_000c) => Some(Architecture::Arm64),
                _ => None,
            }),
            [b'#', b'!', ..] => Self::Script,
            _ => Self::Unknown,
        }
    }

    /// AWS runs ELF and scripts. Here the host runs the program, so on macOS it may be, and must be, a Mach-O binary: the one
    /// difference in what `up --local` uploads.
    fn check(self, wanted: Architecture) -> Result<(), Error> {
        let built_for = match self {
            Self::Script => return Ok(()),
            Self::Elf(built_for) if cfg!(target_os = "linux") => built_for,
            Self::MachO(built_for) if cfg!(target_os = "macos") => built_for,
            _ => {
                return Err(Error::invalid(format!(
                    "`bootstrap` is no program that this host ({}) can run: build it for the host to use it with the local AWS",
                    std::env::consts::OS
                )));
            }
        };
        if built_for != Some(wanted) {
            return Err(Error::invalid(format!(
                "`bootstrap` is built for {}, but the function's architecture is {}",
                built_for.map_or("another architecture", Architecture::as_str),
                wanted.as_str()
            )));
        }
        if built_for != Architecture::of_host() {
            return Err(Error::invalid(format!(
                "`bootstrap` is built for {}, and the local AWS runs it on {}: deploy with the host's architecture",
                wanted.as_str(),
                std::env::consts::ARCH
            )));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::ZipWriter;
    use zip::write::SimpleFileOptions;

    use super::*;

    fn zipped(name: &str, mode: u32, content: &[u8]) -> Bytes {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        writer.start_file(name, SimpleFileOptions::default().unix_permissions(mode)).unwrap();
        writer.write_all(content).unwrap();
        writer.finish().unwrap().into_inner().into()
    }

    fn refusal(zip: Bytes) -> String {
        Code::new(zip, Architecture::X86_64).unwrap_err().to_string()
    }

    #[test]
    fn a_script_with_the_executable_bit_is_taken() {
        let zip = zipped("bootstrap", 0o755, b"#!/bin/sh\n");
        let code = Code::new(zip.clone(), Architecture::X86_64).unwrap();
        assert_eq!(code.sha256, STANDARD.encode(Sha256::digest(&zip)));
    }

    #[test]
    fn what_could_not_run_is_refused_with_the_reason() {
        assert!(refusal(Bytes::from_static(b"no zip")).contains("Could not unzip"));
        assert!(refusal(zipped("main", 0o755, b"#!/bin/sh\n")).contains("no file `bootstrap`"));
        assert!(refusal(zipped("bin/bootstrap", 0o755, b"#!/bin/sh\n")).contains("no file `bootstrap`"));
        assert!(refusal(zipped("bootstrap", 0o644, b"#!/bin/sh\n")).contains("not executable"));
        assert!(refusal(zipped("bootstrap", 0o755, b"MZ")).contains("no program"));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_binary_of_another_architecture_is_refused() {
        let mut elf = vec![0u8; 64];
        elf[..4].copy_from_slice(b"\x7fELF");
        elf[18..20].copy_from_slice(&0xb7u16.to_le_bytes());
        assert!(refusal(zipped("bootstrap", 0o755, &elf)).contains("built for arm64"));
    }
}
