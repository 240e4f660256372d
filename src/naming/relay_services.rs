//! What the relay asks of other services, and where: what keeps secrets, and what has TURN servers.

use super::{Names, Reach};
use crate::config::SecretSource;

impl Names {
    /// What the relay reads a secret from. The Secrets Manager puts six characters behind a name that nobody
    /// chooses; AWS's own policies match them like this.
    pub(crate) fn secret_arn(&self, secret: &SecretSource) -> String {
        let arn = |service| format!("arn:{}:{service}:{}:{}", self.partition, self.region, self.account);
        match secret {
            SecretSource::Parameter(name) => format!("{}:parameter/{}", arn("ssm"), name.trim_start_matches('/')),
            SecretSource::Secret(id) if id.starts_with("arn:") => id.clone(),
            SecretSource::Secret(name) => format!("{}:secret:{name}-??????", arn("secretsmanager")),
        }
    }

    /// Where that is read: in the region that an ARN names, or the stack's.
    pub(crate) fn secret_endpoint(&self, secret: &SecretSource) -> String {
        let (service, region) = match secret {
            SecretSource::Parameter(_) => ("ssm", None),
            SecretSource::Secret(id) if id.starts_with("arn:") => ("secretsmanager", id.split(':').nth(3)),
            SecretSource::Secret(_) => ("secretsmanager", None),
        };
        match &self.reach {
            Reach::Aws => {
                let region = region.unwrap_or(self.region.as_str());
                format!("https://{service}.{region}.{}", self.partition.dns_suffix())
            }
            Reach::Endpoint { url, .. } => url.as_str().trim_end_matches('/').to_owned(),
        }
    }

    /// The signalling channel of this name, whenever it was made: its ARN ends in the time of that (AWS-FACTS H).
    pub(crate) fn signaling_channel_arns(&self) -> String {
        let name = self.signaling_channel();
        format!("arn:{}:kinesisvideo:{}:{}:channel/{name}/*", self.partition, self.region, self.account)
    }

    /// Where AWS says where the channel is.
    pub(crate) fn signaling_channel_endpoint(&self) -> String {
        match &self.reach {
            Reach::Aws => format!("https://kinesisvideo.{}.{}", self.region, self.partition.dns_suffix()),
            Reach::Endpoint { url, .. } => url.as_str().trim_end_matches('/').to_owned(),
        }
    }
}
