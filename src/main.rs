//! Parse, run, exit.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    webrtc_aws::run(&webrtc_aws::cli::Cli::parse())
}
