//! The call page in real browsers: two headless ones with fake cameras call each other through the page, the socket and
//! the relay that `webrtc-aws up --local` deploys.
//!
//! Needs Chromium, Firefox and their drivers: `tests/run setup` installs them; `CHROMIUM`, `CHROMEDRIVER`, `FIREFOX` and
//! `GECKODRIVER` can name them. Without them the tests fail: a call that nobody saw is not a call that works.
//!
//! `WEBRTC_AWS_TEST_SITE_URL=https://…/index.html` runs the same tests against a page that is already deployed, for
//! example on AWS.

mod accessibility;
mod admission;
mod compatibility;
mod conversation;
mod counts;
mod driver;
mod fence;
mod firefox;
mod page;
mod site;
mod speed;
mod survival;
mod turn;
mod turn_server;
mod weight;

use driver::{Browser, Camera, Settings};
use page::Page;
use site::{Deployment, Site};
use survival::LISTEN;

type Outcome<T = ()> = Result<T, Failure>;

/// What went wrong, shown by the test harness as it stands, with its line breaks.
struct Failure(String);

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

/// Frames of a 20 frames a second camera: more than one that froze at the first could show.
const FRAMES: u64 = 30;

async fn open(site: &Site, settings: Settings) -> Outcome<Page> {
    Page::open(Browser::start(settings).await?, site.url()).await
}

async fn open_two(site: &Site) -> Outcome<(Page, Page)> {
    tokio::try_join!(open(site, Settings::default()), open(site, Settings::default()))
}

