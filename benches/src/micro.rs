//! What the relay itself works out for an event: the benches in `relay-lambda/benches`, which criterion repeats and times.

use std::io;
use std::process::Stdio;

use serde_json::Value;
use tokio::process::Command;

use crate::Outcome;
use crate::figure::Figure;

pub(crate) async fn measure() -> Outcome<Vec<Figure>> {
    let results = tempfile::tempdir()?;
    let mut cargo = Command::new("cargo");
    // As it is deployed: its own profile is that of a release, with the same options.
    cargo.args(["bench", "--locked", "--quiet", "--profile", "dist", "--package", "relay-lambda", "--bench", "micro"]);
    cargo.env("CRITERION_HOME", results.path()).stdin(Stdio::null()).stdout(io::stderr());
    if !cargo.status().await?.success() {
        return Err("cargo bench failed".into());
    }
    let figure = |name: &str, what: &str| {
        let estimates = std::fs::read(results.path().join(name).join("new/estimates.json"))?;
        let estimates: Value = serde_json::from_slice(&estimates)?;
        let nanoseconds = estimates["median"]["point_estimate"].as_f64().ok_or("criterion wrote no median")?;
        Ok::<_, crate::BoxError>(Figure::new(&format!("relay: {what}"), nanoseconds / 1e3, "us"))
    };
    Ok(vec![
        figure("own_id", "works out who somebody is")?,
        figure("offer", "works out the signed request for an offer of 6 KB")?,
    ])
}
