//! GitHub Actions: outputs of the step for later steps (`$GITHUB_OUTPUT`), and a short summary for people
//! (`$GITHUB_STEP_SUMMARY`). A view of the events like any other, beside the one on the terminal.

use std::env;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;

use rand::RngExt as _;

use super::Renderer;
use super::printer::Printer;
use super::text;
use crate::diagnostics::Diagnostic;
use crate::engine::outputs::Outputs;
use crate::engine::plan::{Action, Plan};
use crate::events::Event;
use crate::verify::{Check, CheckResult, Summary};

/// The commands that a pipeline runs for their results.
const COMMANDS: [&str; 4] = ["up", "plan", "verify", "teardown"];

#[derive(Debug)]
pub(super) struct GitHub {
    printer: Printer,
    /// Where outputs go, and where the summary.
    files: Files,
    command: &'static str,
    stack: String,
    place: Option<String>,
    plan: Option<Plan>,
    failed: Vec<Check>,
    verified: Option<Summary>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Files {
    outputs: Option<PathBuf>,
    summary: Option<PathBuf>,
}

/// How a command ended.
struct End<'a> {
    changed: bool,
    outputs: Option<&'a Outputs>,
    problems: Vec<&'a Diagnostic>,
}

impl GitHub {
    /// The view, where GitHub Actions runs this program.
    pub(super) fn detect(printer: &Printer) -> Option<Self> {
        let files = Files::named(|name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from))?;
        Some(Self {
            printer: printer.clone(),
            files,
            command: "",
            stack: String::new(),
            place: None,
            plan: None,
            failed: Vec::new(),
            verified: None,
        })
    }

    /// Steps of the plan that do something.
    fn changes(&self) -> Option<usize> {
        let plan = self.plan.as_ref()?;
        Some(plan.steps.iter().filter(|step| step.action != Action::Keep).count())
    }

    fn finished(&self, end: &End<'_>) {
        if !COMMANDS.contains(&self.command) {
            return;
        }
        let delimiter = format!("webrtc_aws_{:032x}", rand::rng().random::<u128>());
        let outputs = (self.files.outputs.as_ref(), heredocs(&self.values(end), &delimiter));
        let summary = (self.files.summary.as_ref(), self.summary(end));
        for (file, text) in [outputs, summary] {
            if let Some(Err(error)) = file.map(|file| append(file, &text)) {
                self.printer.lose(error);
            }
        }
    }

    fn values(&self, end: &End<'_>) -> Vec<(&'static str, String)> {
        let mut values = vec![
            ("stack", self.stack.clone()),
            ("ok", end.problems.is_empty().to_string()),
            ("changed", end.changed.to_string()),
        ];
        values.extend(self.changes().map(|changes| ("changes", changes.to_string())));
        if let Some(outputs) = end.outputs {
            values.extend([
                ("page_url", outputs.site_url.clone()),
                ("websocket_url", outputs.websocket_url.clone()),
                ("account", outputs.account.clone()),
                ("region", outputs.region.clone()),
                ("api_id", outputs.api_id.clone()),
                ("bucket", outputs.bucket.clone()),
                ("function", outputs.function.clone()),
                ("log_group", outputs.log_group.clone()),
            ]);
        }
        values.extend(end.problems.first().map(|problem| ("problem", problem.summary.clone())));
        values
    }

    fn summary(&self, end: &End<'_>) -> String {
        let outcome = match (end.problems.is_empty(), self.command, end.changed) {
            (false, _, _) => "failed",
            (true, "plan" | "verify", _) => "done",
            (true, _, true) => "done, something was changed",
            (true, _, false) => "done, nothing was changed",
        };
        let mut lines =
            vec![format!("### webrtc-aws {} {}: {outcome}", self.command, markdown(&self.stack)), String::new()];
        lines.extend(self.place.clone().into_iter().flat_map(|place| [place, String::new()]));
        if let Some(outputs) = end.outputs {
            lines.push(format!("- page: {}", link(&outputs.site_url)));
            lines.push(format!("- websocket: {}", markdown(&outputs.websocket_url)));
            lines.push(String::new());
        }
        if let Some(plan) = &self.plan {
            let steps = plan.steps.iter().filter(|step| step.action != Action::Keep);
            lines.extend(steps.map(|step| {
                let fields: Vec<_> = step.changes.iter().map(|change| markdown(&change.field)).collect();
                let fields = if fields.is_empty() { String::new() } else { format!(": {}", fields.join(", ")) };
                format!("- {} {}{fields}", text::action_word(step.action), markdown(&step.address.to_string()))
            }));
            lines.extend([String::new(), text::plan_summary(plan), String::new()]);
        }
        if let Some(verified) = &self.verified {
            lines.extend([markdown(&text::checks_summary(verified)), String::new()]);
        }
        for check in &self.failed {
            if let CheckResult::Failed { cause, remedy, .. } = &check.result {
                lines.push(format!("- **{} failed:** {}<br>{}", check.check, markdown(cause), markdown(remedy)));
            }
        }
        for problem in &end.problems {
            lines.push(format!("- **error:** {}<br>hint: {}", markdown(&problem.to_string()), markdown(&problem.hint)));
        }
        lines.join("\n") + "\n"
    }
}

