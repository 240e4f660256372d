//! A headless Chromium with its own driver, gone when dropped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::Outcome;

const START_PATIENCE: Duration = Duration::from_secs(30);
/// For scripts that wait for something on the page.
const SCRIPT_PATIENCE: Duration = Duration::from_secs(60);

/// What is different about a browser.
#[derive(Clone, Copy)]
pub(crate) struct Settings {
    pub(crate) camera: Camera,
    pub(crate) languages: &'static str,
    pub(crate) screen: Screen,
}

#[derive(Clone, Copy)]
pub(crate) enum Screen {
    Desktop,
    DarkDesktop,
    /// As narrow as they come.
    Phone,
}

#[derive(Clone, Copy)]
pub(crate) enum Camera {
    /// There is one, and the page may use it.
    Granted,
    /// There is one, and the person says no.
    Refused,
    Absent,
}

impl Default for Settings {
    fn default() -> Self {
        Self { camera: Camera::Granted, languages: "en-US,en", screen: Screen::Desktop }
    }
}

pub(crate) struct Browser {
    pub(crate) client: Client,
    _driver: Driver,
}

impl Browser {
    pub(crate) async fn start(settings: Settings) -> Outcome<Self> {
        let driver = Driver::start()?;
        let capabilities = capabilities(settings)?;
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await?;
        Ok(Self { client, _driver: driver })
    }
}

fn capabilities(settings: Settings) -> Outcome<serde_json::Map<String, Value>> {
    let mut arguments = vec![
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // A machine may have no network interface but loopback, on which browsers do not gather candidates unasked.
        "--allow-loopback-in-peer-connection",
        "--disable-features=WebRtcHideLocalIpsWithMdns",
    ];
    arguments.extend(match settings.camera {
        Camera::Granted => ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
        Camera::Refused => ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream=deny"],
        Camera::Absent => ["--use-fake-device-for-media-stream=device-count=0", "--use-fake-ui-for-media-stream"],
    });
    let mut options = json!({
        "binary": find_program("CHROMIUM", &["chromium", "chromium-browser", "google-chrome"])?,
        "prefs": { "intl.accept_languages": settings.languages },
    });
    match settings.screen {
        Screen::Desktop => {}
        Screen::DarkDesktop => arguments.push("--blink-settings=preferredColorScheme=0"),
        Screen::Phone => {
            options["mobileEmulation"] =
                json!({ "deviceMetrics": { "width": 320, "height": 640, "pixelRatio": 2.0, "touch": true } });
        }
    }
    options["args"] = json!(arguments);
    let capabilities = json!({
        "goog:chromeOptions": options,
        "timeouts": { "script": SCRIPT_PATIENCE.as_millis() },
    });
    match capabilities {
        Value::Object(map) => Ok(map),
        _ => Err("capabilities are an object".into()),
    }
}

/// A chromedriver process. It stays in the test's process group, so that Ctrl-C ends it, too.
struct Driver {
    child: Child,
    port: u16,
    /// What browsers leave behind goes with the driver.
    _temporary: TempDir,
}

impl Driver {
    /// The free port that a driver picks may be taken by the time it listens there, on IPv4 or IPv6: then it ends.
    fn start() -> Outcome<Self> {
        Self::start_once().or_else(|_| Self::start_once()).or_else(|_| Self::start_once())
    }

    fn start_once() -> Outcome<Self> {
        let program = find_program("CHROMEDRIVER", &["chromedriver"])?;
        let temporary = TempDir::new()?;
        let mut child = Command::new(program)
            .arg("--port=0")
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("chromedriver has no stdout")?;
        let mut driver = Self { child, port: 0, _temporary: temporary };
        let (announce, announced) = mpsc::channel();
        std::thread::spawn(move || {
            // Reads on after the announcement: a closed pipe would end the driver.
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(port) = announced_port(&line) {
                    let _ = announce.send(port);
                }
            }
        });
        driver.port = announced
            .recv_timeout(START_PATIENCE)
            .map_err(|_| "chromedriver did not say that it was started successfully")?;
        Ok(driver)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Its browsers have process groups of their own: only the driver can end them.
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = stream.write_all(b"GET /shutdown HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            let _ = stream.read_to_end(&mut Vec::new());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn announced_port(line: &str) -> Option<u16> {
    line.strip_prefix("ChromeDriver was started successfully on port ")?.trim_end_matches('.').parse().ok()
}

fn find_program(variable: &str, names: &[&str]) -> Outcome<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(path.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .flat_map(|directory| names.iter().map(move |name| directory.join(name)))
        .find(|program| program.is_file())
        .ok_or_else(|| {
            format!(
                "none of {names:?} is on PATH: the browser tests need Chromium and its driver.\n\
                 Install them (Debian, Ubuntu: apt-get install chromium chromium-driver), or name the program in {variable}."
            )
            .into()
        })
}
