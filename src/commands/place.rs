//! Where a run works: AWS, another endpoint, or the local AWS of this machine, which `up` starts if none is running.

use std::fmt;

use aws_credential_types::Credentials;

use super::Run;
use super::local_aws::{self, Listener};
use crate::aws::clients::Access;
use crate::config::Target;
use crate::diagnostics::{Code, Diagnostic};
use crate::events::EndpointSource;
use crate::local::{DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, LocalAws, LocalOptions};
use crate::naming::GatewayTemplate;

/// Where a run works, and as whom.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) access: Access,
    pub(super) gateway: Option<GatewayTemplate>,
    /// What asked for an endpoint, as far as the options tell.
    pub(super) source: Option<EndpointSource>,
}

/// The place of a run that starts nothing.
pub(super) async fn existing(target: &Target, run: &Run) -> Result<Place, Diagnostic> {
    match target {
        Target::Aws { .. } => Ok(aws(target)),
        Target::Local { port: 0, .. } => Err(Diagnostic::new(
            Code::InvalidInput,
            "port 0 names no running local AWS",
            "pass the port that it printed when it started with --port",
        )),
        Target::Local { port, region } => {
            match run.unless_interrupted(async { Ok(local_aws::probe(*port).await) }).await? {
                Listener::LocalAws(health) => local(&local_aws::endpoint(*port), &health.region, region.as_deref()),
                Listener::Nobody => Err(Diagnostic::new(
                    Code::NoLocalAws,
                    format!("no local AWS is running on port {port}"),
                    "start one with 'webrtc-aws up --local' or 'webrtc-aws local', or pass its port with --port; one that ended \
                     took everything in it along",
                )),
                Listener::SomethingElse => Err(Diagnostic::new(
                    Code::NoLocalAws,
                    format!("what listens on port {port} is no local AWS"),
                    "pass the port of yours with --port; 'webrtc-aws local --port 0' starts one on a free port",
                )),
            }
        }
    }
}

/// The place of `up`, and the local AWS if it had to be started.
pub(super) async fn existing_or_started(target: &Target, run: &Run) -> Result<(Place, Option<LocalAws>), Diagnostic> {
    let Target::Local { port, region } = target else { return Ok((aws(target), None)) };
    match if *port == 0 { Listener::Nobody } else { local_aws::probe(*port).await } {
        Listener::LocalAws(_) => return Ok((existing(target, run).await?, None)),
        Listener::SomethingElse => return Err(local_aws::port_taken(*port)),
        Listener::Nobody => {}
    }
    let mut options = LocalOptions { port: *port, ..LocalOptions::default() };
    if let Some(region) = region {
        options.region.clone_from(region);
    }
    let answers_for = options.region.clone();
    match local_aws::start(options, run).await {
        Ok(server) => Ok((local(&server.endpoint(), &answers_for, None)?, Some(server))),
        // Two runs at once: the other one was quicker, and its local AWS is as good as ours.
        Err(problem) if problem.code == Code::PortTaken => match existing(target, run).await {
            Ok(place) => Ok((place, None)),
            Err(_) => Err(problem),
        },
        Err(problem) => Err(problem),
    }
}

fn aws(target: &Target) -> Place {
    let Target::Aws { region, profile, endpoint_url, gateway } = target else {
        return Place { access: Access::default(), gateway: None, source: None };
    };
    Place {
        access: Access {
            region: region.clone(),
            profile: profile.clone(),
            endpoint_url: endpoint_url.clone(),
            credentials: None,
        },
        gateway: gateway.clone(),
        source: endpoint_url.as_ref().map(|_| EndpointSource::Option),
    }
}

fn local(endpoint: &str, answers_for: &str, wanted: Option<&str>) -> Result<Place, Diagnostic> {
    if let Some(wanted) = wanted.filter(|wanted| *wanted != answers_for) {
        return Err(Diagnostic::new(
            Code::InvalidInput,
            format!("the local AWS at {endpoint} answers for region {answers_for}, not {wanted}"),
            "leave --region out, or run another one with --port",
        ));
    }
    let endpoint_url = endpoint.parse().map_err(|error: url::ParseError| {
        Diagnostic::new(Code::LocalFailure, format!("{endpoint} is no URL: {error}"), "please report it")
    })?;
    Ok(Place {
        access: Access {
            region: Some(answers_for.to_owned()),
            profile: None,
            endpoint_url: Some(endpoint_url),
            credentials: Some(Credentials::from_keys(DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY, None)),
        },
        gateway: None,
        source: Some(EndpointSource::Local),
    })
}

/// The options that lead another command to the same place.
pub(super) struct SamePlace<'a>(pub(super) &'a Target);

impl fmt::Display for SamePlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Target::Local { port, .. } => {
                f.write_str(" --local")?;
                if *port == crate::cli::LOCAL_PORT { Ok(()) } else { write!(f, " --port {port}") }
            }
            Target::Aws { region, profile, endpoint_url, .. } => {
                let given = [
                    ("--region", region.clone()),
                    ("--profile", profile.clone()),
                    ("--endpoint-url", endpoint_url.as_ref().map(ToString::to_string)),
                ];
                given.into_iter().try_for_each(|(option, value)| match value {
                    Some(value) => write!(f, " {option} {value}"),
                    None => Ok(()),
                })
            }
        }
    }
}
