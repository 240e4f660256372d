//! Other local AWSs under the same load, each set up as its users would.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use self::ministack::Ministack;
use crate::Outcome;
use crate::figure::Peer;
use crate::load::{Behind, Load, Pace};
use crate::program::Programs;

#[path = "../../tests/support/ministack.rs"]
mod ministack;

const SENDERS: usize = 64;
/// They are slower.
const MESSAGES: usize = 50;

/// Said by serverless-offline once it listens.
const READY: &str = "Offline [http for websocket] listening";

/// Messages a second that each carries.
pub(crate) async fn measure(programs: &Programs) -> Outcome<[Peer; 2]> {
    let home = tempfile::tempdir()?;
    let emulator = Ministack::start().await?;
    let stack = programs.started(&home, &programs.up_at(&emulator.endpoint)?, "websocket_url").await?;
    let ministack = Peer { name: "ministack", value: carried(&stack.url).await? };

    let (_process, url) = serverless_offline(&home).await?;
    Ok([ministack, Peer { name: "serverless-offline", value: carried(&url).await? }])
}

async fn carried(url: &str) -> Outcome<f64> {
    let load = Load { behind: Behind::Relay, senders: SENDERS, messages: MESSAGES, pace: Pace::Closed };
    Ok(load.carry(url).await?.a_second)
}

/// Until it is dropped: the process, and its WebSocket URL.
async fn serverless_offline(home: &TempDir) -> Outcome<(Child, String)> {
    // It cannot choose ports itself. Nobody is given these again soon.
    let listeners =
        [TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?];
    let mut ports = Vec::new();
    for listener in listeners {
        ports.push(listener.local_addr()?.port().to_string());
    }
    let [http, lambda, websocket] = &ports[..] else { return Err("no three ports".into()) };
    let node = std::env::var_os("WEBRTC_AWS_BENCH_NODE").ok_or("WEBRTC_AWS_BENCH_NODE is not set: run tests/bench")?;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("serverless-offline");
    let mut process = Command::new(node)
        .arg(directory.join("node_modules/serverless/bin/serverless.js"))
        .args(["offline", "start", "--noTimeout", "--host", "127.0.0.1", "--httpPort", http])
        .args(["--lambdaPort", lambda, "--websocketPort", websocket])
        .current_dir(directory)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", home.path())
        .env("WEBSOCKET_PORT", websocket)
        .env("CI", "true")
        .env("SLS_TELEMETRY_DISABLED", "1")
        .env("SLS_NOTIFICATIONS_MODE", "off")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(process.stderr.take().ok_or("no stderr")?).lines();
    while let Some(line) = lines.next_line().await? {
        if line.contains(READY) {
            // A full pipe would stop it.
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok((process, format!("ws://127.0.0.1:{websocket}")));
        }
    }
    Err("serverless-offline ended: run tests/bench".into())
}
