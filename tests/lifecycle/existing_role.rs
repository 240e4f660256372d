//! A stack whose relay runs under a role that somebody else made: moved there and back, tried out, and removed, while the role stays
//! as it is, to the byte.

use serde_json::{Value, json};

use crate::support::program::Machine;
use crate::{Stack, World, assert_relays};

const NAME: &str = "team-relay";
const ARN: &str = "arn:aws:iam::000000000000:role/team/team-relay";

fn trust(service: &str) -> String {
    let statement = json!({ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" });
    json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
}

impl World {
    async fn with_a_role(service: &str) -> Self {
        let world = Self::new().await;
        let create = world.account.iam.create_role().role_name(NAME).path("/team/");
        create.assume_role_policy_document(trust(service)).send().await.unwrap();
        world
    }

    /// What 'webrtc-aws policy --for relay' prints.
    async fn permit_the_relay(&self) {
        let here = ["--account", "000000000000", "--region", "us-east-1"];
        let printed = Machine::alone().succeed(&[&["policy", "demo", "--for", "relay"], &here[..]].concat()).await;
        let policy = printed.events.iter().find(|event| event["event"] == "policy").unwrap();
        assert_eq!(policy["kind"], "relay", "{printed}");
        let put = self.account.iam.put_role_policy().role_name(NAME).policy_name("relay");
        put.policy_document(policy["document"].to_string()).send().await.unwrap();
    }

    fn roles(&self) -> Vec<String> {
        let snapshot = self.account.aws.snapshot();
        snapshot["iam"]["roles"].as_object().unwrap().keys().cloned().collect()
    }

    fn existing(&self) -> Value {
        self.account.aws.snapshot()["iam"]["roles"][NAME].clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_moves_to_an_existing_role_and_back_and_goes() {
    let world = World::with_a_role("lambda.amazonaws.com").await;
    world.permit_the_relay().await;
    let (role, before) = (world.existing(), world.bytes());
    let stack = Stack::of(&world.machine.succeed(&["up", "demo"]).await);
    assert_eq!(world.roles(), [NAME, &stack.role]);

    let existing = ["--existing-role", NAME];
    let up = world.machine.succeed(&[&["up", "demo"], &existing[..]].concat()).await;
    assert_eq!(up.planned(), ["role.relay delete", "role_policy.relay delete", "function.relay update"], "{up}");
    assert_eq!(up.done(), ["function.relay update", "role.relay delete", "role_policy.relay delete"], "{up}");
    assert_eq!((Stack::of(&up), world.roles()), (stack, vec![NAME.to_owned()]), "nothing else moves");
    world.assert_settled(&existing).await;
    world.assert_settled(&["--existing-role", ARN]).await;

    let up = world.machine.succeed(&["up", "demo"]).await;
    assert_eq!(up.done(), ["function.relay update", "role.relay create", "role_policy.relay create"], "{up}");
    world.machine.succeed(&[&["up", "demo"], &existing[..]].concat()).await;
    world.machine.succeed(&["teardown", "demo", "--yes"]).await;
    assert_eq!((world.existing(), world.bytes()), (role, before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_on_an_existing_role_is_made_without_a_write_to_any_role() {
    let world = World::with_a_role("lambda.amazonaws.com").await;
    world.permit_the_relay().await;
    let before = world.bytes();
    world.account.aws.clear_calls();
    let up = world.machine.succeed(&["up", "demo", "--existing-role", ARN]).await;
    assert!(world.writes().iter().all(|write| !write.contains("Role")), "{:?}", world.writes());
    let stack = Stack::of(&up);
    let (mut one, mut other) = (stack.open().await, stack.open().await);
    assert_relays(&mut one, &mut other).await;
    world.machine.succeed(&["teardown", "demo", "--yes"]).await;
    assert_eq!(world.bytes(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_post_is_named_by_verify() {
    let world = World::with_a_role("lambda.amazonaws.com").await;
    let up = world.machine.run(&["up", "demo", "--existing-role", NAME, "--no-verify"]).await;
    assert_eq!(up.code, Some(0), "{up}");
    let verify = world.machine.run(&["verify", "demo", "--patience", "0"]).await;
    let failed = verify.events.iter().find(|event| event["event"] == "check" && event["result"] == "failed");
    let failed = failed.unwrap_or_else(|| panic!("nothing failed: {verify}"));
    let said = |field: &str, text: &str| assert!(failed[field].as_str().unwrap().contains(text), "{failed}");
    said("cause", "the role team-relay");
    said("cause", "execute-api:ManageConnections");
    said("remedy", "'webrtc-aws policy demo --for relay'");
    world.permit_the_relay().await;
    world.machine.succeed(&["verify", "demo"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_cannot_be_the_relays_is_refused_before_any_write() {
    let world = World::with_a_role("ec2.amazonaws.com").await;
    let other = world.machine.succeed(&["up", "other"]).await;
    let other = Stack::of(&other).role;
    for (role, summary, hint) in [
        ("nobody", "there is no role nobody", "policy demo --for relay"),
        ("arn:aws:iam::111111111111:role/relay", "a role of the account 111111111111", "of its own account"),
        ("arn:aws:iam::000000000000:role/team-relay", ARN, ARN),
        (NAME, "does not let Lambda assume it", "lambda.amazonaws.com do sts:AssumeRole"),
        (&other, "with the stack 'other'", "leave that out"),
    ] {
        let before = world.bytes();
        for command in ["plan", "up"] {
            let run = world.machine.run(&[command, "demo", "--existing-role", role]).await;
            assert_eq!((run.code, run.problem()["code"].as_str()), (Some(2), Some("invalid_input")), "{run}");
            let text = |field: &str| run.problem()[field].as_str().unwrap().to_owned();
            assert!(text("summary").contains(summary) && text("hint").contains(hint), "{run}");
        }
        assert_eq!(world.bytes(), before, "{role}");
    }
}
