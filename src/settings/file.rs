//! `webrtc-aws.toml`: from text to the raw values of options, each with its line. What is wrong is said with file, line and key.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use clap::Command;
use toml::de::{DeTable, DeValue};

use super::layers::{Content, Layer, Origin, meaning, refusal};
use super::table::{Kind, SETTINGS, Setting};
use crate::diagnostics::{Code, Diagnostic};

/// The file that is read unless another one is named.
pub(super) const DEFAULT_FILE: &str = "webrtc-aws.toml";

/// In place of a file: none is read.
pub(super) const NO_FILE: &str = "none";

/// How alike two names must be to be taken for each other (Jaro).
const ALIKE: f64 = 0.7;

/// Where settings are read from.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    Nowhere,
    /// Wherever a run starts, the file there, if there is one.
    Here,
    /// A file that must be there.
    Named(PathBuf),
}

/// Reads a file. Nothing, if there need not be one.
pub(super) fn read(source: &Source, options: &Command) -> Result<Option<(PathBuf, Vec<Layer>)>, Diagnostic> {
    let path = match source {
        Source::Nowhere => return Ok(None),
        Source::Here => Path::new(DEFAULT_FILE),
        Source::Named(path) => path,
    };
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound && *source == Source::Here => return Ok(None),
        Err(error) => {
            return Err(Diagnostic::new(
                Code::InvalidInput,
                format!("the settings in {} cannot be read: {error}", path.display()),
                "name another file with --config or WEBRTC_AWS_CONFIG; '--config none' does without",
            ));
        }
    };
    let file = File { path, text: &text, options };
    file.layers().map(|layers| Some((path.to_owned(), layers)))
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
    options: &'a Command,
}

impl File<'_> {
    fn layers(&self) -> Result<Vec<Layer>, Diagnostic> {
        let table = DeTable::parse(self.text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            // The parser's message may have more than one line.
            let message = error.message().replace('\n', ", ");
            self.wrong(self.line(start), &format!("this is no TOML: {message}"), "correct that line")
        })?;
        let mut entries: Vec<_> = table.get_ref().iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut layers = Vec::new();
        let mut problems = Vec::new();
        for (key, value) in entries {
            match self.layer(key.get_ref(), self.line(key.span().start), value.get_ref()) {
                Ok(layer) => layers.push(layer),
                Err(problem) => problems.push(problem),
            }
        }
        // All at once: somebody who corrects one should not have to come back for the next.
        Diagnostic::of_all(problems).map_or(Ok(layers), Err)
    }

    fn layer(&self, key: &str, line: usize, value: &DeValue<'_>) -> Result<Layer, Diagnostic> {
        let Some(setting) = Setting::with_key(key) else { return Err(self.unknown(key, line)) };
        let values = raw(setting.kind, value).ok_or_else(|| {
            let what = format!("{key} is {}, and must be {}", kind_of(value), setting.kind.expected());
            self.wrong(line, &what, "correct that line, or leave it out")
        })?;
        for value in &values {
            if let Some(why) = refusal(self.options, setting, value) {
                let what = match setting.kind {
                    Kind::SecretSource => format!("the value of {key} is not valid: {why}"),
                    _ => format!("{value:?} is no value for {key}: {why}"),
                };
                let hint = format!("correct that line, or leave it out; {}", meaning(self.options, setting));
                return Err(self.wrong(line, &what, &hint));
            }
        }
        let values = match setting.kind {
            Kind::Directory => values
                .iter()
                .map(|value| below(self.path.parent().unwrap_or(Path::new("")), value))
                .collect::<Option<Vec<_>>>()
                .ok_or_else(|| {
                    let what =
                        format!("{key} leads out of this file's directory, and all files there would become public");
                    let hint =
                        format!("if you mean it, pass --{key} or set {}: they are yours alone", setting.variable());
                    self.wrong(line, &what, &hint)
                })?,
            _ => values,
        };
        let file = self.path.display().to_string();
        Ok(Layer { setting, content: Content::Values(values), origin: Origin::File { file, line } })
    }

    fn unknown(&self, key: &str, line: usize) -> Diagnostic {
        let what = format!("there is no setting {key:?}");
        let nearest = SETTINGS
            .iter()
            .map(|setting| (strsim::jaro(key, setting.key), setting.key))
            .filter(|(likeness, _)| *likeness > ALIKE)
            .max_by(|(one, _), (other, _)| one.total_cmp(other));
        let is_option = self.options.get_arguments().any(|option| {
            option.get_long() == Some(key) && SETTINGS.iter().all(|setting| option.get_id() != setting.id().as_str())
        });
        let hint = match nearest {
            _ if is_option => format!("a file cannot set it, as it may come from somebody else: pass --{key}"),
            Some((_, nearest)) => format!("did you mean {nearest:?}?"),
            None => {
                let all: Vec<_> = SETTINGS.iter().map(|setting| setting.key).collect();
                format!("there are {}", all.join(", "))
            }
        };
        self.wrong(line, &what, &hint)
    }

    fn wrong(&self, line: usize, what: &str, hint: &str) -> Diagnostic {
        Diagnostic::new(Code::InvalidInput, format!("{}:{line}: {what}", self.path.display()), hint)
    }

    fn line(&self, offset: usize) -> usize {
        self.text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
    }
}

/// The value as its option would take it, if it is of the right kind.
fn raw(kind: Kind, value: &DeValue<'_>) -> Option<Vec<String>> {
    let one = |text: &str| Some(vec![text.to_owned()]);
    let decimal = || value.as_integer().filter(|number| number.radix() == 10);
    match kind {
        Kind::Text | Kind::SecretSource | Kind::Directory => one(value.as_str()?),
        Kind::WholeNumber => one(decimal()?.as_str()),
        Kind::Number => match value.as_float() {
            Some(number) => one(number.as_str()),
            None => one(decimal()?.as_str()),
        },
        Kind::List => {
            let items = value.as_array()?.iter();
            let texts: Option<Vec<_>> = items.map(|item| item.get_ref().as_str().map(str::to_owned)).collect();
            texts.filter(|texts| !texts.is_empty())
        }
        Kind::Table => {
            let entries = value.as_table()?.iter();
            // An option has both in one word.
            let entries = entries.map(|(key, value)| Some((key.get_ref().as_ref(), value.get_ref().as_str()?)));
            entries
                .map(|entry| entry.filter(|(key, _)| !key.contains('=')).map(|(key, value)| format!("{key}={value}")))
                .collect()
        }
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(number) if number.radix() == 10 => "a whole number",
        DeValue::Integer(_) => "a number that is not decimal",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list of something else, or of nothing",
        DeValue::Table(_) => "a table",
    }
}

/// A path below a directory; `None` if it leads out of it, in words or by a symbolic link.
fn below(directory: &Path, path: &str) -> Option<String> {
    let is_within = Path::new(path).components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    let joined = directory.join(path);
    let root = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let follows = match (root.canonicalize(), joined.canonicalize()) {
        (Ok(root), Ok(real)) => real.starts_with(root),
        // What is not there is found missing by whoever reads it.
        _ => true,
    };
    (is_within && follows).then(|| joined.to_str().map(str::to_owned)).flatten()
}
