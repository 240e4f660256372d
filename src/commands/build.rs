//! `build`: makes the relay's zip.

use super::session::{prepare_relay, unfit_relay};
use super::{Ending, Run};
use crate::artifact::{self, BuildRequest, Target};
use crate::cli::BuildOptions;
use crate::diagnostics::Diagnostic;
use crate::events::Event;

pub(super) async fn run(options: &BuildOptions, run: &Run) -> Result<Ending, Diagnostic> {
    let target = if options.local { Target::Host } else { Target::Linux(options.arch) };
    let request = BuildRequest { target, relay: None };
    let artifact = prepare_relay(&request, run).await?;
    let path = artifact::file(&artifact, options.to.as_deref()).map_err(|error| unfit_relay(&error))?;
    run.events.emit(Event::Built {
        path: path.display().to_string(),
        bytes: artifact.zip.len(),
        sha256: artifact.sha256_base64,
        architecture: artifact.architecture.to_string(),
    });
    Ok(Ending::default())
}
