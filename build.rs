//! What the program knows of its own build, and the page and the relays in it.

#[path = "build/page.rs"]
mod page;

use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=client");
    if let Err(error) = page::lighten(Path::new("client"), &Path::new(&env("OUT_DIR")).join("page")) {
        println!("cargo::error={error}");
    }
    let relays = carried_relays();
    write_relays(&relays);
    let mut facts = vec![env("CARGO_PKG_VERSION")];
    // No date and no name of a machine: the same sources and tools give the same program.
    facts.extend(commit().map(|commit| format!("commit: {commit}")));
    facts.push(format!("target: {}", env("TARGET")));
    facts.extend(output(Command::new(env("RUSTC")).arg("--version")).map(|rustc| format!("rustc: {rustc}")));
    if !relays.is_empty() {
        let names: Vec<&str> = relays.iter().map(|(name, _)| *name).collect();
        facts.push(format!("relays: {}", names.join(" ")));
    }
    println!("cargo::rustc-env=WEBRTC_AWS_LONG_VERSION={}", facts.join(", "));
}

/// The directory that holds the relays which a release carries, made beforehand: `x86_64.zip` and `arm64.zip` for Lambda and, where
/// this system is not Linux, `host.zip` for `up --local`.
const RELAYS: &str = "WEBRTC_AWS_RELAYS";

/// Those that are there, by name. Without the variable there are none: the program then builds its relay from the sources.
fn carried_relays() -> Vec<(&'static str, PathBuf)> {
    println!("cargo::rerun-if-env-changed={RELAYS}");
    let directory = env(RELAYS);
    if directory.is_empty() {
        return Vec::new();
    }
    // What is included is looked for from another directory than this one.
    let directory = std::path::absolute(&directory).unwrap_or_else(|_| directory.into());
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut relays = Vec::new();
    for name in ["arm64", "x86_64", "host"] {
        let path = directory.join(format!("{name}.zip"));
        if path.exists() {
            println!("cargo::rerun-if-changed={}", path.display());
            relays.push((name, path));
        }
    }
    if relays.is_empty() {
        println!("cargo::error={RELAYS} is {}, and there is no relay in it", directory.display());
    }
    relays
}

/// As Rust, for `artifact::carried`.
fn write_relays(relays: &[(&str, PathBuf)]) {
    let mut rust = String::from("&[\n");
    for (name, path) in relays {
        rust.push_str(&format!("    ({name:?}, include_bytes!({:?})),\n", path.display().to_string()));
    }
    rust.push_str("]\n");
    let path = Path::new(&env("OUT_DIR")).join("relays.rs");
    if let Err(error) = std::fs::write(&path, rust) {
        println!("cargo::error={} could not be written: {error}", path.display());
    }
}

/// The commit of these sources, if that is known: not without git or outside of a clone, and not in development, where every
/// commit would mean to compile anew.
fn commit() -> Option<String> {
    if env("PROFILE") != "release" {
        return None;
    }
    let packaged = std::fs::read_to_string(".cargo_vcs_info.json").ok();
    if let Some(commit) = packaged.as_deref().and_then(|text| text.split('"').find(|word| is_hash(word))) {
        return Some(commit.to_owned());
    }
    // Sources that were copied into another repository have nothing to do with its commits.
    let root = output(Command::new("git").args(["rev-parse", "--show-toplevel"]))?;
    if Path::new(&root).canonicalize().ok()? != Path::new(".").canonicalize().ok()? {
        return None;
    }
    for watched in ["src", "relay-lambda", "Cargo.toml", "Cargo.lock"] {
        println!("cargo::rerun-if-changed={watched}");
    }
    let log = output(Command::new("git").args(["rev-parse", "--git-path", "logs/HEAD"]))?;
    if Path::new(&log).exists() {
        println!("cargo::rerun-if-changed={log}");
    }
    let commit = output(Command::new("git").args(["rev-parse", "HEAD"])).filter(|commit| is_hash(commit))?;
    let changed = output(Command::new("git").args(["status", "--porcelain", "--untracked-files=no"]))?;
    Some(if changed.is_empty() { commit } else { format!("{commit} with changes") })
}

fn is_hash(word: &str) -> bool {
    word.len() >= 40 && word.chars().all(|c| c.is_ascii_hexdigit())
}

/// The first line that a program prints, if it runs and succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.lines().next().unwrap_or_default().to_owned())
}

fn env(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}
