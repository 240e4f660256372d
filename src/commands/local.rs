//! `local`: runs a local AWS in the foreground.

use super::local_aws;
use super::{Ending, Run};
use crate::cli::LocalOptions;
use crate::diagnostics::Diagnostic;
use crate::events::Event;
use crate::local;

pub(super) async fn run(options: &LocalOptions, run: &Run) -> Result<Ending, Diagnostic> {
    if !options.address.is_loopback() {
        run.events.warn(format!(
            "listening on {}: whoever reaches this port can run programs on this machine as you",
            options.address
        ));
    }
    let settings = local::LocalOptions {
        address: options.address,
        port: options.port,
        account: options.account.clone(),
        region: options.region.clone(),
        timings: local::Timings::default(),
    };
    let server = local_aws::start(settings, run).await?;
    for rule in options.latency.iter().chain(&options.fault) {
        server.faults().add(rule.clone());
    }
    let mut lines = server.log_lines();
    loop {
        tokio::select! {
            () = run.cancel.cancelled() => break,
            line = lines.recv() => match line {
                Ok(line) => run.events.emit(Event::RelayLog { line: line.text }),
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => break,
            }
        }
    }
    server.stop().await;
    Ok(Ending::default())
}
