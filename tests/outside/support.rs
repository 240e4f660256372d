//! Running programs, and the little HTTP and WebSocket that the tests speak themselves.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// What went wrong, shown by the test harness as it stands, with its line breaks.
pub(crate) struct Failure(String);

impl std::fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<E: std::fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

pub(crate) const REGION: &str = "us-east-1";

/// A program that inherits nothing that says where AWS is and who calls it.
pub(crate) fn program(path: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(path);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("AWS_")) {
        command.env_remove(name);
    }
    let nowhere = if cfg!(windows) { "NUL" } else { "/dev/null" };
    command
        .env("AWS_CONFIG_FILE", nowhere)
        .env("AWS_SHARED_CREDENTIALS_FILE", nowhere)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", "local")
        .env("AWS_SECRET_ACCESS_KEY", "local")
        .env("AWS_REGION", REGION)
        .env("AWS_DEFAULT_REGION", REGION)
        .env("NO_PROXY", "127.0.0.1")
        .env_remove("WEBRTC_AWS_STACK")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// A file of the repository.
pub(crate) fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A program from `tests/requirements.txt`.
pub(crate) fn from_venv(name: &str) -> Outcome<PathBuf> {
    let venv = std::env::var_os("WEBRTC_AWS_TEST_VENV").map_or_else(|| in_repository(".venv"), PathBuf::from);
    let path = venv.join("bin").join(name);
    if path.is_file() {
        return Ok(path);
    }
    Err(format!("there is no {}.\nInstall what these tests need: tests/run setup", path.display()).into())
}

/// Text that a program wrote to stdout, if it succeeded.
pub(crate) fn stdout(what: &str, output: Output) -> Outcome<String> {
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let said = [output.stdout, output.stderr].concat();
    Err(format!("{what}: {}\n{}", output.status, String::from_utf8_lossy(&said)).into())
}

/// Runs `webrtc-aws … --output json` and gives its last event back, whatever its exit code, with that code.
pub(crate) async fn webrtc_aws(arguments: &[&str]) -> Outcome<(Option<i32>, Value)> {
    let output = program(webrtc_aws_path()).args(arguments).args(["--output", "json"]).output().await?;
    let text = String::from_utf8(output.stdout)?;
    let last = text.lines().last().ok_or_else(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    Ok((output.status.code(), serde_json::from_str(last)?))
}

pub(crate) fn webrtc_aws_path() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_webrtc-aws"))
}

/// Waits for a line in which `wanted` finds something. Whatever is said later is read, too: a full pipe would stop who says it.
pub(crate) async fn announcement<T>(
    stream: impl AsyncRead + Send + Unpin + 'static,
    wanted: impl Fn(&str) -> Option<T>,
) -> Outcome<T> {
    let mut lines = BufReader::new(stream).lines();
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        if let Some(found) = wanted(&line) {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(found);
        }
        said.extend([&line, "\n"]);
    }
    Err(format!("it ended after saying:\n{said}").into())
}

/// `webrtc-aws local`: an empty account, gone when dropped.
pub(crate) struct LocalAws {
    pub(crate) endpoint: String,
    _process: Child,
}

impl LocalAws {
    pub(crate) async fn start() -> Outcome<Self> {
        let mut process = program(webrtc_aws_path())
            .args(["local", "--port", "0", "--output", "json"])
            .stderr(Stdio::inherit())
            .spawn()?;
        let endpoint = announcement(process.stdout.take().ok_or("no stdout")?, |line| {
            let event: Value = serde_json::from_str(line).ok()?;
            (event["event"] == "listening").then(|| event["endpoint"].as_str().map(str::to_owned))?
        })
        .await?;
        Ok(Self { endpoint, _process: process })
    }
}

/// What a GET answers.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: String,
}

pub(crate) async fn get(url: &str) -> Outcome<Answer> {
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let answer = client.get(url.parse()?).await?;
    let status = answer.status().as_u16();
    let content_type = answer.headers().get("content-type").and_then(|value| value.to_str().ok());
    let content_type = content_type.unwrap_or_default().to_owned();
    let body = String::from_utf8(answer.into_body().collect().await?.to_bytes().to_vec())?;
    Ok(Answer { status, content_type, body })
}

/// One connection to a relay.
pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(crate) async fn open(url: &str) -> Outcome<Self> {
        Ok(Self(tokio_tungstenite::connect_async(url).await?.0))
    }

    pub(crate) async fn send(&mut self, text: impl Into<String>) -> Outcome {
        Ok(self.0.send(Message::text(text.into())).await?)
    }

    pub(crate) async fn receive(&mut self) -> Outcome<Value> {
        loop {
            match self.0.next().await.ok_or("the socket was closed")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Ping(_) | Message::Pong(_) => {}
                other => return Err(format!("neither text nor ping: {other:?}").into()),
            }
        }
    }

    /// Sends and waits for the answer.
    pub(crate) async fn ask(&mut self, text: impl Into<String>) -> Outcome<Value> {
        self.send(text).await?;
        self.receive().await
    }

    /// Its own connection id.
    pub(crate) async fn id(&mut self) -> Outcome<String> {
        let answer = self.ask("").await?;
        match &answer["connectionId"] {
            Value::String(id) if answer.get("error").is_none() => Ok(id.clone()),
            _ => Err(format!("no id, but {answer}").into()),
        }
    }

    /// Closes it and waits until the other side has done so, too.
    pub(crate) async fn close(mut self) -> Outcome {
        self.0.close(None).await?;
        while let Some(Ok(_)) = self.0.next().await {}
        Ok(())
    }
}
