//! What AWS asks for, by its public price lists. Only regions whose prices were looked up have a list; for any other the first one
//! stands in, and whoever shows it says so.

use serde::Serialize;

/// The list prices of one region, in US dollars.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Prices {
    pub(super) region: &'static str,
    /// When they were looked up.
    pub(super) as_of: &'static str,
    /// API Gateway, for a WebSocket message of up to 32 KB, either way; the first thousand million a month.
    pub(super) message: Price,
    pub(super) connection_minute: Price,
    /// Lambda.
    pub(super) run: Price,
    pub(super) gb_second_x86_64: Price,
    pub(super) gb_second_arm64: Price,
    /// CloudWatch Logs, for what comes in; that it is kept for some days costs next to nothing.
    pub(super) log_gb: Price,
    /// S3.
    pub(super) page_request: Price,
    pub(super) stored_gb_month: Price,
}

/// So many dollars for so many units.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Price {
    /// US dollars.
    pub usd: f64,
    /// For how many units.
    pub per: u32,
    /// What a unit is, as after "$1.00 per".
    pub unit: &'static str,
}

impl Price {
    const fn new(usd: f64, per: u32, unit: &'static str) -> Self {
        Self { usd, per, unit }
    }

    pub(super) fn of(&self, quantity: f64) -> f64 {
        self.usd * quantity / f64::from(self.per)
    }
}

/// The first is the one that stands in.
const LISTS: [Prices; 1] = [Prices {
    region: "us-east-1",
    as_of: "November 2026",
    message: Price::new(1.0, 1_000_000, "million"),
    connection_minute: Price::new(0.25, 1_000_000, "million minutes"),
    run: Price::new(0.2, 1_000_000, "million"),
    gb_second_x86_64: Price::new(0.000_016_7, 1, "GB-second"),
    gb_second_arm64: Price::new(0.000_013_3, 1, "GB-second"),
    log_gb: Price::new(0.5, 1, "GB"),
    page_request: Price::new(0.4, 1_000_000, "million"),
    stored_gb_month: Price::new(0.023, 1, "GB and month"),
}];

/// The list of a region, or the one that stands in for it.
pub(super) fn of(region: &str) -> Prices {
    LISTS.into_iter().find(|list| list.region == region).unwrap_or(LISTS[0])
}
