//! The gateway under arbitrary bytes: handshakes and frames that no client sends. The server answers or closes as AWS would, and
//! nobody else notices. A failing connection is shown with its bytes; `FUZZ_SEED` repeats a run, `FUZZ_CASES` makes it longer.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test file is no interface, may fail, and says its seed"
)]

mod deployed;

use std::cell::Cell;
use std::time::Duration;

use deployed::{Client, Plan, account, instant, puppet};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Nothing takes that long but a hang.
const LONG: Duration = Duration::from_secs(60);

/// Codes that API Gateway closes with, and those of the WebSocket protocol itself (AWS-FACTS A5).
const CLOSE_CODES: [u16; 6] = [1000, 1001, 1002, 1003, 1007, 1009];

thread_local! {
    /// In tasks of the server, which runs on the thread of its test.
    static PANICS: Cell<usize> = const { Cell::new(0) };
}

/// A panic in a task of the server fails no test by itself.
fn count_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.set(PANICS.get() + 1);
        usual(panic);
    }));
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|error| panic!("{name}: {error}")))
}

fn values<S: Strategy>(default: u64, strategy: S) -> impl Iterator<Item = S::Value> {
    let seed = setting("FUZZ_SEED").unwrap_or_else(rand::random);
    let cases = setting("FUZZ_CASES").unwrap_or(default);
    println!("FUZZ_SEED={seed} FUZZ_CASES={cases}");
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    (0..cases).map(move |_| strategy.new_tree(&mut runner).unwrap().current())
}

/// One frame in bytes, its header as wrong as one likes.
fn frame() -> impl Strategy<Value = Vec<u8>> {
    let opcode = prop_oneof![4 => Just(1_u8), 2 => Just(0), 1 => Just(2), 1 => Just(8), 1 => Just(9), 1 => Just(10), 1 => 3_u8..16];
    let reserved = prop_oneof![6 => Just(0_u8), 1 => 0_u8..8];
    let payload = prop_oneof![
        4 => vec(any::<u8>(), 0..40),
        2 => Just(br#"{"action":"go"}"#.to_vec()),
        1 => Just(vec![b'x'; 126]),
        1 => (32_000_usize..33_500).prop_map(|length| vec![b'y'; length]),
        1 => Just(vec![0xff; 3]),
        1 => (0_u16..5_000).prop_map(|code| code.to_be_bytes().to_vec()),
    ];
    // What the header says of the length, beside the truth.
    let lie = prop_oneof![12 => Just(None), 1 => any::<u64>().prop_map(Some), 1 => (0_u64..300_000).prop_map(Some)];
    (any::<bool>(), reserved, opcode, prop::bool::weighted(0.9), payload, lie, any::<[u8; 4]>()).prop_map(
        |(last, reserved, opcode, masked, payload, lie, mask)| {
            let length = lie.unwrap_or(payload.len() as u64);
            let mut bytes = vec![u8::from(last) << 7 | reserved << 4 | opcode];
            let flag = u8::from(masked) << 7;
            match length {
                0..=125 => bytes.push(flag | length as u8),
                126..=0xffff => {
                    bytes.push(flag | 126);
                    bytes.extend((length as u16).to_be_bytes());
                }
                _ => {
                    bytes.push(flag | 127);
                    bytes.extend(length.to_be_bytes());
                }
            }
            if masked {
                bytes.extend(mask);
            }
            bytes.extend(payload.iter().enumerate().map(|(at, byte)| if masked { byte ^ mask[at % 4] } else { *byte }));
            bytes
        },
    )
}

/// What is written after the handshake, and how much of it before the socket is closed.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    let frames = || vec(frame(), 1..6).prop_map(|frames| frames.concat());
    prop_oneof![
        5 => frames(),
        2 => (frames(), any::<prop::sample::Index>()).prop_map(|(bytes, cut)| bytes[..cut.index(bytes.len() + 1)].to_vec()),
        2 => vec(any::<u8>(), 0..400),
    ]
}

