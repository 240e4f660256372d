//! `config`: which settings are in force, and who set them.

use super::{Ending, Run};
use crate::events::Event;

pub(super) fn run(run: &Run) -> Ending {
    let settings = &run.settings;
    let file = settings.file.as_ref().map(|file| file.display().to_string());
    run.events.emit(Event::Settings { file, settings: settings.all.clone() });
    Ending::default()
}
