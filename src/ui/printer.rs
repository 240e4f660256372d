//! The only place that writes to stdout and stderr. A closed pipe does no harm: whoever reads may leave, the work goes on.

use std::io::{self, Write};

#[derive(Debug, Default)]
pub(super) struct Printer;

impl Printer {
    /// A line of data.
    pub(super) fn out(&self, line: &str) {
        write(io::stdout().lock(), line, "\n");
    }

    /// A line of progress, or a problem.
    pub(super) fn err(&self, line: &str) {
        write(io::stderr().lock(), line, "\n");
    }

    /// A question: the cursor stays behind it.
    pub(super) fn ask(&self, question: &str) {
        write(io::stderr().lock(), question, " ");
    }
}

/// One write call for each line, so that lines of two programs on one terminal do not mix.
fn write(mut stream: impl Write, text: &str, end: &str) {
    let _ = stream.write_all(format!("{text}{end}").as_bytes()).and_then(|()| stream.flush());
}
