//! What is set beside the command line, in layers: the environment over the file. They become clap's defaults, so that an option
//! that is given wins, and every value goes through its option's own parser.

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, ArgMatches, Command};
use serde::Serialize;

use super::table::{AwsVariable, SETTINGS, Scope, Setting};
use crate::diagnostics::{Code, Diagnostic};

/// Where a setting's value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    /// Its option was given.
    Option,
    /// A variable.
    Environment {
        /// Its name.
        variable: String,
    },
    /// A file of settings.
    File {
        /// Its path.
        file: String,
        /// The line.
        line: usize,
    },
    /// Nobody said anything else.
    Default,
}

/// A setting that is set below the command line.
#[derive(Clone, Debug)]
pub(super) struct Layer {
    pub(super) setting: &'static Setting,
    pub(super) content: Content,
    pub(super) origin: Origin,
}

/// What a layer does to a setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Sets it, as its option takes it.
    Values(Vec<String>),
    /// Nothing: the AWS SDK heeds the origin by itself. The value, if it has one that may be shown.
    LeftToAws(Option<String>),
}

/// The variables that set something.
pub(super) fn from_environment(
    options: &Command,
    variable: &dyn Fn(&str) -> Option<std::ffi::OsString>,
) -> Result<Vec<Layer>, Diagnostic> {
    let mut layers = Vec::new();
    let mut problems = Vec::new();
    for setting in SETTINGS {
        let name = setting.variable();
        let Some(value) = variable(&name) else { continue };
        let origin = Origin::Environment { variable: name.clone() };
        match values(options, setting, value.into_string().ok()) {
            Ok(values) => layers.push(Layer { setting, content: Content::Values(values), origin }),
            Err(why) => problems.push(Diagnostic::new(
                Code::InvalidInput,
                format!("the value of {name} is not valid: {why}"),
                format!("correct it, or unset it; {}", meaning(options, setting)),
            )),
        }
    }
    Diagnostic::of_all(problems).map_or(Ok(layers), Err)
}

/// What a setting's option is for, in a line: its help says what it takes.
pub(super) fn meaning(options: &Command, setting: &Setting) -> String {
    let help = option(options, setting).and_then(Arg::get_help).map(ToString::to_string).unwrap_or_default();
    format!("{} is: {help}", setting.key)
}

fn values(options: &Command, setting: &Setting, value: Option<String>) -> Result<Vec<String>, String> {
    let value = value.ok_or_else(|| "it is not UTF-8".to_owned())?;
    let values: Vec<String> = match setting.kind {
        super::Kind::List | super::Kind::Table => value.split(',').map(|item| item.trim().to_owned()).collect(),
        _ => vec![value],
    };
    match values.iter().find_map(|value| refusal(options, setting, value)) {
        None => Ok(values),
        Some(why) => Err(why),
    }
}

/// What the SDK takes from the environment by itself, whatever a file says.
pub(super) fn of_aws(variable: &dyn Fn(&str) -> Option<std::ffi::OsString>) -> Vec<Layer> {
    let told = |setting: &'static Setting| {
        let set = |name: &str| {
            variable(name).map(|value| value.to_string_lossy().into_owned()).filter(|value| !value.is_empty())
        };
        let (name, shown) = setting.aws.iter().find_map(|known| match *known {
            AwsVariable::Same(name) => set(name).map(|value| (name, Some(value))),
            AwsVariable::Instead(name) => set(name).map(|_| (name, None)),
        })?;
        let origin = Origin::Environment { variable: name.to_owned() };
        Some(Layer { setting, content: Content::LeftToAws(shown), origin })
    };
    SETTINGS.iter().filter_map(told).collect()
}

/// The layers that count: the first of each setting.
pub(super) fn uppermost(layers: impl IntoIterator<Item = Layer>) -> Vec<Layer> {
    let mut uppermost: Vec<Layer> = Vec::new();
    for layer in layers {
        if uppermost.iter().all(|above| above.setting != layer.setting) {
            uppermost.push(layer);
        }
    }
    uppermost
}

/// Whether a command is to work on the local AWS.
pub(super) fn is_local(given: &ArgMatches) -> bool {
    matches!(given.try_get_one::<bool>("local"), Ok(Some(true)))
}

impl Layer {
    pub(super) fn counts(&self, is_local: bool) -> bool {
        !(is_local && self.setting.scope == Scope::AwsOnly)
    }
}

/// Puts the layers below the options of a command.
pub(super) fn below(command: Command, layers: &[Layer], given: &ArgMatches) -> Command {
    let is_local = is_local(given);
    layers.iter().fold(command, |command, layer| match &layer.content {
        Content::Values(values) if layer.counts(is_local) && option(&command, layer.setting).is_some() => {
            command.mut_arg(layer.setting.id(), |option| option.default_values(values))
        }
        _ => command,
    })
}

/// A command's option for a setting.
pub(super) fn option<'a>(command: &'a Command, setting: &Setting) -> Option<&'a Arg> {
    let id = setting.id();
    command.get_arguments().find(|option| option.get_id() == id.as_str())
}

/// Why a setting's option does not take this value; `None` if it does.
pub(super) fn refusal(options: &Command, setting: &Setting, value: &str) -> Option<String> {
    let parser = option(options, setting)?.get_value_parser().clone();
    let alone = Arg::new("value").long("value").action(ArgAction::Set).value_parser(parser);
    let error =
        Command::new("").no_binary_name(true).arg(alone).try_get_matches_from([format!("--value={value}")]).err()?;
    let why = match error.get(ContextKind::Custom) {
        Some(ContextValue::String(why)) => Some(why.clone()),
        _ => std::error::Error::source(&error).map(ToString::to_string),
    };
    let allowed = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => {
            Some(format!("it is one of {}", values.join(", ")))
        }
        _ => None,
    };
    Some(why.or(allowed).unwrap_or_else(|| "it must not be empty".to_owned()))
}
