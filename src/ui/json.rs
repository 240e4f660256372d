//! One JSON object a line on stdout, for every event.

use super::Renderer;
use super::printer::Printer;
use crate::events::Event;

#[derive(Debug)]
pub(super) struct Json {
    printer: Printer,
}

impl Json {
    pub(super) fn new(printer: Printer) -> Self {
        Self { printer }
    }
}

impl Renderer for Json {
    fn render(&mut self, event: &Event) {
        match serde_json::to_string(event) {
            Ok(line) => self.printer.out(&line),
            // Cannot happen: every map in an event has text keys.
            Err(error) => self.printer.err(&format!("an event could not be written as JSON: {error}")),
        }
    }
}
