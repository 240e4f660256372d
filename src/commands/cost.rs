//! `cost`: what a stack would cost. Multiplication only: no account, no network.

use super::{Ending, Run};
use crate::cli::CostOptions;
use crate::config::RelaySettings;
use crate::cost::{Assumptions, Estimate, dollars, estimate};
use crate::events::Event;
use crate::naming::{Names, Reach};

/// Where nobody said which.
const PRICES_KNOWN: &str = "us-east-1";

pub(super) fn run(options: &CostOptions, run: &Run) -> Ending {
    let assumptions = Assumptions {
        calls: options.calls,
        minutes: options.minutes,
        messages: options.messages,
        open_tabs: options.open_tabs,
        memory_mb: options.memory,
        run_ms: options.run_ms,
        architecture: options.arch,
        ..Assumptions::default()
    };
    let region = run.settings.region().unwrap_or(PRICES_KNOWN);
    run.events.emit(Event::Cost(estimate(region, assumptions)));
    Ending::default()
}

/// What somebody who has just deployed should know. None where nothing is billed.
pub(super) fn in_short(relay: &RelaySettings, names: &Names) -> Option<String> {
    if !matches!(names.reach, Reach::Aws) {
        return None;
    }
    let assumptions =
        Assumptions { memory_mb: relay.memory_mb, architecture: relay.architecture, ..Assumptions::default() };
    let Estimate { call_usd, open_tab_usd, prices_of, as_of, .. } = estimate(names.region.as_str(), assumptions);
    Some(format!(
        "Costs next to nothing while nobody calls, about {} a call, {} a tab left open all month (list prices of {prices_of}, {as_of}; \
         'webrtc-aws cost' shows how).",
        dollars(call_usd),
        dollars(open_tab_usd)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::naming::{AccountId, Partition, Region, RolePath};

    #[test]
    fn whoever_deployed_to_aws_is_told_and_nobody_else() {
        let names = |reach| Names {
            stack: "demo".parse().unwrap(),
            stage: "prod".parse().unwrap(),
            partition: Partition("aws".into()),
            account: AccountId("123456789012".into()),
            region: Region("eu-central-1".into()),
            reach,
            role_path: RolePath::default(),
            existing_bucket: None,
        };
        let relay = RelaySettings::default();
        let said = in_short(&relay, &names(Reach::Aws)).unwrap();
        assert!(said.contains(" a call, $0.0") && said.contains("list prices of us-east-1, November 2026"), "{said}");
        let url = "http://127.0.0.1:4580".parse().unwrap();
        assert_eq!(in_short(&relay, &names(Reach::Endpoint { url, gateway: None })), None);
    }
}
