//! The call page as a person uses it: waits are events on the page, never pauses.

use std::path::Path;

use fantoccini::Locator;
use serde_json::{Value, json};

use crate::Outcome;
use crate::driver::Browser;

/// Calls back when the state line is in the wanted state.
const WAIT_FOR_STATE: &str = r#"
    const [wanted, done] = arguments;
    const line = document.getElementById("state");
    const observer = new MutationObserver(() => check());
    const check = () => { if (line.dataset.state === wanted) { observer.disconnect(); done(true); } };
    observer.observe(line, { attributes: true });
    check();
"#;

/// Calls back when a video has presented so many further frames.
const WAIT_FOR_FRAMES: &str = r#"
    const [id, wanted, done] = arguments;
    const video = document.getElementById(id);
    let seen = 0;
    const next = () => { seen += 1; seen < wanted ? video.requestVideoFrameCallback(next) : done(seen); };
    video.requestVideoFrameCallback(next);
"#;

/// Keeps hold of the page's latest peer connection, and says what it has decoded: Firefox's players count no frames.
const COUNT_DECODED: &str = r#"
    const Native = window.RTCPeerConnection;
    let latest = null;
    window.RTCPeerConnection = class extends Native {
        constructor(...options) { super(...options); latest = this; }
    };
    window.latestPeer = () => latest;
    window.decodedFrames = async () => {
        const stats = [...((await latest?.getStats())?.values() ?? [])];
        const video = stats.filter(({ type, kind }) => type === "inbound-rtp" && kind === "video");
        return video.reduce((total, { framesDecoded }) => total + (framesDecoded ?? 0), 0);
    };
"#;

/// Calls back when so many further frames from the other side are decoded.
const WAIT_FOR_DECODED: &str = r#"
    const [wanted, done] = arguments;
    let [last, grown] = [Infinity, 0];
    const look = async () => {
        // Firefox counts anew when ICE restarts.
        const now = await decodedFrames();
        grown += Math.max(0, now - last);
        last = now;
        return grown >= wanted ? done(true) : setTimeout(look, 50);
    };
    look();
"#;

pub(crate) struct Page {
    browser: Browser,
}

impl Page {
    pub(crate) async fn open(browser: Browser, url: &str) -> Outcome<Self> {
        let page = Self { browser };
        page.load(url).await?;
        Ok(page)
    }

    pub(crate) async fn close(self) -> Outcome {
        Ok(self.browser.client.clone().close().await?)
    }

    /// The page's own id, as soon as it has one.
    pub(crate) async fn connection_id(&self) -> Outcome<String> {
        self.wait_for_state("ready").await?;
        self.value("localConnectionId").await
    }

    pub(crate) async fn call(&self, remote: &str) -> Outcome {
        self.enter("remoteConnectionId", remote).await?;
        self.press("call").await
    }

    pub(crate) async fn enter(&self, id: &str, value: &str) -> Outcome {
        let input = self.browser.client.find(Locator::Id(id)).await?;
        input.clear().await?;
        Ok(input.send_keys(value).await?)
    }

    pub(crate) async fn press(&self, id: &str) -> Outcome {
        Ok(self.browser.client.find(Locator::Id(id)).await?.click().await?)
    }

    pub(crate) async fn state(&self) -> Outcome<String> {
        self.read("return document.getElementById('state').dataset.state", vec![]).await
    }

    pub(crate) async fn end_reason(&self) -> Outcome<String> {
        self.read("return document.getElementById('state').dataset.reason", vec![]).await
    }

    pub(crate) async fn language(&self) -> Outcome<String> {
        self.read("return document.documentElement.lang", vec![]).await
    }

    pub(crate) async fn text(&self, id: &str) -> Outcome<String> {
        self.read("return document.getElementById(arguments[0]).textContent", vec![json!(id)]).await
    }

    pub(crate) async fn value(&self, id: &str) -> Outcome<String> {
        self.read("return document.getElementById(arguments[0]).value", vec![json!(id)]).await
    }

    pub(crate) async fn wait_for_state(&self, state: &str) -> Outcome {
        self.wait(&format!("state {state}"), WAIT_FOR_STATE, vec![json!(state)]).await
    }

    pub(crate) async fn wait_for_text(&self, id: &str) -> Outcome {
        self.wait_until(&format!("document.getElementById('{id}').textContent !== ''")).await
    }

    pub(crate) async fn wait_for_frames(&self, video: &str, frames: u64) -> Outcome {
        self.wait(&format!("{frames} frames in #{video}"), WAIT_FOR_FRAMES, vec![json!(video), json!(frames)]).await
    }

    /// Waits until so many further frames from the other side are decoded.
    pub(crate) async fn wait_for_decoded_frames(&self, frames: u64) -> Outcome {
        self.wait(&format!("{frames} further decoded frames"), WAIT_FOR_DECODED, vec![json!(frames)]).await
    }

    /// Waits for a JavaScript expression about the page to be true.
    pub(crate) async fn wait_until(&self, expression: &str) -> Outcome {
        let script = format!(
            "const done = arguments[arguments.length - 1];
            const check = () => ({expression}) ? done(true) : setTimeout(check, 20);
            check();"
        );
        self.wait(expression, &script, vec![]).await
    }

    /// Types on the page, wherever the keyboard's focus is.
    pub(crate) async fn type_keys(&self, keys: &str) -> Outcome {
        Ok(self.browser.client.active_element().await?.send_keys(keys).await?)
    }

    pub(crate) async fn go_to(&self, url: &str) -> Outcome {
        // A change of the fragment alone does not load the page.
        self.browser.client.goto("about:blank").await?;
        self.load(url).await
    }

    async fn load(&self, url: &str) -> Outcome {
        self.browser.client.goto(url).await?;
        self.evaluate(COUNT_DECODED, vec![]).await.map(drop)
    }

    /// Kept where test output is, for people to look at.
    pub(crate) async fn take_screenshot(&self, name: &str) -> Outcome {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots");
        std::fs::create_dir_all(&folder)?;
        Ok(std::fs::write(folder.join(format!("{name}.png")), self.browser.client.screenshot().await?)?)
    }

    /// The answer of a script that calls its last argument with it.
    pub(crate) async fn evaluate_later(&self, script: &str, arguments: Vec<Value>) -> Outcome<Value> {
        Ok(self.browser.client.execute_async(script, arguments).await?)
    }

    async fn wait(&self, what: &str, script: &str, arguments: Vec<Value>) -> Outcome {
        let Err(error) = self.browser.client.execute_async(script, arguments).await else {
            return Ok(());
        };
        let (state, says, hint) = (self.state().await?, self.text("state").await?, self.text("hint").await?);
        Err(format!("waited for {what}, but the page is in state {state}: {says} {hint}\n{error}").into())
    }

    pub(crate) async fn read(&self, script: &str, arguments: Vec<Value>) -> Outcome<String> {
        let value = self.evaluate(script, arguments).await?;
        value.as_str().map(str::to_owned).ok_or_else(|| format!("not text: {value}").into())
    }

    pub(crate) async fn evaluate(&self, script: &str, arguments: Vec<Value>) -> Outcome<Value> {
        Ok(self.browser.client.execute(script, arguments).await?)
    }
}
