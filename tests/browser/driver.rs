//! A headless browser with its own driver, gone when dropped.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
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
    pub(crate) program: Program,
    pub(crate) camera: Camera,
    pub(crate) languages: &'static str,
    pub(crate) screen: Screen,
}

#[derive(Clone, Copy)]
pub(crate) enum Program {
    Chromium,
    Firefox,
}

#[derive(Clone, Copy)]
pub(crate) enum Screen {
    Desktop,
    DarkDesktop,
    /// As narrow as they come.
    Phone,
    /// As most have it.
    DarkPhone,
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
        Self { program: Program::Chromium, camera: Camera::Granted, languages: "en-US,en", screen: Screen::Desktop }
    }
}

impl Settings {
    pub(crate) fn firefox() -> Self {
        Self { program: Program::Firefox, ..Self::default() }
    }
}

pub(crate) struct Browser {
    pub(crate) client: Client,
    _driver: Driver,
}

impl Browser {
    pub(crate) async fn start(settings: Settings) -> Outcome<Self> {
        let mut driver = Driver::start(settings.program)?;
        let mut capabilities = match settings.program {
            Program::Chromium => json!({ "goog:chromeOptions": chromium(settings)? }),
            Program::Firefox => json!({ "moz:firefoxOptions": firefox(settings)? }),
        };
        capabilities["timeouts"] = json!({ "script": SCRIPT_PATIENCE.as_millis() });
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(serde_json::from_value(capabilities)?)
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await?;
        driver.session = client.session_id().await?;
        Ok(Self { client, _driver: driver })
    }
}

fn chromium(settings: Settings) -> Outcome<Value> {
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
    if settings.screen.is_dark() {
        arguments.push("--blink-settings=preferredColorScheme=0");
    }
    let mut options = json!({
        "args": arguments,
        "binary": find_program("CHROMIUM", &["chromium", "chromium-browser", "google-chrome"])?,
        "prefs": { "intl.accept_languages": settings.languages },
    });
    if let Some((width, height)) = settings.screen.phone() {
        options["mobileEmulation"] =
            json!({ "deviceMetrics": { "width": width, "height": height, "pixelRatio": 2.0, "touch": true } });
    }
    Ok(options)
}

fn firefox(settings: Settings) -> Outcome<Value> {
    let refused = if matches!(settings.camera, Camera::Refused) { 2 } else { 0 };
    let mut arguments = vec!["-headless".to_owned()];
    if let Some((width, height)) = settings.screen.phone() {
        arguments.extend([format!("--width={width}"), format!("--height={height}")]);
    }
    Ok(json!({
        "args": arguments,
        "binary": find_program("FIREFOX", &["firefox-esr", "firefox"])?,
        "prefs": {
            "intl.accept_languages": settings.languages,
            "layout.css.prefers-color-scheme.content-override": i32::from(!settings.screen.is_dark()),
            "media.navigator.streams.fake": !matches!(settings.camera, Camera::Absent),
            "media.navigator.permission.disabled": refused == 0,
            "permissions.default.camera": refused,
            "permissions.default.microphone": refused,
            // As for Chromium.
            "media.peerconnection.ice.loopback": true,
            "media.peerconnection.ice.obfuscate_host_addresses": false,
        },
    }))
}

impl Screen {
    fn is_dark(self) -> bool {
        matches!(self, Self::DarkDesktop | Self::DarkPhone)
    }

    fn phone(self) -> Option<(u32, u32)> {
        match self {
            Self::Phone => Some((320, 640)),
            Self::DarkPhone => Some((390, 844)),
            Self::Desktop | Self::DarkDesktop => None,
        }
    }
}

/// A chromedriver or geckodriver process. It stays in the test's process group, so that Ctrl-C ends it, too.
struct Driver {
    program: Program,
    child: Child,
    port: u16,
    session: Option<String>,
    /// What browsers leave behind goes with the driver.
    _temporary: TempDir,
}

impl Driver {
    /// The free port that a driver picks may be taken by the time it listens there, on IPv4 or IPv6: then it ends.
    fn start(program: Program) -> Outcome<Self> {
        let once = || Self::start_once(program);
        once().or_else(|_| once()).or_else(|_| once())
    }

    fn start_once(program: Program) -> Outcome<Self> {
        let (executable, arguments): (_, &[&str]) = match program {
            Program::Chromium => (find_program("CHROMEDRIVER", &["chromedriver"])?, &["--port=0"]),
            // Its other port would be the same one for every Firefox.
            Program::Firefox => (find_program("GECKODRIVER", &["geckodriver"])?, &["--port=0", "--websocket-port=0"]),
        };
        let temporary = TempDir::new()?;
        let mut child = Command::new(executable)
            .args(arguments)
            .env("TMPDIR", temporary.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("the driver has no stdout")?;
        let mut driver = Self { program, child, port: 0, session: None, _temporary: temporary };
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
            .map_err(|_| "the browser's driver did not say on which port it listens")?;
        Ok(driver)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Its browsers have process groups of their own: only the driver can end them.
        let farewell = match (self.program, &self.session) {
            (Program::Chromium, _) => "GET /shutdown".to_owned(),
            (Program::Firefox, Some(session)) => format!("DELETE /session/{session}"),
            (Program::Firefox, None) => "GET /status".to_owned(),
        };
        if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let _ = stream.write_all(
                format!("{farewell} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nConnection: close\r\n\r\n", self.port).as_bytes(),
            );
            let _ = stream.read_to_end(&mut Vec::new());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn announced_port(line: &str) -> Option<u16> {
    let (_, port) = line
        .split_once("ChromeDriver was started successfully on port ")
        .or_else(|| line.split_once("Listening on 127.0.0.1:"))?;
    port.trim_end_matches('.').parse().ok()
}

pub(crate) fn find_program(variable: &str, names: &[&str]) -> Outcome<PathBuf> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(path.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Where tests/run puts what Debian does not have.
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin");
    std::env::split_paths(&path)
        .chain([own])
        .flat_map(|directory| names.iter().map(move |name| directory.join(name)))
        .find(|program| program.is_file())
        .ok_or_else(|| {
            format!(
                "none of {names:?} is on PATH: the browser tests need Chromium, Firefox, their drivers, and coturn.\n\
                 Install them with tests/run setup, or name the program in {variable}."
            )
            .into()
        })
}
