//! Options of how a run reports.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How a run reports.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct OutputOptions {
    /// How to report: lines for people, or one JSON object a line
    ///
    /// human: results on stdout, progress and problems on stderr; colour and moving bars only on a terminal (NO_COLOR, TERM=dumb
    /// and CI are respected). json: every event as one JSON object a line on stdout and nothing else there; the first has
    /// "event":"started", the last "event":"finished".
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = OutputFormat::Human, global = true)]
    pub(crate) output: OutputFormat,

    /// Also show unchanged resources, every wait with its reason, and what AWS said in full
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,

    /// Show at the end how long each part of the run and each resource took, and how much of that was spent waiting for AWS
    #[arg(long, global = true)]
    pub(crate) timings: bool,

    /// Write the same as a trace that https://ui.perfetto.dev opens
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) trace: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Lines for people
    Human,
    /// One JSON object a line
    Json,
}
