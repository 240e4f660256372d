//! `completions` and `man`: what a shell and a reader of manuals want to know of the command line.

use std::path::Path;

use super::Ending;
use super::Run;
use crate::cli::{self, CompletionsOptions, ManOptions};
use crate::diagnostics::{Code, Diagnostic};
use crate::events::Event;

pub(super) fn completions(options: &CompletionsOptions, run: &Run) -> Ending {
    let mut command = cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut command, name, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    run.events.emit(Event::Completions { shell: options.shell.to_string(), script });
    Ending::default()
}

/// One page for the program and one for each of its commands, as git has them.
pub(super) fn man(options: &ManOptions, run: &Run) -> Result<Ending, Diagnostic> {
    let directory = &options.directory;
    std::fs::create_dir_all(directory).map_err(|error| unwritable(directory, &error))?;
    let mut whole = cli::command();
    whole.build();
    let mut files = Vec::new();
    for command in std::iter::once(&whole).chain(whole.get_subcommands()) {
        // 'webrtc-aws up' has the page webrtc-aws-up.
        let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
        let file = directory.join(format!("{name}.1"));
        let mut page = Vec::new();
        let rendered = clap_mangen::Man::new(command.clone()).title(name).render(&mut page);
        rendered.and_then(|()| std::fs::write(&file, page)).map_err(|error| unwritable(&file, &error))?;
        files.push(file.display().to_string());
    }
    run.events.emit(Event::Written { files });
    Ok(Ending::default())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::new(
        Code::LocalFailure,
        format!("{} cannot be written: {error}", path.display()),
        "name a directory that you may write to, e.g. ~/.local/share/man/man1",
    )
}
