//! An estimate for people: a table with the sum's every part, and what is not in it.

use super::text::Paint;
use crate::cost::{Amount, Assumptions, Estimate, Line, dollars};

pub(super) fn cost(paint: Paint, estimate: &Estimate) -> Vec<String> {
    let Estimate { region, prices_of, as_of, assumptions, lines, .. } = estimate;
    let Assumptions { calls, minutes, messages, open_tabs, memory_mb, run_ms, page_files, page_kb, .. } = assumptions;
    let mut shown = vec![format!("list prices of {prices_of}, {as_of}; without free tiers, discounts and taxes")];
    if region != prices_of {
        shown.push(format!(
            "{}: the prices of {region} are not known here, and may be higher",
            paint.careful("not for your region")
        ));
    }
    shown.push(String::new());
    let tabs = if *open_tabs > 0 { format!(", {open_tabs} tabs") } else { String::new() };
    let month = format!("{} calls{tabs}", count(f64::from(*calls)));
    shown.push(row(["", "price", "one call", "one tab open all month", &month]));
    for Line { what, price, call, open_tab, month } in lines {
        let [call, open_tab, month] = [call, open_tab, month].map(amount);
        shown.push(row([what, &price.to_string(), &call, &open_tab, &month]));
    }
    let sums = [estimate.call_usd, estimate.open_tab_usd, estimate.month_usd].map(dollars);
    shown.push(paint.strong(&row(["together", "", &sums[0], &sums[1], &sums[2]])));
    shown.extend([
        String::new(),
        format!("a month in which nobody comes  {}", dollars(estimate.idle_month_usd)),
        format!("a million messages passed on   {}", dollars(estimate.million_messages_usd)),
        String::new(),
        format!("call: {messages} messages passed on, each metered three times (in, the relay's answer, out), and 2 tabs for {minutes} minutes"),
        "tab: a keepalive every 4.5 minutes, metered twice".to_owned(),
        format!("run of the relay: {run_ms} ms of {memory_mb} MB, 600 bytes of log"),
        format!("page: {page_files} files of {page_kb} KB; what leaves S3 costs nothing up to 100 GB a month"),
        "sound and pictures go from browser to browser and cost nothing".to_owned(),
    ]);
    shown
}

fn row(cells: [&str; 5]) -> String {
    let [what, price, call, open_tab, month] = cells;
    format!("{what:<20}  {price:<26}  {call:<20}  {open_tab:<22}  {month}").trim_end().to_owned()
}

fn amount(amount: &Amount) -> String {
    format!("{}: {}", count(amount.quantity), dollars(amount.usd))
}

/// With separators; what is less than ten with as many digits as say something.
fn count(quantity: f64) -> String {
    if quantity > 0.0 && quantity < 10.0 {
        return dollars(quantity).trim_start_matches('$').to_owned();
    }
    let digits = format!("{quantity:.0}");
    let groups: Vec<&str> = digits.as_bytes().rchunks(3).rev().filter_map(|group| str::from_utf8(group).ok()).collect();
    groups.join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_readable() {
        assert_eq!(
            [0.0, 0.000_036, 8.4, 65.4, 1_000.0, 43_200.0, 1_234_567.0].map(count),
            ["0", "0.000036", "8.40", "65", "1,000", "43,200", "1,234,567"]
        );
    }
}