async fn assert_both_play(one: &Page, other: &Page) -> Outcome {
    tokio::try_join!(one.wait_for_state("connected"), other.wait_for_state("connected"))?;
    for page in [one, other] {
        page.wait_for_decoded_frames(FRAMES).await?;
        for video in ["remoteVideo", "localVideo"] {
            page.wait_for_frames(video, FRAMES).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn two_browsers_exchange_ids_and_see_each_other_until_one_hangs_up() -> Outcome {
    let site = Site::get()?;
    let (caller, callee) = open_two(&site).await?;
    let (caller_id, callee_id) = (caller.connection_id().await?, callee.connection_id().await?);
    assert_ne!(caller_id, callee_id);

    caller.call(&callee_id).await?;
    callee.wait_for_state("ringing").await?;
    assert_eq!(callee.value("remoteConnectionId").await?, caller_id);
    assert!(callee.text("caller").await?.contains(&caller_id));
    let camera = "return String(document.getElementById('localVideo').srcObject)";
    assert_eq!(callee.read(camera, vec![]).await?, "null", "the camera is off before the call is accepted");

    callee.press("accept").await?;
    assert_both_play(&caller, &callee).await?;

    caller.press("hangup").await?;
    caller.wait_for_state("ended").await?;
    callee.wait_for_state("ended").await?;
    assert_eq!(callee.end_reason().await?, "left");
    Ok(())
}

#[tokio::test]
async fn a_declined_call_says_so_and_leaves_both_ready_to_call_again() -> Outcome {
    let site = Site::get()?;
    let (caller, callee) = open_two(&site).await?;
    let callee_id = callee.connection_id().await?;
    caller.connection_id().await?;
    caller.call(&callee_id).await?;
    callee.wait_for_state("ringing").await?;
    callee.press("decline").await?;
    caller.wait_for_state("ended").await?;
    assert_eq!(caller.end_reason().await?, "declined");

    callee.press("call").await?;
    caller.wait_for_state("ringing").await?;
    caller.press("accept").await?;
    assert_both_play(&caller, &callee).await
}

#[tokio::test]
async fn calling_an_id_that_is_gone_says_so() -> Outcome {
    let site = Site::get()?;
    let (caller, gone) = open_two(&site).await?;
    let gone_id = gone.connection_id().await?;
    caller.connection_id().await?;
    gone.close().await?;
    caller.call(&gone_id).await?;
    caller.wait_for_state("ended").await?;
    assert_eq!(caller.end_reason().await?, "peer-gone");
    assert!(caller.text("hint").await?.contains("IDs change"));
    Ok(())
}

#[tokio::test]
async fn a_refused_camera_is_explained_to_caller_and_callee() -> Outcome {
    let site = Site::get()?;
    let refusing = Settings { camera: Camera::Refused, ..Settings::default() };
    let (refused, other) = tokio::try_join!(open(&site, refusing), open(&site, Settings::default()))?;
    let (refused_id, other_id) = (refused.connection_id().await?, other.connection_id().await?);

    refused.call(&other_id).await?;
    refused.wait_for_state("ended").await?;
    assert_eq!(refused.end_reason().await?, "media");
    assert!(refused.text("hint").await?.contains("Allow them for this page"));

    other.call(&refused_id).await?;
    refused.wait_for_state("ringing").await?;
    assert_eq!(refused.text("hint").await?, "");
    refused.press("accept").await?;
    refused.wait_for_text("hint").await?;
    assert!(refused.text("hint").await?.contains("Allow them for this page"));
    assert_eq!(refused.state().await?, "ringing", "the call is still there to be accepted or declined");
    Ok(())
}

#[tokio::test]
async fn without_camera_and_microphone_one_still_sees_the_other() -> Outcome {
    let site = Site::get()?;
    let watching = Settings { camera: Camera::Absent, ..Settings::default() };
    let (watcher, other) = tokio::try_join!(open(&site, watching), open(&site, Settings::default()))?;
    let other_id = other.connection_id().await?;
    watcher.connection_id().await?;
    watcher.call(&other_id).await?;
    other.wait_for_state("ringing").await?;
    other.press("accept").await?;
    tokio::try_join!(watcher.wait_for_state("connected"), other.wait_for_state("connected"))?;
    watcher.wait_for_frames("remoteVideo", FRAMES).await?;
    assert!(watcher.text("hint").await?.contains("No working camera"));
    Ok(())
}

#[tokio::test]
async fn whoever_refuses_the_camera_can_still_watch() -> Outcome {
    let site = Site::get()?;
    let refusing = Settings { camera: Camera::Refused, ..Settings::default() };
    let (refused, other) = tokio::try_join!(open(&site, refusing), open(&site, Settings::default()))?;
    let other_id = other.connection_id().await?;
    refused.connection_id().await?;
    refused.call(&other_id).await?;
    refused.wait_for_state("ended").await?;
    refused.press("watchOnly").await?;
    other.wait_for_state("ringing").await?;
    other.press("accept").await?;
    tokio::try_join!(refused.wait_for_state("connected"), other.wait_for_state("connected"))?;
    refused.wait_for_frames("remoteVideo", FRAMES).await?;
    assert!(other.text("remoteStatus").await?.contains("camera and microphone are off"));
    Ok(())
}

#[tokio::test]
async fn a_link_fills_in_whom_to_call() -> Outcome {
    let site = Site::get()?;
    let (caller, callee) = open_two(&site).await?;
    let callee_id = callee.connection_id().await?;
    let copied = "navigator.clipboard.writeText = async (words) => void (window.copied = words);
        document.getElementById('copyLink').click();
        return window.copied";
    let link = callee.read(copied, vec![]).await?;
    caller.go_to(&link).await?;
    caller.connection_id().await?;
    assert_eq!(caller.value("remoteConnectionId").await?, callee_id);
    assert_eq!(callee.state().await?, "ready", "a link alone calls nobody");
    caller.press("call").await?;
    callee.wait_for_state("ringing").await
}

#[tokio::test]
async fn the_code_for_phones_is_the_link_to_the_id_of_the_moment() -> Outcome {
    let site = Site::get()?;
    let page = open(&site, Settings::default()).await?;
    page.evaluate(LISTEN, vec![]).await?;
    let mut id = page.connection_id().await?;
    // Something has to be sent for the socket to be known.
    page.call("nobody").await?;
    page.wait_for_state("ended").await?;
    page.press("showCode").await?;
    for _ in 0..2 {
        let drawn = format!(
            "const done = arguments[0], shown = document.querySelector('#code path').getAttribute('d');
            import(new URL('lib/qr.js', location.href).href).then(({{ qrCode, qrPath }}) => {{
                done(shown === qrPath(qrCode(location.href + '#' + encodeURIComponent({id:?}))));
            }});"
        );
        page.wait_until("document.querySelector('#code path').hasAttribute('d')").await?;
        assert_eq!(page.evaluate_later(&drawn, vec![]).await?, true);
        page.evaluate("document.querySelector('#code path').removeAttribute('d')", vec![]).await?;
        page.evaluate("window.socket.close()", vec![]).await?;
        page.wait_until("document.getElementById('code').hidden").await?;
        page.wait_until(&format!("!['', {id:?}].includes(document.getElementById('localConnectionId').value)")).await?;
        id = page.value("localConnectionId").await?;
        page.press("showCode").await?;
    }
    Ok(())
}

#[tokio::test]
async fn camera_and_microphone_can_be_checked_before_a_call_and_are_off_afterwards() -> Outcome {
    let site = Site::get()?;
    let page = open(&site, Settings::default()).await?;
    page.connection_id().await?;
    page.press("preview").await?;
    page.wait_for_frames("previewVideo", FRAMES).await?;
    page.wait_until("document.getElementById('level').value > 0.1").await?;
    page.wait_until("document.getElementById('cameras').length === 1").await?;
    page.wait_until("document.getElementById('microphones').selectedOptions[0]?.text !== ''").await?;
    page.evaluate("window.tracks = document.getElementById('previewVideo').srcObject.getTracks()", vec![]).await?;
    page.press("preview").await?;
    page.wait_until("window.tracks.length === 2 && window.tracks.every(({ readyState }) => readyState === 'ended')")
        .await
}

#[tokio::test]
async fn a_korean_reader_gets_a_korean_page() -> Outcome {
    let site = Site::get()?;
    let korean = Settings { languages: "ko-KR,ko,en", ..Settings::default() };
    let page = open(&site, korean).await?;
    page.connection_id().await?;
    assert_eq!(page.language().await?, "ko");
    assert!(page.text("call").await?.contains("전화 걸기"));
    assert!(page.text("state").await?.starts_with("준비되었습니다"));
    Ok(())
}

#[tokio::test]
async fn the_example_of_an_own_page_talks_over_the_relay() -> Outcome {
    let site =
        Deployment::start(&["--port", "0", "--client", concat!(env!("CARGO_MANIFEST_DIR"), "/examples/own-page")])?;
    let open = async || Page::open(Browser::start(Settings::default()).await?, &site.url).await;
    let (one, other) = tokio::try_join!(open(), open())?;
    tokio::try_join!(one.wait_for_text("own"), other.wait_for_text("own"))?;
    let (one_id, other_id) = (one.text("own").await?, other.text("own").await?);

    one.enter("other", &other_id).await?;
    one.enter("text", "<b>안녕</b>").await?;
    one.press("send").await?;
    other.wait_for_text("messages").await?;
    assert_eq!(other.text("messages").await?, format!("{one_id}: <b>안녕</b>"));
    assert_eq!(other.value("other").await?, one_id, "an answer goes back");
    Ok(())
}
