//! The page as a browser meets it: the document, whatever it loads, and the generated configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use serde::Deserialize;
use tokio::time::Instant;
use url::Url;

use super::admission::Doors;
use super::check::CheckId;
use super::links::{self, Kind, Link, Use};
use super::symptom::Symptom;
use super::{Passed, Verification};
use crate::aws::visitor::Answer;
use crate::naming::CONFIG_OBJECT;

/// How many files are fetched side by side.
const AT_MOST: usize = 8;

/// More files than this are no page of ours, or a circle of generated ones.
const MOST_FILES: usize = 1_000;

/// A file that is not there while its neighbours are is mostly a broken link, and S3 says 403 to both (AWS-FACTS E2).
const PATIENCE_WITH_A_FILE: Duration = Duration::from_secs(5);

/// What config.js holds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Settings {
    websocket_url: String,
    ice_servers: Vec<IceServer>,
    /// The relay has further ones.
    #[serde(default)]
    ice_servers_on_demand: bool,
    /// Whose pages may connect; all, where there is none.
    #[serde(default)]
    allowed_origins: Vec<String>,
    /// Whoever connects needs a token.
    #[serde(default)]
    join_token: bool,
}

/// What config.js says of the relay.
#[derive(Default)]
pub(super) struct Configured {
    /// It is to have ICE servers for who asks.
    pub(super) ice_servers_on_demand: bool,
    pub(super) doors: Doors,
}

/// An entry of `RTCConfiguration.iceServers`.
#[derive(Debug, Deserialize)]
struct IceServer {
    urls: Urls,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Urls {
    One(String),
    Several(Vec<String>),
}

/// The document, for the checks that follow.
pub(super) struct Document {
    url: Url,
    answer: Answer,
}

impl Verification<'_> {
    pub(super) async fn page(&self) -> Result<(Passed, Document), Symptom> {
        let url = self.site.clone();
        let answer = self.patiently(CheckId::Page, self.deadline, async || self.served(&url).await).await?;
        if links::kind(&answer.content_type) != Some(Kind::Html) {
            return Err(wrong_type(&url, &answer, "text/html"));
        }
        Ok((Passed::saw(answer.content_type.clone()), Document { url, answer }))
    }

    /// Follows every link, level by level.
    pub(super) async fn files(&self, document: &Document) -> Result<Passed, Symptom> {
        let mut known: BTreeSet<Url> = BTreeSet::from([document.url.clone()]);
        let mut level = BTreeMap::new();
        discover(&document.url, &document.answer, &mut known, &mut level);
        let deadline = self.deadline.min(Instant::now() + PATIENCE_WITH_A_FILE);
        while !level.is_empty() {
            if known.len() > MOST_FILES {
                return Err(Symptom::TooManyFiles(MOST_FILES));
            }
            let fetched = stream::iter(std::mem::take(&mut level))
                .map(|(link, loaded_by)| self.file(link, loaded_by, deadline))
                .buffered(AT_MOST);
            let mut fetched = std::pin::pin!(fetched);
            while let Some(outcome) = fetched.next().await {
                let (url, answer) = outcome?;
                discover(&url, &answer, &mut known, &mut level);
            }
        }
        Ok(Passed::saw(match known.len() - 1 {
            1 => "1 file".to_owned(),
            files => format!("{files} files"),
        }))
    }

    async fn file(&self, link: Link, loaded_by: Url, deadline: Instant) -> Result<(Url, Answer), Symptom> {
        let Link { url, used_as } = link;
        let answer = self.patiently(CheckId::Files, deadline, async || {
            self.served(&url).await.map_err(|symptom| match symptom {
                Symptom::NotServed { file, status } => {
                    Symptom::BrokenLink { file, loaded_by: name(&loaded_by), status }
                }
                other => other,
            })
        });
        let answer = answer.await?;
        let is_data = [".json", ".css", ".wasm"].iter().any(|ending| url.path().ends_with(ending));
        match used_as {
            // Browsers run no module and use no style sheet of another type (AWS-FACTS E4).
            Use::Script if !is_data && links::kind(&answer.content_type) != Some(Kind::Script) => {
                Err(wrong_type(&url, &answer, "text/javascript"))
            }
            Use::Style if links::kind(&answer.content_type) != Some(Kind::Style) => {
                Err(wrong_type(&url, &answer, "text/css"))
            }
            _ => Ok((url, answer)),
        }
    }

