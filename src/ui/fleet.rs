//! Words for people about many stacks.

use super::text::Paint;
use crate::fleet::{FoundStack, Judged, Part};

/// One line for each stack, in columns; what is missing of one indented below.
pub(super) fn stacks(paint: Paint, stacks: &[FoundStack]) -> Vec<String> {
    if stacks.is_empty() {
        return Vec::new();
    }
    let head = ["STACK", "REGION", "AGE", "STATE", "VERSION", "EXPIRES", "PAGE"].map(str::to_owned);
    let row = |stack: &FoundStack| {
        let or_none = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        [
            stack.stack.to_string(),
            stack.region.to_string(),
            or_none(stack.age().map(|age| age.to_string())),
            if stack.is_complete() { "complete".to_owned() } else { "incomplete".to_owned() },
            or_none(stack.deployed.as_ref().map(|deployed| deployed.version.clone())),
            or_none(stack.expires.map(|expires| expires.to_string())),
            or_none(stack.site_url.clone()),
        ]
    };
    let rows: Vec<_> = std::iter::once(head).chain(stacks.iter().map(row)).collect();
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0))
        .collect();
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{:<width$}", super::text::harmless(cell)));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![paint.faint(&line(&rows[0]))];
    for (stack, row) in stacks.iter().zip(&rows[1..]) {
        lines.push(line(row));
        if !stack.is_complete() {
            lines.push(paint.careful(&format!("  no {}; there is {}", names(&stack.missing), names(&stack.parts))));
        }
    }
    lines
}

fn names(parts: &[Part]) -> String {
    parts.iter().map(|part| part.name()).collect::<Vec<_>>().join(", ")
}

/// One line for each stack: what is to become of it, and why.
pub(super) fn judged(paint: Paint, stacks: &[Judged]) -> Vec<String> {
    let width = stacks.iter().map(|it| it.stack.stack.as_str().len()).max().unwrap_or_default();
    let line = |Judged { stack, delete, reason }: &Judged| {
        let word = if *delete { paint.bad("delete") } else { paint.faint("keep  ") };
        format!("{word}  {:<width$}  {}: {reason}", stack.stack.as_str(), stack.region)
    };
    stacks.iter().map(line).collect()
}

pub(super) fn conclusion(stacks: &[Judged], dry: bool) -> String {
    let doomed = stacks.iter().filter(|stack| stack.delete).count();
    let kept = stacks.len() - doomed;
    match (doomed, dry) {
        (0, _) if stacks.is_empty() => "there is no such stack".to_owned(),
        (0, _) => format!("nothing to delete, {kept} to keep"),
        (_, true) => format!("{doomed} to delete, {kept} to keep; nothing was changed: --yes deletes"),
        (_, false) => format!("{doomed} to delete, {kept} to keep"),
    }
}
