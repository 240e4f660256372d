//! Measures what is promised to be fast, and prints one table, and what limits whatever misses its bar: `tests/bench`
//! builds what it needs and runs it.
//!
//! Times are reported, never asserted: they depend on the machine. What must be right however fast it is, such as the number of
//! writes of an `up` with nothing to do, or that no message is lost, is asserted, and ends the report with an error.

mod compile;
mod data_plane;
mod figure;
mod load;
mod machine;
mod micro;
mod peers;
mod process;
mod program;
mod recorder;
mod relay;
mod scale;
mod size;
mod up;
mod waits;

use std::io::{self, Write};

use figure::{Figure, shortfalls, table};
use program::Programs;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T = ()> = Result<T, BoxError>;

#[derive(Clone, Copy)]
enum Subject {
    Process,
    Up,
    Waits,
    Micro,
    Relay,
    DataPlane,
    Scale,
    Compile,
}

const SUBJECTS: [(&str, Subject); 8] = [
    ("process", Subject::Process),
    ("up", Subject::Up),
    ("waits", Subject::Waits),
    ("micro", Subject::Micro),
    ("relay", Subject::Relay),
    ("data-plane", Subject::DataPlane),
    ("scale", Subject::Scale),
    ("compile", Subject::Compile),
];

impl Subject {
    async fn measure(self, programs: &Programs) -> Outcome<Vec<Figure>> {
        match self {
            Self::Process => process::measure(programs).await,
            Self::Up => up::measure(programs).await,
            Self::Waits => waits::measure(programs).await,
            Self::Micro => micro::measure().await,
            Self::Relay => relay::measure(programs).await,
            Self::DataPlane => data_plane::measure(programs).await,
            Self::Scale => Ok(scale::measure()),
            Self::Compile => compile::measure().await,
        }
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    let names = SUBJECTS.map(|(name, _)| name);
    if let Some(unknown) = chosen.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(format!("there is no subject {unknown:?}; there are {}", names.join(", ")).into());
    }
    let programs = Programs::find()?;
    let mut figures: Vec<Figure> = Vec::new();
    for (name, subject) in SUBJECTS {
        if chosen.is_empty() || chosen.iter().any(|it| it == name) {
            io::stderr().write_all(format!("measuring {name}\n").as_bytes())?;
            figures.extend(subject.measure(&programs).await?);
        }
    }
    let mut out = io::stdout();
    out.write_all(table(&figures).as_bytes())?;
    out.write_all(shortfalls(&figures).as_bytes())?;
    Ok(())
}
