//! What became of all cases, by command and fault.

use std::collections::BTreeMap;
use std::fmt;

use super::fault::Trouble;
use super::sweep::{After, Command, Verdict};

#[derive(Default)]
struct Row {
    cases: usize,
    at_once: usize,
    converged: usize,
    leaked: usize,
    url_changed: usize,
    not_struck: usize,
}

impl Row {
    fn add(&mut self, verdict: &Verdict) {
        self.cases += 1;
        self.at_once += usize::from(verdict.at_once);
        self.converged += usize::from(verdict.not_converged.is_none());
        self.leaked += usize::from(verdict.leaked.is_some());
        self.url_changed += usize::from(verdict.url_changed.is_some());
        self.not_struck += usize::from(verdict.struck == 0);
    }
}

#[derive(Default)]
pub(super) struct Table {
    rows: BTreeMap<(Command, After, Trouble), Row>,
    commands: BTreeMap<(Command, After), Row>,
    total: Row,
}

impl Table {
    pub(super) fn add(&mut self, place: (Command, After, Trouble), verdict: &Verdict) {
        let (command, after, _) = place;
        self.rows.entry(place).or_default().add(verdict);
        self.commands.entry((command, after)).or_default().add(verdict);
        self.total.add(verdict);
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let titles = ["cases", "at once", "converged", "leaked", "URL changed", "not struck"];
        write!(f, "{:<31}{:<10}{:<22}", "command", "then", "fault")?;
        titles.iter().try_for_each(|title| write!(f, "{title:>12}"))?;
        let mut line = |(command, after, trouble): (String, String, String), row: &Row| {
            let Row { cases, at_once, converged, leaked, url_changed, not_struck } = row;
            write!(f, "\n{command:<31}{after:<10}{trouble:<22}")?;
            let counts = [cases, at_once, converged, leaked, url_changed, not_struck];
            counts.iter().try_for_each(|count| write!(f, "{count:>12}"))
        };
        for ((command, after, trouble), row) in &self.rows {
            line((format!("{command:?}"), format!("{after:?}"), format!("{trouble:?}")), row)?;
        }
        for ((command, after), row) in &self.commands {
            line((format!("{command:?}"), format!("{after:?}"), "all".to_owned()), row)?;
        }
        line(("all".to_owned(), String::new(), String::new()), &self.total)
    }
}
