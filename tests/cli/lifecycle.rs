//! A stack from nothing to nothing, as people and pipelines see it, on a local AWS.

use super::program::{Local, Program, snapshot};

#[test]
fn a_stack_comes_changes_and_goes() {
    let local = Local::start(&[]);
    let run = |arguments: &[&str]| local.program(arguments).run();

    let plan = run(&["plan", "pr-1", "--exit-code"]);
    assert_eq!(plan.code, Some(5), "{plan}");
    // The steps of `up` run side by side: their lines come in no fixed order.
    let up = run(&["up", "pr-1"]);
    assert_eq!(up.code, Some(0), "{up}");
    assert!(up.stderr.contains("11 to create, 0 to update, 0 to delete, 0 unchanged"), "{up}");

    let again = run(&["up", "pr-1"]);
    assert_eq!(again.stdout, up.stdout);
    snapshot!("up-unchanged", again);
    snapshot!("plan-unchanged", run(&["plan", "pr-1", "--exit-code"]));
    snapshot!("plan-changed", run(&["plan", "pr-1", "--memory", "256", "--log-retention", "30", "--exit-code"]));
    snapshot!("status-drifted", run(&["status", "pr-1", "--timeout", "20"]));

    snapshot!("teardown-unconfirmed", run(&["teardown", "pr-1"]));
    let teardown = run(&["teardown", "pr-1", "--yes"]);
    assert_eq!((teardown.code, teardown.stdout.as_str()), (Some(0), ""), "{teardown}");
    let last = "nothing is left of stack 'pr-1' in account 000000000000, region us-east-1\n";
    assert!(teardown.stderr.ends_with(last), "{teardown}");
    snapshot!("teardown-nothing", run(&["teardown", "pr-1", "--yes"]));
    snapshot!("status-missing", run(&["status", "pr-1"]));
    assert!(local.stop().success());
}

#[test]
fn json_tells_the_whole_story() {
    let local = Local::start(&[]);
    let up = local.program(&["up", "--output", "json"]).run();
    let events = up.events();
    assert_eq!((up.code, up.stderr.as_str()), (Some(0), ""), "{up}");
    assert_eq!((&events[0]["event"], &events[0]["stack"]), (&"started".into(), &"demo".into()));
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).collect::<Vec<_>>();
    assert_eq!(of("target")[0]["endpoint"], local.endpoint().as_str());
    assert_eq!(of("planned")[0]["plan"]["steps"].as_array().unwrap().len(), 11);
    for (event, count) in [("step_started", 11), ("step_finished", 11), ("ready", 1), ("finished", 1)] {
        assert_eq!(of(event).len(), count, "{event}");
    }
    let finished = up.finished();
    assert_eq!((&finished["ok"], &finished["changed"]), (&true.into(), &true.into()));
    assert_eq!(finished["outputs"], of("ready")[0]["outputs"]);

    let again = local.program(&["up", "--output", "json"]).run().finished();
    assert_eq!((&again["changed"], &again["outputs"]), (&false.into(), &finished["outputs"]));
}

#[test]
fn an_endpoint_that_is_not_aws_is_said_aloud() {
    let local = Local::start(&[]);
    let credentials =
        |program: Program| program.env("AWS_ACCESS_KEY_ID", "local").env("AWS_SECRET_ACCESS_KEY", "local");
    let program = Program::new(&["teardown", "--yes"]).env("AWS_REGION", "us-east-1");
    snapshot!("endpoint-from-environment", credentials(program.env("AWS_ENDPOINT_URL", &local.endpoint())).run());
    let option = ["teardown", "--yes", "--region", "us-east-1", "--endpoint-url", &local.endpoint()];
    snapshot!("endpoint-from-option", credentials(Program::new(&option)).run());
}

#[test]
fn settings_of_aws_in_the_environment_do_not_lead_a_local_run_astray() {
    let local = Local::start(&[]);
    let ran = local
        .program(&["teardown", "--yes"])
        .env("AWS_PROFILE", "no-such-profile")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
        .env("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")
        .run();
    assert_eq!(ran.code, Some(0), "{ran}");
}

#[test]
fn a_run_for_another_region_than_the_local_aws_has_is_refused() {
    let local = Local::start(&["--region", "eu-west-1"]);
    snapshot!("local-region", local.program(&["status", "--region", "us-east-1"]).run());
}

#[test]
fn a_second_local_aws_on_one_port_is_pointed_to_the_first() {
    let local = Local::start(&[]);
    snapshot!("local-already-running", Program::new(&["local", "--port", &local.port]).run());
}

#[test]
fn a_reader_that_leaves_does_no_harm() {
    let local = Local::start(&[]);
    let mut up = local.program(&["up"]).start();
    up.until("started");
    up.close_stdout();
    assert_eq!(up.wait().code(), Some(0));
    let status = local.program(&["status", "--output", "json"]).run();
    assert!(status.finished()["outputs"].is_object(), "{status}");
}
