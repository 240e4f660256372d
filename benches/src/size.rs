//! What a relay consists of: the names in an executable that keeps them, by crate.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use object::{Object, ObjectSymbol, SymbolKind};
use tokio::process::Command;

use crate::Outcome;

/// Parts that are smaller than this share of all are told together.
const LEAST_SHARE: f64 = 0.02;
const C: &str = "the C library, and what is written in assembler";

/// Builds the relay as it is deployed, but with its names, and says whose code is how large.
pub(crate) async fn told() -> Outcome<String> {
    let target = tempfile::tempdir()?;
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let mut cargo = Command::new("cargo");
    cargo.args([
        "build",
        "--locked",
        "--quiet",
        "--package",
        "relay-lambda",
        "--profile",
        "relay",
        "--target",
        &triple,
    ]);
    cargo.args(["--config", "profile.relay.strip=false", "--target-dir"]).arg(target.path());
    cargo.env("CARGO_ENCODED_RUSTFLAGS", "-Ctarget-feature=+crt-static").stdin(Stdio::null());
    if !cargo.status().await?.success() {
        return Err("cargo build failed".into());
    }
    let parts = parts(&target.path().join(triple).join("relay/bootstrap"))?;
    let all: u64 = parts.values().sum();
    let (mut large, small): (Vec<_>, Vec<_>) =
        parts.into_iter().partition(|(_, bytes)| *bytes as f64 >= all as f64 * LEAST_SHARE);
    large.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    large.push((format!("{} others", small.len()), small.iter().map(|(_, bytes)| bytes).sum()));
    let line = |(part, bytes): &(String, u64)| {
        format!("{:>7.0} KB {:>4.0} %  {part}", *bytes as f64 / 1e3, *bytes as f64 / all as f64 * 100.0)
    };
    Ok(large.iter().map(line).collect::<Vec<_>>().join("\n"))
}

/// Bytes of code and data that have a name, by crate.
fn parts(executable: &Path) -> Outcome<BTreeMap<String, u64>> {
    let bytes = std::fs::read(executable)?;
    let file = object::File::parse(&*bytes)?;
    let mut parts = BTreeMap::new();
    for symbol in file.symbols().filter(|it| matches!(it.kind(), SymbolKind::Text | SymbolKind::Data)) {
        let name = format!("{:#}", rustc_demangle::demangle(symbol.name()?));
        *parts.entry(crate_of(&name).unwrap_or(C).to_owned()).or_default() += symbol.size();
    }
    if parts.is_empty() {
        return Err(format!("{} has no names", executable.display()).into());
    }
    Ok(parts)
}

/// The crate of a path such as `<hyper::Error as core::fmt::Debug>::fmt`; none of a name that is no path.
fn crate_of(name: &str) -> Option<&str> {
    let path =
        name.trim_start_matches(['<', '&', '*', '[', '(', ' ']).trim_start_matches("mut ").trim_start_matches("dyn ");
    let (part, _) = path.split_once("::")?;
    // A type of the language itself, of which a trait is implemented.
    if let Some((_, of)) = part.split_once(" as ") { Some(of) } else { Some(part) }
}
