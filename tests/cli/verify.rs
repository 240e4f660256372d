//! A deployed stack tried out, as people and pipelines see it.

use super::program::{Local, snapshot};

#[test]
fn a_stack_is_tried_out_line_by_line() {
    let local = Local::start(&[]);
    let run = |arguments: &[&str]| local.program(arguments).run();
    snapshot!("verify-missing", run(&["verify", "pr-1"]));

    let up = run(&["up", "pr-1"]);
    assert_eq!(up.code, Some(0), "{up}");
    assert!(up.stderr.contains("9 checks passed, 1 skipped, message round trip "), "{up}");
    assert!(!up.stderr.contains("handshake"), "what passes is no line of its own after 'up': {up}");

    snapshot!("verify", run(&["verify", "pr-1"]));
    let mut json = run(&["verify", "pr-1", "--output", "json"]);
    // Whether anything is waited for depends on how busy this machine is.
    json.stdout =
        json.stdout.lines().filter(|line| !line.contains("check_waiting")).map(|line| format!("{line}\n")).collect();
    snapshot!("verify-json", json);
    // No such stage: the socket is refused, and the page leads elsewhere.
    let failed = run(&["verify", "pr-1", "--stage", "other", "--patience", "0"]);
    snapshot!("verify-failed", failed);
}

#[test]
fn without_a_permission_nothing_is_tried_out() {
    let fault = "apigateway:GetApis=fail:403:AccessDeniedException:User is not authorized to perform apigateway:GET";
    let local = Local::start(&["--fault", fault]);
    let ran = local.program(&["verify"]).run();
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(3), ""), "{ran}");
    assert!(ran.stderr.contains("AccessDeniedException"), "{ran}");
}
