//! Whether `up` would work, as people and pipelines see it.

use super::program::{Local, Program, Ran, snapshot};

/// The relay of the local AWS runs on this machine, whichever that is.
fn anywhere(mut ran: Ran) -> Ran {
    ran.stdout = ran.stdout.replace("arm64", "x86_64");
    ran
}

#[test]
fn a_machine_and_an_account_that_are_ready() {
    let local = Local::start(&[]);
    let up = local.program(&["up"]).run();
    assert_eq!(up.code, Some(0), "{up}");
    snapshot!("doctor", anywhere(local.program(&["doctor"]).run()));
    snapshot!("doctor-json", anywhere(local.program(&["doctor", "--output", "json"]).run()));
}

#[test]
fn without_credentials_everything_else_is_found_out() {
    let relay = ["doctor", "--relay", "/no/such/relay.zip"];
    snapshot!("doctor-no-credentials", Program::new(&relay).env("AWS_EC2_METADATA_DISABLED", "true").run());
}

#[test]
fn an_endpoint_from_the_environment_is_said_aloud() {
    let local = Local::start(&[]);
    let program = Program::new(&["doctor", "--relay", "/no/such/relay.zip"]).env("AWS_REGION", "us-east-1");
    let program =
        program.env("AWS_ENDPOINT_URL", &local.endpoint()).env("HTTPS_PROXY", "http://me:secret@proxy.test:3128");
    let program = program.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
    let ran = program.run();
    assert!(!ran.to_string().contains("secret"), "{ran}");
    snapshot!("doctor-endpoint", ran);
}

#[test]
fn a_caller_with_too_few_rights_learns_which() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.json");
    let place = ["policy", "--account", "000000000000", "--region", "us-east-1"];
    let policy = |purposes: &[&str]| Program::new(&[&place, purposes].concat()).run().stdout;
    let purposes = ["--for", "read-only", "--for", "doctor"];
    std::fs::write(&file, policy(&purposes).replace("lambda:GetAccountSettings", "lambda:GetNothing")).unwrap();
    let local = Local::start(&["--deployer-policy", file.to_str().unwrap()]);
    let relay = ["doctor", "--relay", "/no/such/relay.zip"];
    snapshot!("doctor-forbidden", local.program(&relay).run());
}

#[test]
fn a_local_aws_that_does_not_run_is_a_finding() {
    let relay = ["doctor", "--local", "--port", "1", "--relay", "/no/such/relay.zip"];
    snapshot!("doctor-no-local-aws", Program::new(&relay).run());
}
