//! Who we are and where: the first call of every command.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use tokio_util::sync::CancellationToken;

use super::clients::Clients;
use super::failure::{AwsFailure, FailureClass};
use super::proxy::Proxy;
use super::retry::{self, Repeat};
use crate::diagnostics::{Code, Diagnostic};
use crate::naming::{AccountId, Partition, Region};

/// A credential process may ask a person for a second factor.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(90);

/// The account that the credentials belong to.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) partition: Partition,
    pub(crate) region: Region,
    /// ARN of the caller.
    pub(crate) caller: String,
}

/// Checks credentials and region, in this order: whoever has neither needs credentials first.
pub(crate) async fn identify(config: &SdkConfig, clients: &Clients) -> Result<Account, Diagnostic> {
    credentials(config).await?;
    let region = config.region().map(|region| Region(region.to_string())).ok_or_else(|| {
        Diagnostic::new(
            Code::NoRegion,
            "no AWS region is set",
            "pass --region, e.g. --region eu-central-1, or set AWS_REGION, or 'aws configure set region …'",
        )
    })?;
    let identity = retry::repeating(Repeat::Safe, &CancellationToken::new(), |_| {}, || async {
        clients
            .sts
            .get_caller_identity()
            .send()
            .await
            .map_err(|error| AwsFailure::from_sdk("sts", "GetCallerIdentity", error))
    })
    .await
    .map_err(|failure| {
        let mut problem = Diagnostic::from_aws("find out which AWS account these credentials belong to", failure);
        if problem.code == Code::Unreachable {
            problem.hint = match config.endpoint_url() {
                Some(url) => format!(
                    "nothing answers at {url}: start what should listen there, or correct --endpoint-url or AWS_ENDPOINT_URL; \
                     without one, AWS itself is asked"
                ),
                None => {
                    let proxy = Proxy::of_environment().ok().flatten();
                    let way = proxy.map_or_else(|| "the network".to_owned(), |proxy| format!("the proxy {proxy}"));
                    format!("check {way}, the region's spelling ('{region}') and any AWS_ENDPOINT_URL_STS")
                }
            };
        }
        problem
    })?;
    let id = identity.account().unwrap_or_default();
    // Every name of a stack has it in it: with another one, a run would look elsewhere and find nothing.
    if id.len() != 12 || !id.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(Diagnostic::new(
            Code::UnreadableAnswer,
            format!("sts:GetCallerIdentity answered the account id {id:?}, which is none"),
            "check HTTPS_PROXY and --endpoint-url: something that is not AWS may have answered",
        ));
    }
    let caller = identity.arn().unwrap_or_default().to_owned();
    // Never hard-code `arn:aws:`: China, GovCloud and the European sovereign cloud have partitions of their own.
    let partition = caller.split(':').nth(1).filter(|partition| !partition.is_empty()).unwrap_or("aws");
    Ok(Account { id: AccountId(id.to_owned()), partition: Partition(partition.to_owned()), region, caller })
}

/// What signs the calls.
pub(crate) async fn credentials(config: &SdkConfig) -> Result<Credentials, Diagnostic> {
    let missing = |message: String| {
        let failure = AwsFailure {
            service: "sts",
            operation: "GetCallerIdentity",
            code: None,
            message,
            request_id: None,
            status: None,
            class: FailureClass::Credentials,
        };
        Err(Diagnostic::from_aws("find AWS credentials", failure))
    };
    let Some(provider) = config.credentials_provider() else {
        return missing("no credential provider is configured".to_owned());
    };
    match tokio::time::timeout(CREDENTIALS_TIMEOUT, provider.provide_credentials()).await {
        Ok(Ok(credentials)) => Ok(credentials),
        Ok(Err(error)) => missing(in_plain_words(super::failure::causes(&error))),
        Err(_) => missing(format!("nothing provided any within {} s", CREDENTIALS_TIMEOUT.as_secs())),
    }
}

/// The metadata service is the last of the chain: whoever reads about it on a laptop would look in the wrong place. And a
/// profile that is not there is to the SDK a provider "not enabled".
fn in_plain_words(cause: String) -> String {
    if cause.contains("IMDS") {
        "neither the environment nor the AWS configuration files hold any, and this machine has no instance role"
            .to_owned()
    } else if cause == "the credential provider was not enabled" {
        "the profile does not exist, or holds no credentials".to_owned()
    } else {
        cause
    }
}
