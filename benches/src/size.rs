//! How large a relay is, and what it consists of: the names in an executable that keeps them, by crate.

use std::collections::{BTreeMap, HashMap};
use std::io::Read;

use object::{Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind};

use crate::Outcome;
use crate::figure::Figure;
use crate::program::{Programs, architecture};

/// What is uploaded, in MB.
const MOST: f64 = 1.0;

/// Parts that are smaller than this share of all are told together.
const LEAST_SHARE: f64 = 0.02;
const C: &str = "the C library";
const NAMELESS: &str = "what has no name: texts, tables, the public authorities' certificates";

pub(crate) async fn measure(programs: &Programs) -> Outcome<Figure> {
    let zip = std::fs::metadata(&programs.relay)?.len() as f64 / 1e6;
    let figure = Figure::new("relay: zip", zip, "MB").at_most(MOST);
    if zip <= MOST {
        return Ok(figure);
    }
    Ok(figure.limited_by(format!(
        "The C library is in it, so that a relay built on any Linux runs on Lambda. Before it is compressed:\n{}",
        told(programs).await?
    )))
}

/// Builds the relay as it is deployed, but with its names, and says whose code is how large.
async fn told(programs: &Programs) -> Outcome<String> {
    // Its own, or the relay that is there already would be taken.
    let home = tempfile::tempdir()?;
    let zip = home.path().join("relay.zip");
    let zip_name = zip.to_str().ok_or("the directory's path is no text")?;
    let mut build = programs.command(&home, &["build", "--arch", architecture(), "--to", zip_name]);
    for (name, directory) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
        let usual = || std::env::home_dir().map(|home| home.join(directory).into_os_string());
        build.envs(std::env::var_os(name).or_else(usual).map(|value| (name, value)));
    }
    let output = build.env("CARGO_PROFILE_RELAY_STRIP", "false").output().await?;
    if !output.status.success() {
        return Err(format!("webrtc-aws build: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let mut executable = Vec::new();
    zip::ZipArchive::new(std::fs::File::open(&zip)?)?.by_name("bootstrap")?.read_to_end(&mut executable)?;
    let parts = parts(&executable)?;
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

/// Bytes of what is loaded, by crate.
fn parts(executable: &[u8]) -> Outcome<BTreeMap<String, u64>> {
    let file = object::File::parse(executable)?;
    // What is all zeros takes no room in a file, and what has no address is not loaded.
    let is_nothing = |kind| matches!(kind, SectionKind::UninitializedData | SectionKind::UninitializedTls);
    let loaded = file.sections().filter(|it| it.address() > 0 && !is_nothing(it.kind()));
    let sections: HashMap<_, _> = loaded.map(|it| (it.index(), it.size())).collect();
    // One place may have several names.
    let mut places = HashMap::<_, (u64, String)>::new();
    for symbol in file.symbols().filter(|it| matches!(it.kind(), SymbolKind::Text | SymbolKind::Data)) {
        if let Some(section) = symbol.section_index().filter(|section| sections.contains_key(section)) {
            let name = format!("{:#}", rustc_demangle::demangle(symbol.name()?));
            let place = places.entry((section, symbol.address())).or_insert((0, name));
            place.0 = place.0.max(symbol.size());
        }
    }
    if places.is_empty() {
        return Err("the relay has no names".into());
    }
    let mut parts = BTreeMap::<String, u64>::new();
    for (bytes, name) in places.into_values() {
        *parts.entry(crate_of(&name).to_owned()).or_default() += bytes;
    }
    let named: u64 = parts.values().sum();
    parts.insert(NAMELESS.to_owned(), sections.values().sum::<u64>().saturating_sub(named));
    Ok(parts)
}

/// The crate of a path such as `<hyper::Error as core::fmt::Debug>::fmt`. What has no path is the C library's, or of the one crate
/// that is written in C and assembler as well.
fn crate_of(name: &str) -> &str {
    let path =
        name.trim_start_matches(['<', '&', '*', '[', '(', ' ']).trim_start_matches("mut ").trim_start_matches("dyn ");
    match path.split_once("::") {
        // A type of the language itself, of which a trait is implemented.
        Some((part, _)) => part.split_once(" as ").map_or(part, |(_, of)| of),
        None if name.starts_with("ring_core_") => "ring",
        None => C,
    }
}
