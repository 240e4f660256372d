//! The renderers: everything that a person or a program sees of a run is a view of its events. Nothing else prints.

mod answer;
mod bars;
mod human;
mod json;
mod printer;
mod screen;
mod terminal;
mod text;

use std::thread::JoinHandle;

use crate::cli::{OutputFormat, OutputOptions};
use crate::events::{Event, Events};

pub(crate) use answer::read_answer;
pub(crate) use terminal::can_ask;

/// One view of the stream.
trait Renderer: Send {
    fn render(&mut self, event: &Event);
}

/// The running view. It has a thread of its own: a terminal or pipe that blocks must not hold up calls to AWS.
#[derive(Debug)]
pub(crate) struct Reporter(JoinHandle<()>);

impl Reporter {
    pub(crate) fn start(options: &OutputOptions) -> (Events, Self) {
        let (events, mut receiver) = Events::channel();
        let mut renderer: Box<dyn Renderer> = match options.output {
            OutputFormat::Human => Box::new(human::Human::new(options.verbose)),
            OutputFormat::Json => Box::new(json::Json::new()),
        };
        let thread = std::thread::spawn(move || {
            while let Some(event) = receiver.blocking_recv() {
                renderer.render(&event);
                if matches!(event, Event::Finished { .. }) {
                    break;
                }
            }
        });
        (events, Self(thread))
    }

    /// Waits until everything up to [`Event::Finished`] is shown.
    pub(crate) fn finish(self) {
        // A renderer that panicked has said so on stderr; the run's exit code still stands.
        let _ = self.0.join();
    }
}
