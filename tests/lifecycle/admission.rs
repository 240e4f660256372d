//! Who may connect, with the real relay behind a `$connect` route: turned on, tried out, and turned off again.

use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use url::Url;

use crate::support::program::Run;
use crate::{Stack, World, assert_relays};

const ALLOWED: &str = "https://app.example.org";

/// The status of a handshake: 101 where it succeeds.
async fn knock(stack: &Stack, origin: Option<&str>, query: &str) -> u16 {
    let mut request = format!("{}{query}", stack.websocket).into_client_request().unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((_, response)) => response.status().as_u16(),
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other:?}"),
    }
}

fn result(run: &Run, check: &str) -> Option<String> {
    let found = run.events.iter().find(|event| event["event"] == "check" && event["check"] == check)?;
    Some(found["result"].as_str().unwrap().to_owned())
}

fn routes(world: &World, stack: &Stack) -> Vec<String> {
    let routes = world.apis()[&stack.api]["routes"].as_object().unwrap().clone();
    let mut keys: Vec<_> = routes.values().map(|route| route["routeKey"].as_str().unwrap().to_owned()).collect();
    keys.sort();
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn only_allowed_pages_connect_and_without_the_setting_all_do_again() {
    let (world, stack) = World::with_demo().await;
    assert_eq!(routes(&world, &stack), ["$default"]);
    let (mut one, mut other, _) = stack.open_two().await;

    let origins = ["--allowed-origin", "self", "--allowed-origin", ALLOWED];
    let up = world.machine.succeed(&[&["up", "demo"], &origins[..]].concat()).await;
    assert_eq!(Stack::of(&up), stack, "the URL stays");
    for check in ["handshake", "relay", "errors", "admission"] {
        assert_eq!(result(&up, check).as_deref(), Some("ok"), "{check}: {up}");
    }
    assert_eq!(routes(&world, &stack), ["$connect", "$default"]);
    world.assert_settled(&origins).await;
    let own = Url::parse(&stack.site).unwrap().origin().ascii_serialization();
    for (origin, status) in [
        (Some(own.as_str()), 101),
        (Some(ALLOWED), 101),
        (Some("https://APP.example.org:443"), 101),
        (Some("https://app.example.org:8443"), 403),
        (Some("http://app.example.org"), 403),
        (Some("https://evil.example.org"), 403),
        (Some("null"), 403),
        (None, 403),
    ] {
        assert_eq!(knock(&stack, origin, "").await, status, "{origin:?}");
    }
    assert_relays(&mut one, &mut other).await;

    let verified = world.machine.succeed(&["verify", "demo", "--patience", "0"]).await;
    assert_eq!(result(&verified, "admission").as_deref(), Some("ok"), "{verified}");

    let without = world.machine.succeed(&["up", "demo"]).await;
    assert_eq!((Stack::of(&without), result(&without, "admission")), (stack, None));
    let stack = Stack::of(&without);
    assert_eq!(routes(&world, &stack), ["$default"]);
    assert_eq!(knock(&stack, None, "").await, 101);
    assert_relays(&mut one, &mut other).await;
    world.assert_settled(&[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_has_the_token_connects_and_nothing_says_what_it_is() {
    let world = World::new().await;
    let options = ["--join-token-from", "ssm:/join/token"];
    let up = world.machine.succeed(&[&["up", "demo", "--no-verify"], &options[..]].concat()).await;
    let stack = Stack::of(&up);
    assert_eq!(knock(&stack, None, "?token=n0rth%2Bgu3st").await, 500, "the relay cannot read it: nobody is let in");
    let lost = world.machine.run(&["verify", "demo", "--patience", "0"]).await;
    assert_eq!((lost.code, result(&lost, "admission").as_deref()), (Some(6), Some("failed")), "{lost}");

    world.account.aws.seed_parameter("/join/token", "n0rth+gu3st");
    for (query, status) in [
        ("?token=n0rth%2Bgu3st", 101),
        ("?room=1&token=n0rth%2Bgu3st", 101),
        ("?token=n0rth", 403),
        ("?token=", 403),
        ("?TOKEN=n0rth%2Bgu3st", 403),
        ("", 403),
    ] {
        assert_eq!(knock(&stack, None, query).await, status, "{query}");
    }

    let outside = world.machine.succeed(&["verify", "demo", "--patience", "0"]).await;
    assert_eq!(result(&outside, "handshake").as_deref(), Some("skipped"), "{outside}");
    assert_eq!(result(&outside, "admission").as_deref(), Some("ok"), "{outside}");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "n0rth+gu3st\n").unwrap();
    let path = file.path().to_str().unwrap();
    let inside = world.machine.succeed(&["verify", "demo", "--patience", "0", "--join-token-file", path]).await;
    for check in ["handshake", "relay", "errors", "admission"] {
        assert_eq!(result(&inside, check).as_deref(), Some("ok"), "{check}: {inside}");
    }
    std::fs::write(file.path(), "s0uth+gu3ss\n").unwrap();
    let wrong = world.machine.run(&["verify", "demo", "--patience", "0", "--join-token-file", path]).await;
    assert_eq!((wrong.code, result(&wrong, "handshake").as_deref()), (Some(6), Some("failed")), "{wrong}");

    let logs = world.machine.succeed(&["logs", "demo"]).await;
    assert!(logs.to_string().contains("refused"), "{logs}");
    let account = world.account.aws.snapshot().to_string();
    for told in [up, lost, outside, inside, wrong, logs].map(|run| run.to_string()).into_iter().chain([account]) {
        for secret in ["n0rth", "s0uth"] {
            assert!(!told.contains(secret), "{told}");
        }
    }
}
