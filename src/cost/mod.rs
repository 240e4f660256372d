//! What a stack costs: list prices times how much of everything is used. Pure; the numbers behind the README's table.

mod prices;

use serde::Serialize;

use crate::artifact::Architecture;
pub use prices::Price;

/// A message that the relay passes on is metered on its way in, as the relay's answer to the sender, and on its way out.
const METERED_PER_MESSAGE: f64 = 3.0;
/// The page keeps its connection with an empty message every 4.5 minutes (`client/lib/signaling.js`), which is answered.
const MINUTES_PER_KEEPALIVE: f64 = 4.5;
const METERED_PER_KEEPALIVE: f64 = 2.0;
/// Both sides of a call.
const TABS: f64 = 2.0;
const MINUTES_PER_MONTH: f64 = 30.0 * 24.0 * 60.0;
/// What a run of the relay leaves in its log: its own line and Lambda's three, with the 26 bytes that CloudWatch adds to each.
const LOG_BYTES_PER_RUN: f64 = 600.0;
const BYTES_PER_GB: f64 = 1_073_741_824.0;

/// What an estimate takes for granted.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Assumptions {
    /// Calls a month.
    pub calls: u32,
    /// How long the tabs of a call stay open.
    pub minutes: f64,
    /// What two browsers tell each other over the relay to get a call up: offers, answers, candidates.
    pub messages: u32,
    /// Tabs that are open all month, waiting for calls.
    pub open_tabs: u32,
    /// The relay's memory.
    pub memory_mb: i32,
    /// How long the relay runs for one message.
    pub run_ms: f64,
    /// The relay's processor.
    pub(crate) architecture: Architecture,
    /// The page's files, each of which a visit asks for.
    pub(crate) page_files: u32,
    /// Their size.
    pub(crate) page_kb: u32,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            calls: 1_000,
            minutes: 10.0,
            messages: 65,
            open_tabs: 0,
            memory_mb: 128,
            run_ms: 10.0,
            architecture: Architecture::X86_64,
            // As many as the built-in page has; a visit asks for a few less.
            page_files: 30,
            page_kb: 80,
        }
    }
}

/// How much of something, and what it costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Amount {
    /// In the price's units.
    pub quantity: f64,
    /// In US dollars.
    pub usd: f64,
}

/// One thing that AWS bills.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// What it is.
    pub what: &'static str,
    /// What AWS asks for it.
    pub price: Price,
    /// Of one call.
    pub call: Amount,
    /// Of one tab that is open for a month.
    pub open_tab: Amount,
    /// Of the month that was assumed.
    pub month: Amount,
}

/// What a stack costs, before free tiers, discounts and taxes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// The region that was asked about.
    pub region: String,
    /// The region whose list prices these are.
    pub prices_of: &'static str,
    /// When they were looked up.
    pub as_of: &'static str,
    /// What is taken for granted.
    pub assumptions: Assumptions,
    /// What AWS bills.
    pub lines: Vec<Line>,
    /// One call, in US dollars.
    pub call_usd: f64,
    /// One tab that is open for a month.
    pub open_tab_usd: f64,
    /// A month in which nobody comes: the page is stored.
    pub idle_month_usd: f64,
    /// A million messages passed on.
    pub million_messages_usd: f64,
    /// The month that was assumed.
    pub month_usd: f64,
}

/// What somebody does, in units that AWS counts.
#[derive(Clone, Copy, Debug, Default)]
struct Usage {
    metered_messages: f64,
    connection_minutes: f64,
    runs: f64,
    page_requests: f64,
}

impl Usage {
    fn of_messages(count: f64) -> Self {
        Self { metered_messages: count * METERED_PER_MESSAGE, runs: count, ..Self::default() }
    }

    fn of_a_tab(minutes: f64, page_files: u32) -> Self {
        let keepalives = minutes / MINUTES_PER_KEEPALIVE;
        Self {
            metered_messages: keepalives * METERED_PER_KEEPALIVE,
            connection_minutes: minutes,
            runs: keepalives,
            page_requests: f64::from(page_files),
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            metered_messages: self.metered_messages + other.metered_messages,
            connection_minutes: self.connection_minutes + other.connection_minutes,
            runs: self.runs + other.runs,
            page_requests: self.page_requests + other.page_requests,
        }
    }

    fn times(self, factor: f64) -> Self {
        Self {
            metered_messages: self.metered_messages * factor,
            connection_minutes: self.connection_minutes * factor,
            runs: self.runs * factor,
            page_requests: self.page_requests * factor,
        }
    }
}

/// What it is, what AWS asks for it, and how much of it a usage is.
type Billed<'a> = (&'static str, Price, &'a dyn Fn(Usage) -> f64);

