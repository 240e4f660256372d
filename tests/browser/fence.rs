//! The page connects to its own relay and loads its own files: the browser refuses everything else that a script might try.

use serde_json::{Value, json};

use crate::driver::Settings;
use crate::page::Page;
use crate::site::Site;
use crate::survival::LISTEN;
use crate::{Outcome, open};

/// Calls back when the browser has refused as many of these as there are, with what it says it refused.
const TRY_TO_LEAVE: &str = r#"
    const [sockets, done] = arguments;
    const wanted = sockets.length + 4;
    const refused = new Set();
    addEventListener("securitypolicyviolation", ({ effectiveDirective, blockedURI }) => {
        refused.add(`${effectiveDirective} ${blockedURI}`);
        if (refused.size === wanted) done([...refused].sort());
    });
    for (const url of sockets) {
        // Some browsers refuse at once, others a moment later.
        try { new WebSocket(url).onopen = () => done(`${url} is open`); } catch {}
    }
    for (const url of ["https://elsewhere.test/fetch", location.origin + "/fetch"]) fetch(url).catch(() => {});
    new Image().src = "https://elsewhere.test/image";
    document.head.append(Object.assign(document.createElement("script"), { src: "https://elsewhere.test/script" }));
"#;

async fn assert_nothing_leaves(page: &Page) -> Outcome {
    let read = async |what| page.read(what, vec![]).await;
    let relay = read("return window.socket.url").await?;
    let origin = read("return location.origin").await?;
    let stage = relay.strip_suffix("/prod").ok_or("the relay's URL does not end in its stage")?;
    // All that the policy in index.html lets through: another host, and other paths of this one.
    let sockets = ["wss://elsewhere.test/prod".to_owned(), format!("{stage}/other"), format!("{relay}/further")];
    let mut expected: Vec<String> = sockets.iter().map(|url| format!("connect-src {url}")).collect();
    expected.push("connect-src https://elsewhere.test/fetch".to_owned());
    expected.push(format!("connect-src {origin}/fetch"));
    expected.push("img-src https://elsewhere.test/image".to_owned());
    expected.push("script-src-elem https://elsewhere.test/script".to_owned());
    expected.sort();
    let refused = page.evaluate_later(TRY_TO_LEAVE, vec![json!(sockets)]).await?;
    assert_eq!(refused, Value::from(expected));

    let id = page.value("localConnectionId").await?;
    page.evaluate("window.socket.close()", vec![]).await?;
    page.wait_until(&format!("!['', {id:?}].includes(document.getElementById('localConnectionId').value)")).await
}

#[tokio::test]
async fn the_page_connects_to_its_own_relay_and_to_nothing_else() -> Outcome {
    let site = Site::get()?;
    for settings in [Settings::default(), Settings::firefox()] {
        let page = open(&site, settings).await?;
        page.evaluate(LISTEN, vec![]).await?;
        page.connection_id().await?;
        // Something has to be sent for the socket to be known.
        page.call("nobody").await?;
        page.wait_for_state("ended").await?;
        assert_nothing_leaves(&page).await?;
    }
    Ok(())
}
