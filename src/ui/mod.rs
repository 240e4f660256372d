//! The renderers: everything that a person or a program sees of a run is a view of its events. Nothing else prints.

mod answer;
mod bars;
mod code;
mod cost;
mod finding;
mod fleet;
mod github;
mod human;
mod json;
mod log_line;
mod printer;
mod screen;
mod terminal;
mod text;
mod timeline;
mod trace;

use std::time::Duration;

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use crate::cli::{OutputFormat, OutputOptions};
use crate::events::{Event, Events};
use printer::Printer;

pub(crate) use answer::read_answer;
pub(crate) use terminal::can_ask;

/// One view of the stream.
trait Renderer: Send {
    fn render(&mut self, event: &Event);
}

/// How long the view may still take to show the last events once the run is interrupted.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// The running view. It has a thread of its own: a terminal or pipe that blocks must not hold up calls to AWS.
#[derive(Debug)]
pub(crate) struct Reporter {
    /// Answered, or closed by a panic, when the thread ends.
    ended: oneshot::Receiver<()>,
    printer: Printer,
}

impl Reporter {
    pub(crate) fn start(options: &OutputOptions) -> (Events, Self) {
        let (events, mut receiver) = Events::channel();
        let printer = Printer::new(events.reader_leaves());
        let mut renderers: Vec<Box<dyn Renderer>> = vec![match options.output {
            OutputFormat::Human => Box::new(human::Human::new(options.verbose, printer.clone())),
            OutputFormat::Json => Box::new(json::Json::new(printer.clone())),
        }];
        if let Some(github) = github::GitHub::detect(&printer) {
            renderers.push(Box::new(github));
        }
        if let Some(timeline) = timeline::Timeline::wanted(options.timings, options.trace.as_ref(), &printer) {
            // Behind the others: at the end it comes last.
            renderers.push(Box::new(timeline));
        }
        let (end, ended) = oneshot::channel();
        std::thread::spawn(move || {
            while let Some(event) = receiver.blocking_recv() {
                renderers.iter_mut().for_each(|renderer| renderer.render(&event));
                if matches!(event, Event::Finished { .. }) {
                    break;
                }
            }
            // Whoever waited may have gone.
            let _ = end.send(());
        });
        (events, Self { ended, printer })
    }

    /// Waits until everything up to [`Event::Finished`] is shown: for a slow reader as long as it takes, but for one that has
    /// stopped reading only until somebody interrupts the run. Says whether the results are all where they were to go.
    pub(crate) async fn finish(self, interruption: &CancellationToken) -> bool {
        let Self { mut ended, printer } = self;
        // A renderer that panicked has said so on stderr; the run's exit code still stands.
        tokio::select! {
            _ = &mut ended => {}
            () = interruption.cancelled() => drop(tokio::time::timeout(LAST_MOMENT, ended).await),
        }
        let Some(error) = printer.lost() else { return true };
        printer.err(&format!("error: the results could not all be written: {error}"));
        printer.err("  hint: make room where the results go, then run the command again; what it did is done");
        false
    }

    /// The same, where nothing can interrupt.
    pub(crate) fn finish_blocking(self) {
        let _ = self.ended.blocking_recv();
    }
}
