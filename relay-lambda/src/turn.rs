//! TURN servers for who asks: short-lived credentials, never in a file, and not more of them than a call needs.

mod allowance;
mod credentials;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use crate::{
    aws::Aws,
    event::ConnectionId,
    relay::{Code, Failure, IceServer, IceServers},
    secret::{SecretReader, Unreadable},
    settings::TurnSettings,
};
use allowance::Allowance;

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
    urls: Vec<String>,
    /// For how long credentials are good.
    life: Duration,
    secret: SecretReader,
    allowance: Mutex<Allowance>,
}

impl Turn {
    pub(crate) fn new(settings: TurnSettings, aws: Arc<Aws>) -> Self {
        let TurnSettings { urls, life, secret } = settings;
        Self { urls, life, secret: SecretReader::new(secret, aws), allowance: Mutex::default() }
    }

    pub(crate) async fn servers(&self, asker: &ConnectionId) -> Result<IceServers, Shortage> {
        let now = SystemTime::now();
        // Only what is given counts: who is told why there is nothing may ask again.
        if !self.allowance().has_room_for(asker, now) {
            return Err(Failure::new(Code::Throttled, "too many requests for ICE servers; ask again later").into());
        }
        let secret = self.secret.read(now).await?;
        self.allowance().take(asker, now);
        let (username, credential) = credentials::sign(&secret, asker, now, self.life);
        let server = IceServer { urls: self.urls.clone(), username, credential };
        Ok(IceServers { servers: vec![server], expires_in: self.life.as_secs() })
    }

    fn allowance(&self) -> MutexGuard<'_, Allowance> {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
