//! What is going on right now. On a terminal: one bar for the phase and one for each resource that is being worked on, drawn
//! over; lines appear above them. Elsewhere: lines only.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::printer::Printer;
use super::screen;
use crate::engine::resource::Address;

const TICK: Duration = Duration::from_millis(100);

#[derive(Debug)]
pub(super) struct Bars {
    printer: Printer,
    drawn: Option<Drawn>,
}

#[derive(Debug)]
struct Drawn {
    all: MultiProgress,
    phase: Option<ProgressBar>,
    steps: BTreeMap<Address, ProgressBar>,
}

impl Bars {
    pub(super) fn new(drawn: bool, printer: Printer) -> Self {
        let drawn = drawn.then(|| Drawn {
            all: MultiProgress::with_draw_target(screen::target()),
            phase: None,
            steps: BTreeMap::new(),
        });
        Self { printer, drawn }
    }

    pub(super) fn are_drawn(&self) -> bool {
        self.drawn.is_some()
    }

    /// Writes while no bar is in the way.
    pub(super) fn print(&self, write: impl FnOnce(&Printer)) {
        match &self.drawn {
            Some(drawn) => drawn.all.suspend(|| write(&self.printer)),
            None => write(&self.printer),
        }
    }

    /// Shows a phase in place of the one before; a line where there are no bars.
    pub(super) fn phase(&mut self, text: &str) {
        let Some(drawn) = &mut self.drawn else {
            self.printer.err(text);
            return;
        };
        drawn.end_phase();
        drawn.phase = Some(spinner(&drawn.all, text));
    }

    /// Says what a phase is busy with, where that can be drawn over.
    pub(super) fn phase_detail(&self, text: &str) {
        if let Some(bar) = self.drawn.as_ref().and_then(|drawn| drawn.phase.as_ref()) {
            bar.set_message(text.to_owned());
        }
    }

    pub(super) fn end_phase(&mut self) {
        if let Some(drawn) = &mut self.drawn {
            drawn.end_phase();
        }
    }

    pub(super) fn start(&mut self, address: Address, text: &str) {
        if let Some(drawn) = &mut self.drawn {
            let bar = spinner(&drawn.all, text);
            drawn.steps.insert(address, bar);
        }
    }

    /// Changes a resource's line; without bars it is a line of its own.
    pub(super) fn update(&mut self, address: Address, text: &str) {
        match &mut self.drawn {
            Some(drawn) => {
                if let Some(bar) = drawn.steps.get(&address) {
                    bar.set_message(text.to_owned());
                }
            }
            None => self.printer.err(text),
        }
    }

    pub(super) fn end(&mut self, address: Address) {
        if let Some(bar) = self.drawn.as_mut().and_then(|drawn| drawn.steps.remove(&address)) {
            bar.finish_and_clear();
        }
    }

    /// Takes everything that is drawn off the screen.
    pub(super) fn clear(&mut self) {
        if let Some(drawn) = &mut self.drawn {
            drawn.end_phase();
            for bar in std::mem::take(&mut drawn.steps).into_values() {
                bar.finish_and_clear();
            }
        }
    }
}

impl Drawn {
    fn end_phase(&mut self) {
        if let Some(bar) = self.phase.take() {
            bar.finish_and_clear();
        }
    }
}

fn spinner(all: &MultiProgress, text: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner());
    let bar = all.add(ProgressBar::new_spinner().with_style(style).with_message(text.to_owned()));
    bar.enable_steady_tick(TICK);
    bar
}
