//! `logs`: what the relay of a stack wrote, and with `--follow` what it writes from now on.

use std::collections::HashSet;

use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use jiff::Timestamp;

use super::configure;
use super::place::{self, SamePlace};
use super::session::Session;
use super::{Ending, Run};
use crate::aws::failure::{AwsFailure, FailureClass};
use crate::aws::retry;
use crate::cli::{LogsOptions, Since};
use crate::diagnostics::{Code, Diagnostic};
use crate::engine::context::Operation;
use crate::events::Event;
use crate::relay_log::{LogEntry, Tail};

/// Which lines.
#[derive(Debug)]
pub(super) struct Lines {
    pub(super) since: Since,
    pub(super) filter: Option<String>,
    pub(super) follow: bool,
}

pub(super) async fn run(options: &LogsOptions, run: &Run) -> Result<Ending, Diagnostic> {
    let config = configure::bare(&options.stack);
    let place = place::existing(&config.target, run).await?;
    let session = Session::open(config, &place, run).await?;
    let LogsOptions { since, filter, follow, .. } = options;
    let lines = Lines { since: *since, filter: filter.clone(), follow: *follow };
    tokio::select! {
        biased;
        // `| head`: nobody wants more.
        () = run.events.reader_left() => Ok(Ending::default()),
        // The only end that there is.
        () = run.cancel.cancelled(), if lines.follow => Ok(Ending::default()),
        shown = show(&session, &lines) => shown,
    }
}

/// Shows what is there, and goes on if that is wanted.
pub(super) async fn show(session: &Session<'_>, lines: &Lines) -> Result<Ending, Diagnostic> {
    let events = &session.run.events;
    let mut tail = Tail::since(lines.since.milliseconds(Timestamp::now()));
    let mut count = look(session, lines, &mut tail).await.map_err(|failure| unread(session, lines, failure))?;
    if count == 0 {
        let matching = if lines.filter.is_some() { " that match the pattern" } else { "" };
        let further = if lines.follow { "waiting for some" } else { "--since 7d looks further back" };
        events.note(format!("the relay wrote no lines{matching} {}; {further}", lines.since));
    }
    if !lines.follow {
        return Ok(Ending::default());
    }
    let (mut idle, mut is_cut_off) = (0, false);
    loop {
        idle = if count == 0 { idle + 1 } else { 0 };
        if retry::unless_cancelled(&session.context.cancel, retry::before_poll(idle)).await.is_none() {
            return Ok(Ending::default());
        }
        count = match look(session, lines, &mut tail).await {
            Ok(count) => {
                if std::mem::take(&mut is_cut_off) {
                    events.note("CloudWatch answers again; nothing was missed");
                }
                count
            }
            // A laptop that slept, a network that changed: whoever follows a log means to go on.
            Err(failure) if may_pass(failure.class) => {
                if !std::mem::replace(&mut is_cut_off, true) {
                    events.warn(format!("{failure}; trying again until it answers or Ctrl-C"));
                }
                0
            }
            Err(failure) => return Err(unread(session, lines, failure)),
        };
    }
}

/// Shows what is new, page by page; says how many lines that were.
async fn look(session: &Session<'_>, lines: &Lines, tail: &mut Tail) -> Result<usize, AwsFailure> {
    let context = &session.context;
    let group = context.names.log_group();
    let start = tail.start();
    let (mut token, mut tokens, mut count) = (None, HashSet::new(), 0);
    loop {
        let page = context
            .call(Operation::repeatable("logs", "FilterLogEvents"), || {
                let filter = context.clients.logs.filter_log_events().log_group_name(&group).start_time(start);
                filter.set_filter_pattern(lines.filter.clone()).set_next_token(token.clone()).send()
            })
            .await?;
        let mut found = page.events.unwrap_or_default();
        found.sort_by_key(FilteredLogEvent::timestamp);
        for event in found {
            let time = event.timestamp.unwrap_or_default();
            if tail.is_new(time, &identity(&event)) {
                count += 1;
                session.run.events.emit(Event::RelayLog(entry(event)));
            }
        }
        // A page may be empty and yet not be the last. Some emulators answer an empty token for "no more", or the same for ever.
        token = page.next_token.filter(|token| !token.is_empty() && tokens.insert(token.clone()));
        if token.is_none() {
            tail.looked();
            return Ok(count);
        }
    }
}

/// CloudWatch numbers every line; an emulator may not.
fn identity(event: &FilteredLogEvent) -> String {
    event.event_id().map_or_else(
        || [event.log_stream_name(), event.message()].map(Option::unwrap_or_default).join("\n"),
        str::to_owned,
    )
}

fn entry(event: FilteredLogEvent) -> LogEntry {
    let line = event.message.unwrap_or_default();
    LogEntry {
        time: event.timestamp.and_then(|time| Timestamp::from_millisecond(time).ok()),
        stream: event.log_stream_name,
        ..LogEntry::of(line.trim_end().to_owned())
    }
}

fn may_pass(class: FailureClass) -> bool {
    use FailureClass::{Throttled, Transient, Unreachable, Unreadable};
    matches!(class, Throttled | Transient | Unreachable | Unreadable)
}

fn unread(session: &Session<'_>, lines: &Lines, failure: AwsFailure) -> Diagnostic {
    let names = &session.context.names;
    let group = names.log_group();
    if failure.class == FailureClass::NotFound {
        let place = SamePlace(&session.config.target);
        return Diagnostic::new(
            Code::NotDeployed,
            format!("{} has no log: there is no log group {group}", session.whole()),
            format!(
                "'webrtc-aws status {stack}{place}' shows what of the stack is there, 'webrtc-aws up {stack}{place}' makes what is \
                 missing; or look elsewhere with --region and --profile",
                stack = names.stack
            ),
        );
    }
    let is_refused = failure.code.as_deref() == Some("InvalidParameterException");
    let mut problem = Diagnostic::from_aws(&format!("read the log group {group}"), failure);
    if is_refused && lines.filter.is_some() {
        problem.code = Code::InvalidInput;
        "correct --filter: words that a line must have, \"a phrase\", or '{ $.outcome = \"peer_gone\" }' for a field of the relay's \
         lines (CloudWatch Logs, filter pattern syntax)"
            .clone_into(&mut problem.hint);
    }
    problem
}
