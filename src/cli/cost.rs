//! The options of `cost`.

use clap::Args;

use super::values;
use crate::artifact::Architecture;
use crate::cost::Assumptions;

#[derive(Debug, Args)]
#[command(next_help_heading = "Assumptions")]
pub(crate) struct CostOptions {
    /// Calls a month
    #[arg(long, value_name = "COUNT", default_value_t = Assumptions::default().calls)]
    pub(crate) calls: u32,

    /// How long a call's two tabs stay open
    #[arg(long, value_name = "MINUTES", default_value_t = Assumptions::default().minutes, value_parser = values::minutes)]
    pub(crate) minutes: f64,

    /// What the two tell each other over the relay to get a call up: offers, answers, candidates
    #[arg(long, value_name = "COUNT", default_value_t = Assumptions::default().messages)]
    pub(crate) messages: u32,

    /// Tabs that are open all month, waiting for calls
    #[arg(long, value_name = "COUNT", default_value_t = Assumptions::default().open_tabs)]
    pub(crate) open_tabs: u32,

    /// The relay's memory in MB, 128 to 10240
    #[arg(long, value_name = "MB", default_value_t = Assumptions::default().memory_mb,
          value_parser = clap::value_parser!(i32).range(128..=10_240))]
    pub(crate) memory: i32,

    /// How many milliseconds the relay runs for one message; 'logs' shows yours
    #[arg(long, value_name = "MS", default_value_t = Assumptions::default().run_ms, value_parser = values::milliseconds)]
    pub(crate) run_ms: f64,

    /// The processor that the relay runs on
    #[arg(long, value_enum, value_name = "NAME", default_value_t = Architecture::preferred())]
    pub(crate) arch: Architecture,

    /// The region whose prices are meant, otherwise AWS_REGION or us-east-1; where they are not known here, those of us-east-1
    /// are shown, and it is said
    #[arg(long, value_name = "REGION", value_parser = values::region)]
    pub(crate) region: Option<String>,
}
