//! Words for people: pure functions from events' contents to lines.

use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::Value;

use crate::diagnostics::Diagnostic;
use crate::engine::outputs::Outputs;
use crate::engine::plan::{Action, Plan, Step};
use crate::engine::status::{Health, ResourceStatus, State};
use crate::events::PolicyKind;
use crate::lifetime::{Expiry, LastDeploy};
use crate::permissions::{Document, MANAGED_POLICY_LIMIT};
use crate::settings::{Decided, Origin, Resolved};
use crate::verify::{Check, CheckResult, Summary};

/// Longest value that is shown whole.
const LONGEST_VALUE: usize = 72;

/// Colours, where they can be seen. Every line is understandable without.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paint {
    colour: bool,
}

impl Paint {
    pub(super) fn new(colour: bool) -> Self {
        Self { colour }
    }

    pub(super) fn has_colour(self) -> bool {
        self.colour
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn in_colour(self, colour: AnsiColor, text: &str) -> String {
        self.with(colour.on_default(), text)
    }

    pub(super) fn strong(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    pub(super) fn faint(self, text: &str) -> String {
        self.with(Style::new().dimmed(), text)
    }

    pub(super) fn good(self, text: &str) -> String {
        self.in_colour(AnsiColor::Green, text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }

    pub(super) fn careful(self, text: &str) -> String {
        self.in_colour(AnsiColor::Yellow, text)
    }

    fn action(self, action: Action, text: &str) -> String {
        match action {
            Action::Keep => self.faint(text),
            Action::Create => self.good(text),
            Action::Update => self.careful(text),
            Action::Delete => self.in_colour(AnsiColor::Red, text),
        }
    }
}

/// What comes from AWS, a page's visitors or a file name may hold anything: it must not steer the terminal.
pub(super) fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '\u{fffd}' } else { c }).collect()
}

pub(super) fn action_word(action: Action) -> &'static str {
    match action {
        Action::Keep => "keep",
        Action::Create => "create",
        Action::Update => "update",
        Action::Delete => "delete",
    }
}

pub(super) fn done_word(action: Action) -> &'static str {
    match action {
        Action::Keep => "kept",
        Action::Create => "created",
        Action::Update => "updated",
        Action::Delete => "deleted",
    }
}

fn sign(action: Action) -> char {
    match action {
        Action::Keep => '=',
        Action::Create => '+',
        Action::Update => '~',
        Action::Delete => '-',
    }
}

/// One line for each step, with what changes indented below.
pub(super) fn plan<'a>(paint: Paint, steps: impl IntoIterator<Item = &'a Step>) -> Vec<String> {
    let mut lines = Vec::new();
    for step in steps {
        let line = format!("{} {:<6}  {}", sign(step.action), action_word(step.action), step.address);
        lines.push(paint.action(step.action, &line));
        lines.extend(step.changes.iter().map(change));
    }
    lines
}

pub(super) fn plan_summary(plan: &Plan) -> String {
    let count = |action| plan.steps.iter().filter(|step| step.action == action).count();
    format!(
        "{} to create, {} to update, {} to delete, {} unchanged",
        count(Action::Create),
        count(Action::Update),
        count(Action::Delete),
        count(Action::Keep)
    )
}

fn change(change: &crate::engine::diff::Change) -> String {
    format!("            {}: {} → {}", harmless(&change.field), value(&change.observed), value(&change.desired))
}

/// A value in short: what a person needs to recognise it.
fn value(value: &Value) -> String {
    let text = match value {
        Value::Null => return "(none)".to_owned(),
        other => harmless(&other.to_string()),
    };
    let length = text.chars().count();
    if length <= LONGEST_VALUE {
        return text;
    }
    let end = LONGEST_VALUE / 4;
    let head: String = text.chars().take(LONGEST_VALUE - end - 1).collect();
    let tail: String = text.chars().skip(length - end).collect();
    format!("{head}…{tail}")
}

/// One line for each resource, with what differs indented below.
pub(super) fn status(paint: Paint, resources: &[ResourceStatus]) -> Vec<String> {
    let mut lines = Vec::new();
    for resource in resources {
        let (word, painted): (&str, fn(Paint, &str) -> String) = match resource.state {
            State::Present => ("present", Paint::good),
            State::Missing => ("missing", Paint::faint),
            State::Drifted => ("drifted", Paint::careful),
            State::Foreign => ("foreign", Paint::bad),
            State::Ambiguous => ("ambiguous", Paint::bad),
            State::Unwanted => ("unwanted", Paint::careful),
        };
        let found = resource.found.as_ref().map(|found| format!(": {}", harmless(found))).unwrap_or_default();
        lines.push(format!("{}  {}{found}", painted(paint, &format!("{word:<9}")), resource.address));
        lines.extend(resource.changes.iter().map(change));
    }
    lines
}