impl Renderer for GitHub {
    fn render(&mut self, event: &Event) {
        match event {
            Event::Started { command, stack, .. } => {
                self.command = command;
                self.stack = stack.clone().unwrap_or_default();
            }
            Event::Target { account, region, .. } => {
                self.place = Some(format!("account {}, region {}", markdown(account), markdown(region)));
            }
            Event::Planned { plan } => self.plan = Some(plan.clone()),
            Event::Check(check) if matches!(check.result, CheckResult::Failed { .. }) => {
                self.failed.push(check.clone())
            }
            Event::Verified { summary } => self.verified = Some(summary.clone()),
            Event::Finished { changed, outputs, problem, further_problems, .. } => {
                let problems = problem.iter().chain(further_problems).collect();
                self.finished(&End { changed: *changed, outputs: outputs.as_ref(), problems });
            }
            _ => {}
        }
    }
}

impl Files {
    fn named(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<Self> {
        variable("GITHUB_ACTIONS").filter(|value| value.as_os_str() == "true")?;
        Some(Self { outputs: variable("GITHUB_OUTPUT"), summary: variable("GITHUB_STEP_SUMMARY") })
    }
}

fn append(file: &PathBuf, text: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(file)?.write_all(text.as_bytes())
}

/// What a value holds comes from AWS, too: no line of it may pass for another output. Nobody can guess the delimiter.
fn heredocs(values: &[(&str, String)], delimiter: &str) -> String {
    values.iter().map(|(name, value)| format!("{name}<<{delimiter}\n{value}\n{delimiter}\n")).collect()
}

/// Text as it stands, on one line: whatever it holds, Markdown and HTML make nothing of it.
fn markdown(text: &str) -> String {
    let escaped = |c: char| match c {
        '\n' | '\t' => " ".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        '&' => "&amp;".to_owned(),
        c if "\\`*_[]()#|~!$@".contains(c) => format!("\\{c}"),
        c => c.to_string(),
    };
    text::harmless(text).chars().map(escaped).collect()
}

/// A link, if nothing in the URL could end it early.
fn link(url: &str) -> String {
    let is_plain = url.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/%".contains(c));
    if is_plain { format!("<{url}>") } else { markdown(url) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::local::tests::cases;

    #[test]
    fn only_github_actions_is_served() {
        let files = |on: &str| {
            Files::named(|name| match name {
                "GITHUB_ACTIONS" => Some(on.into()),
                "GITHUB_OUTPUT" => Some("/out".into()),
                _ => None,
            })
        };
        assert_eq!(files("true"), Some(Files { outputs: Some("/out".into()), summary: None }));
        assert_eq!(files("false"), None);
        assert_eq!(Files::named(|_| None), None);
    }

    #[test]
    fn hostile_text_stays_text() {
        assert_eq!(markdown("a\n# b <img> [x](y) `|`"), "a \\# b &lt;img&gt; \\[x\\]\\(y\\) \\`\\|\\`");
        assert_eq!(link("https://a.test/index.html"), "<https://a.test/index.html>");
        assert!(!link("https://a.test/>x").contains("<"));
    }

    /// As GitHub's runner reads the file.
    fn read(file: &str) -> Vec<(String, String)> {
        let mut lines = file.lines();
        let mut read = Vec::new();
        while let Some(line) = lines.next() {
            let (name, delimiter) = line.split_once("<<").expect("a heredoc");
            let value: Vec<_> = lines.by_ref().take_while(|line| *line != delimiter).collect();
            read.push((name.to_owned(), value.join("\n")));
        }
        read
    }

    proptest! {
        #![proptest_config(cases(500))]

        #[test]
        fn no_value_becomes_another_output(values in prop::collection::vec("[a-z<=\n]{0,9}(page_url<<x\nevil\nx\n)?", 1..4)) {
            let values: Vec<_> = values.into_iter().map(|value| ("name", value)).collect();
            let read = read(&heredocs(&values, "webrtc_aws_5f"));
            prop_assert_eq!(read.len(), values.len());
            for ((_, value), (name, read)) in values.iter().zip(&read) {
                prop_assert_eq!(name, "name");
                prop_assert_eq!(read, value);
            }
        }
    }
}
