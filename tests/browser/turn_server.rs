//! A coturn on loopback, as somebody might run one beside a stack; gone when dropped.

use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::Outcome;
use crate::driver::find_program;

/// What it shares with the relay.
pub(crate) const SECRET: &str = "n0rth-of-nowhere";

const START_PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct TurnServer {
    port: u16,
    folder: TempDir,
    process: Option<Child>,
}

impl TurnServer {
    pub(crate) fn start() -> Outcome<Self> {
        // It is free a moment later, too, unless the machine is as unlucky as can be.
        let port = UdpSocket::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut server = Self { port, folder: TempDir::new()?, process: None };
        server.run()?;
        Ok(server)
    }

    pub(crate) fn url(&self) -> String {
        format!("turn:127.0.0.1:{}?transport=udp", self.port)
    }

    /// Starts it, again after `kill`, at the same place.
    pub(crate) fn run(&mut self) -> Outcome {
        let folder = self.folder.path().display();
        let settings = format!(
            "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={}\nrealm=webrtc-aws.test\n\
             use-auth-secret\nstatic-auth-secret={SECRET}\nallow-loopback-peers\nno-cli\nno-tls\nno-dtls\n\
             userdb={folder}/turn.db\npidfile={folder}/turn.pid\nlog-file=stdout\n",
            self.port
        );
        let file = self.folder.path().join("turn.conf");
        std::fs::write(&file, settings)?;
        let mut process = Command::new(find_program("TURNSERVER", &["turnserver"])?)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = process.stdout.take().ok_or("no stdout")?;
        self.process = Some(process);
        let (announce, announced) = mpsc::channel();
        let address = format!("127.0.0.1:{}", self.port);
        std::thread::spawn(move || {
            // Reads on after the announcement: a closed pipe would end it.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if line.contains("UDP listener opened on") && line.contains(&address) {
                    let _ = announce.send(());
                }
            }
        });
        announced.recv_timeout(START_PATIENCE).map_err(|_| "coturn did not say that it listens".into())
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Drop for TurnServer {
    fn drop(&mut self) {
        self.kill();
    }
}
