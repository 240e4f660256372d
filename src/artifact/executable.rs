//! Whether Lambda can start an executable. On AWS a wrong one shows only as "Internal server error" at the first message
//! (AWS-FACTS C3), so it is looked at before it is uploaded.

use std::fmt;

use object::{
    Endianness, elf,
    read::elf::{FileHeader, ProgramHeader},
};

use super::Architecture;

/// What `provided.al2023` has.
const GLIBC: GlibcVersion = GlibcVersion(2, 34);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GlibcVersion(u32, u32);

impl GlibcVersion {
    /// `GLIBC_2.34` or `GLIBC_2.2.5`; others, such as `GLIBC_PRIVATE`, are no version.
    fn parse(name: &str) -> Option<Self> {
        let mut numbers = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

impl fmt::Display for GlibcVersion {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    NotElf,
    Malformed,
    Machine { found: Option<Architecture> },
    Interpreter { path: String },
    Glibc { needed: GlibcVersion },
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => formatter.write_str("it is not a Linux executable"),
            Self::Malformed => formatter.write_str("its ELF structure is broken"),
            Self::Machine { found: Some(found) } => write!(formatter, "it is built for {found}"),
            Self::Machine { found: None } => formatter.write_str("it is built for another kind of machine"),
            Self::Interpreter { path } => write!(formatter, "it needs the loader {path}, which is not there"),
            Self::Glibc { needed } => write!(formatter, "it needs glibc {needed}, and Amazon Linux 2023 has {GLIBC}"),
        }
    }
}

/// Checks machine, loader and the C library's version.
pub(crate) fn check(executable: &[u8], architecture: Architecture) -> Result<(), Unfit> {
    if !executable.starts_with(&elf::ELFMAG) {
        return Err(Unfit::NotElf);
    }
    let malformed = |_| Unfit::Malformed;
    // Both architectures have 64-bit words; a 32-bit file does not parse as one.
    let header = elf::FileHeader64::<Endianness>::parse(executable).map_err(|_| Unfit::Machine { found: None })?;
    let endian = header.endian().map_err(malformed)?;
    let found = match header.e_machine(endian) {
        elf::EM_X86_64 => Some(Architecture::X86_64),
        elf::EM_AARCH64 => Some(Architecture::Arm64),
        _ => None,
    };
    if found != Some(architecture) {
        return Err(Unfit::Machine { found });
    }
    if !matches!(header.e_type(endian), elf::ET_EXEC | elf::ET_DYN) {
        return Err(Unfit::Malformed);
    }
    for segment in header.program_headers(endian, executable).map_err(malformed)? {
        if let Some(path) = segment.interpreter(endian, executable).map_err(malformed)? {
            let path = String::from_utf8_lossy(path).into_owned();
            // Lambda has glibc's loader alone.
            if !path.contains("/ld-linux-") {
                return Err(Unfit::Interpreter { path });
            }
        }
    }
    match newest_glibc(header, endian, executable).map_err(malformed)? {
        Some(needed) if needed > GLIBC => Err(Unfit::Glibc { needed }),
        _ => Ok(()),
    }
}

fn newest_glibc(
    header: &elf::FileHeader64<Endianness>,
    endian: Endianness,
    executable: &[u8],
) -> object::read::Result<Option<GlibcVersion>> {
    let sections = header.sections(endian, executable)?;
    let Some((needs, strings)) = sections.gnu_verneed(endian, executable)? else { return Ok(None) };
    let strings = sections.strings(endian, executable, strings)?;
    let mut newest = None;
    for need in needs {
        for version in need?.1 {
            let name = version?.name(endian, strings)?;
            newest = newest.max(std::str::from_utf8(name).ok().and_then(GlibcVersion::parse));
        }
    }
    Ok(newest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn this_test() -> Vec<u8> {
        std::fs::read(std::env::current_exe().expect("a path")).expect("readable")
    }

    fn other(architecture: Architecture) -> Architecture {
        match architecture {
            Architecture::X86_64 => Architecture::Arm64,
            Architecture::Arm64 => Architecture::X86_64,
        }
    }

    #[test]
    fn versions_compare_as_numbers() {
        assert_eq!(GlibcVersion::parse("GLIBC_2.2.5"), Some(GlibcVersion(2, 2)));
        assert_eq!(GlibcVersion::parse("GLIBC_PRIVATE"), None);
        assert_eq!(GlibcVersion::parse("GCC_3.0"), None);
        assert!(GlibcVersion::parse("GLIBC_2.4") < GlibcVersion::parse("GLIBC_2.34"));
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn an_executable_of_this_machine_is_fit_for_it_alone() {
        let host = Architecture::host().expect("tests run on one of both");
        let executable = this_test();
        assert_eq!(check(&executable, other(host)), Err(Unfit::Machine { found: Some(host) }));
        match check(&executable, host) {
            Ok(()) => {}
            // Built on a newer system than Lambda's: refused, and rightly.
            Err(Unfit::Glibc { needed }) => assert!(needed > GLIBC),
            Err(problem) => panic!("{problem}"),
        }
    }

    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    #[test]
    fn a_newer_glibc_or_another_loader_is_refused() {
        let host = Architecture::host().expect("tests run on one of both");
        let patched = |from: &[u8], to: &[u8]| {
            assert_eq!(from.len(), to.len());
            let mut executable = this_test();
            let places: Vec<_> = memmem(&executable, from);
            assert!(!places.is_empty(), "nothing to patch");
            for place in places {
                executable[place..place + to.len()].copy_from_slice(to);
            }
            check(&executable, host)
        };
        assert_eq!(patched(b"\0GLIBC_2.34\0", b"\0GLIBC_2.99\0"), Err(Unfit::Glibc { needed: GlibcVersion(2, 99) }));
        assert!(matches!(patched(b"/ld-linux-", b"/ld-musl--"), Err(Unfit::Interpreter { .. })));
    }

    fn memmem(haystack: &[u8], needle: &[u8]) -> Vec<usize> {
        haystack.windows(needle.len()).enumerate().filter(|(_, it)| *it == needle).map(|(place, _)| place).collect()
    }

    #[test]
    fn other_files_are_no_executables() {
        for bytes in [&b""[..], b"#!/bin/sh\n", b"MZ\x90\0", b"\xcf\xfa\xed\xfe", b"PK\x03\x04"] {
            assert_eq!(check(bytes, Architecture::X86_64), Err(Unfit::NotElf));
        }
        assert!(check(b"\x7fELF", Architecture::X86_64).is_err());
    }

    proptest! {
        #[test]
        fn a_broken_executable_is_refused_without_a_crash(tail in prop::collection::vec(any::<u8>(), 0..400)) {
            for head in [&b"\x7fELF"[..], b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0\x01\0\0\0"] {
                let _ = check(&[head, &tail].concat(), Architecture::X86_64);
            }
        }
    }
}
