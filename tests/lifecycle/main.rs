//! The life of a stack, with the real program over HTTP against a local AWS inside this process: from nothing to a call, through
//! changes, damage, interruptions and bad answers, back to nothing.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may fail")]

#[path = "../deployed/mod.rs"]
mod deployed;
#[path = "../support/mod.rs"]
mod support;

mod admission;
mod changes;
mod damage;
mod existing_bucket;
mod existing_role;
mod faults;
mod foreign;
mod interruption;
mod preview;
mod protocol;
mod verify;
mod whole;

use deployed::{Account, Client, account};
use serde_json::{Value, json};
use support::program::{Machine, Run};
use webrtc_aws::local::{Manners, Service};

/// An account, and a machine to work on it from.
struct World {
    account: Account,
    machine: Machine,
}

impl World {
    async fn new() -> Self {
        let account = account(Manners::default()).await;
        Self { machine: Machine::new(&account.aws), account }
    }

    /// An account with the stack `demo` in it.
    async fn with_demo() -> (Self, Stack) {
        let world = Self::new().await;
        let up = world.machine.succeed(&["up", "demo"]).await;
        let stack = Stack::of(&up);
        (world, stack)
    }

    /// The whole account, to the byte.
    fn bytes(&self) -> String {
        serde_json::to_string_pretty(&self.account.aws.snapshot()).unwrap()
    }

    /// The deployer's writes since the calls were last cleared, sorted. What relays do is not his.
    fn writes(&self) -> Vec<&'static str> {
        let calls = self.account.aws.calls();
        let by_deployer = calls.iter().filter(|call| call.is_write && call.service != Service::ExecuteApi);
        let mut writes: Vec<_> = by_deployer.map(|call| call.operation).collect();
        writes.sort_unstable();
        writes
    }

    /// A plan for what is deployed already: nothing to do, and nothing written. `options` as those that it was deployed with.
    async fn assert_settled(&self, options: &[&str]) {
        self.account.aws.clear_calls();
        let plan = self.machine.run(&[&["plan", "demo", "--exit-code"], options].concat()).await;
        assert_eq!((plan.code, plan.planned()), (Some(0), Vec::new()), "{plan}");
        let up = self.machine.succeed(&[&["up", "demo"], options].concat()).await;
        assert_eq!((up.finished()["changed"].clone(), up.done()), (json!(false), Vec::new()), "{up}");
        assert_eq!(self.writes(), Vec::<&str>::new());
    }

    /// What a plan finds out of place: exit code 5.
    async fn pending(&self) -> Run {
        self.account.aws.clear_calls();
        let plan = self.machine.run(&["plan", "demo", "--exit-code"]).await;
        assert_eq!(plan.code, Some(5), "{plan}");
        assert_eq!(self.writes(), Vec::<&str>::new(), "a plan writes nothing");
        plan
    }

    fn apis(&self) -> serde_json::Map<String, Value> {
        self.account.aws.snapshot()["apigateway"]["apis"].as_object().unwrap().clone()
    }
}

/// Where a deployed stack is.
#[derive(Debug, PartialEq)]
struct Stack {
    api: String,
    websocket: String,
    site: String,
    bucket: String,
    function: String,
    role: String,
}

impl Stack {
    fn of(up: &Run) -> Self {
        let output = |name| up.output(name).to_owned();
        Self {
            api: output("api_id"),
            websocket: output("websocket_url"),
            site: output("site_url"),
            bucket: output("bucket"),
            role: format!("{}-{}", output("function"), output("region")),
            function: output("function"),
        }
    }

    async fn open(&self) -> Client {
        Client::open(&self.websocket).await
    }

    /// Two clients, and the second one's id.
    async fn open_two(&self) -> (Client, Client, String) {
        let (one, mut other) = (self.open().await, self.open().await);
        let id = other.id().await;
        (one, other, id)
    }
}

fn to(connection: &str, message: &Value) -> String {
    json!({ "connectionId": connection, "message": message }).to_string()
}

/// A message goes through, and its sender is told.
async fn assert_relays(one: &mut Client, other: &mut Client) {
    let (from, id) = (one.id().await, other.id().await);
    one.send(&to(&id, &json!({ "type": "ICE", "payload": null }))).await;
    assert_eq!(other.json().await, json!({ "message": { "type": "ICE", "payload": null }, "from": from }));
    assert_eq!(one.json().await, json!({ "connectionId": from }));
}

/// What the platform itself says when the relay could not be called (AWS-FACTS A4).
fn is_internal_server_error(text: &str) -> bool {
    text.starts_with("{\"message\": \"Internal server error\", \"connectionId\":\"")
}
