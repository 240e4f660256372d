//! Calls between the page and a client that knows nothing but offer, answer and candidates.

use serde_json::{Value, json};

use crate::driver::{Browser, Settings};
use crate::page::Page;
use crate::site::Site;
use crate::{FRAMES, Outcome, open};

const TUTORIAL_CLIENT: &str = include_str!("tutorial_client.js");

/// A browser on a page of the site that has none of the page's own scripts.
async fn open_blank(site: &Site) -> Outcome<Page> {
    let blank = site.url().replace("index.html", "config.js");
    Page::open(Browser::start(Settings::default()).await?, &blank).await
}

async fn assert_they_see_each_other(page: &Page, tutorial: &Page) -> Outcome {
    page.wait_for_state("connected").await?;
    page.wait_for_frames("remoteVideo", FRAMES).await?;
    tutorial.wait_for_frames("remoteVideo", FRAMES).await
}

#[tokio::test]
async fn a_tutorial_client_can_be_called() -> Outcome {
    let site = Site::get()?;
    let (page, tutorial) = tokio::try_join!(open(&site, Settings::default()), open_blank(&site))?;
    let id = tutorial.evaluate_later(TUTORIAL_CLIENT, vec![Value::Null]).await?;
    page.connection_id().await?;
    page.call(id.as_str().ok_or("no id")?).await?;
    assert_they_see_each_other(&page, &tutorial).await?;
    let no_chat = "return String(document.getElementById('talk').hidden)";
    assert_eq!(page.read(no_chat, vec![]).await?, "true", "nobody reads there what is written here");

    tutorial.go_to(site.url()).await?;
    page.wait_for_state("ended").await?;
    assert_eq!(page.end_reason().await?, "left");
    Ok(())
}

#[tokio::test]
async fn a_tutorial_client_can_call() -> Outcome {
    let site = Site::get()?;
    let (page, tutorial) = tokio::try_join!(open(&site, Settings::default()), open_blank(&site))?;
    let id = page.connection_id().await?;
    tutorial.evaluate_later(TUTORIAL_CLIENT, vec![json!(id)]).await?;
    page.wait_for_state("ringing").await?;
    page.press("accept").await?;
    assert_they_see_each_other(&page, &tutorial).await
}
