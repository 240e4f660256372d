//! The view for people: results on stdout, progress and problems on stderr.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;

use super::Renderer;
use super::bars::Bars;
use super::code;
use super::cost::cost;
use super::finding::finding;
use super::fleet;
use super::log_line::log_line;
use super::printer::Printer;
use super::terminal::Abilities;
use super::text::{self, Paint};
use crate::engine::plan::{Action, Plan};
use crate::engine::resource::Address;
use crate::events::{EndpointSource, Event, PageShown, Phase, StepOutcome};
use crate::local::{DEPLOYER_ACCESS_KEY_ID, DEPLOYER_SECRET_ACCESS_KEY};
use crate::verify::{Check, CheckId, CheckResult};

/// A resource that waits longer than this in all says so, even when nobody asked for details.
const WORTH_A_WORD: Duration = Duration::from_secs(2);

/// Room for a reason on a bar's line.
const REASON_LENGTH: usize = 100;

#[derive(Debug)]
pub(super) struct Human {
    verbose: bool,
    out: Paint,
    err: Paint,
    bars: Bars,
    /// A QR code can be seen.
    pictures: bool,
    /// People read logs in their own time.
    zone: TimeZone,
    command: &'static str,
    stack: String,
    relay_is_building: bool,
    /// A question waits for its answer.
    asked: bool,
    /// What each resource has waited so far, while it is worked on.
    waited: BTreeMap<Address, Duration>,
    /// What the latest check that waits has waited so far.
    check_waited: Option<(CheckId, Duration)>,
}

impl Human {
    pub(super) fn new(verbose: bool, printer: Printer) -> Self {
        let abilities = Abilities::detect();
        Self {
            verbose,
            out: Paint::new(abilities.colour_on_stdout),
            err: Paint::new(abilities.colour_on_stderr),
            bars: Bars::new(abilities.bars, printer),
            pictures: abilities.pictures,
            zone: TimeZone::system(),
            command: "",
            stack: String::new(),
            relay_is_building: false,
            asked: false,
            waited: BTreeMap::new(),
            check_waited: None,
        }
    }

    fn out(&self, line: &str) {
        self.bars.print(|printer| printer.out(line));
    }

    fn out_all(&self, lines: Vec<String>) {
        self.bars.print(|printer| lines.iter().for_each(|line| printer.out(line)));
    }

    fn err(&self, line: &str) {
        self.bars.print(|printer| printer.err(line));
    }

    fn err_all(&self, lines: Vec<String>) {
        self.bars.print(|printer| lines.iter().for_each(|line| printer.err(line)));
    }

    fn warn(&self, message: &str) {
        self.err(&format!("{} {}", self.err.careful("warning:"), text::harmless(message)));
    }

    fn phase(&mut self, phase: Phase) {
        match phase {
            // A moment, and nothing where it is not drawn over.
            Phase::Identifying if !self.bars.are_drawn() => {}
            Phase::Identifying => self.bars.phase("looking for credentials and account"),
            Phase::PreparingRelay => {
                self.relay_is_building = false;
                if self.bars.are_drawn() {
                    self.bars.phase("preparing the relay");
                }
            }
            Phase::Observing => self.bars.phase("looking at what is there"),
            Phase::Applying => self.bars.end_phase(),
            Phase::Checking => self.bars.phase("trying the stack out"),
            Phase::Verifying => self.bars.phase("looking whether anything is left"),
        }
    }

    fn planned(&mut self, plan: &Plan) {
        self.bars.end_phase();
        let summary = text::plan_summary(plan);
        match self.command {
            "plan" => {
                self.out_all(text::plan(self.out, &plan.steps));
                self.out(&summary);
            }
            // What is removed is shown before the question, and where nobody is asked.
            "teardown" | "sweep" if !plan.is_empty() => {
                let deletions = plan.steps.iter().filter(|step| step.action == Action::Delete);
                self.err_all(text::plan(self.err, deletions));
            }
            "teardown" | "sweep" => {}
            _ => {
                let shown = plan.steps.iter().filter(|step| self.verbose || step.action == Action::Update);
                self.err_all(text::plan(self.err, shown));
                self.err(&if plan.is_empty() { "everything is as it should be".to_owned() } else { summary });
            }
        }
    }

    /// The first line says that there is something to wait for; the rest is for those who ask, or drawn over.
    fn relay_build(&mut self, line: &str) {
        if self.verbose {
            self.err(&text::harmless(line));
        } else if self.bars.are_drawn() {
            self.bars.phase_detail(&text::shortened(line, REASON_LENGTH));
        } else if !self.relay_is_building {
            self.err(&format!("{} (the first time takes a minute or two)", text::harmless(line)));
        }
        self.relay_is_building = true;
    }

