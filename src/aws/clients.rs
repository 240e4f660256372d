//! The only client factory: credentials, region, endpoint and TLS are decided here and nowhere else.

use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::imds;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::{
    HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use url::Url;

use super::answer::LookAtAnswers;
use super::proxy::Proxy;
use crate::diagnostics::Diagnostic;

/// Longest wait for one attempt that sends little, and for a longer one to go on (AWS-FACTS F: the SDK has no such limit by itself).
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(120);
/// What one of several uploads has of a slow line, in bytes a second: a sixteenth of two megabits.
const SLOWEST_UPLOAD: u64 = 16 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
const METADATA_TIMEOUT: Duration = Duration::from_millis(500);
const TLS: tls::Provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);

/// What a person may say about where and as whom to work.
#[derive(Clone, Debug, Default)]
pub(crate) struct Access {
    pub(crate) region: Option<String>,
    pub(crate) profile: Option<String>,
    pub(crate) endpoint_url: Option<Url>,
    /// Fixed credentials: those of the local AWS.
    pub(crate) credentials: Option<Credentials>,
}

/// One client for each service.
#[derive(Clone, Debug)]
pub(crate) struct Clients {
    pub(crate) s3: aws_sdk_s3::Client,
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) sts: aws_sdk_sts::Client,
    pub(crate) lambda: aws_sdk_lambda::Client,
    pub(crate) api_gateway: aws_sdk_apigatewayv2::Client,
    pub(crate) logs: aws_sdk_cloudwatchlogs::Client,
    pub(crate) kinesis_video: aws_sdk_kinesisvideo::Client,
}

/// Reads profiles and environment, without calling AWS.
pub(crate) async fn load(access: &Access) -> Result<SdkConfig, Diagnostic> {
    let direct = aws_smithy_http_client::Builder::new().tls_provider(TLS).build_https();
    // The local AWS is near.
    let proxy = if access.credentials.is_some() { None } else { Proxy::of_environment()? };
    let http_client = proxy.map_or_else(|| direct.clone(), |proxy| through(&proxy));
    let providers = ProviderConfig::default().with_http_client(http_client.clone());
    let metadata = metadata_service(&providers.clone().with_http_client(direct));
    let region = region(access, &providers, metadata.clone()).await;
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .credentials_provider(credentials(access, &providers, metadata, region.clone()).await)
        .region(region)
        .http_client(http_client)
        .app_name(app_name())
        // Waiting and repeating is done in `retry`, visibly and by class.
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts())
        .stalled_stream_protection(stall());
    if let Some(profile) = &access.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &access.endpoint_url {
        loader = loader.endpoint_url(url.as_str().trim_end_matches('/'));
    }
    Ok(loader.load().await)
}

/// One connector, and with it one pool of connections, for all clients.
fn through(proxy: &Proxy) -> SharedHttpClient {
    let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
    let connector =
        Connector::builder().proxy_config(proxy.config()).tls_provider(TLS).connector_settings(settings).build();
    let connector = SharedHttpConnector::new(connector);
    http_client_fn(move |_, _| connector.clone())
}

pub(crate) fn timeouts() -> TimeoutConfig {
    timeouts_of_upload(0)
}

/// The same for an attempt that sends so many bytes.
pub(crate) fn timeouts_of_upload(bytes: u64) -> TimeoutConfig {
    let attempt = ATTEMPT_TIMEOUT + Duration::from_secs(bytes / SLOWEST_UPLOAD);
    TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(attempt).build()
}

/// When a body that is sent or read piece by piece counts as stalled. The SDK counts pieces, not bytes, and has five seconds of
/// patience (AWS-FACTS F): of an upload that shares a slow line, the next 64 KiB may take longer.
fn stall() -> StalledStreamProtectionConfig {
    StalledStreamProtectionConfig::enabled().grace_period(ATTEMPT_TIMEOUT).build()
}

/// The SDK's own chain, but for [`metadata_service`].
async fn region(access: &Access, providers: &ProviderConfig, metadata: imds::Client) -> Option<Region> {
    if let Some(region) = &access.region {
        return Some(Region::new(region.clone()));
    }
    let mut profile = ProfileFileRegionProvider::builder().configure(providers);
    if let Some(name) = &access.profile {
        profile = profile.profile_name(name);
    }
    let metadata = imds::region::ImdsRegionProvider::builder().configure(providers).imds_client(metadata).build();
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(profile.build())
        .or_else(metadata)
        .region()
        .await
}

