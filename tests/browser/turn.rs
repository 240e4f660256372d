//! Calls that have no direct path: everything goes over a real TURN server, with credentials from the relay.

use std::time::{Duration, Instant};

use serde_json::Value;
use webrtc_aws::local::{LocalAws, LocalOptions, Manners};

use crate::conversation::connect;
use crate::counts::share_of;
use crate::driver::{Browser, Settings};
use crate::page::Page;
use crate::site::Deployment;
use crate::turn_server::{SECRET, TurnServer};
use crate::{FRAMES, Outcome, assert_both_play};

/// Credentials that expire several times in a test.
const SHORT: &str = "16";
const LONG: &str = "600";

const RESUMED: u32 = 20;

/// Notes the user names under which the page's peer connections were to use TURN servers.
const NOTE_CREDENTIALS: &str = "
    window.usernames = [];
    const note = ({ iceServers }) => {
        for (const { username } of iceServers) if (username !== undefined) window.usernames.push(username);
    };
    const Counted = window.RTCPeerConnection;
    window.RTCPeerConnection = class extends Counted {
        constructor(configuration) { super(configuration); note(configuration); }
        setConfiguration(configuration) { super.setConfiguration(configuration); note(configuration); }
    };";

/// Calls back with the types of the two candidates in use, the port of ours on the TURN server, and how we reach that, as soon as the
/// port is another one than before.
const PATH: &str = "
    const [before, done] = arguments;
    const look = () => latestPeer().getStats().then((stats) => {
        const transport = [...stats.values()].find(({ type }) => type === 'transport');
        const pair = stats.get(transport.selectedCandidatePairId);
        const [ours, theirs] = [stats.get(pair.localCandidateId), stats.get(pair.remoteCandidateId)];
        if (ours.port === before) setTimeout(look, 50);
        else done([ours.candidateType, theirs.candidateType, ours.port, ours.relayProtocol]);
    });
    look();";

/// The shortest life that the API allows.
const SHORT_BY_AWS: Duration = Duration::from_secs(30);

/// A stack that knows a TURN server.
struct Place {
    stack: Deployment,
    /// The local AWS that keeps the secret.
    _aws: Option<Deployment>,
}

impl Place {
    /// Those that AWS grants.
    fn with_servers_of_aws(port: &str) -> Outcome<Self> {
        let stack = Deployment::start(&["--port", port, "--stun", "none", "--turn", "kvs"])?;
        Ok(Self { stack, _aws: None })
    }

    fn with(server: &TurnServer, life: &str) -> Outcome<Self> {
        Self::with_url(&server.url("udp"), life)
    }

    fn with_url(url: &str, life: &str) -> Outcome<Self> {
        let aws = Deployment::local_aws()?;
        aws.keep_secret("/turn/secret", SECRET)?;
        let turn = ["--turn-url", url, "--turn-secret-from", "ssm:/turn/secret", "--turn-life", life];
        let stack = aws.deploy(&[&["--stun", "none"][..], &turn].concat())?;
        Ok(Self { stack, _aws: Some(aws) })
    }

    /// A page whose address the other one must not learn.
    async fn open(&self) -> Outcome<Page> {
        let page = Page::open(Browser::start(Settings::default()).await?, &self.stack.url).await?;
        page.evaluate(NOTE_CREDENTIALS, vec![]).await?;
        page.connection_id().await?;
        page.wait_until("!document.getElementById('privacy').hidden").await?;
        page.evaluate("document.getElementById('hideAddress').checked = true", vec![]).await?;
        Ok(page)
    }

    async fn connected(&self) -> Outcome<(Page, Page)> {
        let (one, other) = tokio::try_join!(self.open(), self.open())?;
        connect(&one, &other).await?;
        assert_both_play(&one, &other).await?;
        Ok((one, other))
    }
}

/// The port of ours on the TURN server, over which the call goes, and how it is reached, if the port is another one than before.
async fn relayed(page: &Page, before: &Value) -> Outcome<(Value, Value)> {
    let path = page.evaluate_later(PATH, vec![before.clone()]).await?;
    assert_eq!((&path[0], &path[1]), (&"relay".into(), &"relay".into()), "{path}");
    Ok((path[2].clone(), path[3].clone()))
}

async fn relayed_port(page: &Page, before: &Value) -> Outcome<Value> {
    Ok(relayed(page, before).await?.0)
}