/// How the stack stands, who deployed it and until when it lives.
pub(super) fn life(
    paint: Paint,
    health: Health,
    deployed: Option<&LastDeploy>,
    expires: Option<Expiry>,
) -> Vec<String> {
    let mut lines = vec![paint.strong(&health.to_string())];
    lines.extend(deployed.map(|LastDeploy { at, by, version }| {
        format!("deployed   {at} by {}, with webrtc-aws {}", harmless(by), harmless(version))
    }));
    lines.extend(expires.map(|expires| format!("expires    {expires}")));
    lines
}

/// One line for a check; cause and remedy indented below, where it failed.
pub(super) fn check(paint: Paint, check: &Check) -> Vec<String> {
    let elapsed = paint.faint(&duration(Duration::from_millis(check.elapsed_ms)));
    let line = |word: String, said: &str| format!("{word}  {:<9}  {}", check.check, harmless(said));
    match &check.result {
        CheckResult::Ok { seen, .. } => vec![format!("{}  {elapsed}", line(paint.good("ok     "), seen))],
        CheckResult::Skipped { reason } => vec![line(paint.faint("skipped"), reason)],
        CheckResult::Failed { seen, cause, remedy } => vec![
            format!("{}  {elapsed}", line(paint.bad("failed "), seen)),
            format!("           expected: {}", check.expected),
            format!("           cause: {}", harmless(cause)),
            format!("           {} {}", paint.strong("remedy:"), harmless(remedy)),
        ],
    }
}

pub(super) fn checks_summary(summary: &Summary) -> String {
    let checks = |count: usize| if count == 1 { "1 check".to_owned() } else { format!("{count} checks") };
    let mut words = match summary.failed.len() {
        0 => format!("{} passed", checks(summary.passed)),
        failed => format!("{} failed, {} passed", checks(failed), summary.passed),
    };
    if !summary.skipped.is_empty() {
        words.push_str(&format!(", {} skipped", summary.skipped.len()));
    }
    if let Some(round_trip) = summary.round_trip_ms {
        words.push_str(&format!(", message round trip {round_trip} ms"));
    }
    words
}

/// URLs first and large, ids below.
pub(super) fn outputs(paint: Paint, outputs: &Outputs) -> Vec<String> {
    vec![
        format!("page       {}", paint.strong(&outputs.site_url)),
        format!("websocket  {}", paint.strong(&outputs.websocket_url)),
        format!("api        {}", outputs.api_id),
        format!("bucket     {}", outputs.bucket),
        format!("function   {}", outputs.function),
        format!("log group  {}", outputs.log_group),
        format!("account    {}, region {}", outputs.account, outputs.region),
    ]
}

pub(super) fn document(document: &Document) -> Vec<String> {
    let text = serde_json::to_string_pretty(document).unwrap_or_else(|error| error.to_string());
    text.lines().map(str::to_owned).collect()
}

pub(super) fn document_size(kind: PolicyKind, characters: usize) -> String {
    match kind {
        PolicyKind::Permissions => format!("{characters} of the {MANAGED_POLICY_LIMIT} characters of a managed policy"),
        PolicyKind::Relay => format!("{characters} of the 10240 characters of a role's inline policies"),
        PolicyKind::Bucket => format!("{characters} of the 20480 characters of a bucket's policy"),
        PolicyKind::Trust => format!("{characters} of the 2048 characters of a trust policy"),
    }
}

/// What happened, what AWS said, what to do, what is left.
pub(super) fn diagnostic(paint: Paint, problem: &Diagnostic, verbose: bool) -> Vec<String> {
    let mut lines = vec![format!("{} {}", paint.bad("error:"), indented(&problem.summary))];
    if let Some(aws) = &problem.aws {
        // Without a status AWS was not reached: these are the words of this machine.
        let who = if aws.status.is_some() { "AWS said" } else { "cause" };
        let code = aws.code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default();
        let id = aws.request_id.as_ref().map(|id| format!(" (request id {id})")).unwrap_or_default();
        lines.push(format!("  {who}: {}", indented(&format!("{code}{}{id}", aws.message))));
        if verbose {
            let status = aws.status.map(|status| format!(", HTTP status {status}")).unwrap_or_default();
            lines.push(format!("  call: {}:{}{status}, class {:?}", aws.service, aws.operation, aws.class));
        }
    }
    lines.extend(problem.also.iter().map(|also| format!("  also: {}", indented(also))));
    if !problem.left_behind.is_empty() {
        lines.push(format!("  left behind: {}", problem.left_behind.join(", ")));
    }
    lines.push(format!("  {} {}", paint.strong("hint:"), indented(&problem.hint)));
    lines
}

fn indented(text: &str) -> String {
    harmless(text.trim_end()).replace('\n', "\n  ")
}

pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds >= 60 {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    } else {
        format!("{:.1} s", duration.as_secs_f64())
    }
}

/// The region, and the profile where a file named one: what was not typed here should be seen.
pub(super) fn decided_region(region: &str, decided: &Decided) -> String {
    let in_file = |origin: &Option<Origin>| match origin {
        Some(origin @ Origin::File { .. }) => Some(harmless(&origin.to_string())),
        _ => None,
    };
    let region_from = in_file(&decided.region_from).map(|place| format!(" ({place})"));
    let profile = decided.profile.as_deref().zip(in_file(&decided.profile_from));
    let profile = profile.map(|(profile, place)| format!(", profile {} ({place})", harmless(profile)));
    format!("{region}{}{}", region_from.unwrap_or_default(), profile.unwrap_or_default())
}