/// Multiplies and adds.
pub(crate) fn estimate(region: &str, assumptions: Assumptions) -> Estimate {
    let prices = prices::of(region);
    let gb_second = match assumptions.architecture {
        Architecture::X86_64 => prices.gb_second_x86_64,
        Architecture::Arm64 => prices.gb_second_arm64,
    };
    let gb_seconds_per_run = f64::from(assumptions.memory_mb) / 1024.0 * assumptions.run_ms / 1000.0;
    let call = Usage::of_messages(f64::from(assumptions.messages))
        .plus(Usage::of_a_tab(assumptions.minutes, assumptions.page_files).times(TABS));
    let open_tab = Usage::of_a_tab(MINUTES_PER_MONTH, assumptions.page_files);
    let month = call.times(f64::from(assumptions.calls)).plus(open_tab.times(f64::from(assumptions.open_tabs)));
    let billed: [Billed<'_>; 6] = [
        ("WebSocket messages", prices.message, &|usage| usage.metered_messages),
        ("connection time", prices.connection_minute, &|usage| usage.connection_minutes),
        ("relay runs", prices.run, &|usage| usage.runs),
        ("their time", gb_second, &|usage| usage.runs * gb_seconds_per_run),
        ("their log", prices.log_gb, &|usage| usage.runs * LOG_BYTES_PER_RUN / BYTES_PER_GB),
        ("requests of the page", prices.page_request, &|usage| usage.page_requests),
    ];
    let lines = billed.map(|(what, price, quantity)| {
        let amount = |usage| {
            let quantity = quantity(usage);
            Amount { quantity, usd: price.of(quantity) }
        };
        Line { what, price, call: amount(call), open_tab: amount(open_tab), month: amount(month) }
    });
    let million = billed.iter().map(|(_, price, quantity)| price.of(quantity(Usage::of_messages(1e6)))).sum();
    let together = |of: fn(&Line) -> Amount| lines.iter().map(|line| of(line).usd).sum::<f64>();
    let idle = prices.stored_gb_month.of(f64::from(assumptions.page_kb) * 1024.0 / BYTES_PER_GB);
    Estimate {
        region: region.to_owned(),
        prices_of: prices.region,
        as_of: prices.as_of,
        assumptions,
        call_usd: together(|line| line.call),
        open_tab_usd: together(|line| line.open_tab),
        idle_month_usd: idle,
        million_messages_usd: million,
        month_usd: together(|line| line.month) + idle,
        lines: lines.into(),
    }
}

/// Two digits that say something, and never less than cents.
pub(crate) fn dollars(usd: f64) -> String {
    let decimals = if usd > 0.0 { (1.0 - usd.log10().floor()).clamp(2.0, 7.0) as usize } else { 2 };
    format!("${usd:.decimals$}")
}

/// `$1.00 per million`.
impl std::fmt::Display for Price {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // All three digits of a price, not two as of a sum.
        if self.usd < 0.01 {
            write!(f, "${} per {}", self.usd, self.unit)
        } else {
            write!(f, "{} per {}", dollars(self.usd), self.unit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PageSource;
    use crate::page::Page;

    fn close(one: f64, other: f64) -> bool {
        (one - other).abs() < 1e-9
    }

    #[test]
    fn a_call_is_added_up_as_by_hand() {
        let assumptions =
            Assumptions { page_files: 28, page_kb: 1024, calls: 100, open_tabs: 2, ..Assumptions::default() };
        let Estimate { lines, call_usd, open_tab_usd, month_usd, idle_month_usd, million_messages_usd, .. } =
            estimate("us-east-1", assumptions);
        let keepalives = 2.0 * 10.0 / 4.5;
        let runs = 65.0 + keepalives;
        let by_hand = (65.0 * 3.0 + 2.0 * keepalives) / 1e6
            + 20.0 * 0.25 / 1e6
            + runs * 0.2 / 1e6
            + runs * 0.125 * 0.01 * 0.000_016_7
            + runs * 600.0 / 1_073_741_824.0 * 0.5
            + 56.0 * 0.4 / 1e6;
        assert!(close(call_usd, by_hand), "{call_usd} {by_hand}");
        assert!(close(lines[1].open_tab.usd, 0.0108) && close(lines[0].open_tab.quantity, 19_200.0));
        assert!(close(idle_month_usd, 0.023 / 1024.0));
        assert!(close(month_usd, 100.0 * call_usd + 2.0 * open_tab_usd + idle_month_usd));
        assert!(close(million_messages_usd, 3.0 + 0.2 + 1_250.0 * 0.000_016_7 + 6e8 / 1_073_741_824.0 * 0.5));
    }

    #[test]
    fn a_region_without_a_list_gets_the_first_one_and_says_so() {
        let estimate = estimate("eu-central-1", Assumptions::default());
        assert_eq!((estimate.region.as_str(), estimate.prices_of), ("eu-central-1", "us-east-1"));
    }

    #[tokio::test]
    async fn the_built_in_page_is_no_larger_than_assumed() {
        let page = Page::load(&PageSource::BuiltIn).unwrap();
        let mut bytes = 0;
        for file in page.files().values() {
            bytes += file.read().await.unwrap().len();
        }
        let Assumptions { page_files, page_kb, .. } = Assumptions::default();
        assert!(page.files().len() <= page_files as usize && bytes < page_kb as usize * 1024, "{bytes}");
    }

    #[test]
    fn an_arm_processor_is_cheaper_and_nothing_costs_nothing() {
        let nothing = Assumptions { calls: 0, page_kb: 0, ..Assumptions::default() };
        assert!(close(estimate("us-east-1", nothing).month_usd, 0.0));
        let arm = Assumptions { architecture: Architecture::Arm64, ..Assumptions::default() };
        assert!(estimate("us-east-1", arm).call_usd < estimate("us-east-1", Assumptions::default()).call_usd);
    }

    #[test]
    fn sums_keep_two_digits_and_prices_all() {
        let shown = [0.0, 0.000_196, 0.0192, 0.196, 3.726, 1_234.5, 0.000_000_001].map(dollars);
        assert_eq!(shown, ["$0.00", "$0.00020", "$0.019", "$0.20", "$3.73", "$1234.50", "$0.0000000"]);
        let list = prices::of("us-east-1");
        assert_eq!(list.message.to_string(), "$1.00 per million");
        assert_eq!(list.gb_second_x86_64.to_string(), "$0.0000167 per GB-second");
        assert_eq!(list.stored_gb_month.to_string(), "$0.023 per GB and month");
    }
}
