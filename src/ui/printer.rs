//! The only place that writes to stdout and stderr. A closed pipe does no harm: whoever reads may leave, the work goes on. But a
//! file that takes no more has lost what somebody wanted to keep.

use std::io::{self, ErrorKind, Write};
use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

#[derive(Clone, Debug, Default)]
pub(super) struct Printer {
    /// Why data could not be kept.
    lost: Arc<OnceLock<io::Error>>,
    /// Cancelled when nobody reads stdout any more.
    reader_left: CancellationToken,
}

impl Printer {
    pub(super) fn new(reader_left: CancellationToken) -> Self {
        Self { reader_left, ..Self::default() }
    }

    /// A line of data.
    pub(super) fn out(&self, line: &str) {
        let Err(error) = write(io::stdout().lock(), line, "\n") else { return };
        match error.kind() {
            ErrorKind::BrokenPipe => self.reader_left.cancel(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => self.lose(error),
            _ => {}
        }
    }

    /// Results could not be written.
    pub(super) fn lose(&self, error: io::Error) {
        // The first reason is the reason.
        let _ = self.lost.set(error);
    }

    /// A line of progress, or a problem.
    pub(super) fn err(&self, line: &str) {
        // Nobody is there to be told.
        let _ = write(io::stderr().lock(), line, "\n");
    }

    /// A question: the cursor stays behind it.
    pub(super) fn ask(&self, question: &str) {
        let _ = write(io::stderr().lock(), question, " ");
    }

    /// Why the results are not all where they were to go.
    pub(super) fn lost(&self) -> Option<&io::Error> {
        self.lost.get()
    }
}

/// One write call for each line, so that lines of two programs on one terminal do not mix.
fn write(mut stream: impl Write, text: &str, end: &str) -> io::Result<()> {
    stream.write_all(format!("{text}{end}").as_bytes()).and_then(|()| stream.flush())
}
