//! `policy`, and what a run says that is allowed too little.

use super::program::{Local, Program, snapshot};

const HERE: [&str; 5] = ["policy", "--account", "123456789012", "--region", "eu-central-1"];

fn policy(arguments: &[&str]) -> Program {
    Program::new(&[&HERE, arguments].concat())
}

#[test]
fn the_policy_of_a_stack_is_printed_without_credentials() {
    snapshot!("policy", policy(&[]).run());
    snapshot!("policy-read-only", policy(&["--for", "read-only"]).run());
    let china = ["policy", "--account", "123456789012", "--region", "cn-north-1", "--for", "teardown"];
    snapshot!("policy-china", Program::new(&china).run());
}

#[test]
fn the_policy_of_many_stacks_has_patterns() {
    let any = ["policy", "--account", "*", "--region", "*", "--stacks", "pr-*"];
    snapshot!("policy-stacks", Program::new(&any).run());
}

#[test]
fn a_boundary_and_a_path_are_held_by_the_policy() {
    let boundary = "arn:aws:iam::123456789012:policy/limit";
    let arguments = ["--for", "up", "--permissions-boundary", boundary, "--role-path", "/team/"];
    snapshot!("policy-demanding", policy(&arguments).run());
}

#[test]
fn with_an_existing_role_nobody_writes_roles_and_its_owner_learns_what_it_needs() {
    let role = "arn:aws:iam::123456789012:role/team/relay";
    snapshot!("policy-existing-role", policy(&["--existing-role", role]).run());
    snapshot!("policy-relay", policy(&["shop", "--for", "relay"]).run());
    snapshot!("policy-relay-and-up", policy(&["--for", "relay", "--for", "up"]).run());
    let elsewhere = "arn:aws:iam::210987654321:role/relay";
    snapshot!("policy-existing-role-elsewhere", policy(&["--existing-role", elsewhere]).run());
}

#[test]
fn with_an_existing_bucket_nobody_makes_buckets_and_its_owner_learns_what_it_needs() {
    let bucket = ["--existing-bucket", "team-pages/calls"];
    snapshot!("policy-existing-bucket", policy(&bucket).run());
    snapshot!("policy-bucket", policy(&[&["shop", "--for", "bucket"], &bucket[..]].concat()).run());
    let many = ["--stacks", "pr-*", "--for", "bucket"];
    snapshot!("policy-bucket-of-many", policy(&[&many, &bucket[..]].concat()).run());
    snapshot!("policy-bucket-of-its-own", policy(&["--for", "bucket"]).run());
}

#[test]
fn the_trust_policy_names_one_repository() {
    let arguments = ["policy", "--account", "123456789012", "--github", "owner/name"];
    snapshot!("policy-github", Program::new(&arguments).run());
    snapshot!("policy-github-subject", Program::new(&[&arguments[..], &["--subject", "pull_request"]].concat()).run());
}

#[test]
fn a_policy_for_pipelines_is_one_event() {
    let ran = policy(&["--for", "read-only", "--output", "json"]).run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran}");
    let events = ran.events();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(names, ["started", "policy", "finished"]);
    assert_eq!((&events[1]["kind"], &events[1]["document"]["Version"]), (&"permissions".into(), &"2012-10-17".into()));
    assert_eq!(events[2]["ok"], true);
}

#[test]
fn account_and_region_come_from_the_credentials() {
    let local = Local::start(&["--account", "111122223333", "--region", "eu-west-1"]);
    let program = Program::new(&["policy", "--for", "read-only"]).env("AWS_ENDPOINT_URL", &local.endpoint());
    let program = program.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
    snapshot!("policy-from-credentials", program.env("AWS_REGION", "eu-west-1").run());
}

#[test]
fn without_credentials_or_region_it_says_what_to_pass() {
    snapshot!("policy-no-credentials", Program::new(&["policy", "--region", "eu-west-1"]).run());
    snapshot!("policy-no-region", Program::new(&["policy", "--account", "123456789012"]).run());
}

#[test]
fn the_local_aws_holds_the_deployer_to_a_policy() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("policy.json");
    let path = file.to_str().unwrap();
    let printed =
        Program::new(&["policy", "--account", "000000000000", "--region", "us-east-1", "--for", "read-only"]).run();
    std::fs::write(&file, &printed.stdout).unwrap();
    let local = Local::start(&["--deployer-policy", path]);
    let good = local.program(&["status"]).run();
    assert_eq!(good.code, Some(0), "{good}");
    let other = local.program(&["status", "other"]).run();
    assert_eq!(other.code, Some(3), "{other}");
    assert!(
        other.stderr.contains("hint: these credentials need s3:GetBucketTagging on arn:aws:s3:::webrtc-aws-other-"),
        "{other}"
    );
    assert!(other.stderr.contains("'webrtc-aws policy' prints"), "{other}");

    std::fs::write(&file, "{}").unwrap();
    snapshot!("invalid-deployer-policy", Program::new(&["local", "--port", "0", "--deployer-policy", path]).run());
}
