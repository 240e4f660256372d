//! `bootstrap`: the program that Lambda starts.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    relay_lambda::run().await
}
