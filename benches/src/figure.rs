//! One measured figure, and the table of all.

use std::fmt::Write;

/// What a figure has to keep to.
#[derive(Clone, Copy)]
pub(crate) enum Bar {
    AtMost(f64),
    AtLeast(f64),
}

/// How another tool does.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) value: f64,
}

/// What was measured.
pub(crate) struct Figure {
    pub(crate) what: String,
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) bar: Option<Bar>,
    pub(crate) peers: Vec<Peer>,
    /// Why it is what it is, and what shows that: told if it misses its bar.
    limit: Option<String>,
}

impl Figure {
    pub(crate) fn new(what: &str, value: f64, unit: &'static str) -> Self {
        Self { what: what.to_owned(), value, unit, bar: None, peers: Vec::new(), limit: None }
    }

    pub(crate) fn at_most(self, bar: f64) -> Self {
        Self { bar: Some(Bar::AtMost(bar)), ..self }
    }

    pub(crate) fn at_least(self, bar: f64) -> Self {
        Self { bar: Some(Bar::AtLeast(bar)), ..self }
    }

    pub(crate) fn beside(mut self, peer: Peer) -> Self {
        self.peers.push(peer);
        self
    }

    pub(crate) fn limited_by(self, limit: impl Into<String>) -> Self {
        Self { limit: Some(limit.into()), ..self }
    }

    fn is_met(&self) -> Option<bool> {
        Some(match self.bar? {
            Bar::AtMost(bar) => self.value <= bar,
            Bar::AtLeast(bar) => self.value >= bar,
        })
    }

    fn bar_told(&self) -> String {
        match self.bar {
            None => String::new(),
            Some(Bar::AtMost(bar)) => format!("<= {}", number(bar)),
            Some(Bar::AtLeast(bar)) => format!(">= {}", number(bar)),
        }
    }

    fn met(&self) -> &'static str {
        match self.is_met() {
            None => "",
            Some(true) => "met",
            Some(false) => "missed",
        }
    }
}

/// What limits each figure that misses its bar, with what proves it.
pub(crate) fn shortfalls(figures: &[Figure]) -> String {
    let mut text = String::new();
    for figure in figures.iter().filter(|figure| figure.is_met() == Some(false)) {
        let (value, unit, bar) = (number(figure.value), figure.unit, figure.bar_told());
        line(&mut text, format!("\nmissed: {}: {value} {unit}, wanted {bar}", figure.what));
        let limit = figure.limit.as_deref().unwrap_or("Nobody has found out yet what limits it.");
        limit.lines().for_each(|limit| line(&mut text, format!("  {limit}")));
    }
    text
}

/// As many digits as say something.
fn number(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 100.0 || value.fract() == 0.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

pub(crate) fn table(figures: &[Figure]) -> String {
    let mut text =
        format!("{:<64}{:>9} {:<7}{:>10}  {:<8}{:<26}{:>7}\n", "figure", "measured", "", "bar", "", "peer", "ratio");
    for figure in figures {
        let bar = figure.bar_told();
        // A line for each peer; one without any has a line all the same.
        let mut peers = figure.peers.iter();
        let (peer, ratio) = compared(figure.value, peers.next());
        let (value, unit, met) = (number(figure.value), figure.unit, figure.met());
        line(&mut text, format!("{:<64}{value:>9} {unit:<7}{bar:>10}  {met:<8}{peer:<26}{ratio:>7}", figure.what));
        for peer in peers {
            let (peer, ratio) = compared(figure.value, Some(peer));
            line(&mut text, format!("{:<101}{peer:<26}{ratio:>7}", ""));
        }
    }
    text
}

fn compared(value: f64, peer: Option<&Peer>) -> (String, String) {
    peer.map_or_else(Default::default, |peer| {
        (format!("{}: {}", peer.name, number(peer.value)), number(value / peer.value))
    })
}

fn line(text: &mut String, line: String) {
    // Writing to a string does not fail.
    let _ = writeln!(text, "{}", line.trim_end());
}

/// The one in the middle.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The value under which this share of them is, from 0 to 1.
pub(crate) fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let place = ((values.len() as f64 * share) as usize).min(values.len().saturating_sub(1));
    values.get(place).copied().unwrap_or_default()
}