    /// Whoever uses the relay alone may have no page that loads it: the configuration is looked at for itself.
    pub(super) async fn config(&self) -> Result<(Passed, Configured), Symptom> {
        let url = self.beside_the_page(CONFIG_OBJECT);
        let answer = self.patiently(CheckId::Config, self.deadline, async || self.served(&url).await).await?;
        if links::kind(&answer.content_type) != Some(Kind::Script) {
            return Err(wrong_type(&url, &answer, "text/javascript"));
        }
        let settings = read_settings(&answer.body).map_err(Symptom::WrongConfig)?;
        let wanted = &self.outputs.websocket_url;
        if settings.websocket_url != *wanted {
            let found = settings.websocket_url;
            return Err(Symptom::WrongConfig(format!("leads to {found}, not to this stack's {wanted}")));
        }
        let count = check_ice_servers(settings.ice_servers).map_err(Symptom::WrongConfig)?;
        let passed = Passed::saw(format!("this stack's WebSocket URL, {count} ICE server URLs"));
        let doors = Doors { allowed_origins: settings.allowed_origins, join_token: settings.join_token };
        Ok((passed, Configured { ice_servers_on_demand: settings.ice_servers_on_demand, doors }))
    }

    /// A file that everyone may read.
    async fn served(&self, url: &Url) -> Result<Answer, Symptom> {
        let answer = self.visitor.get(url).await.map_err(|error| Symptom::Unreachable { what: name(url), error })?;
        match answer.status.as_u16() {
            200 => Ok(answer),
            status => Err(Symptom::NotServed { file: name(url), status }),
        }
    }
}

fn discover(url: &Url, answer: &Answer, known: &mut BTreeSet<Url>, level: &mut BTreeMap<Link, Url>) {
    for link in links::links(url, &answer.content_type, &String::from_utf8_lossy(&answer.body)) {
        if known.insert(link.url.clone()) {
            level.insert(link, url.clone());
        }
    }
}

/// A file's last path segment and its folders below the page would do; the whole path is never wrong.
fn name(url: &Url) -> String {
    url.path().trim_start_matches('/').to_owned()
}

fn wrong_type(url: &Url, answer: &Answer, wanted: &'static str) -> Symptom {
    Symptom::WrongType { file: name(url), found: answer.content_type.clone(), wanted }
}

/// The one object that the module exports.
fn read_settings(module: &[u8]) -> Result<Settings, String> {
    let text = String::from_utf8_lossy(module);
    let object = text.find('{').zip(text.rfind('}')).and_then(|(start, end)| text.get(start..=end));
    serde_json::from_str(object.unwrap_or_default())
        .map_err(|error| format!("does not hold what was generated: {error}"))
}

/// How many URLs there are, if browsers take all of them: an unknown scheme makes `RTCPeerConnection` throw.
fn check_ice_servers(servers: Vec<IceServer>) -> Result<usize, String> {
    let mut count = 0;
    for server in servers {
        let urls = match server.urls {
            Urls::One(url) => vec![url],
            Urls::Several(urls) => urls,
        };
        for url in urls {
            let (scheme, host) = url.split_once(':').unwrap_or_default();
            if !matches!(scheme, "stun" | "stuns" | "turn" | "turns") || host.is_empty() {
                return Err(format!("names the ICE server {url:?}, which no browser takes"));
            }
            count += 1;
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_read_as_it_is_generated() {
        let module = br#"export default Object.freeze({"iceServers":[{"urls":["stun:a.test:1"]},{"urls":"turns:b.test"}],"websocketUrl":"wss://x/prod"});"#;
        let settings = read_settings(module).unwrap();
        assert_eq!(settings.websocket_url, "wss://x/prod");
        assert_eq!(check_ice_servers(settings.ice_servers), Ok(2));
        for broken in ["", "}{", "export default 7", "export default {\"websocketUrl\":\"x\"}"] {
            assert!(read_settings(broken.as_bytes()).is_err(), "{broken}");
        }
    }

    #[test]
    fn an_ice_server_that_browsers_refuse_is_named() {
        let servers = |url: &str| vec![IceServer { urls: Urls::One(url.to_owned()) }];
        for url in ["http://a.test", "stun:", "a.test", ""] {
            assert!(check_ice_servers(servers(url)).unwrap_err().contains(url), "{url}");
        }
        assert_eq!(check_ice_servers(Vec::new()), Ok(0));
    }
}
