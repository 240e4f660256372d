//! `open`: the page of a deployed stack, in this machine's browser. Where there is none, its URL.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use super::configure;
use super::place;
use super::session::Session;
use super::verify::what_is_there;
use super::{Ending, Run};
use crate::cli::OpenOptions;
use crate::diagnostics::Diagnostic;
use crate::events::{Event, PageShown};

/// What starts a browser has said by then that it cannot; some start it and stay.
const SOON: Duration = Duration::from_secs(3);

pub(super) async fn run(options: &OpenOptions, run: &Run) -> Result<Ending, Diagnostic> {
    let config = configure::bare(&options.stack);
    let place = place::existing(&config.target, run).await?;
    let session = Session::open(config, &place, run).await?;
    let (_, outputs) = what_is_there(session).await?;
    let url = outputs.site_url.clone();
    let shown = if options.code.qr {
        PageShown::Code
    } else {
        match run.unless_interrupted(async { Ok(browse(&url).await) }).await? {
            Ok(()) => PageShown::InBrowser,
            Err(why) => {
                run.events.note(format!("no browser was opened: {why}"));
                PageShown::AsText
            }
        }
    };
    run.events.emit(Event::Page { url, shown });
    Ok(Ending { outputs: Some(outputs), ..Ending::default() })
}

/// Opens a URL of ours, or says why not.
async fn browse(url: &str) -> Result<(), String> {
    let (program, arguments) = opener(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))?;
    let mut command = Command::new(program);
    command.args(arguments).arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| format!("{program}: {error}"))?;
    match tokio::time::timeout(SOON, child.wait()).await {
        Ok(Ok(status)) if !status.success() => Err(format!("{program} ended with {status}")),
        Ok(Err(error)) => Err(format!("{program}: {error}")),
        Ok(Ok(_)) | Err(_) => Ok(()),
    }
}

/// What opens URLs on this system, if somebody sits in front of it.
fn opener(is_set: impl Fn(&str) -> bool) -> Result<(&'static str, &'static [&'static str]), String> {
    if is_set("CI") {
        return Err("nobody looks at the screen of a pipeline".to_owned());
    }
    match std::env::consts::OS {
        "macos" => Ok(("open", &[])),
        // Not cmd's 'start', which would read a URL's '&' as a command's end.
        "windows" => Ok(("rundll32", &["url.dll,FileProtocolHandler"])),
        _ if is_set("DISPLAY") || is_set("WAYLAND_DISPLAY") => Ok(("xdg-open", &[])),
        _ => Err("there is no screen (neither DISPLAY nor WAYLAND_DISPLAY is set)".to_owned()),
    }
}
