//! Settings that need not be typed each time: options first, then the environment, then a file, then the defaults.
//!
//! One [`table`](SETTINGS) says which there are. A command line is read twice: once to know what is asked for, then with what is
//! set elsewhere as the defaults of its options. Commands are given their options, and need not know where a value comes from.

mod file;
mod layers;
mod table;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command, FromArgMatches};
use serde::Serialize;
use serde_json::Value;

use crate::cli::{self, Cli};
use crate::diagnostics::Diagnostic;
use file::Source;
pub(crate) use layers::Origin;
use layers::{Content, Layer};
pub(crate) use table::{Kind, SETTINGS, Setting};

/// The command that has every setting as an option.
const EVERY_SETTING: &str = "config";

/// A command line, understood.
#[derive(Debug)]
pub struct Invocation {
    pub(crate) cli: Cli,
    /// What is set, or why that cannot be known.
    pub(crate) settings: Result<Settings, Diagnostic>,
}

/// What is set for a command.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings {
    /// The file that was read.
    pub(crate) file: Option<PathBuf>,
    pub(crate) all: Vec<Resolved>,
}

/// A setting with its value and where that comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Resolved {
    /// Its key in a file.
    pub key: &'static str,
    /// Its value; null if nobody said one and there is no default.
    pub value: Value,
    /// Where that comes from.
    #[serde(flatten)]
    pub origin: Origin,
}

/// Who decided where a run works: worth a look, where a file did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decided {
    /// Where the region comes from, if not from AWS's own configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region_from: Option<Origin>,
    /// The profile, if one was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// Where the profile comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_from: Option<Origin>,
}

impl Invocation {
    /// Understands a command line, with what the environment and a file set.
    ///
    /// # Errors
    ///
    /// The command line itself cannot be understood, or asks for help.
    pub fn read(arguments: &[OsString], variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, clap::Error> {
        let matches = cli::command().try_get_matches_from(arguments)?;
        let cli = Cli::from_arg_matches(&matches)?;
        let Some((name, given)) = matches.subcommand() else {
            return Ok(Self { cli, settings: Ok(Settings::default()) });
        };
        if !cli::command().find_subcommand(name).is_some_and(has_settings) {
            return Ok(Self { cli, settings: Ok(Settings::default()) });
        }
        let (file, layers) = match layers(&cli, variable) {
            Ok(read) => read,
            Err(problem) => return Ok(Self { cli, settings: Err(problem) }),
        };
        let command = cli::command().mut_subcommand(name, |command| layers::below(command, &layers, given));
        let matches = command.try_get_matches_from(arguments)?;
        let cli = Cli::from_arg_matches(&matches)?;
        let all = matches.subcommand().map_or_else(Vec::new, |(_, given)| resolved(given, &layers));
        Ok(Self { cli, settings: Ok(Settings { file, all }) })
    }
}

/// Whether a command has options that can be set elsewhere.
pub(crate) fn has_settings(command: &Command) -> bool {
    SETTINGS.iter().any(|setting| layers::option(command, setting).is_some())
}

type Read = (Option<PathBuf>, Vec<Layer>);

fn layers(cli: &Cli, variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Read, Diagnostic> {
    let command = cli::command();
    // It exists; without it nothing could be set.
    let Some(options) = command.find_subcommand(EVERY_SETTING) else { return Ok((None, Vec::new())) };
    let environment = layers::from_environment(options, variable)?;
    let named = cli.settings.config.clone().or_else(|| variable("WEBRTC_AWS_CONFIG").map(PathBuf::from));
    let source = match named {
        Some(path) if path.as_os_str() == file::NO_FILE => Source::Nowhere,
        Some(path) => Source::Named(path),
        None => Source::Here,
    };
    let (file, from_file) =
        file::read(&source, options)?.map_or((None, Vec::new()), |(path, layers)| (Some(path), layers));
    let aws = layers::of_aws(variable);
    Ok((file, layers::uppermost(environment.into_iter().chain(aws).chain(from_file))))
}

fn resolved(given: &ArgMatches, layers: &[Layer]) -> Vec<Resolved> {
    let is_local = layers::is_local(given);
    let resolve = |setting: &'static Setting| {
        let id = setting.id();
        let raw =
            given.try_get_raw(&id).ok()?.map(|raw| raw.map(|value| value.to_string_lossy().into_owned()).collect());
        let mut raw: Vec<String> = raw.unwrap_or_default();
        let layer = layers.iter().find(|layer| layer.setting == setting && layer.counts(is_local));
        let origin = match layer {
            _ if given.value_source(&id) == Some(ValueSource::CommandLine) => Origin::Option,
            Some(Layer { content: Content::LeftToAws(shown), origin, .. }) => {
                raw.extend(shown.clone());
                origin.clone()
            }
            Some(layer) => layer.origin.clone(),
            None => Origin::Default,
        };
        Some(Resolved { key: setting.key, value: value(setting.kind, raw), origin })
    };
    SETTINGS.iter().filter_map(resolve).collect()
}

/// As it would stand in a file.
fn value(kind: Kind, mut raw: Vec<String>) -> Value {
    match kind {
        Kind::List if raw.is_empty() => Value::Null,
        Kind::List => raw.into(),
        Kind::Table if raw.is_empty() => Value::Null,
        Kind::Table => raw.iter().filter_map(|entry| entry.split_once('=')).collect(),
        Kind::Text | Kind::SecretSource | Kind::Directory => raw.pop().into(),
        Kind::WholeNumber | Kind::Number => {
            raw.pop().and_then(|number| serde_json::from_str(&number).ok()).unwrap_or(Value::Null)
        }
    }
}

impl Settings {
    fn get(&self, key: &str) -> Option<&Resolved> {
        self.all.iter().find(|setting| setting.key == key)
    }

    /// The region, by whatever says it but AWS's own configuration files.
    pub(crate) fn region(&self) -> Option<&str> {
        self.get("region")?.value.as_str()
    }

    /// Who decided where a run works.
    pub(crate) fn decided(&self) -> Decided {
        let origin = |key| {
            let origin = self.get(key).map(|setting| setting.origin.clone());
            origin.filter(|origin| *origin != Origin::Default)
        };
        let profile = self.get("profile").and_then(|setting| setting.value.as_str()).map(str::to_owned);
        let profile_from = origin("profile").filter(|_| profile.is_some());
        Decided { region_from: origin("region"), profile, profile_from }
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Option => f.write_str("option"),
            Self::Environment { variable } => f.write_str(variable),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Default => f.write_str("default"),
        }
    }
}
