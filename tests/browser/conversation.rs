//! What two people do in a call: each is seen by the other side.

use crate::driver::Settings;
use crate::page::Page;
use crate::site::Site;
use crate::{FRAMES, Outcome, open, open_two};

/// Two pages in a call with each other.
pub(crate) async fn connected(site: &Site) -> Outcome<(Page, Page)> {
    let (caller, callee) = open_two(site).await?;
    tokio::try_join!(caller.connection_id(), callee.connection_id())?;
    connect(&caller, &callee).await?;
    Ok((caller, callee))
}

/// One calls, the other accepts.
pub(crate) async fn connect(caller: &Page, callee: &Page) -> Outcome {
    caller.call(&callee.value("localConnectionId").await?).await?;
    callee.wait_for_state("ringing").await?;
    callee.press("accept").await?;
    tokio::try_join!(caller.wait_for_state("connected"), callee.wait_for_state("connected"))?;
    // Each page knows that the other is of its kind.
    let friendly = "!document.getElementById('talk').hidden";
    tokio::try_join!(caller.wait_until(friendly), callee.wait_until(friendly))?;
    Ok(())
}

fn shows(words: &str) -> String {
    format!("document.getElementById('remoteStatus').textContent === {words:?}")
}

fn pressed(id: &str, pressed: bool) -> String {
    format!("document.getElementById('{id}').ariaPressed === '{pressed}'")
}

#[tokio::test]
async fn muting_and_the_camera_light_follow_the_keys_and_are_seen_by_the_other_side() -> Outcome {
    let site = Site::get()?;
    let (one, other) = connected(&site).await?;
    one.evaluate("window.camera = document.getElementById('localVideo').srcObject.getVideoTracks()[0]", vec![]).await?;

    one.type_keys("m").await?;
    one.wait_until(&pressed("mute", true)).await?;
    one.wait_until("document.getElementById('localVideo').srcObject.getAudioTracks().every(({ enabled }) => !enabled)")
        .await?;
    other.wait_until(&shows("The other person's microphone is off.")).await?;

    one.type_keys("v").await?;
    one.wait_until(&pressed("camera", true)).await?;
    one.wait_until("window.camera.readyState === 'ended'").await?;
    other.wait_until(&shows("The other person's camera and microphone are off.")).await?;

    one.type_keys("vm").await?;
    other.wait_until(&shows("")).await?;
    one.wait_until(&pressed("camera", false)).await?;
    other.wait_for_frames("remoteVideo", FRAMES).await?;

    one.press("talk").await?;
    one.type_keys("hmv").await?;
    assert_eq!(one.value("words").await?, "hmv", "keys are letters while somebody writes");
    assert_eq!(one.state().await?, "connected");
    one.type_keys("\u{e007}").await?;
    other.wait_until("document.getElementById('messages').textContent === 'Other person: hmv'").await?;
    one.evaluate("document.getElementById('stage').focus()", vec![]).await?;
    one.type_keys("h").await?;
    other.wait_for_state("ended").await?;
    assert_eq!(other.end_reason().await?, "left");
    Ok(())
}

#[tokio::test]
async fn a_shared_screen_takes_the_place_of_the_camera_until_it_ends() -> Outcome {
    let site = Site::get()?;
    let (one, other) = connected(&site).await?;
    other.wait_for_frames("remoteVideo", 1).await?;
    // The shape, not the size: a browser on a busy machine sends a smaller picture.
    let wide =
        "document.getElementById('remoteVideo').videoWidth / document.getElementById('remoteVideo').videoHeight > 1.5";
    let narrow = format!("!({wide})");
    other.wait_until(&narrow).await?;
    one.press("share").await?;
    one.wait_until(&pressed("share", true)).await?;
    other.wait_until(wide).await?;
    one.press("share").await?;
    one.wait_until(&pressed("share", false)).await?;
    other.wait_until(&narrow).await?;
    other.wait_for_frames("remoteVideo", FRAMES).await
}

#[tokio::test]
async fn what_is_said_about_the_connection_agrees_and_names_no_address() -> Outcome {
    let site = Site::get()?;
    let (one, other) = connected(&site).await?;
    for page in [&one, &other] {
        page.wait_for_text("safety").await?;
        page.wait_until("document.getElementById('quality').dataset.path === 'direct'").await?;
        page.wait_until("/^00:0[1-9]$/.test(document.getElementById('duration').textContent)").await?;
    }
    let code = one.text("safety").await?;
    assert_eq!(code.replace(' ', "").len(), 24);
    assert_eq!(code, other.text("safety").await?);

    one.evaluate("navigator.clipboard.writeText = async (words) => void (window.copied = words)", vec![]).await?;
    // The page looks at the figures every two seconds, and the first look may come before the first packet.
    one.wait_until("document.getElementById('report').click(), JSON.parse(window.copied).received > 0").await?;
    let report: serde_json::Value = serde_json::from_str(&one.read("return window.copied", vec![]).await?)?;
    assert_eq!(report["path"], "direct");
    let addresses = "return window.copied.replace(/Mozilla.*/, '').match(/\\d+\\.\\d+\\.\\d+\\.\\d+|[0-9a-f]*:[0-9a-f]*:/gi) === null ? 'none' : 'some'";
    assert_eq!(one.read(addresses, vec![]).await?, "none");

    let foreign = "return performance.getEntriesByType('resource').map(({ name }) => name)
        .filter((name) => new URL(name).origin !== location.origin).join(' ')";
    assert_eq!(one.read(foreign, vec![]).await?, "", "nothing is loaded from elsewhere");
    Ok(())
}

#[tokio::test]
async fn a_third_caller_is_told_that_the_line_is_busy_and_the_call_goes_on() -> Outcome {
    let site = Site::get()?;
    let ((one, other), third) = tokio::try_join!(connected(&site), open(&site, Settings::default()))?;
    third.connection_id().await?;
    third.call(&one.value("localConnectionId").await?).await?;
    third.wait_for_state("ended").await?;
    assert_eq!(third.end_reason().await?, "busy");
    assert_eq!(one.state().await?, "connected");
    other.wait_for_frames("remoteVideo", FRAMES).await
}

#[tokio::test]
async fn where_the_browser_refuses_to_play_sound_a_tap_starts_it() -> Outcome {
    let site = Site::get()?;
    let (one, other) = open_two(&site).await?;
    let other_id = other.connection_id().await?;
    one.connection_id().await?;
    let refuse = "const remote = document.getElementById('remoteVideo');
        remote.autoplay = false;
        remote.play = async () => { delete remote.play; throw new DOMException('no gesture', 'NotAllowedError'); };";
    one.evaluate(refuse, vec![]).await?;
    one.call(&other_id).await?;
    other.wait_for_state("ringing").await?;
    other.press("accept").await?;
    one.wait_until("!document.getElementById('unlock').hidden").await?;
    assert_eq!(one.read("return String(document.getElementById('remoteVideo').paused)", vec![]).await?, "true");
    one.press("unlock").await?;
    one.wait_for_frames("remoteVideo", FRAMES).await?;
    one.wait_until("document.getElementById('unlock').hidden").await
}
