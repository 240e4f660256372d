//! A coturn on loopback, the TURN server that the local AWS grants. It starts when the first one is granted, and ends with the local
//! AWS. Whoever has it installed gets real TURN; who has not is told so.

use std::io::ErrorKind;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt;
use ring::hmac;
use tempfile::TempDir;
use tokio::net::UdpSocket;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

const PROGRAM: &str = "turnserver";

/// It answers within a second, on a busy machine within a few.
const QUESTIONS: u32 = 40;
const PATIENCE_PER_QUESTION: Duration = Duration::from_millis(100);

#[derive(Debug, thiserror::Error)]
pub(crate) enum TurnServerError {
    #[error("coturn, whose TURN server this would be, is not installed here: there is no program {PROGRAM}")]
    NotInstalled,
    #[error("coturn could not be started: {0}")]
    NotStarted(#[from] std::io::Error),
    #[error("coturn was started and does not answer")]
    Silent,
}

/// URLs, user name and password.
type Granted = ([String; 2], String, String);

/// None until it is needed.
#[derive(Debug, Default)]
pub(crate) struct TurnServerSlot(Mutex<Option<TurnServer>>);

#[derive(Debug)]
struct TurnServer {
    port: u16,
    secret: String,
    /// With it goes what holds the secret.
    _folder: TempDir,
    process: Child,
}

/// Whether there is a TURN server to grant.
pub(crate) fn has_turn_server() -> bool {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| Path::new(&folder).join(PROGRAM).is_file())
}

impl TurnServerSlot {
    pub(super) async fn granted(&self, username: &str) -> Result<Granted, TurnServerError> {
        let mut slot = self.0.lock().await;
        // One that somebody ended is started again, at another place.
        let known = slot.take().and_then(|mut server| matches!(server.process.try_wait(), Ok(None)).then_some(server));
        let server = match known {
            Some(server) => slot.insert(server),
            None => slot.insert(TurnServer::start().await?),
        };
        // The scheme of coturn's `use-auth-secret` (AWS-FACTS H); AWS's own is not known.
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, server.secret.as_bytes());
        let password = STANDARD.encode(hmac::sign(&key, username.as_bytes()));
        let url = |transport| format!("turn:{}:{}?transport={transport}", Ipv4Addr::LOCALHOST, server.port);
        Ok(([url("udp"), url("tcp")], username.to_owned(), password))
    }

    /// Ends it, and waits until it is gone.
    pub(crate) async fn stop(&self) {
        if let Some(mut server) = self.0.lock().await.take() {
            // Gone already is as good.
            let _ = server.process.kill().await;
        }
    }
}

/// For what only its owner may read: the umask of whoever runs this may let others in.
fn private_folder() -> std::io::Result<TempDir> {
    let mut builder = tempfile::Builder::new();
    builder.prefix("webrtc-aws-turn-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    builder.tempdir()
}

impl TurnServer {
    async fn start() -> Result<Self, TurnServerError> {
        // It is free a moment later, too, unless the machine is as unlucky as can be.
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port();
        let secret = hex::encode(rand::rng().random::<[u8; 16]>());
        let folder = private_folder()?;
        let place = folder.path().display();
        let settings = format!(
            "listening-ip=127.0.0.1\nrelay-ip=127.0.0.1\nlistening-port={port}\nrealm=webrtc-aws.local\nuse-auth-secret\n\
             static-auth-secret={secret}\nallow-loopback-peers\nno-cli\nno-tls\nno-dtls\nuserdb={place}/turn.db\n\
             pidfile={place}/turn.pid\nlog-file={place}/turn.log\nsimple-log\n"
        );
        let file = folder.path().join("turn.conf");
        tokio::fs::write(&file, settings).await?;
        let mut command = Command::new(PROGRAM);
        command.arg("-c").arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // A Ctrl-C at the terminal is for this program, which ends it in order.
        #[cfg(unix)]
        command.process_group(0);
        let process = command.kill_on_drop(true).spawn().map_err(|error| match error.kind() {
            ErrorKind::NotFound => TurnServerError::NotInstalled,
            _ => error.into(),
        })?;
        let server = Self { port, secret, _folder: folder, process };
        server.answers().await?;
        Ok(server)
    }

    /// Asks for the own address, which needs no credentials, until there is an answer.
    async fn answers(&self) -> Result<(), TurnServerError> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        // A binding request of RFC 5389, without attributes.
        let mut request = [0; 20];
        request[..8].copy_from_slice(&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42]);
        for _ in 0..QUESTIONS {
            socket.send_to(&request, (Ipv4Addr::LOCALHOST, self.port)).await?;
            let mut answer = [0; 512];
            let heard = tokio::time::timeout(PATIENCE_PER_QUESTION, async {
                loop {
                    if socket.recv_from(&mut answer).await.is_ok_and(|_| answer.starts_with(&[1, 1])) {
                        return;
                    }
                }
            });
            if heard.await.is_ok() {
                return Ok(());
            }
        }
        Err(TurnServerError::Silent)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn nobody_else_reads_the_secret_of_the_turn_server() {
        let folder = private_folder().unwrap();
        assert_eq!(folder.path().metadata().unwrap().permissions().mode() & 0o777, 0o700);
    }
}
