//! `ministack`, an emulator that we did not write (AWS-FACTS J2): what our engine does and our relay says there is not judged by
//! our own idea of AWS. It runs the real `bootstrap` and has real sockets; it is laxer than AWS, so a pass here proves only that
//! the calls and the protocol are right.

use std::time::Duration;

use serde_json::{Value, json};

use crate::emulator::Ministack;
use crate::support::{Outcome, Socket, from_venv, get, program, stdout, webrtc_aws};

const PATIENCE: Duration = Duration::from_secs(30);

/// Names of everything of the kinds that we make.
async fn everything(ministack: &Ministack) -> Outcome<Vec<Value>> {
    let lists = [
        (["s3api", "list-buckets"], "Buckets[].Name"),
        (["iam", "list-roles"], "Roles[].RoleName"),
        (["lambda", "list-functions"], "Functions[].FunctionName"),
        (["apigatewayv2", "get-apis"], "Items[].Name"),
        (["logs", "describe-log-groups"], "logGroups[].logGroupName"),
    ];
    let mut everything = Vec::new();
    for (call, names) in lists {
        let output = program(from_venv("aws")?)
            .args(call)
            .args(["--endpoint-url", &ministack.endpoint, "--output", "json", "--query", names])
            .output()
            .await?;
        let names: Vec<Value> = serde_json::from_str(&stdout(call[1], output)?)?;
        everything.extend(names);
    }
    Ok(everything)
}

#[tokio::test]
async fn another_emulator_carries_a_stack_from_up_to_teardown() -> Outcome {
    let ministack = Ministack::start().await?;
    let before = everything(&ministack).await?;
    let there = ["demo", "--endpoint-url", &ministack.endpoint];
    let run = async |command: &[&str]| webrtc_aws(&[command, &there].concat()).await;

    let (code, end) = run(&["up"]).await?;
    assert_eq!((code, &end["changed"]), (Some(0), &json!(true)), "{end}");
    assert_eq!(everything(&ministack).await?.len(), before.len() + 5, "one of each kind");
    let outputs = &end["outputs"];
    let text = |name: &str| outputs[name].as_str().ok_or_else(|| format!("no {name} in {outputs}"));

    let page = get(text("site_url")?).await?;
    assert_eq!((page.status, page.content_type.as_str()), (200, "text/html; charset=utf-8"));
    relays(text("websocket_url")?).await?;
    let (code, end) = run(&["verify"]).await?;
    assert_eq!((code, &end["ok"]), (Some(0), &json!(true)), "{end}");

    let (code, end) = run(&["plan", "--exit-code"]).await?;
    assert_eq!((code, &end["changed"]), (Some(0), &json!(false)), "{end}");
    let (code, end) = run(&["teardown", "--yes"]).await?;
    assert_eq!((code, &end["changed"]), (Some(0), &json!(true)), "{end}");
    assert_eq!(everything(&ministack).await?, before);
    Ok(())
}

async fn relays(url: &str) -> Outcome {
    let (mut one, mut other) = (Socket::open(url).await?, Socket::open(url).await?);
    let (one_id, other_id) = (one.id().await?, other.id().await?);
    assert_ne!(one_id, other_id);

    let to_other = |message: &Value| json!({ "connectionId": other_id, "message": message }).to_string();
    let message = json!({ "type": "SDP", "payload": { "type": "offer", "sdp": "v=0" } });
    assert_eq!(one.ask(to_other(&message)).await?, json!({ "connectionId": one_id }));
    assert_eq!(other.receive().await?, json!({ "message": message, "from": one_id }));

    let answer = one.ask("{nonsense").await?;
    assert_eq!((&answer["connectionId"], &answer["error"]["code"]), (&json!(one_id), &json!("bad_request")));

    other.close().await?;
    // The emulator may forget a connection a moment after it has closed it.
    let told = async {
        loop {
            let answer = one.ask(to_other(&json!("anybody there?"))).await?;
            if answer.get("error").is_some() {
                return Outcome::Ok(answer);
            }
        }
    };
    let answer = tokio::time::timeout(PATIENCE, told).await??;
    assert_eq!((&answer["connectionId"], &answer["error"]["code"]), (&json!(one_id), &json!("peer_gone")));
    one.close().await
}
