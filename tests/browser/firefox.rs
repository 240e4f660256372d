//! Calls between two makes of browser.

use crate::conversation::connect;
use crate::counts::{call_each_other, share_of};
use crate::driver::Settings;
use crate::page::Page;
use crate::site::Site;
use crate::survival::{LISTEN, cut_socket};
use crate::{FRAMES, Outcome, assert_both_play, open};

const CALLS_AT_ONCE: u32 = 10;

async fn open_chromium_and_firefox(site: &Site) -> Outcome<(Page, Page)> {
    let pages = tokio::try_join!(open(site, Settings::default()), open(site, Settings::firefox()))?;
    tokio::try_join!(pages.0.connection_id(), pages.1.connection_id())?;
    Ok(pages)
}

/// What two people do in a call, up to hanging up.
async fn assert_they_can_talk(caller: &Page, callee: &Page) -> Outcome {
    connect(caller, callee).await?;
    assert_both_play(caller, callee).await?;
    for (page, other) in [(caller, callee), (callee, caller)] {
        page.press("mute").await?;
        other.wait_until("document.getElementById('remoteStatus').textContent.includes('microphone is off')").await?;
        page.press("camera").await?;
        other.wait_until("document.getElementById('remoteStatus').textContent.includes('camera and')").await?;
        page.press("camera").await?;
        page.press("mute").await?;
        other.wait_until("document.getElementById('remoteStatus').textContent === ''").await?;
        other.wait_for_decoded_frames(FRAMES).await?;
        other.wait_for_frames("remoteVideo", FRAMES).await?;
        page.wait_until("document.getElementById('quality').dataset.path === 'direct'").await?;
    }
    assert_eq!(caller.text("safety").await?, callee.text("safety").await?);
    caller.press("hangup").await?;
    callee.wait_for_state("ended").await?;
    assert_eq!(callee.end_reason().await?, "left");
    Ok(())
}

#[tokio::test]
async fn chromium_calls_firefox() -> Outcome {
    let site = Site::get()?;
    let (chromium, firefox) = open_chromium_and_firefox(&site).await?;
    assert_they_can_talk(&chromium, &firefox).await
}

#[tokio::test]
async fn firefox_calls_chromium() -> Outcome {
    let site = Site::get()?;
    let (chromium, firefox) = open_chromium_and_firefox(&site).await?;
    assert_they_can_talk(&firefox, &chromium).await
}

#[tokio::test]
async fn chromium_and_firefox_calling_at_once_are_connected_every_time() -> Outcome {
    let site = Site::get()?;
    let (chromium, firefox) = open_chromium_and_firefox(&site).await?;
    for round in 0..share_of(CALLS_AT_ONCE) {
        call_each_other(&chromium, &firefox, round * 20)
            .await
            .map_err(|failure| format!("call {round}: {failure:?}"))?;
        tokio::try_join!(chromium.go_to(site.url()), firefox.go_to(site.url()))?;
    }
    Ok(())
}

#[tokio::test]
async fn a_call_between_chromium_and_firefox_survives_cut_sockets_and_another_network() -> Outcome {
    let site = Site::get()?;
    let (chromium, firefox) = open_chromium_and_firefox(&site).await?;
    for page in [&chromium, &firefox] {
        page.evaluate(LISTEN, vec![]).await?;
    }
    connect(&chromium, &firefox).await?;
    // More than once: what goes wrong when ICE restarts goes wrong every second time.
    let turns = [(&chromium, &firefox), (&firefox, &chromium)];
    for (page, other) in turns.into_iter().cycle().take(2 * turns.len()) {
        cut_socket(page, other).await?;
        page.evaluate("dispatchEvent(new Event('online'))", vec![]).await?;
        other.wait_until(r#"window.sent.some((frame) => frame.includes('"type":"answer"'))"#).await?;
        other.evaluate("window.sent = []", vec![]).await?;
        tokio::try_join!(page.wait_for_decoded_frames(FRAMES), other.wait_for_decoded_frames(FRAMES))?;
        assert_eq!([page.state().await?, other.state().await?], ["connected", "connected"]);
    }
    Ok(())
}

#[tokio::test]
async fn a_reloaded_firefox_has_left_the_call() -> Outcome {
    let site = Site::get()?;
    let (chromium, firefox) = open_chromium_and_firefox(&site).await?;
    connect(&firefox, &chromium).await?;
    firefox.go_to(site.url()).await?;
    chromium.wait_for_state("ended").await?;
    assert_eq!(chromium.end_reason().await?, "left");
    Ok(())
}
