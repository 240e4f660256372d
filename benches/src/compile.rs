//! How long whoever works on the program waits for the compiler.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::{Instant, SystemTime};

use tokio::process::Command;

use crate::Outcome;
use crate::figure::{Figure, median};

/// A file of one kind of resource, as one touches it most often.
const TOUCHED: &str = "src/resources/log_group.rs";
const ROUNDS: usize = 3;

pub(crate) async fn measure() -> Outcome<Vec<Figure>> {
    let target = tempfile::tempdir()?;
    let clean = built(target.path()).await?;
    let mut again = Vec::new();
    for _ in 0..ROUNDS {
        File::options().append(true).open(TOUCHED)?.set_modified(SystemTime::now())?;
        again.push(built(target.path()).await?);
    }
    Ok(vec![
        Figure::new("build: all of it, for debugging", clean, "s"),
        Figure::new("build: after a change to a file of one resource", median(again), "s").at_most(15.0),
    ])
}

/// Seconds of a debug build into this directory.
async fn built(target: &Path) -> Outcome<f64> {
    let begun = Instant::now();
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--locked", "--quiet", "--bin", "webrtc-aws", "--target-dir"]).arg(target);
    let status = cargo.stdin(Stdio::null()).stdout(Stdio::null()).status().await?;
    if status.success() { Ok(begun.elapsed().as_secs_f64()) } else { Err("cargo build failed".into()) }
}
