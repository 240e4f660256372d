//! What the kernel tells of a process.

use std::path::PathBuf;

use tokio::process::Child;

use crate::Outcome;

/// A process of this machine, by its id.
#[derive(Clone, Copy)]
pub(crate) struct Process(u32);

/// Processor time by who took it, in a unit of the kernel's own.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shares {
    user: f64,
    kernel: f64,
}

impl Process {
    /// This one.
    pub(crate) fn own() -> Self {
        Self(std::process::id())
    }

    pub(crate) fn of(child: &Child) -> Outcome<Self> {
        Ok(Self(child.id().ok_or("it has ended")?))
    }

    pub(crate) fn id(self) -> u32 {
        self.0
    }

    fn directory(self) -> PathBuf {
        format!("/proc/{}", self.0).into()
    }

    /// Kilobytes of memory that it has in use.
    pub(crate) fn memory_kb(self) -> Outcome<f64> {
        self.status("VmRSS")
    }

    /// The most of that since it became the program that it is. What the kernel tells of a child that has ended begins with the
    /// memory of its parent.
    pub(crate) fn most_memory_kb(self) -> Outcome<f64> {
        self.status("VmHWM")
    }

    fn status(self, name: &str) -> Outcome<f64> {
        let status = std::fs::read_to_string(self.directory().join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        Ok(line.ok_or_else(|| format!("no {name}"))?.trim().trim_end_matches(" kB").parse()?)
    }

    /// Milliseconds of processor time that its threads have had, but for those that have ended.
    pub(crate) fn processor_ms(self) -> Outcome<f64> {
        let mut nanoseconds = 0.0;
        for task in std::fs::read_dir(self.directory().join("task"))? {
            // It may end while it is looked at.
            let Ok(times) = std::fs::read_to_string(task?.path().join("schedstat")) else { continue };
            nanoseconds += times.split(' ').next().unwrap_or_default().parse::<f64>()?;
        }
        Ok(nanoseconds / 1e6)
    }

    /// The same, by who took it.
    pub(crate) fn shares(self) -> Outcome<Shares> {
        let field = |place| Ok::<_, crate::BoxError>(self.stat(place)?.parse()?);
        Ok(Shares { user: field(11)?, kernel: field(12)? })
    }

    /// A field of `/proc/…/stat`, counted from 0 behind the program's name.
    fn stat(self, place: usize) -> Outcome<String> {
        let stat = std::fs::read_to_string(self.directory().join("stat"))?;
        // The name may hold anything, parentheses too.
        let field = stat.rsplit(')').next().unwrap_or_default().split_whitespace().nth(place);
        Ok(field.ok_or_else(|| format!("/proc says {stat}"))?.to_owned())
    }

    /// The processes that it started and that run.
    pub(crate) fn children(self) -> Outcome<Vec<Self>> {
        let entries = std::fs::read_dir("/proc")?.flatten();
        let processes = entries.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok().map(Self));
        let parent = self.0.to_string();
        // One may end while it is looked at.
        Ok(processes.filter(|process| process.stat(1).is_ok_and(|its| its == parent)).collect())
    }
}

impl Shares {
    /// The kernel's share of what was added since then, from 0 to 1.
    pub(crate) fn kernel_since(self, before: Self) -> f64 {
        let (user, kernel) = (self.user - before.user, self.kernel - before.kernel);
        kernel / (user + kernel).max(1.0)
    }
}
