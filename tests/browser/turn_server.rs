//! A coturn on loopback, as somebody might run one beside a stack; gone when dropped.

use std::net::UdpSocket;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

    pub(crate) fn url(&self, transport: &str) -> String {
        format!("turn:127.0.0.1:{}?transport={transport}", self.port)
    }

    /// Starts it, again after `kill`, at the same place.
    pub(crate) fn run(&mut self) -> Outcome {
        let folder = self.folder.path().display();
        let settings = format!(
            "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={}\nrealm=webrtc-aws.test\n\
             use-auth-secret\nstatic-auth-secret={SECRET}\nallow-loopback-peers\nno-cli\nno-tls\nno-dtls\n\
             userdb={folder}/turn.db\npidfile={folder}/turn.pid\nlog-file={folder}/turn.log\nsimple-log\n",
            self.port
        );
        let file = self.folder.path().join("turn.conf");
        std::fs::write(&file, settings)?;
        let process = Command::new(find_program("TURNSERVER", &["turnserver"])?)
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.process = Some(process);
        self.answers()
    }

    /// Asks for the own address, which needs no credentials, until there is an answer.
    fn answers(&self) -> Outcome {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let deadline = Instant::now() + START_PATIENCE;
        while Instant::now() < deadline {
            // A binding request of RFC 5389, without attributes.
            let mut request = [0; 20];
            request[..8].copy_from_slice(&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42]);
            socket.send_to(&request, ("127.0.0.1", self.port))?;
            let mut answer = [0; 512];
            if socket.recv(&mut answer).is_ok() && answer.starts_with(&[1, 1]) {
                return Ok(());
            }
        }
        Err("coturn does not answer".into())
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