#[tokio::test]
async fn a_call_without_a_direct_path_goes_over_the_turn_server_and_moves_to_new_credentials() -> Outcome {
    let server = TurnServer::start()?;
    let place = Place::with(&server, SHORT)?;
    moves_to_new_credentials(&place).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_over_the_turn_servers_that_aws_grants_moves_to_new_credentials() -> Outcome {
    let manners = Manners { turn_credentials_life: SHORT_BY_AWS, ..Manners::default() };
    let aws = LocalAws::start(LocalOptions { manners, ..LocalOptions::default() }).await?;
    let port = aws.endpoint().rsplit(':').next().unwrap_or_default().to_owned();
    let place = Place::with_servers_of_aws(&port)?;
    moves_to_new_credentials(&place).await?;
    drop(place);
    aws.stop().await;
    Ok(())
}

async fn moves_to_new_credentials(place: &Place) -> Outcome {
    let (one, other) = place.connected().await?;
    let first = [relayed_port(&one, &Value::Null).await?, relayed_port(&other, &Value::Null).await?];

    // Long enough for what the call began with to have expired: the third user name comes with the second renewal.
    for page in [&one, &other] {
        page.wait_until("new Set(window.usernames).size >= 3").await?;
        page.wait_until("Number(window.usernames[0].split(':')[0]) * 1000 < Date.now()").await?;
    }
    for (page, before) in [&one, &other].into_iter().zip(&first) {
        assert_eq!(page.state().await?, "connected");
        page.wait_for_decoded_frames(FRAMES).await?;
        // Off the allocation that it began with.
        relayed_port(page, before).await?;
    }
    Ok(())
}

#[tokio::test]
async fn where_only_tcp_leaves_the_network_a_call_goes_over_the_turn_server_all_the_same() -> Outcome {
    let server = TurnServer::start()?;
    let place = Place::with_url(&server.url("tcp"), LONG)?;
    let (one, other) = place.connected().await?;
    for page in [&one, &other] {
        assert_eq!(relayed(page, &Value::Null).await?.1, "tcp");
    }
    Ok(())
}

#[tokio::test]
async fn a_call_goes_over_the_turn_servers_that_aws_grants() -> Outcome {
    let place = Place::with_servers_of_aws("0")?;
    let (one, other) = place.connected().await?;
    for page in [&one, &other] {
        relayed(page, &Value::Null).await?;
        // Nobody outside learns from the name to whom it belongs.
        let usernames = page.evaluate("return window.usernames", vec![]).await?;
        let id = page.value("localConnectionId").await?;
        assert!(usernames[0].as_str().is_some_and(|name| !name.contains(&id)), "{usernames}");
    }
    Ok(())
}

#[tokio::test]
async fn a_call_resumes_when_the_turn_server_was_gone() -> Outcome {
    for _ in 0..share_of(RESUMED) {
        resume().await?;
    }
    Ok(())
}

/// How long it takes from the server's return to pictures on both sides.
pub(crate) async fn resume() -> Outcome<Duration> {
    let mut server = TurnServer::start()?;
    let place = Place::with(&server, LONG)?;
    let (one, other) = place.connected().await?;
    server.kill();
    tokio::try_join!(one.wait_for_state("reconnecting"), other.wait_for_state("reconnecting"))?;
    server.run()?;
    let back = Instant::now();
    tokio::try_join!(one.wait_for_decoded_frames(1), other.wait_for_decoded_frames(1))?;
    let taken = back.elapsed();
    tokio::try_join!(one.wait_for_state("connected"), other.wait_for_state("connected"))?;
    for page in [&one, &other] {
        page.wait_for_decoded_frames(FRAMES).await?;
    }
    relayed_port(&one, &Value::Null).await?;
    relayed_port(&other, &Value::Null).await?;
    Ok(taken)
}

#[tokio::test]
async fn without_its_turn_server_a_hidden_call_says_that_there_is_no_path() -> Outcome {
    let mut server = TurnServer::start()?;
    let place = Place::with(&server, LONG)?;
    server.kill();
    let (one, other) = tokio::try_join!(place.open(), place.open())?;
    one.call(&other.value("localConnectionId").await?).await?;
    other.wait_for_state("ringing").await?;
    other.press("accept").await?;
    tokio::try_join!(one.wait_for_state("ended"), other.wait_for_state("ended"))?;
    assert_eq!(one.end_reason().await?, "no-path");
    Ok(())
}
