//! `local`: runs a local AWS in the foreground.

use std::path::Path;

use super::local_aws;
use super::{Ending, Run};
use crate::cli::{LocalOptions, MannersChoice};
use crate::diagnostics::{Code, Diagnostic};
use crate::events::Event;
use crate::local::{self, Manners};
use crate::relay_log::LogEntry;

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
        manners: match options.manners {
            MannersChoice::None => Manners::none(),
            MannersChoice::Mild => Manners::default(),
            MannersChoice::Worst => Manners::worst(),
        },
        deployer_policy: options.deployer_policy.as_deref().map(read_policy).transpose()?,
        ..local::LocalOptions::default()
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
                Ok(line) => run.events.emit(Event::RelayLog(LogEntry::of(line.text))),
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(tokio::sync::broadcast::error::RecvError::Closed) => break,
            }
        }
    }
    server.stop().await;
    Ok(Ending::default())
}

fn read_policy(path: &Path) -> Result<local::PolicyDocument, Diagnostic> {
    let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
    text.and_then(|text| text.parse::<local::PolicyDocument>().map_err(|error| error.to_string())).map_err(|why| {
        Diagnostic::new(
            Code::InvalidInput,
            format!("{} is no IAM policy: {why}", path.display()),
            "make one with 'webrtc-aws policy --account 000000000000 --region us-east-1 > policy.json'",
        )
    })
}
