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
fn axe() -> Outcome<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(&script).map_err(|_| {
        format!("there is no {}.\nInstall what these tests need: tests/run setup", script.display()).into()
    })
}

async fn assert_accessible(page: &Page, axe: &str, state: &str) -> Outcome {
    page.evaluate(axe, vec![]).await?;
    let objections = page.evaluate_later(RUN_AXE, vec![]).await?;
    assert_eq!(objections, Value::Array(vec![]), "{state}");
    let fits = "return String(document.documentElement.scrollWidth <= innerWidth)";
    assert_eq!(page.read(fits, vec![]).await?, "true", "{state}: the page is wider than the screen");
    Ok(())
}

#[tokio::test]
async fn every_state_of_the_page_is_accessible() -> Outcome {
    let site = Site::get()?;
    let axe = axe()?;
    let phone = Settings { screen: Screen::Phone, languages: "ko", ..Settings::default() };
    let dark = Settings { screen: Screen::DarkDesktop, ..Settings::default() };
    let (caller, callee) = tokio::try_join!(open(&site, phone), open(&site, dark))?;
    assert_eq!(caller.read("return String(innerWidth)", vec![]).await?, "320");
    let is_dark = "return String(matchMedia('(prefers-color-scheme: dark)').matches)";
    assert_eq!(callee.read(is_dark, vec![]).await?, "true");
    let callee_id = callee.connection_id().await?;
    caller.connection_id().await?;
    assert_accessible(&caller, &axe, "ready").await?;
    caller.press("preview").await?;
    caller.wait_for_frames("previewVideo", 1).await?;
    assert_accessible(&caller, &axe, "lobby").await?;
    caller.call(&callee_id).await?;
    callee.wait_for_state("ringing").await?;
    assert_accessible(&callee, &axe, "ringing").await?;
    assert_accessible(&caller, &axe, "calling").await?;
    callee.press("accept").await?;
    tokio::try_join!(caller.wait_for_state("connected"), callee.wait_for_state("connected"))?;
    caller.wait_until("!document.getElementById('talk').hidden").await?;
    for button in ["mute", "camera", "talk"] {
        caller.press(button).await?;
    }
    caller.type_keys("hello\u{e007}").await?;
    callee.wait_until("document.getElementById('messages').textContent !== ''").await?;
    caller.evaluate("document.getElementById('details').open = true", vec![]).await?;
    for (page, state) in [(&caller, "connected"), (&callee, "connected to somebody who is muted")] {
        assert_accessible(page, &axe, state).await?;
    }
    callee.press("hangup").await?;
    caller.wait_for_state("ended").await?;
    assert_accessible(&caller, &axe, "ended").await
}
