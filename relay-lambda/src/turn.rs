//! TURN servers for who asks: short-lived credentials, never in a file, and not more of them than a call needs.

mod allowance;
mod channel;
mod credentials;
mod own_servers;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use crate::{
    aws::Aws,
    event::ConnectionId,
    relay::{Code, Failure, IceServers},
    secret::Unreadable,
    settings::TurnSettings,
};
use allowance::Allowance;
use channel::Channel;
use own_servers::OwnServers;

/// Why there are no servers: what is told, and what the log says besides. Neither holds a secret.
#[derive(Debug)]
pub(crate) struct Shortage {
    pub(crate) failure: Failure,
    pub(crate) status: Option<u16>,
    pub(crate) detail: Option<String>,
}

impl From<Failure> for Shortage {
    fn from(failure: Failure) -> Self {
        Self { failure, status: None, detail: None }
    }
}

impl From<Unreadable> for Shortage {
    fn from(Unreadable { code, status, detail }: Unreadable) -> Self {
        let told = match code {
            Code::NotPermitted => "the relay may not read the secret of its TURN server",
            Code::Throttled => "too many requests; ask again a little later",
            _ => "the relay could not read the secret of its TURN server",
        };
        Self { failure: Failure::new(code, told), status, detail: Some(detail) }
    }
}

pub(crate) struct Turn {
    source: Source,
    allowance: Mutex<Allowance>,
}

enum Source {
    OwnServers(OwnServers),
    Channel(Channel),
}

impl Turn {
    pub(crate) fn new(settings: TurnSettings, aws: Arc<Aws>) -> Self {
        let source = match settings {
            TurnSettings::OwnServers(settings) => Source::OwnServers(OwnServers::new(settings, aws)),
            TurnSettings::Channel(settings) => Source::Channel(Channel::new(settings, aws)),
        };
        Self { source, allowance: Mutex::default() }
    }

    pub(crate) async fn servers(&self, asker: &ConnectionId) -> Result<IceServers, Shortage> {
        let now = SystemTime::now();
        // Only what is given counts: who is told why there is nothing may ask again.
        if !self.allowance().has_room_for(asker, now) {
            return Err(Failure::new(Code::Throttled, "too many requests for ICE servers; ask again later").into());
        }
        let servers = match &self.source {
            Source::OwnServers(servers) => servers.servers(asker, now).await?,
            Source::Channel(channel) => channel.servers(asker, now).await?,
        };
        self.allowance().take(asker, now);
        Ok(servers)
    }

    fn allowance(&self) -> MutexGuard<'_, Allowance> {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
