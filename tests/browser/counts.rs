//! What has to work every single time. `WEBRTC_AWS_TEST_COUNTS=full`, as `tests/run` sets it, makes as many calls as are
//! promised; without it a tenth of them.

use serde_json::json;

use crate::conversation::connect;
use crate::page::Page;
use crate::site::Site;
use crate::survival::{LISTEN, cut_socket};
use crate::{FRAMES, Outcome, open_two};

const CALLS_AT_ONCE: u32 = 100;
const CALLS_CUT: u32 = 20;

pub(crate) fn share_of(promised: u32) -> u32 {
    match std::env::var("WEBRTC_AWS_TEST_COUNTS") {
        Ok(counts) if counts == "full" => promised,
        _ => promised / 10,
    }
}

/// Milliseconds between the two presses: none, or so many that the one's offer meets the other at another of its steps.
fn lag(round: u32) -> u32 {
    if round.is_multiple_of(2) { 0 } else { round * 7 % 250 }
}

/// Both press the button, the second a moment after the first, and both see each other.
pub(crate) async fn call_each_other(first: &Page, second: &Page, lag: u32) -> Outcome {
    let (first_id, second_id) = tokio::try_join!(first.connection_id(), second.connection_id())?;
    first.enter("remoteConnectionId", &second_id).await?;
    second.enter("remoteConnectionId", &first_id).await?;
    let press = "setTimeout(() => document.getElementById('call').click(), arguments[0])";
    tokio::try_join!(first.evaluate(press, vec![json!(0)]), second.evaluate(press, vec![json!(lag)]))?;
    tokio::try_join!(first.wait_for_state("connected"), second.wait_for_state("connected"))?;
    tokio::try_join!(first.wait_for_decoded_frames(5), second.wait_for_decoded_frames(5))?;
    Ok(())
}

#[tokio::test]
async fn both_calling_at_once_are_connected_every_time() -> Outcome {
    let site = Site::get()?;
    let (one, other) = open_two(&site).await?;
    let mut failures = Vec::new();
    for round in 0..share_of(CALLS_AT_ONCE) {
        let lag = lag(round);
        let (first, second) = if round % 4 < 2 { (&one, &other) } else { (&other, &one) };
        if let Err(failure) = call_each_other(first, second, lag).await {
            failures.push(format!("call {round}, {lag} ms apart: {failure:?}"));
        }
        // Each call is the first of its page: a later one may find paths that are known already.
        tokio::try_join!(one.go_to(site.url()), other.go_to(site.url()))?;
    }
    assert!(failures.is_empty(), "{} calls failed:\n{}", failures.len(), failures.join("\n"));
    Ok(())
}

/// What one call has to survive: after the cut its id is another, the other side knows it, and the pictures go on.
async fn call_with_a_cut_socket(caller: &Page, callee: &Page, cut: &Page, kept: &Page) -> Outcome {
    connect(caller, callee).await?;
    tokio::try_join!(caller.wait_for_decoded_frames(1), callee.wait_for_decoded_frames(1))?;
    cut_socket(cut, kept).await?;
    tokio::try_join!(caller.wait_for_decoded_frames(FRAMES), callee.wait_for_decoded_frames(FRAMES))?;
    for page in [caller, callee] {
        assert_eq!(page.state().await?, "connected");
    }
    kept.press("hangup").await?;
    cut.wait_for_state("ended").await
}

#[tokio::test]
async fn a_call_whose_socket_is_cut_goes_on_every_time() -> Outcome {
    let site = Site::get()?;
    let (one, other) = open_two(&site).await?;
    tokio::try_join!(one.connection_id(), other.connection_id())?;
    for page in [&one, &other] {
        page.evaluate(LISTEN, vec![]).await?;
    }
    for round in 0..share_of(CALLS_CUT) {
        let (caller, callee) = if round.is_multiple_of(2) { (&one, &other) } else { (&other, &one) };
        let (cut, kept) = if round % 4 < 2 { (caller, callee) } else { (callee, caller) };
        call_with_a_cut_socket(caller, callee, cut, kept)
            .await
            .map_err(|failure| format!("call {round}: {failure:?}"))?;
    }
    Ok(())
}
