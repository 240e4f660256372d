//! What a call survives: a socket that is cut, an id that changes, a network that changes.

use serde_json::json;

use crate::conversation::{connect, connected};
use crate::page::Page;
use crate::site::Site;
use crate::{FRAMES, Outcome, open_two};

/// Keeps hold of the page's socket and of what goes out on it.
pub(crate) const LISTEN: &str = "
    window.sent = [];
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (frame) {
        window.socket = this;
        window.sent.push(frame);
        return send.call(this, frame);
    };";

const CUTS: usize = 3;

async fn assert_both_still_play(one: &Page, other: &Page) -> Outcome {
    for page in [one, other] {
        assert_eq!(page.state().await?, "connected");
        page.wait_for_decoded_frames(FRAMES).await?;
    }
    Ok(())
}

/// Ends the page's socket, and waits until the other page knows the new id.
pub(crate) async fn cut_socket(page: &Page, other: &Page) -> Outcome<String> {
    let before = page.value("localConnectionId").await?;
    page.evaluate("window.socket.close()", vec![]).await?;
    page.wait_until(&format!("!['', {before:?}].includes(document.getElementById('localConnectionId').value)")).await?;
    let id = page.value("localConnectionId").await?;
    other.wait_until(&format!("document.getElementById('remoteConnectionId').value === {id:?}")).await?;
    Ok(id)
}

#[tokio::test]
async fn a_call_goes_on_when_sockets_are_cut_and_hangs_up_by_the_new_id() -> Outcome {
    let site = Site::get()?;
    let (caller, callee) = open_two(&site).await?;
    let mut id = callee.connection_id().await?;
    caller.connection_id().await?;
    for page in [&caller, &callee] {
        page.evaluate(LISTEN, vec![]).await?;
    }
    connect(&caller, &callee).await?;

    for _ in 0..CUTS {
        cut_socket(&caller, &callee).await?;
        id = cut_socket(&callee, &caller).await?;
        assert_both_still_play(&caller, &callee).await?;
    }

    caller.press("hangup").await?;
    callee.wait_for_state("ended").await?;
    assert_eq!(callee.end_reason().await?, "left");
    let last = caller.read("return window.sent.at(-1)", vec![]).await?;
    let expected = json!({ "connectionId": id, "message": { "type": "BYE", "payload": { "reason": "hangup" } } });
    assert_eq!(serde_json::from_str::<serde_json::Value>(&last)?, expected);

    callee.press("call").await?;
    caller.wait_for_state("ringing").await
}

#[tokio::test]
async fn back_on_a_network_the_call_finds_a_new_path_without_a_break() -> Outcome {
    let site = Site::get()?;
    let (one, other) = connected(&site).await?;
    other.evaluate(LISTEN, vec![]).await?;
    one.evaluate("dispatchEvent(new Event('online'))", vec![]).await?;
    other.wait_until(r#"window.sent.some((frame) => frame.includes('"type":"answer"'))"#).await?;
    assert_both_still_play(&one, &other).await?;

    // Both at once, as when they share a router.
    let online = "dispatchEvent(new Event('online'))";
    tokio::try_join!(one.evaluate(online, vec![]), other.evaluate(online, vec![]))?;
    assert_both_still_play(&one, &other).await
}

#[tokio::test]
async fn a_reloaded_page_has_left_the_call() -> Outcome {
    let site = Site::get()?;
    let (one, other) = connected(&site).await?;
    one.go_to(site.url()).await?;
    other.wait_for_state("ended").await?;
    assert_eq!(other.end_reason().await?, "left");
    Ok(())
}
