//! How long it takes from pressing call to seeing each other, if the other side accepts at once, and from the return of a TURN
//! server to seeing each other again. `tests/bench-call` runs both.

use serde_json::{Value, json};

use crate::site::Site;
use crate::{Outcome, open_two, turn};

const CALLS: usize = 20;
const BAR: f64 = 1_000.0;

const OUTAGES: usize = 10;
const BAR_AFTER_AN_OUTAGE: f64 = 5_000.0;

/// Both pages are on one machine and so on one clock. The first picture is the first that is presented.
const CALLER: &str = r#"
    const [id, done] = arguments;
    document.getElementById("remoteConnectionId").value = id;
    const pressed = Date.now();
    document.getElementById("remoteVideo").requestVideoFrameCallback(() => done({ pressed, seen: Date.now() }));
    document.getElementById("call").click();
"#;

const CALLEE: &str = r#"
    const [done] = arguments;
    const line = document.getElementById("state");
    let accepted = 0;
    new MutationObserver(() => {
        if (accepted !== 0 || line.dataset.state !== "ringing") return;
        accepted = Date.now();
        document.getElementById("accept").click();
    }).observe(line, { attributes: true });
    document.getElementById("remoteVideo").requestVideoFrameCallback(() => done({ accepted, seen: Date.now() }));
"#;

/// The middle, the fastest and the slowest of some times.
fn spread(name: &str, mut times: Vec<f64>) -> (f64, String) {
    times.sort_by(f64::total_cmp);
    let median = (times[(times.len() - 1) / 2] + times[times.len() / 2]) / 2.0;
    let (fastest, slowest) = (times[0], times[times.len() - 1]);
    (median, format!("{name:<39} median {median:>5.0} ms   fastest {fastest:>5.0} ms   slowest {slowest:>5.0} ms"))
}

#[tokio::test]
#[ignore = "a measurement, which other tests beside it would disturb: tests/bench-call"]
async fn from_pressing_call_to_the_first_picture() -> Outcome {
    let site = Site::get()?;
    let (caller, callee) = open_two(&site).await?;
    let (mut rings, mut pictures, mut totals) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..CALLS {
        let (_, id) = tokio::try_join!(caller.connection_id(), callee.connection_id())?;
        let (calling, answering) =
            tokio::try_join!(caller.evaluate_later(CALLER, vec![json!(id)]), callee.evaluate_later(CALLEE, vec![]))?;
        let time = |value: &Value, name: &str| value[name].as_f64().ok_or_else(|| format!("no {name} in {value}"));
        let (pressed, accepted) = (time(&calling, "pressed")?, time(&answering, "accepted")?);
        let seen = time(&calling, "seen")?.max(time(&answering, "seen")?);
        rings.push(accepted - pressed);
        pictures.push(seen - accepted);
        totals.push(seen - pressed);
        tokio::try_join!(caller.go_to(site.url()), callee.go_to(site.url()))?;
    }
    let (median, total) = spread("pressing call -> both see each other", totals);
    println!("{CALLS} calls on the local AWS:");
    println!("{}", spread("pressing call -> it rings", rings).1);
    println!("{}", spread("accepted -> both see each other", pictures).1);
    println!("{total}");
    assert!(median < BAR, "The median is over {BAR} ms.");
    Ok(())
}

#[tokio::test]
#[ignore = "a measurement, which other tests beside it would disturb: tests/bench-call"]
async fn from_the_return_of_a_turn_server_to_the_next_picture() -> Outcome {
    let mut times = Vec::new();
    for _ in 0..OUTAGES {
        times.push(turn::resume().await?.as_secs_f64() * 1e3);
    }
    let (median, line) = spread("TURN server back -> both see each other", times);
    println!("{OUTAGES} calls over a TURN server that was gone:");
    println!("{line}");
    assert!(median < BAR_AFTER_AN_OUTAGE, "The median is over {BAR_AFTER_AN_OUTAGE} ms.");
    Ok(())
}
