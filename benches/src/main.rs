//! Measures what is promised to be fast, and prints one table, and what limits whatever misses its bar: `tests/bench`
//! builds what it needs and runs it.
//!
//! Times are reported, never asserted: they depend on the machine. What must be right however fast it is, such as the number of
//! writes of an `up` with nothing to do, or that no message is lost, is asserted, and ends the report with an error.

mod compile;
mod data_plane;
mod figure;
mod kernel;
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

const SUBJECTS: [&str; 8] = ["process", "up", "waits", "micro", "relay", "data-plane", "scale", "compile"];

async fn measure(subject: &str, programs: &Programs) -> Outcome<Vec<Figure>> {
    match subject {
        "process" => process::measure(programs).await,
        "up" => up::measure(programs).await,
        "waits" => waits::measure(programs).await,
        "micro" => micro::measure().await,
        "relay" => relay::measure(programs).await,
        "data-plane" => data_plane::measure(programs).await,
        "scale" => Ok(scale::measure()),
        "compile" => compile::measure().await,
        unknown => Err(unknown_subject(unknown)),
    }
}

fn unknown_subject(name: &str) -> BoxError {
    format!("there is no subject {name:?}; there are {}", SUBJECTS.join(", ")).into()
}

async fn measure_all(chosen: &[String], figures: &mut Vec<Figure>) -> Outcome {
    let programs = Programs::find()?;
    for subject in chosen {
        io::stderr().write_all(format!("measuring {subject}\n").as_bytes())?;
        figures.extend(measure(subject, &programs).await?);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Outcome {
    let mut chosen: Vec<String> = std::env::args().skip(1).collect();
    if chosen.is_empty() {
        chosen = SUBJECTS.map(str::to_owned).to_vec();
    }
    if let Some(unknown) = chosen.iter().find(|name| !SUBJECTS.contains(&name.as_str())) {
        return Err(unknown_subject(unknown));
    }
    let mut figures = Vec::new();
    let measured = measure_all(&chosen, &mut figures).await;
    // What was measured before something went wrong took long enough.
    let mut out = io::stdout();
    out.write_all(table(&figures).as_bytes())?;
    out.write_all(shortfalls(&figures).as_bytes())?;
    measured
}
