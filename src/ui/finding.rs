//! A finding for people: one line, and its remedy below.

use super::text::{Paint, harmless};
use crate::doctor::{Finding, Verdict};

pub(super) fn finding(paint: Paint, finding: &Finding) -> Vec<String> {
    let Finding { subject, seen, verdict } = finding;
    let (word, remedy) = match verdict {
        Verdict::Ok => (paint.good("ok     "), None),
        Verdict::Warning { remedy } => (paint.careful("warning"), Some(remedy)),
        Verdict::Problem { remedy } => (paint.bad("problem"), Some(remedy)),
        Verdict::Unknown { remedy } => (paint.faint("unknown"), Some(remedy)),
    };
    let mut lines = vec![format!("{word}  {subject:<13}  {}", harmless(&seen.lines().collect::<Vec<_>>().join(" ")))];
    lines.extend(remedy.map(|remedy| format!("           {} {}", paint.strong("remedy:"), harmless(remedy))));
    lines
}
