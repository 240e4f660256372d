//! How much a visit downloads, by the browser's own account: the document and everything that it loads until one can call. Bytes as
//! they are before any compression, as S3 does not compress.

use serde_json::Value;

use crate::conversation::connect;
use crate::driver::Settings;
use crate::page::Page;
use crate::site::Site;
use crate::{Outcome, assert_both_play, open, open_two};

/// Lower it with the page.
const LIMIT: u64 = 60_000;

/// The files of a visit, and how many bytes each has.
async fn downloads(page: &Page) -> Outcome<Vec<(String, u64)>> {
    let entries = "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
        .map(({ name, decodedBodySize }) => [name, decodedBodySize])";
    let entries = page.evaluate(entries, vec![]).await?;
    let read = |entry: &Value| Some((entry[0].as_str()?.rsplit('/').next()?.to_owned(), entry[1].as_u64()?));
    let files: Option<Vec<_>> = entries.as_array().ok_or("no entries")?.iter().map(read).collect();
    Ok(files.ok_or_else(|| format!("not the browser's account: {entries}"))?)
}

#[tokio::test]
async fn a_visit_is_light_in_either_language() -> Outcome {
    let site = Site::get()?;
    for (languages, expected, absent) in [("en", "en.js", "ko.js"), ("ko", "ko.js", "en.js")] {
        let page = open(&site, Settings { languages, ..Settings::default() }).await?;
        page.connection_id().await?;
        let mut files = downloads(&page).await?;
        files.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
        for name in ["index.html", "style.css", "script.js", "message.js", "config.js", "call.js", expected] {
            assert!(files.iter().any(|(file, bytes)| file == name && *bytes > 0), "no {name} in {files:?}");
        }
        for name in ["qr.js", "lobby.js", "meter.js", absent] {
            assert!(!files.iter().any(|(file, _)| file == name), "{name} was loaded, too");
        }
        let total: u64 = files.iter().map(|(_, bytes)| bytes).sum();
        println!("a visit in '{languages}': {total} bytes in {} files: {files:?}", files.len());
        assert!(total <= LIMIT, "{total} bytes of {LIMIT}: {files:?}");
    }
    Ok(())
}

/// A network may be gone when it rings.
#[tokio::test]
async fn a_call_downloads_nothing() -> Outcome {
    let site = Site::get()?;
    let (caller, callee) = open_two(&site).await?;
    tokio::try_join!(caller.connection_id(), callee.connection_id())?;
    let before = (downloads(&caller).await?, downloads(&callee).await?);
    connect(&caller, &callee).await?;
    assert_both_play(&caller, &callee).await?;
    caller.press("talk").await?;
    caller.type_keys("hello\u{e007}").await?;
    callee.wait_for_text("messages").await?;
    caller.evaluate("document.getElementById('details').open = true", vec![]).await?;
    caller.wait_until("document.getElementById('safety').textContent !== ''").await?;
    caller.wait_for_text("figures").await?;
    caller.press("hangup").await?;
    tokio::try_join!(caller.wait_for_state("ended"), callee.wait_for_state("ended"))?;
    assert_eq!((downloads(&caller).await?, downloads(&callee).await?), before);
    Ok(())
}
