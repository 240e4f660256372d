//! A secret that stands nowhere but where it is kept: what the relay shares with a TURN server, or the token that lets somebody
//! connect. It is read when it is needed, kept in memory for a while, and shown to nobody.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::{
    aws::{Aws, BoxError, Sent, chain},
    relay::Code,
    settings::{Endpoint, SecretSettings, SecretSource},
};

/// After a change of the secret, the old one counts for this long at most.
const KEPT: Duration = Duration::from_secs(300);

/// Half the function's own time limit, as for messages.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Why there is no secret. The detail names it, and does not hold it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    pub(crate) code: Code,
    pub(crate) status: Option<u16>,
    pub(crate) detail: String,
}

/// A text that no `{:?}` shows.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

pub(crate) struct SecretReader {
    source: SecretSource,
    endpoint: Endpoint,
    aws: Arc<Aws>,
    kept: Mutex<Option<(SystemTime, Secret)>>,
}

impl SecretReader {
    pub(crate) fn new(SecretSettings { source, endpoint }: SecretSettings, aws: Arc<Aws>) -> Self {
        Self { source, endpoint, aws, kept: Mutex::default() }
    }

    /// The secret as it is, or was a short while ago.
    pub(crate) async fn read(&self, now: SystemTime) -> Result<Secret, Unreadable> {
        tokio::time::timeout(TIME_LIMIT, self.read_in_time(now)).await.unwrap_or_else(|_| {
            Err(unreadable(None, format!("the secret did not come within {} s", TIME_LIMIT.as_secs())))
        })
    }

    async fn read_in_time(&self, now: SystemTime) -> Result<Secret, Unreadable> {
        if let Some((read_at, secret)) = &*self.kept.lock().unwrap_or_else(PoisonError::into_inner)
            && is_fresh(*read_at, now)
        {
            return Ok(secret.clone());
        }
        let answer = self.ask(now).await.map_err(|error| unreadable(None, chain(error.as_ref())))?;
        let secret = self.secret_in(&answer)?;
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, secret.clone()));
        Ok(secret)
    }

    async fn ask(&self, now: SystemTime) -> Result<Sent, BoxError> {
        let (service, target, body) = match &self.source {
            SecretSource::Parameter(name) => {
                ("ssm", "AmazonSSM.GetParameter", json!({ "Name": name, "WithDecryption": true }))
            }
            SecretSource::Secret(id) => ("secretsmanager", "secretsmanager.GetSecretValue", json!({ "SecretId": id })),
        };
        let region = self.source.region().unwrap_or(self.aws.region());
        let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target)];
        let url = format!("{}/", self.endpoint.as_str());
        let request = self.aws.signed((service, region), &url, &headers, Bytes::from(body.to_string()), now)?;
        self.aws.send(request).await
    }

    fn secret_in(&self, Sent { status, text, .. }: &Sent) -> Result<Secret, Unreadable> {
        let body: Value = serde_json::from_str(text).unwrap_or_default();
        let http_status = Some(status.as_u16());
        if *status != StatusCode::OK {
            // The service's own words, which name the secret and do not hold it.
            let code = body["__type"].as_str().unwrap_or_default().rsplit('#').next().unwrap_or_default().to_owned();
            let message = body["message"].as_str().or(body["Message"].as_str()).unwrap_or_default();
            let detail = format!("{}: {code} {message}", self.source).chars().take(500).collect();
            let code = match code.as_str() {
                "AccessDeniedException" => Code::NotPermitted,
                "ThrottlingException" => Code::Throttled,
                _ => Code::Unexpected,
            };
            return Err(Unreadable { code, status: http_status, detail });
        }
        let value = match &self.source {
            SecretSource::Parameter(_) => body["Parameter"]["Value"].as_str(),
            SecretSource::Secret(_) => body["SecretString"].as_str(),
        };
        // A file that somebody stored may end with a line end; no secret does.
        match value.map(|value| value.trim_end_matches(['\r', '\n'])) {
            Some(value) if !value.is_empty() => Ok(Secret::new(value.to_owned())),
            _ => Err(unreadable(http_status, format!("{} holds no text", self.source))),
        }
    }
}

fn unreadable(status: Option<u16>, detail: String) -> Unreadable {
    Unreadable { code: Code::Unexpected, status, detail }
}

fn is_fresh(read_at: SystemTime, now: SystemTime) -> bool {
    now.duration_since(read_at).is_ok_and(|age| age < KEPT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_used_again_for_a_while_and_not_longer() {
        let read_at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        assert!(is_fresh(read_at, read_at) && is_fresh(read_at, read_at + KEPT - Duration::from_secs(1)));
        assert!(!is_fresh(read_at, read_at + KEPT));
        assert!(!is_fresh(read_at, read_at - Duration::from_secs(1)), "the clock was set back");
    }

    #[test]
    fn no_debug_output_shows_a_secret() {
        assert_eq!(format!("{:?}", Secret::new("north".to_owned())), "Secret(…)");
    }
}
