//! TURN servers for who asks: short-lived credentials, never in a file, and not more of them than a call needs.

mod allowance;
mod credentials;
mod secret;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use crate::{
    aws::Aws,
    event::ConnectionId,
    relay::{Code, Failure, IceServer, IceServers},
    settings::TurnSettings,
};
use allowance::Allowance;
use secret::SecretReader;

/// Half the function's own time limit, as for messages.
const TIME_LIMIT: Duration = Duration::from_secs(5);

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

pub(crate) struct Turn {
    urls: Vec<String>,
    /// For how long credentials are good.
    life: Duration,
    secret: SecretReader,
    allowance: Mutex<Allowance>,
}

impl Turn {
    pub(crate) fn new(settings: TurnSettings, aws: Arc<Aws>) -> Self {
        let TurnSettings { urls, life, source, endpoint } = settings;
        Self { urls, life, secret: SecretReader::new(source, endpoint, aws), allowance: Mutex::default() }
    }

    pub(crate) async fn servers(&self, asker: &ConnectionId) -> Result<IceServers, Shortage> {
        let now = SystemTime::now();
        // Only what is given counts: who is told why there is nothing may ask again.
        if !self.allowance().has_room_for(asker, now) {
            return Err(Failure::new(Code::Throttled, "too many requests for ICE servers; ask again later").into());
        }
        let secret = match tokio::time::timeout(TIME_LIMIT, self.secret.read(now)).await {
            Ok(secret) => secret?,
            Err(_) => {
                return Err(Shortage {
                    detail: Some(format!("the secret did not come within {} s", TIME_LIMIT.as_secs())),
                    ..Failure::new(Code::Unexpected, "the relay could not read the secret of its TURN server").into()
                });
            }
        };
        self.allowance().take(asker, now);
        let (username, credential) = credentials::sign(&secret, asker, now, self.life);
        let server = IceServer { urls: self.urls.clone(), username, credential };
        Ok(IceServers { servers: vec![server], expires_in: self.life.as_secs() })
    }

    fn allowance(&self) -> MutexGuard<'_, Allowance> {
        self.allowance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
