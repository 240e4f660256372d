//! What the program knows of its own build, and of the page in it.

use std::path::Path;
use std::process::Command;

fn main() {
    // The page is embedded at compile time by a macro that cargo cannot see through: without this, an edit of `client/` alone
    // would not reach the program.
    println!("cargo::rerun-if-changed=client");
    println!("cargo::rerun-if-changed=build.rs");
    let mut facts = vec![env("CARGO_PKG_VERSION")];
    // No date and no name of a machine: the same sources and tools give the same program.
    facts.extend(commit().map(|commit| format!("commit: {commit}")));
    facts.push(format!("target: {}", env("TARGET")));
    facts.extend(output(Command::new(env("RUSTC")).arg("--version")).map(|rustc| format!("rustc: {rustc}")));
    println!("cargo::rustc-env=WEBRTC_AWS_LONG_VERSION={}", facts.join(", "));
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
