//! The page for everybody: axe-core finds nothing to object to in any state, in light and dark, on the narrowest screen.

use std::path::Path;

use serde_json::Value;

use crate::driver::{Screen, Settings};
use crate::page::Page;
use crate::site::Site;
use crate::{Outcome, open};

const RUN_AXE: &str = r#"
    const done = arguments[0];
    axe.run(document).then(
        ({ violations }) => done(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`))),
        (error) => done([String(error)]));
"#;

/// axe-core as `tests/page/package-lock.json` pins it.
pub(crate) fn axe() -> Outcome<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(&script).map_err(|_| {
        format!("there is no {}.\nInstall what these tests need: tests/run setup", script.display()).into()
    })
}

/// One person's page, and what axe-core has to say about it.
pub(crate) struct Looked<'a> {
    pub(crate) page: Page,
    pub(crate) axe: &'a str,
    pub(crate) name: &'a str,
}

impl Looked<'_> {
    /// Keeps a picture of it, too: what can be measured is not all there is to see.
    pub(crate) async fn assert_accessible(&self, state: &str) -> Outcome {
        self.page.take_screenshot(&format!("{}-{state}", self.name)).await?;
        self.page.evaluate(self.axe, vec![]).await?;
        let objections = self.page.evaluate_later(RUN_AXE, vec![]).await?;
        assert_eq!(objections, Value::Array(vec![]), "{state}");
        let fits = "return String(document.documentElement.scrollWidth <= innerWidth)";
        assert_eq!(self.page.read(fits, vec![]).await?, "true", "{state}: the page is wider than the screen");
        Ok(())
    }
}

async fn assert_every_state_is_accessible(caller: (&str, Settings), callee: (&str, Settings)) -> Outcome {
    let site = Site::get()?;
    let axe = axe()?;
    let look = async |(name, settings)| Outcome::Ok(Looked { page: open(&site, settings).await?, axe: &axe, name });
    let (caller, callee) = tokio::try_join!(look(caller), look(callee))?;
    let callee_id = callee.page.connection_id().await?;
    caller.page.connection_id().await?;
    caller.assert_accessible("ready").await?;
    callee.assert_accessible("ready").await?;
    for button in ["showCode", "preview"] {
        caller.page.press(button).await?;
    }
    caller.page.wait_until("!document.getElementById('code').hidden").await?;
    caller.page.wait_for_frames("previewVideo", 1).await?;
    // As with a TURN server.
    caller.page.evaluate("document.getElementById('privacy').hidden = false", vec![]).await?;
    caller.assert_accessible("lobby").await?;
    caller.page.evaluate("document.getElementById('privacy').scrollIntoView()", vec![]).await?;
    caller.page.take_screenshot(&format!("{}-lobby-below", caller.name)).await?;
    caller.page.press("showCode").await?;
    caller.page.call(&callee_id).await?;
    callee.page.wait_for_state("ringing").await?;
    callee.assert_accessible("ringing").await?;
    caller.assert_accessible("calling").await?;
    callee.page.press("accept").await?;
    tokio::try_join!(caller.page.wait_for_state("connected"), callee.page.wait_for_state("connected"))?;
    caller.page.wait_until("!document.getElementById('talk').hidden").await?;
    caller.page.wait_for_frames("remoteVideo", 1).await?;
    caller.assert_accessible("call").await?;
    for button in ["mute", "camera", "talk"] {
        caller.page.press(button).await?;
    }
    caller.page.type_keys("hello\u{e007}").await?;
    callee.page.wait_until("document.getElementById('messages').textContent !== ''").await?;
    caller.page.evaluate("document.getElementById('details').open = true", vec![]).await?;
    caller.assert_accessible("call-muted").await?;
    callee.assert_accessible("call-with-somebody-muted").await?;
    callee.page.press("hangup").await?;
    caller.page.wait_for_state("ended").await?;
    caller.assert_accessible("ended").await
}

#[tokio::test]
async fn every_state_is_accessible_on_the_narrowest_phone_and_a_dark_desktop() -> Outcome {
    let phone = Settings { screen: Screen::Phone, languages: "ko", ..Settings::default() };
    let desktop = Settings { screen: Screen::DarkDesktop, ..Settings::default() };
    assert_every_state_is_accessible(("phone", phone), ("dark-desktop", desktop)).await
}

#[tokio::test]
async fn every_state_is_accessible_on_a_desktop_and_a_dark_phone() -> Outcome {
    let desktop = Settings::default();
    let phone = Settings { screen: Screen::DarkPhone, ..Settings::default() };
    assert_every_state_is_accessible(("desktop", desktop), ("dark-phone", phone)).await
}

/// Otherwise the two tests above would look at one and the same page.
#[tokio::test]
async fn the_screens_are_as_dark_and_as_narrow_as_they_are_called() -> Outcome {
    let site = Site::get()?;
    // While the style sheet is not there yet, a phone zooms out.
    let size_and_scheme = "innerWidth + (matchMedia('(prefers-color-scheme: dark)').matches ? ' dark' : ' light')";
    for (screen, expected) in [(Screen::Phone, "320 light"), (Screen::DarkPhone, "390 dark")] {
        let page = open(&site, Settings { screen, ..Settings::default() }).await?;
        page.wait_until(&format!("{size_and_scheme} === '{expected}'")).await?;
    }
    let desktop = open(&site, Settings { screen: Screen::DarkDesktop, ..Settings::default() }).await?;
    desktop.wait_until(&format!("({size_and_scheme}).endsWith('dark')")).await?;
    Ok(())
}
