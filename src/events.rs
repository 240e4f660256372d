//! The one stream from the engine to the renderers: progress bars, plain lines or JSON lines are views of it.

use serde::Serialize;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cost::Estimate;
use crate::diagnostics::Diagnostic;
use crate::doctor::Finding;
use crate::engine::outputs::Outputs;
use crate::engine::plan::{Action, Plan};
use crate::engine::resource::Address;
use crate::engine::status::{Health, ResourceStatus};
use crate::fleet::{FoundStack, Judged};
use crate::lifetime::{Expiry, LastDeploy};
use crate::naming::{Region, StackName};
use crate::permissions::Document;
use crate::relay_log::LogEntry;
use crate::settings::{Decided, Resolved};
use crate::verify::{Check, CheckId, Summary};

/// One thing that happened. The first event of a run is always [`Event::Started`], the last always [`Event::Finished`].
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A command began.
    Started {
        /// The command's name.
        command: &'static str,
        /// The stack it is about, where it is about one.
        #[serde(skip_serializing_if = "Option::is_none")]
        stack: Option<String>,
        /// This program's version.
        version: &'static str,
    },
    /// Where the run is about to act: known once credentials and region are.
    Target {
        /// The account's id.
        account: String,
        /// The region.
        region: String,
        /// Who signs the calls.
        caller: String,
        /// The endpoint, where it is not AWS's own.
        #[serde(skip_serializing_if = "Option::is_none")]
        endpoint: Option<String>,
        /// What sends the run to that endpoint.
        #[serde(skip_serializing_if = "Option::is_none")]
        endpoint_from: Option<EndpointSource>,
        /// Who decided on region and profile.
        #[serde(flatten)]
        decided: Decided,
    },
    /// The page's URL is shown beyond the results (`open`, `up --qr`).
    Page {
        /// The URL.
        url: String,
        /// How.
        shown: PageShown,
    },
    /// What a shell needs to complete command lines (`completions`).
    Completions {
        /// The shell.
        shell: String,
        /// For it to read.
        script: String,
    },
    /// Files were written (`man`).
    Written {
        /// Their paths.
        files: Vec<String>,
    },
    /// What is set, and where (`config`).
    Settings {
        /// The file that was read.
        #[serde(skip_serializing_if = "Option::is_none")]
        file: Option<String>,
        /// All settings of the command.
        settings: Vec<Resolved>,
    },
    /// A new part of the run began.
    Phase {
        /// Which.
        phase: Phase,
    },
    /// A local AWS began to listen in this process.
    Listening {
        /// Its endpoint.
        endpoint: String,
        /// The account that it answers for.
        account: String,
        /// The region that it answers for.
        region: String,
    },
    /// A line that the build of the relay wrote.
    RelayBuild {
        /// The line.
        line: String,
    },
    /// Something worth a line that is no step.
    Note {
        /// One line for people.
        message: String,
    },
    /// Something that may not be what was meant, and does not stop the run.
    Warning {
        /// One line for people.
        message: String,
    },
    /// What was found, resource by resource (`status`).
    Status {
        /// The whole stack in one line: `healthy`, `not deployed`, or how many resources are not as they should be.
        health: Health,
        /// The last run that had something to do.
        #[serde(skip_serializing_if = "Option::is_none")]
        deployed: Option<LastDeploy>,
        /// Until when the stack is to live; `never` for one that once had a time and has none any more.
        #[serde(skip_serializing_if = "Option::is_none")]
        expires: Option<Expiry>,
        /// One entry for each resource, in the order of `stack.rs`.
        resources: Vec<ResourceStatus>,
    },
    /// The stacks that were found (`list`).
    Stacks {
        /// One entry for each, by region and name.
        stacks: Vec<FoundStack>,
    },
    /// What is to become of the stacks that were found (`sweep`).
    Judged {
        /// One entry for each, by region and name.
        stacks: Vec<Judged>,
        /// Whether it stays at that.
        dry: bool,
    },
    /// A stack is about to be removed (`sweep`).
    Sweeping {
        /// Which.
        stack: StackName,
        /// Where.
        region: Region,
        /// Why.
        reason: String,
    },
    /// A stack was removed, or could not be (`sweep`).
    Swept {
        /// Which.
        stack: StackName,
        /// Where.
        region: Region,
        /// Whether nothing is left of it.
        ok: bool,
        /// What went wrong, where something did.
        #[serde(skip_serializing_if = "Option::is_none")]
        problem: Option<Diagnostic>,
    },
    /// The plan of this run.
    Planned {
        /// What will be, or would be, done.
        plan: Plan,
    },
    /// A resource is being worked on.
    StepStarted {
        /// Which.
        address: Address,
        /// How.
        action: Action,
    },
    /// AWS said "not yet", "too many requests" or nothing at all; the call will be repeated.
    StepWaiting {
        /// Which resource.
        address: Address,
        /// Why, in words for people, with AWS's code.
        reason: String,
        /// How many times the call was made so far.
        attempt: u32,
        /// Milliseconds until the next try.
        delay_ms: u64,
    },
    /// A resource is done.
    StepFinished {
        /// Which.
        address: Address,
        /// How.
        action: Action,
        /// How it went.
        outcome: StepOutcome,
        /// Milliseconds since its [`Event::StepStarted`].
        elapsed_ms: u64,
        /// What went wrong, where something did.
        #[serde(skip_serializing_if = "Option::is_none")]
        problem: Option<Diagnostic>,
    },
    /// A person is asked, and the answer is awaited. Only where there is a terminal.
    Question {
        /// The question, with its possible answers.
        text: String,
    },
    /// The relay's artifact is there (`build`).
    Built {
        /// The zip.
        path: String,
        /// Its size in bytes.
        bytes: usize,
        /// Its SHA-256 in base64, as Lambda shows it.
        sha256: String,
        /// The processor that it runs on.
        architecture: String,
    },
    /// An IAM document was made (`policy`).
    Policy {
        /// What it is.
        kind: PolicyKind,
        /// Its size as IAM counts it, without white space.
        characters: usize,
        /// The document.
        document: Document,
    },
    /// A check of the deployed stack was made, or skipped (`verify`, `up`).
    Check(Check),
    /// What a check wants is not so yet; it will be tried again.
    CheckWaiting {
        /// Which.
        check: CheckId,
        /// What was seen instead.
        reason: String,
        /// How many times it was tried so far.
        attempt: u32,
        /// Milliseconds until the next try.
        delay_ms: u64,
    },
    /// All checks were made.
    Verified {
        /// How they ended.
        #[serde(flatten)]
        summary: Summary,
    },
    /// The stack stands. `up --local` goes on after it.
    Ready {
        /// URLs and ids.
        outputs: Outputs,
        /// What to do next, one line for people each.
        next: Vec<String>,
    },
    /// A line of the relay's log (`logs`, `up --local`).
    RelayLog(LogEntry),
    /// Something that `up` needs was looked at (`doctor`).
    Finding(Finding),
    /// What a stack costs (`cost`).
    Cost(Estimate),
    /// A command ended.
    Finished {
        /// Whether it did what was asked.
        ok: bool,
        /// Whether anything was changed.
        changed: bool,
        /// URLs and ids, where the stack stands.
        #[serde(skip_serializing_if = "Option::is_none")]
        outputs: Option<Outputs>,
        /// What went wrong, where something did.
        #[serde(skip_serializing_if = "Option::is_none")]
        problem: Option<Diagnostic>,
        /// What went wrong besides, of other causes.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        further_problems: Vec<Diagnostic>,
    },
}