/// One line for each setting.
pub(super) fn settings(paint: Paint, settings: &[Resolved]) -> Vec<String> {
    let shown = |setting: &Resolved| match &setting.value {
        Value::Null => "-".to_owned(),
        Value::String(text) => harmless(text),
        Value::Object(entries) => {
            let entry =
                |(key, value): (&String, &Value)| harmless(&format!("{key}={}", value.as_str().unwrap_or_default()));
            entries.iter().map(entry).collect::<Vec<_>>().join(",")
        }
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(harmless).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    };
    let rows: Vec<_> = settings.iter().map(|setting| (setting, shown(setting))).collect();
    let width = rows.iter().map(|(_, value)| value.chars().count()).max().unwrap_or_default();
    let line = |(setting, value): &(&Resolved, String)| {
        let origin = harmless(&setting.origin.to_string());
        let origin = if setting.origin == Origin::Default { paint.faint(&origin) } else { origin };
        format!("{:<20}  {value:<width$}  {origin}", setting.key)
    };
    rows.iter().map(line).collect()
}

pub(super) fn settings_file(file: Option<&str>) -> String {
    match file {
        Some(file) => format!("settings file: {}", harmless(file)),
        None => "no settings file; webrtc-aws.toml in the current directory would be one".to_owned(),
    }
}

/// The start of a text that must fit beside other things on one line.
pub(super) fn shortened(text: &str, longest: usize) -> String {
    let line = harmless(text).replace(['\n', '\t'], " ");
    if line.chars().count() <= longest {
        return line;
    }
    let start: String = line.chars().take(longest.saturating_sub(1)).collect();
    format!("{start}…")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::aws::failure::{AwsFailure, FailureClass};
    use crate::diagnostics::Code;
    use crate::engine::diff::Change;
    use crate::engine::resource::Address;

    const PLAIN: Paint = Paint { colour: false };

    fn step(kind: &'static str, action: Action, changes: Vec<Change>) -> Step {
        Step { address: Address::new(kind, "relay"), action, changes }
    }

    #[test]
    fn a_plan_reads_without_colour() {
        let memory = Change { field: "memory_mb".into(), observed: json!(128), desired: json!(256) };
        let code = Change { field: "code".into(), observed: Value::Null, desired: json!("x".repeat(200)) };
        let steps = vec![
            step("role", Action::Create, vec![]),
            step("function", Action::Update, vec![memory, code]),
            step("log_group", Action::Keep, vec![]),
            step("route", Action::Delete, vec![]),
        ];
        let plan = Plan { steps };
        let lines = super::plan(PLAIN, &plan.steps);
        assert_eq!(
            lines,
            [
                "+ create  role.relay",
                "~ update  function.relay",
                "            memory_mb: 128 → 256",
                &format!("            code: (none) → \"{}…{}\"", "x".repeat(52), "x".repeat(17)),
                "= keep    log_group.relay",
                "- delete  route.relay",
            ]
        );
        assert_eq!(plan_summary(&plan), "1 to create, 1 to update, 1 to delete, 1 unchanged");
    }

    #[test]
    fn a_diagnostic_says_what_aws_said_and_what_to_do() {
        let failure = AwsFailure {
            service: "lambda",
            operation: "CreateFunction",
            code: Some("CodeStorageExceededException".into()),
            message: "Code storage limit exceeded.".into(),
            request_id: Some("8f7e".into()),
            status: Some(400),
            class: FailureClass::Other,
        };
        let problem = Diagnostic::from_aws("create the function", failure).leaving(vec!["role.relay".into()]);
        let lines = diagnostic(PLAIN, &problem, true);
        assert_eq!(lines[0], "error: could not create the function");
        assert_eq!(
            lines[1],
            "  AWS said: CodeStorageExceededException: Code storage limit exceeded. (request id 8f7e)"
        );
        assert_eq!(lines[2], "  call: lambda:CreateFunction, HTTP status 400, class Other");
        assert_eq!(lines[3], "  left behind: role.relay");
        assert!(lines[4].starts_with("  hint: "));
        let also = Diagnostic { also: vec!["could not tag it".to_owned()], ..problem };
        assert_eq!(diagnostic(PLAIN, &also, false)[2], "  also: could not tag it");
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        let problem = Diagnostic::new(Code::NotOurs, "a\u{1b}[2Jb\r", "c\u{7}");
        let text = diagnostic(PLAIN, &problem, false).join("\n");
        assert!(!text.contains(['\u{1b}', '\r', '\u{7}']), "{text:?}");
        assert!(!value(&json!("\u{9b}31m")).contains('\u{9b}'));
    }

    #[test]
    fn durations_and_short_texts_fit() {
        assert_eq!(duration(Duration::from_millis(340)), "0.3 s");
        assert_eq!(duration(Duration::from_secs(65)), "1 min 05 s");
        assert_eq!(shortened("ärger\nüber", 7), "ärger …");
    }
}
