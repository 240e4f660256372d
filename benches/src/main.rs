//! Measures what is promised to be fast, and prints one table: `tests/bench` builds what it needs and runs it.
//!
//! Times are reported, never asserted: they depend on the machine. What must be right however fast it is, such as the number of
//! writes of an `up` with nothing to do, or that no message is lost, is asserted, and ends the report with an error.

mod compile;
mod data_plane;
mod figure;
mod load;
mod peers;
mod process;
mod program;
mod recorder;
mod relay;
mod scale;
mod up;
mod waits;

use std::io::{self, Write};

use figure::{Figure, table};
use program::Programs;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Outcome<T = ()> = Result<T, BoxError>;

const SUBJECTS: [&str; 7] = ["process", "up", "waits", "relay", "data-plane", "scale", "compile"];

#[tokio::main]
async fn main() -> Outcome {
    let chosen: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = chosen.iter().find(|name| !SUBJECTS.contains(&name.as_str())) {
        return Err(format!("there is no subject {unknown:?}; there are {}", SUBJECTS.join(", ")).into());
    }
    let wanted = |name: &str| chosen.is_empty() || chosen.iter().any(|it| it == name);
    let programs = Programs::find()?;
    let mut figures: Vec<Figure> = Vec::new();
    if wanted("process") {
        figures.extend(process::measure(&programs).await?);
    }
    if wanted("up") {
        figures.extend(up::measure(&programs).await?);
    }
    if wanted("waits") {
        figures.extend(waits::measure(&programs).await?);
    }
    if wanted("relay") {
        figures.extend(relay::measure(&programs).await?);
    }
    if wanted("data-plane") {
        figures.extend(data_plane::measure(&programs).await?);
    }
    if wanted("scale") {
        figures.extend(scale::measure());
    }
    if wanted("compile") {
        figures.extend(compile::measure().await?);
    }
    io::stdout().write_all(table(&figures).as_bytes())?;
    Ok(())
}
