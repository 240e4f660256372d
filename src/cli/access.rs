//! Options of whom a run works as, and on which AWS.

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use url::Url;

use super::{LOCAL_PORT, values};
use crate::naming::GatewayTemplate;

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct AccessOptions {
    /// The profile of the AWS configuration files; otherwise AWS_PROFILE, or the default chain of credentials
    #[arg(long, value_name = "NAME", conflicts_with = "local", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) profile: Option<String>,

    /// Send every AWS call to this http(s) URL: an emulator, e.g. http://127.0.0.1:5013; otherwise AWS_ENDPOINT_URL, or AWS itself
    #[arg(long, value_name = "URL", value_parser = values::endpoint, conflicts_with = "local")]
    pub(crate) endpoint_url: Option<Url>,

    /// Where that emulator has its WebSocket APIs: a ws(s) URL with {api} and {stage} in it
    ///
    /// Default: /_aws/execute-api/{api}/{stage} below the endpoint. E.g. 'ws://127.0.0.1:5013/_aws/execute-api/{api}/{stage}'.
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "local")]
    pub(crate) gateway_url: Option<GatewayTemplate>,

    /// Work on the local AWS of this machine: no account, no credentials, no network
    #[arg(long)]
    pub(crate) local: bool,

    /// The local AWS's port on 127.0.0.1; 0 takes a free one, where one is started
    #[arg(long, value_name = "PORT", default_value_t = LOCAL_PORT)]
    pub(crate) port: u16,
}
