//! The relays that a released program carries, so that it needs neither sources nor a toolchain.

use std::path::Path;

use super::{Architecture, Artifact, ArtifactError, Target, package};

/// Put in by `build.rs`.
const RELAYS: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/relays.rs"));

/// Those of a program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Carried(&'static [(&'static str, &'static [u8])]);

impl Carried {
    /// This program's.
    pub(super) const fn here() -> Self {
        Self(RELAYS)
    }

    pub(super) fn get(self, target: Target) -> Result<Option<Artifact>, ArtifactError> {
        let name = match target {
            // On Linux the local AWS runs what Lambda runs.
            Target::Host if !cfg!(target_os = "linux") => "host",
            Target::Host | Target::Linux(_) => target.architecture()?.name(),
        };
        let Some((_, zip)) = self.0.iter().find(|(carried, _)| *carried == name) else { return Ok(None) };
        package::inspect(zip, Path::new(&format!("{name}.zip in this program")), target)?;
        Artifact::new(*zip, None, target).map(Some)
    }

    /// What a stack is deployed for, unless somebody says: arm64 costs a fifth less, and is taken where no cross compiler is needed
    /// for it.
    pub(super) fn preferred(self) -> Architecture {
        let names = |architecture: Architecture| self.0.iter().any(|(carried, _)| *carried == architecture.name());
        if names(Architecture::Arm64) { Architecture::Arm64 } else { Architecture::X86_64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::package::tests::executable;

    const ARM64: Target = Target::Linux(Architecture::Arm64);
    const X86_64: Target = Target::Linux(Architecture::X86_64);

    fn zip(machine: u16, target: Target) -> &'static [u8] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bootstrap");
        std::fs::write(&path, executable(machine)).unwrap();
        package::pack(&path, target).unwrap().leak()
    }

    fn carrying(relays: Vec<(&'static str, &'static [u8])>) -> Carried {
        Carried(relays.leak())
    }

    #[test]
    fn what_is_carried_is_given_and_nothing_else() {
        let arm64 = zip(183, ARM64);
        let carried = carrying(vec![("arm64", arm64)]);
        assert_eq!(carried.get(ARM64).unwrap().unwrap().zip, arm64);
        assert!(carried.get(X86_64).unwrap().is_none());
        assert!(carrying(Vec::new()).get(ARM64).unwrap().is_none());
    }

    #[test]
    fn a_relay_that_was_put_in_under_a_wrong_name_is_refused() {
        let refused = carrying(vec![("arm64", zip(62, X86_64))]).get(ARM64).unwrap_err().to_string();
        assert!(refused.contains("arm64.zip in this program"), "{refused}");
    }

    #[test]
    fn arm64_is_preferred_where_it_needs_no_cross_compiler() {
        let (arm64, x86_64) = (("arm64", zip(183, ARM64)), ("x86_64", zip(62, X86_64)));
        assert_eq!(carrying(vec![arm64, x86_64]).preferred(), Architecture::Arm64);
        assert_eq!(carrying(vec![x86_64]).preferred(), Architecture::X86_64);
        assert_eq!(carrying(Vec::new()).preferred(), Architecture::X86_64);
    }
}
