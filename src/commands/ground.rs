//! The account and region at which a run works: known once credentials and region are, and before it is said which stack.

use std::sync::Arc;

use aws_config::SdkConfig;
use jiff::Timestamp;
use tokio::time::Instant;

use super::Run;
use super::place::{self, Place};
use super::session::Session;
use crate::aws::account::{self, Account};
use crate::aws::clients::{self, Clients};
use crate::cli::AccountOptions;
use crate::commands::configure;
use crate::config::{Config, Target};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::{Context, WHOLE_STACK};
use crate::events::{EndpointSource, Event, Phase};
use crate::fleet::Finder;
use crate::lifetime::LastDeploy;
use crate::naming::{Names, Reach, Territory};

pub(super) struct Ground {
    clients: Clients,
    pub(super) territory: Territory,
    deploy: Arc<LastDeploy>,
    /// When the run began: ages are counted up to here, so that what was done since then makes a stack young.
    pub(super) now: Timestamp,
    /// The same on the clock that waits run on.
    began: Instant,
}

impl Ground {
    /// Finds credentials, account and region, and says where the run is about to act.
    pub(super) async fn open(place: &Place, run: &Run) -> Result<Self, Diagnostic> {
        run.events.emit(Event::Phase { phase: Phase::Identifying });
        let sdk = run.unless_interrupted(clients::load(&place.access)).await?;
        Self::with(&sdk, place, run).await
    }

    /// Finds account and region through clients of this configuration.
    pub(super) async fn with(sdk: &SdkConfig, place: &Place, run: &Run) -> Result<Self, Diagnostic> {
        let began = Instant::now();
        let clients = Clients::new(sdk);
        let account = run.unless_interrupted(account::identify(sdk, &clients)).await?;
        let endpoint = sdk.endpoint_url().map(str::to_owned);
        let reach = match &endpoint {
            None => Reach::Aws,
            Some(url) => Reach::Endpoint { url: parse_endpoint(url)?, gateway: place.gateway.clone() },
        };
        let Account { id, partition, region, caller } = account;
        let now = Timestamp::now();
        let deploy = Arc::new(LastDeploy::by(&caller, now));
        run.events.emit(Event::Target {
            account: id.to_string(),
            region: region.to_string(),
            caller,
            endpoint_from: endpoint.as_ref().map(|_| place.source.unwrap_or(EndpointSource::Environment)),
            endpoint,
            decided: run.settings.decided(),
        });
        for (variable, url) in clients::overridden_services(&place.access) {
            run.events.warn(format!("{variable} sends the calls of one service to {url}"));
        }
        Ok(Self { clients, territory: Territory { partition, account: id, region, reach }, deploy, now, began })
    }

    /// A run on one stack of it.
    pub(super) fn session<'run>(&self, config: Config, run: &'run Run) -> Session<'run> {
        let (stage, role_path) = (config.stage.clone(), config.role.path.clone());
        let existing_bucket = config.existing_bucket.clone();
        let names = Arc::new(Names { stage, role_path, existing_bucket, ..self.territory.names(config.stack.clone()) });
        let context = Context {
            clients: self.clients.clone(),
            names,
            known: Arc::default(),
            deploy: Arc::clone(&self.deploy),
            events: run.events.clone(),
            cancel: run.cancel.clone(),
            address: WHOLE_STACK,
        };
        Session { config, context, run, began: self.began }
    }

    pub(super) fn finder<'a>(&'a self, run: &'a Run) -> Finder<'a> {
        let Self { clients, territory, now, .. } = self;
        Finder { clients, territory, events: &run.events, cancel: &run.cancel, now: *now }
    }

    /// For people: where it is.
    pub(super) fn whole(&self) -> String {
        format!("account {}, region {}", self.territory.account, self.territory.region)
    }
}

/// All grounds that the options name, with the settings that lead there.
pub(super) async fn all(options: &AccountOptions, run: &Run) -> Result<Vec<(Target, Ground)>, Diagnostic> {
    let open = async |region: Option<String>| {
        let target = configure::target(&options.place(region));
        let place = place::existing(&target, run).await?;
        let ground = Ground::open(&place, run).await?;
        Ok::<_, Diagnostic>((target, ground))
    };
    let mut regions = options.regions.clone();
    if options.all_regions {
        // Not named on the command line, but perhaps in a file or in the environment.
        let (target, here) = open(regions.pop()).await?;
        // A local AWS is one region.
        if matches!(target, Target::Local { .. }) {
            return Ok(vec![(target, here)]);
        }
        let found = run.unless_interrupted(async { here.finder(run).regions().await }).await?;
        regions = found.into_iter().map(|region| region.to_string()).collect();
        regions.retain(|region| *region != here.territory.region.as_str());
        let mut all = vec![(target, here)];
        for region in regions {
            all.push(open(Some(region)).await?);
        }
        return Ok(all);
    }
    if regions.is_empty() {
        return Ok(vec![open(None).await?]);
    }
    regions.sort();
    regions.dedup();
    let mut all = Vec::new();
    for region in regions {
        all.push(open(Some(region)).await?);
    }
    Ok(all)
}

fn parse_endpoint(url: &str) -> Result<url::Url, Diagnostic> {
    url.parse().map_err(|error| {
        Diagnostic::new(
            Code::InvalidInput,
            format!("the endpoint {url:?} is no URL: {error}"),
            "correct or remove AWS_ENDPOINT_URL, or the profile's endpoint_url",
        )
    })
}