    fn waiting(&mut self, address: Address, reason: &str, attempt: u32, delay: Duration) {
        let before = self.waited.get(&address).copied().unwrap_or_default();
        let now = before + delay;
        self.waited.insert(address, now);
        if self.verbose {
            let delay = text::duration(delay);
            self.err(&format!("waiting  {address}: {} (try {attempt}, next in {delay})", text::harmless(reason)));
        }
        // A bar follows every wait; lines are for the moment when it becomes noticeable.
        let becomes_noticeable = before < WORTH_A_WORD && now >= WORTH_A_WORD;
        if (self.bars.are_drawn() && now >= WORTH_A_WORD) || (becomes_noticeable && !self.verbose) {
            self.bars.update(address, &format!("waiting  {address}: {}", text::shortened(reason, REASON_LENGTH)));
        }
    }

    /// The checks are what `verify` is for; after `up`, only what is wrong is worth a line.
    fn check(&self, check: &Check) {
        let is_result = self.command == "verify";
        if is_result {
            self.out_all(text::check(self.out, check));
        } else if self.verbose || matches!(check.result, CheckResult::Failed { .. }) {
            self.err_all(text::check(self.err, check));
        }
    }

    fn check_waiting(&mut self, check: CheckId, reason: &str, attempt: u32, delay: Duration) {
        let before = self.check_waited.filter(|(id, _)| *id == check).map(|(_, waited)| waited).unwrap_or_default();
        let now = before + delay;
        self.check_waited = Some((check, now));
        let reason = text::shortened(reason, REASON_LENGTH);
        if self.verbose {
            let delay = text::duration(delay);
            self.err(&format!("waiting  {check}: {reason} (try {attempt}, next in {delay})"));
        } else if self.bars.are_drawn() {
            self.bars.phase_detail(&format!("waiting  {check}: {reason}"));
        } else if before < WORTH_A_WORD && now >= WORTH_A_WORD {
            self.err(&format!("waiting  {check}: {reason}"));
        }
    }

    fn step_finished(&mut self, address: Address, action: Action, outcome: StepOutcome, elapsed: Duration) {
        self.bars.end(address);
        self.waited.remove(&address);
        let elapsed = text::duration(elapsed);
        match outcome {
            StepOutcome::Done => {
                let word = self.err.good(&format!("{:<7}", text::done_word(action)));
                self.err(&format!("{word}  {address}  {}", self.err.faint(&elapsed)));
            }
            StepOutcome::Failed => self.err(&format!("{}  {address}  {elapsed}", self.err.bad("failed "))),
            StepOutcome::Skipped => self.err(&self.err.faint(&format!("skipped  {address}"))),
        }
    }

    fn page(&self, url: &str, shown: PageShown) {
        // 'up' has said it among its results.
        if self.command != "up" {
            self.out(url);
        }
        match shown {
            PageShown::AsText => {}
            PageShown::InBrowser => self.err("opened in the browser"),
            PageShown::Code if !self.pictures => self.err("a QR code is shown on a terminal only"),
            PageShown::Code => match code::lines(url, self.out.has_colour()) {
                Some(lines) => self.out_all(lines),
                None => self.err("the URL is too long for a QR code"),
            },
        }
    }

    fn listening(&self, endpoint: &str, account: &str, region: &str) {
        if self.command != "local" {
            self.err(&format!("started a local AWS at {endpoint}"));
            return;
        }
        self.out(&format!("local AWS at {}", self.out.strong(endpoint)));
        self.out_all(vec![
            String::new(),
            "# For the AWS CLI and SDKs:".to_owned(),
            format!("export AWS_ENDPOINT_URL={endpoint}"),
            format!("export AWS_REGION={region}"),
            format!("export AWS_ACCESS_KEY_ID={DEPLOYER_ACCESS_KEY_ID}"),
            format!("export AWS_SECRET_ACCESS_KEY={DEPLOYER_SECRET_ACCESS_KEY}"),
        ]);
        self.err(&format!("account {account}, empty; Ctrl-C ends it and takes everything in it away"));
    }

    fn target(&self, account: &str, region: &str, caller: &str, endpoint: Option<(&str, EndpointSource)>) {
        let place = match endpoint {
            Some((endpoint, EndpointSource::Local)) => format!(" on the local AWS at {endpoint}"),
            _ => String::new(),
        };
        let caller = if self.verbose { format!(", as {caller}") } else { String::new() };
        let stack = match self.stack.as_str() {
            "" => String::new(),
            stack => format!("stack {}: ", self.err.strong(stack)),
        };
        self.err(&format!("{stack}account {account}, region {region}{place}{caller}"));
        let source = match endpoint {
            None | Some((_, EndpointSource::Local)) => return,
            Some((_, EndpointSource::Option)) => "--endpoint-url",
            Some((_, EndpointSource::Environment)) => "AWS_ENDPOINT_URL, or the profile's endpoint_url",
        };
        if let Some((endpoint, _)) = endpoint {
            self.warn(&format!("this is not AWS: every call goes to {endpoint} ({source})"));
        }
    }
}

