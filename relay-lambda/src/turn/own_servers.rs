//! TURN servers of the stack's owner: they and the relay share a secret, so the relay makes the credentials itself.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use super::{Shortage, credentials};
use crate::{
    aws::Aws,
    event::ConnectionId,
    relay::{IceServer, IceServers},
    secret::SecretReader,
    settings::OwnServersSettings,
};

pub(super) struct OwnServers {
    urls: Vec<String>,
    /// For how long credentials are good.
    life: Duration,
    secret: SecretReader,
}

impl OwnServers {
    pub(super) fn new(settings: OwnServersSettings, aws: Arc<Aws>) -> Self {
        let OwnServersSettings { urls, life, secret } = settings;
        Self { urls, life, secret: SecretReader::new(secret, aws) }
    }

    pub(super) async fn servers(&self, asker: &ConnectionId, now: SystemTime) -> Result<IceServers, Shortage> {
        let secret = self.secret.read(now).await?;
        let (username, credential) = credentials::sign(&secret, asker, now, self.life);
        let server = IceServer { urls: self.urls.clone(), username, credential };
        Ok(IceServers { servers: vec![server], expires_in: self.life.as_secs() })
    }
}