/// The SDK's own chain, but for [`metadata_service`], and but for a profile on the command line: keys in the environment must
/// not win over it and send the run to another account.
async fn credentials(
    access: &Access,
    providers: &ProviderConfig,
    metadata: imds::Client,
    region: Option<Region>,
) -> SharedCredentialsProvider {
    let providers = providers.clone().with_region(region);
    if let Some(credentials) = &access.credentials {
        return SharedCredentialsProvider::new(credentials.clone());
    }
    if let Some(profile) = &access.profile {
        let provider = ProfileFileCredentialsProvider::builder().configure(&providers).profile_name(profile).build();
        return SharedCredentialsProvider::new(provider);
    }
    let chain = DefaultCredentialsChain::builder().imds_client(metadata).configure(providers);
    SharedCredentialsProvider::new(chain.build().await)
}

/// The instance metadata service does not exist outside of EC2, where it answers within milliseconds. The SDK's own four tries
/// of a second, for the region and again for the credentials, would keep a person without credentials waiting (AWS-FACTS F).
fn metadata_service(providers: &ProviderConfig) -> imds::Client {
    imds::Client::builder()
        .configure(providers)
        .max_attempts(1)
        .connect_timeout(METADATA_TIMEOUT)
        .read_timeout(METADATA_TIMEOUT)
        .build()
}

/// Endpoints that the environment sets for single services, in effect unless one is given for all: (variable, URL).
pub(crate) fn overridden_services(access: &Access) -> Vec<(String, String)> {
    let ignored = std::env::var("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_ok_and(|value| value == "true");
    if access.endpoint_url.is_some() || ignored {
        return Vec::new();
    }
    ["S3", "IAM", "STS", "LAMBDA", "APIGATEWAYV2", "CLOUDWATCH_LOGS", "KINESIS_VIDEO"]
        .into_iter()
        .map(|service| format!("AWS_ENDPOINT_URL_{service}"))
        .filter_map(|variable| std::env::var(&variable).ok().map(|url| (variable, url)))
        .collect()
}

impl Clients {
    pub(crate) fn new(config: &SdkConfig) -> Self {
        let s3 = aws_sdk_s3::config::Builder::from(config)
            // Emulators and the local AWS are reached by IP address, where a bucket cannot be part of the host name.
            .force_path_style(config.endpoint_url().is_some())
            .interceptor(LookAtAnswers)
            .build();
        macro_rules! client {
            ($service:ident) => {
                $service::Client::from_conf($service::config::Builder::from(config).interceptor(LookAtAnswers).build())
            };
        }
        Self {
            s3: aws_sdk_s3::Client::from_conf(s3),
            iam: client!(aws_sdk_iam),
            sts: client!(aws_sdk_sts),
            lambda: client!(aws_sdk_lambda),
            api_gateway: client!(aws_sdk_apigatewayv2),
            logs: client!(aws_sdk_cloudwatchlogs),
            kinesis_video: client!(aws_sdk_kinesisvideo),
        }
    }
}

fn app_name() -> aws_config::AppName {
    #[expect(clippy::expect_used, reason = "a constant of legal characters")]
    aws_config::AppName::new("webrtc-aws").expect("a legal application name")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That took five seconds without a piece of a body, and an upload of a large file over a slow line was cut off at each attempt.
    #[tokio::test]
    async fn nothing_counts_as_stalled_before_an_attempt_without_a_body_would_be_over() {
        let credentials = Some(Credentials::from_keys("local", "local", None));
        let access = Access { region: Some("us-east-1".to_owned()), credentials, ..Access::default() };
        let config = load(&access).await.unwrap();
        let stall = config.stalled_stream_protection().unwrap();
        assert!(stall.is_enabled(), "one that hangs must end");
        assert_eq!(stall.grace_period(), ATTEMPT_TIMEOUT);
    }

    #[test]
    fn an_attempt_has_the_time_that_its_size_takes() {
        let attempt = |bytes| timeouts_of_upload(bytes).operation_attempt_timeout().unwrap();
        assert_eq!(attempt(0), ATTEMPT_TIMEOUT);
        assert_eq!(attempt(16 * 1024 * 60), ATTEMPT_TIMEOUT + Duration::from_secs(60));
    }
}
