//! Parse, run, exit.

use std::process::ExitCode;

use webrtc_aws::Invocation;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    match Invocation::read(&arguments, &|name| std::env::var_os(name)) {
        Ok(invocation) => webrtc_aws::run(invocation),
        Err(refusal_or_help) => refusal_or_help.exit(),
    }
}
