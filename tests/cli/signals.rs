//! Ctrl-C and its relatives.

use super::program::{Local, Program};

#[test]
fn up_local_stays_until_ctrl_c_and_that_is_a_success() {
    let mut up = Program::new(&["up", "--local", "--port", "0"]).with_relay().start();
    let endpoint = up.until("listening")["endpoint"].clone();
    assert_eq!(up.until("target")["endpoint"], endpoint);
    let ready = up.until("ready");
    up.signal("INT");
    let (last, status) = up.end();
    let finished = last.unwrap();
    assert_eq!((&finished["event"], &finished["ok"]), (&"finished".into(), &true.into()));
    assert_eq!(finished["outputs"], ready["outputs"]);
    assert_eq!(status.code(), Some(0));
}

#[test]
fn an_interrupted_run_says_what_it_left_and_the_next_one_continues() {
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        // The signal comes in the middle, however busy the machine is.
        let local = Local::start(&["--fault", "apigateway:CreateStage=latency:8s"]);
        let mut up = local.program(&["up"]).start();
        up.until_any(|event| event["event"] == "step_finished" && event["outcome"] == "done");
        up.signal(signal);
        let (last, status) = up.end();
        let finished = last.unwrap();
        assert_eq!((&finished["event"], &finished["problem"]["code"]), (&"finished".into(), &"interrupted".into()));
        let left = finished["problem"]["left_behind"].as_array().unwrap();
        assert!(!left.is_empty(), "{finished}");
        assert_eq!(status.code(), Some(code));
        assert_eq!(local.program(&["up"]).run().code, Some(0));
        assert_eq!(local.program(&["plan", "--exit-code"]).run().code, Some(0));
    }
}

#[test]
fn a_second_signal_leaves_at_once() {
    let local = Local::start(&["--fault", "iam:CreateRole=hang"]);
    let mut up = local.program(&["up"]).start();
    // The step of the role began before this one ended, which takes two looks: its call is under way.
    up.until_any(|event| event["event"] == "step_finished" && event["address"] == "websocket_api.relay");
    up.signal("INT");
    up.until("note");
    up.signal("INT");
    let (last, status) = up.end();
    let finished = last.unwrap();
    assert_eq!((&finished["event"], &finished["problem"]["code"]), (&"finished".into(), &"interrupted".into()));
    let twice = finished["problem"]["summary"].as_str().unwrap().starts_with("interrupted twice");
    assert!(twice, "the call under way was not waited for: {finished}");
    assert_eq!(status.code(), Some(130));
}

#[test]
fn a_run_that_waits_for_the_account_can_be_interrupted() {
    let local = Local::start(&["--fault", "sts:GetCallerIdentity=hang"]);
    let mut status = local.program(&["status"]).start();
    status.until("phase");
    status.signal("INT");
    let (last, ended) = status.end();
    assert_eq!(last.unwrap()["problem"]["code"], "interrupted");
    assert_eq!(ended.code(), Some(130));
}

#[test]
fn an_up_local_that_ends_early_sends_nobody_to_a_local_aws_that_is_gone() {
    let mut up = Program::new(&["up", "--local", "--port", "0"]).with_relay().start();
    up.until_any(|event| event["event"] == "step_started");
    up.signal("TERM");
    let (last, ended) = up.end();
    let problem = last.unwrap()["problem"].clone();
    assert_eq!((&problem["code"], problem.get("left_behind")), (&"interrupted".into(), None), "{problem}");
    assert!(problem["hint"].as_str().unwrap().starts_with("nothing is left: the local AWS of this run"), "{problem}");
    assert_eq!(ended.code(), Some(143));
}
