//! Runs that cannot succeed: each ends in a diagnostic that says what to do, with a documented exit code.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use super::program::{Local, Program, Ran, snapshot};

/// Takes connections and never answers, as a network without a metadata service may do.
struct SilentServer {
    listener: TcpListener,
    url: String,
}

impl SilentServer {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { listener, url }
    }

    /// How many connections were made since the last look: they wait in the listener's queue.
    fn connections(&self) -> usize {
        std::iter::from_fn(|| self.listener.accept().ok()).count()
    }
}

/// Each question to a silent metadata service costs half a second, so their number is what keeps a command within the five
/// seconds that it may take; the clock itself would measure how busy this machine is.
#[test]
fn without_credentials_a_silent_metadata_service_is_not_asked_again_and_again() {
    let silent = SilentServer::start();
    for arguments in [&["up"][..], &["plan"], &["status"], &["teardown", "--yes"]] {
        let ran = Program::new(arguments).env("AWS_EC2_METADATA_SERVICE_ENDPOINT", &silent.url).run();
        let questions = silent.connections();
        assert!((1..=4).contains(&questions), "{arguments:?} asked {questions} times");
        snapshot!("no-credentials", ran);
    }
}

#[test]
fn an_error_is_json_too_from_started_to_finished() {
    let ran = Program::new(&["up", "--output", "json"]).env("AWS_EC2_METADATA_DISABLED", "true").run();
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(3), ""));
    assert_eq!(ran.events()[0]["event"], "started");
    let finished = ran.finished();
    assert_eq!((&finished["ok"], &finished["problem"]["code"]), (&false.into(), &"no_credentials".into()));
}

#[test]
fn without_a_region_the_run_ends_before_any_call() {
    let program = Program::new(&["plan"]).with_made_up_credentials().env("AWS_EC2_METADATA_DISABLED", "true");
    snapshot!("no-region", program.run());
}

#[test]
fn an_unreachable_endpoint_is_named() {
    let arguments = ["status", "--region", "us-east-1", "--endpoint-url", "http://127.0.0.1:1"];
    snapshot!("unreachable", Program::new(&arguments).with_made_up_credentials().run());
}

#[test]
fn a_profile_on_the_command_line_wins_over_keys_in_the_environment() {
    let program = Program::new(&["status", "--profile", "no-such-profile", "--region", "us-east-1"]);
    snapshot!("no-such-profile", program.with_made_up_credentials().run());
}

#[test]
fn a_page_that_is_not_there_is_told_before_anything_is_called() {
    snapshot!("client-missing", Program::new(&["up", "--client", "no-such-directory"]).run());
    let empty = tempfile::tempdir().unwrap();
    snapshot!("client-without-index", Program::new(&["plan", "--client", empty.path().to_str().unwrap()]).run());
}

#[test]
fn teardown_without_a_terminal_needs_yes() {
    snapshot!("teardown-unconfirmed", Program::new(&["teardown"]).run());
}

#[test]
fn commands_that_start_nothing_say_that_no_local_aws_runs() {
    for arguments in [&["plan"][..], &["status"], &["teardown", "--yes"]] {
        let ran = Program::new(&[arguments, &["--local", "--port", "1"]].concat()).run();
        snapshot!("no-local-aws", ran);
    }
    snapshot!("local-port-zero", Program::new(&["status", "--local", "--port", "0"]).run());
}

#[test]
fn a_port_that_somebody_else_has_is_left_to_them() {
    let silent = SilentServer::start();
    let port = silent.url.rsplit(':').next().unwrap();
    snapshot!("port-taken", Program::new(&["local", "--port", port]).run());
    snapshot!("port-taken", Program::new(&["up", "--local", "--port", port]).run());
}

#[test]
fn a_relay_that_lambda_cannot_run_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("bootstrap");
    std::fs::write(&script, "#!/bin/sh\n").unwrap();
    let local = Local::start(&[]);
    snapshot!("relay-unfit", local.program(&["plan", "--relay", script.to_str().unwrap()]).run());
}

#[test]
fn refused_credentials_come_with_what_aws_said() {
    let local = Local::start(&[]);
    let arguments = ["status", "--region", "us-east-1", "--endpoint-url", &local.endpoint()];
    let ran = Program::new(&arguments).with_made_up_credentials().run();
    assert_eq!(ran.code, Some(3), "{ran}");
    assert!(ran.stderr.contains("  AWS said: InvalidClientTokenId: "), "{ran}");
    assert!(ran.stderr.contains("(request id "), "{ran}");
}

/// `webrtc-aws policy > policy.json` must not succeed with half a policy.
#[cfg(target_os = "linux")]
#[test]
fn results_that_a_full_disk_does_not_take_are_no_success() {
    let arguments = ["policy", "--account", "123456789012", "--region", "us-east-1"];
    for arguments in [arguments.to_vec(), [&arguments[..], &["--output", "json"]].concat()] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = std::process::Command::new(env!("CARGO_BIN_EXE_webrtc-aws"))
            .args(&arguments)
            .stdout(full)
            .output()
            .unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(1), "{said}");
        assert!(said.contains("could not all be written") && said.contains("hint: make room"), "{said}");
    }
}

/// Every https call asks the proxy for a way, and is told to prove who it is: nothing leaves this machine.
#[test]
fn a_proxy_is_asked_for_the_way_to_aws_and_what_it_refuses_is_said() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, requests) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        // Until the test is over.
        for client in listener.incoming().map(Result::unwrap) {
            let mut reader = BufReader::new(&client);
            let mut request = String::new();
            while !request.ends_with("\r\n\r\n") && reader.read_line(&mut request).unwrap() > 0 {}
            let refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n";
            (&client).write_all(refusal).unwrap();
            if asked.send(request).is_err() {
                break;
            }
        }
    });
    let status = |proxy: &str| {
        let program = Program::new(&["status", "--region", "us-east-1"]).with_made_up_credentials();
        program.env("HTTPS_PROXY", proxy).env("AWS_EC2_METADATA_DISABLED", "true").run()
    };
    let ran = status(&format!("http://me:pass@{address}"));
    let request = requests.recv().unwrap();
    assert!(request.starts_with("CONNECT sts.us-east-1.amazonaws.com:443 HTTP/1.1\r\n"), "{request}");
    assert!(request.to_ascii_lowercase().contains("\r\nproxy-authorization: basic "), "{request}");
    let port = format!(":{} ", address.port());
    snapshot!("proxy-refuses", Ran { stderr: ran.stderr.replace(&port, ":PORT "), ..ran });
    snapshot!("proxy-unusable", status("socks5://me:pass@127.0.0.1:1"));
}