impl Renderer for Human {
    fn render(&mut self, event: &Event) {
        match event {
            Event::Started { command, stack, version } => {
                self.command = command;
                self.stack = stack.clone().unwrap_or_default();
                if self.verbose {
                    self.err(&self.err.faint(&format!("webrtc-aws {version}")));
                }
            }
            Event::Target { account, region, caller, endpoint, endpoint_from, decided } => {
                self.bars.end_phase();
                let region = text::decided_region(region, decided);
                self.target(account, &region, caller, endpoint.as_deref().zip(*endpoint_from));
            }
            Event::Page { url, shown } => {
                self.bars.clear();
                self.page(url, *shown);
            }
            Event::Completions { script, .. } => self.out(script.trim_end()),
            Event::Written { files } => self.out_all(files.iter().map(|file| text::harmless(file)).collect()),
            Event::Settings { file, settings } => {
                self.out_all(text::settings(self.out, settings));
                self.err(&text::settings_file(file.as_deref()));
            }
            Event::Phase { phase } => {
                self.asked = false;
                self.phase(*phase);
            }
            Event::Listening { endpoint, account, region } => self.listening(endpoint, account, region),
            Event::RelayBuild { line } => self.relay_build(line),
            Event::Note { message } => {
                // Ctrl-C in place of an answer: the cursor still stands behind the question.
                if std::mem::take(&mut self.asked) {
                    self.err("");
                }
                self.err(&text::harmless(message));
            }
            Event::Warning { message } => self.warn(message),
            Event::Planned { plan } => self.planned(plan),
            Event::Status { health, deployed, expires, resources } => {
                self.bars.end_phase();
                self.out_all(text::status(self.out, resources));
                self.out_all(text::life(self.out, *health, deployed.as_ref(), *expires));
            }
            Event::Stacks { stacks } => {
                self.bars.end_phase();
                self.out_all(fleet::stacks(self.out, stacks));
            }
            Event::Judged { stacks, dry } => {
                self.bars.end_phase();
                self.out_all(fleet::judged(self.out, stacks));
                self.err(&fleet::conclusion(stacks, *dry));
            }
            Event::Sweeping { stack, region, reason } => {
                self.err(&format!("removing {} in {region}: {reason}", self.err.strong(stack.as_str())));
            }
            Event::Swept { stack, region, ok, .. } => {
                let word = if *ok { self.out.good("deleted") } else { self.out.bad("failed ") };
                self.out(&format!("{word}  {stack}  {region}"));
            }
            Event::StepStarted { address, action } => {
                let words = format!("{:<7}  {address}", text::action_word(*action));
                self.bars.start(*address, &words);
                if self.verbose && !self.bars.are_drawn() {
                    self.err(&words);
                }
            }
            Event::StepWaiting { address, reason, attempt, delay_ms } => {
                self.waiting(*address, reason, *attempt, Duration::from_millis(*delay_ms));
            }
            Event::StepFinished { address, action, outcome, elapsed_ms, problem } => {
                self.step_finished(*address, *action, *outcome, Duration::from_millis(*elapsed_ms));
                if let Some(problem) = problem {
                    self.err(&format!("         {}", text::harmless(&problem.to_string())));
                }
            }
            Event::Check(check) => self.check(check),
            Event::CheckWaiting { check, reason, attempt, delay_ms } => {
                self.check_waiting(*check, reason, *attempt, Duration::from_millis(*delay_ms));
            }
            Event::Verified { summary } => {
                self.bars.end_phase();
                let summary = text::checks_summary(summary);
                if self.command == "verify" {
                    self.out(&summary);
                } else {
                    self.err(&summary);
                }
            }
            Event::Question { text } => {
                self.bars.clear();
                self.bars.print(|printer| printer.ask(text));
                self.asked = true;
            }
            Event::Built { path, bytes, sha256, architecture } => {
                self.bars.end_phase();
                self.out_all(vec![
                    format!("zip           {}", text::harmless(path)),
                    format!("bytes         {bytes}"),
                    format!("sha256        {sha256}"),
                    format!("architecture  {architecture}"),
                ]);
            }
            Event::Policy { kind, characters, document } => {
                self.bars.end_phase();
                // Nothing but the document goes to stdout: it is meant for a file.
                self.out_all(text::document(document));
                self.err(&text::document_size(*kind, *characters));
            }
            Event::Finding(found) => {
                self.bars.end_phase();
                self.out_all(finding(self.out, found));
            }
            Event::Cost(estimate) => self.out_all(cost(self.out, estimate)),
            Event::Ready { outputs, next } => {
                self.bars.clear();
                self.err("");
                self.out_all(text::outputs(self.out, outputs));
                self.err("");
                self.err_all(next.clone());
            }
            Event::RelayLog(entry) if self.command == "logs" => {
                self.bars.end_phase();
                if self.verbose || !entry.record.is_routine() {
                    self.out(&log_line(self.out, entry, &self.zone));
                }
            }
            Event::RelayLog(entry) => {
                self.err(&format!("{} {}", self.err.faint("relay:"), text::harmless(&entry.line)));
            }
            Event::Finished { outputs, problem, further_problems, .. } => {
                self.bars.clear();
                if let Some(problem) = problem {
                    for problem in std::iter::once(problem).chain(further_problems) {
                        self.err_all(text::diagnostic(self.err, problem, self.verbose));
                    }
                } else if let ("status", Some(outputs)) = (self.command, outputs) {
                    self.out("");
                    self.out_all(text::outputs(self.out, outputs));
                }
            }
        }
    }
}