/// The frames of a server: its own are never masked. (opcode, payload)
fn server_frames(mut bytes: &[u8]) -> Option<Vec<(u8, Vec<u8>)>> {
    let mut frames = Vec::new();
    while let [first, second, rest @ ..] = bytes {
        let (length, rest) = match second {
            126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), rest.get(2..)?),
            127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, rest.get(8..)?),
            0..=125 => (usize::from(*second), rest),
            _ => return None,
        };
        frames.push((first & 0x0f, rest.get(..length)?.to_vec()));
        bytes = rest.get(length..)?;
    }
    bytes.is_empty().then_some(frames)
}

async fn exchange(address: &str, sent: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may close in the middle.
    let _ = stream.write_all(sent).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    answer
}

#[tokio::test]
async fn no_frame_and_no_handshake_harms_the_server_or_the_others() {
    count_panics();
    let account = account(instant()).await;
    let plan = Plan { zip: puppet(), variables: &[], routes: &[("go", true)], timeout: 10 };
    let deployed = account.deploy(&plan).await;
    let mut witness = Client::open(&deployed.url).await;
    let address = account.aws.endpoint().replace("http://", "");
    let path = deployed.url.split_once(&address).unwrap().1.to_owned();
    let upgrade = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    for (number, bytes) in values(150, conversation()).enumerate() {
        let shown = hex::encode(&bytes[..bytes.len().min(300)]);
        let sent = [upgrade.as_bytes(), &bytes].concat();
        let answer = tokio::time::timeout(LONG, exchange(&address, &sent)).await;
        let answer = answer.unwrap_or_else(|_| panic!("the server hangs: {shown}"));
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        let (head, rest) = answer.split_at(end.unwrap_or_else(|| panic!("no handshake: {shown}")) + 4);
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}: {shown}", String::from_utf8_lossy(head));
        let frames = server_frames(rest).unwrap_or_else(|| panic!("{} is no frames: {shown}", hex::encode(rest)));
        for (opcode, payload) in &frames {
            match opcode {
                1 => assert!(std::str::from_utf8(payload).is_ok(), "{shown}"),
                // An echo of the client's own code, or one of ours.
                8 => assert!(payload.is_empty() || payload.len() >= 2, "{shown}"),
                10 => {}
                other => panic!("a frame of kind {other}: {shown}"),
            }
        }
        if number % 10 == 0 {
            witness.send(r#"{"action":"go","return":{"statusCode":200,"body":"alive"}}"#).await;
            assert_eq!(witness.text().await, "alive");
        }
    }
    for bytes in values(150, handshake(&path)) {
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(500)]).into_owned();
        let answer = tokio::time::timeout(LONG, exchange(&address, &bytes)).await;
        let answer = answer.unwrap_or_else(|_| panic!("the server hangs: {shown}"));
        let answer = String::from_utf8_lossy(&answer);
        let status = answer.get(9..12).and_then(|status| status.parse::<u16>().ok());
        assert!(answer.is_empty() || status.is_some_and(|status| status < 500 || status == 501), "{answer}: {shown}");
    }
    witness.send(r#"{"action":"go","return":{"statusCode":200,"body":"alive"}}"#).await;
    assert_eq!(witness.text().await, "alive");
    let mut newcomer = Client::open(&deployed.url).await;
    newcomer.send(r#"{"action":"go","return":{"statusCode":200,"body":"welcome"}}"#).await;
    assert_eq!(newcomer.text().await, "welcome");
    assert_eq!(PANICS.get(), 0, "a task of the server panicked");
}

/// Requests that are nearly an upgrade.
fn handshake(path: &str) -> impl Strategy<Value = Vec<u8>> + use<> {
    let path = path.to_owned();
    let target = prop_oneof![
        4 => Just(path.clone()),
        2 => "[a-z%0-9?=&+./_-]{0,30}".prop_map({
            let path = path.clone();
            move |tail| format!("{path}{tail}")
        }),
        1 => (1_000_usize..9_000).prop_map(move |length| format!("{path}?{}", "q".repeat(length))),
        1 => "/[!-~]{0,40}",
        1 => Just("*".to_owned()),
    ];
    let header = prop_oneof![
        select(vec![
            "upgrade: websocket",
            "upgrade: h2c",
            "connection: upgrade",
            "connection: close, upgrade",
            "sec-websocket-version: 13",
            "sec-websocket-version: 99",
            "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
            "sec-websocket-key: x",
            "host: h",
            "host: \u{e9}",
            "host: [::1",
            "sec-websocket-protocol: a, b",
            "sec-websocket-extensions: permessage-deflate",
            "content-length: 5",
            "content-length: -1",
            "transfer-encoding: chunked",
            "expect: 100-continue",
            "user-agent: \u{1}",
            "authorization: AWS4-HMAC-SHA256 Credential=a/b/c/s3/aws4_request",
            "origin: null",
            "cookie",
        ])
        .prop_map(str::to_owned),
        "[!-~]{1,12}: [ -~]{0,40}",
    ];
    (
        select(vec!["GET", "POST", "HEAD", "OPTIONS", "CONNECT", "G\0T"]),
        target,
        vec(header, 0..9),
        vec(any::<u8>(), 0..60),
    )
        .prop_map(|(method, target, headers, rest)| {
            let head = format!("{method} {target} HTTP/1.1\r\n{}\r\n\r\n", headers.join("\r\n"));
            [head.as_bytes(), &rest].concat()
        })
}

/// What AWS defines a code for is closed with that code, whatever stands around it.
#[tokio::test]
async fn a_forbidden_frame_is_closed_with_its_code() {
    let account = account(instant()).await;
    let plan = Plan { zip: puppet(), variables: &[], routes: &[("go", true)], timeout: 10 };
    let deployed = account.deploy(&plan).await;
    let address = account.aws.endpoint().replace("http://", "");
    let path = deployed.url.split_once(&address).unwrap().1.to_owned();
    let upgrade = format!(
        "GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    let masked = |first: u8, payload: &[u8]| [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat();
    let pings = vec(vec(any::<u8>(), 0..10).prop_map(move |payload| masked(0x89, &payload)), 0..3);
    let forbidden = prop_oneof![
        vec(any::<u8>(), 0..60).prop_map(move |payload| (masked(0x82, &payload), 1003)),
        (0xf8_u8..=0xff).prop_map(move |byte| (masked(0x81, &[b'a', byte]), 1007)),
        (32_769_u64..u64::MAX / 2)
            .prop_map(|length| ([&[0x81, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat(), 1009)),
        (1_u8..8).prop_map(move |reserved| (masked(0x81 | reserved << 4, b"{}"), 1002)),
        (3_u8..8).prop_map(move |opcode| (masked(0x80 | opcode, b"{}"), 1002)),
        Just((b"\x81\x02{}".to_vec(), 1002)),
        Just((masked(0x80, b"{}"), 1002)),
        Just(([&b"\x89\xfe\x00\x7e\0\0\0\0"[..], &[0; 126]].concat(), 1002)),
    ];
    for (before, (bytes, code)) in values(60, (pings, forbidden)) {
        let sent = [upgrade.as_bytes(), &before.concat(), &bytes].concat();
        let shown = hex::encode(&sent[upgrade.len()..]);
        let answer =
            tokio::time::timeout(LONG, exchange(&address, &sent)).await.unwrap_or_else(|_| panic!("hangs: {shown}"));
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
        let frames = server_frames(&answer[end..]).unwrap_or_else(|| panic!("no frames: {shown}"));
        let (opcode, payload) = frames.last().unwrap_or_else(|| panic!("no close, {code} expected: {shown}"));
        assert_eq!(*opcode, 8, "{shown}");
        let seen = u16::from_be_bytes(*payload.first_chunk().unwrap());
        assert!(CLOSE_CODES.contains(&seen));
        assert_eq!(seen, code, "{shown}");
    }
}
