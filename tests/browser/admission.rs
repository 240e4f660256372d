//! A page whose relay lets in only who has the token: with the right link it calls, without one it says what is missing.

use crate::accessibility::{Looked, axe};
use crate::conversation::connect;
use crate::driver::{Browser, Screen, Settings};
use crate::page::Page;
use crate::site::Deployment;
use crate::survival::LISTEN;
use crate::{Outcome, assert_both_play};

const TOKEN: &str = "n0rth+gu3st";
const OTHER_TOKEN: &str = "s0uth&gu3st";
/// As they stand in a link.
const ENCODED: &str = "n0rth%2Bgu3st";
const OTHER_ENCODED: &str = "s0uth%26gu3st";

/// A local AWS that keeps the tokens, with a stack in it that wants the first one.
struct Closed {
    stack: Deployment,
    aws: Deployment,
}

impl Closed {
    fn deploy() -> Outcome<Self> {
        let aws = Deployment::local_aws()?;
        aws.keep_secret("/join/first", TOKEN)?;
        aws.keep_secret("/join/second", OTHER_TOKEN)?;
        let stack = aws.deploy(&["--join-token-from", "ssm:/join/first"])?;
        Ok(Self { stack, aws })
    }

    fn invitation(&self, token: &str) -> String {
        format!("{}#&token={token}", self.stack.url)
    }

    async fn open(&self, settings: Settings, fragment: &str) -> Outcome<Page> {
        Page::open(Browser::start(settings).await?, &format!("{}{fragment}", self.stack.url)).await
    }
}

/// Changes nothing but the fragment, as somebody does who puts the whole link into the address bar of the open page.
async fn follow(page: &Page, link: &str) -> Outcome {
    page.evaluate("location.href = arguments[0]", vec![link.into()]).await.map(drop)
}

#[tokio::test]
async fn an_invitation_connects_and_its_links_invite_further() -> Outcome {
    let closed = Closed::deploy()?;
    let invited = format!("#&token={ENCODED}");
    let open = async |fragment| closed.open(Settings::default(), fragment).await;
    let (host, guest) = tokio::try_join!(open(&invited), open(""))?;
    let id = host.connection_id().await?;
    let copied = "navigator.clipboard.writeText = async (words) => void (window.copied = words);
        document.getElementById('copyLink').click();
        return window.copied";
    let link = host.read(copied, vec![]).await?;
    assert!(link.ends_with(&format!("&token={ENCODED}")), "{link}");

    guest.go_to(&link).await?;
    guest.connection_id().await?;
    assert_eq!(guest.value("remoteConnectionId").await?, id);
    connect(&guest, &host).await?;
    assert_both_play(&guest, &host).await
}

#[tokio::test]
async fn without_the_token_or_with_a_wrong_one_a_page_says_what_it_needs_and_takes_it_without_a_reload() -> Outcome {
    let closed = Closed::deploy()?;
    let axe = axe()?;
    let phone = Settings { screen: Screen::Phone, ..Settings::default() };
    let dark = Settings { screen: Screen::DarkDesktop, ..Settings::default() };
    let korean = Settings { languages: "ko", ..phone };
    for (name, settings, fragment, words) in [
        ("phone", phone, "", "invitation link"),
        ("korean-phone", korean, "#&token=wrong", "초대 링크"),
        ("dark-desktop", dark, "#somebody=", "invitation link"),
        ("firefox", Settings::firefox(), "", "invitation link"),
    ] {
        let stranger = Looked { page: closed.open(settings, fragment).await?, axe: &axe, name };
        stranger.page.wait_for_state("refused").await?;
        let hint = stranger.page.text("hint").await?;
        assert!(hint.contains(words), "{name}: {hint}");
        assert_ne!(stranger.page.text("state").await?, "");
        stranger.assert_accessible("refused").await?;

        follow(&stranger.page, &closed.invitation(ENCODED)).await?;
        stranger.page.connection_id().await?;
        assert_eq!(stranger.page.text("hint").await?, "", "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn an_open_page_whose_token_was_changed_says_so_and_goes_on_with_the_new_one() -> Outcome {
    let closed = Closed::deploy()?;
    let page = closed.open(Settings::default(), &format!("#&token={ENCODED}")).await?;
    page.evaluate(LISTEN, vec![]).await?;
    page.connection_id().await?;
    // Something has to be sent for the socket to be known.
    page.call("nobody").await?;
    page.wait_for_state("ended").await?;

    let _changed = closed.aws.deploy(&["--join-token-from", "ssm:/join/second"])?;
    assert_ne!(page.value("localConnectionId").await?, "", "who is in stays in");
    page.evaluate("window.socket.close()", vec![]).await?;
    page.wait_for_state("refused").await?;
    assert!(page.text("hint").await?.contains("or for a new one"));

    follow(&page, &closed.invitation(OTHER_ENCODED)).await?;
    page.wait_until("document.getElementById('localConnectionId').value !== ''").await
}
