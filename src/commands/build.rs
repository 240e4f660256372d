//! `build`: makes the relay's zip for Lambda.

use super::session::{prepare_relay, unfit_relay};
use super::{Ending, Run};
use crate::artifact::{self, BuildRequest, Target};
use crate::cli::BuildOptions;
use crate::diagnostics::Diagnostic;
use crate::events::Event;

pub(super) async fn run(options: &BuildOptions, run: &Run) -> Result<Ending, Diagnostic> {
    let request = BuildRequest { target: Target::Linux(options.arch), relay: None };
    let artifact = prepare_relay(&request, run).await?;
    run.events.emit(Event::Built {
        path: artifact::file(&artifact).map_err(|error| unfit_relay(&error))?.display().to_string(),
        bytes: artifact.zip.len(),
        sha256: artifact.sha256_base64,
        architecture: artifact.architecture.to_string(),
    });
    Ok(Ending::default())
}