/// The kinds of IAM documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// What credentials may do.
    Permissions,
    /// What the relay may do.
    Relay,
    /// What everybody may do in the page's bucket.
    Bucket,
    /// Who may take a role.
    Trust,
}

/// How the page's URL is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PageShown {
    /// As it stands.
    AsText,
    /// As a QR code, where there is a terminal.
    Code,
    /// In a browser, which was asked to open it.
    InBrowser,
}

/// What sends a run to another endpoint than AWS's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointSource {
    /// `--local`.
    Local,
    /// `--endpoint-url`.
    Option,
    /// `AWS_ENDPOINT_URL` or a profile.
    Environment,
}

/// The parts of a run that may take a while and are no steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Credentials, account and region are looked up.
    Identifying,
    /// The relay is built, or found to be built already.
    PreparingRelay,
    /// Every resource is looked at.
    Observing,
    /// The plan is carried out.
    Applying,
    /// The deployed stack is tried out.
    Checking,
    /// After `teardown`, every resource is looked at again.
    Verifying,
}

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// Done.
    Done,
    /// Failed; the run's problem says why.
    Failed,
    /// Not tried, because something it needs failed or the run was interrupted.
    Skipped,
}

/// Where events go. Cheap to clone; sending never blocks and never fails, even when nobody listens any more.
#[derive(Clone, Debug)]
pub struct Events {
    sender: mpsc::UnboundedSender<Event>,
    reader_left: CancellationToken,
}

impl Events {
    /// A new stream and its reading end.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self { sender, reader_left: CancellationToken::new() }, receiver)
    }

    /// A stream that nobody reads.
    pub fn discarded() -> Self {
        Self::channel().0
    }

    /// Sends one event.
    pub fn emit(&self, event: Event) {
        // A closed receiver means the renderer is gone (closed terminal, broken pipe): the work goes on.
        let _ = self.sender.send(event);
    }

    /// Waits until whoever read the results has left: for a run that does nothing but show something.
    pub(crate) async fn reader_left(&self) {
        self.reader_left.cancelled().await;
    }

    /// What the renderer says that with.
    pub(crate) fn reader_leaves(&self) -> CancellationToken {
        self.reader_left.clone()
    }

    /// Sends one [`Event::Warning`].
    pub fn warn(&self, message: impl Into<String>) {
        self.emit(Event::Warning { message: message.into() });
    }

    /// Sends one [`Event::Note`].
    pub fn note(&self, message: impl Into<String>) {
        self.emit(Event::Note { message: message.into() });
    }
}
