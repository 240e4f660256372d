//! Only what changed is updated; URL and live connections stay.

use std::fs;
use std::path::Path;

use aws_sdk_apigatewayv2::types::RouteSettings;

use crate::support::http::get;
use crate::support::program::repacked;
use crate::{Stack, World, assert_relays};

/// Who deploys says so first.
const RECORD: &str = "TagResource";

fn copy_page(to: &Path) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("client");
    for entry in walkdir::WalkDir::new(&page).into_iter().map(Result::unwrap) {
        let target = to.join(entry.path().strip_prefix(&page).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// What it is called, what is done, the options that it adds, and then what is updated by which calls.
type Edit<'a> = (&'a str, &'a dyn Fn(), &'a [&'a str], &'a str, &'a [&'a str]);

#[tokio::test(flavor = "multi_thread")]
async fn only_what_changed_is_updated_and_live_connections_stay() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    copy_page(directory.path());
    let client = directory.path().to_str().unwrap();
    let stack = Stack::of(&world.machine.succeed(&["up", "demo", "--client", client]).await);
    let (mut one, mut other) = (stack.open().await, stack.open().await);
    let ids = (one.id().await, other.id().await);

    let relay = directory.path().with_extension("zip");
    fs::write(&relay, repacked(&world.machine.relay().await)).unwrap();
    let relay = relay.to_str().unwrap();

    let page = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    let remove = || fs::remove_file(directory.path().join("notes.txt")).unwrap();
    let no_edit = || {};
    let mut options = vec!["--client", client];
    let script = fs::read_to_string(directory.path().join("script.js")).unwrap() + "// edited\n";
    let edits: [Edit<'_>; 8] = [
        ("a file edited", &|| page("script.js", &script), &[], "objects.page", &["PutObject"]),
        ("a file added", &|| page("notes.txt", "new"), &[], "objects.page", &["PutObject"]),
        ("a file removed", &remove, &[], "objects.page", &["DeleteObjects"]),
        ("other STUN servers", &no_edit, &["--stun", "stun:stun.example.org:3478"], "objects.page", &["PutObject"]),
        ("more memory", &no_edit, &["--memory", "256"], "function.relay", &["UpdateFunctionConfiguration"]),
        ("another timeout", &no_edit, &["--timeout", "7"], "function.relay", &["UpdateFunctionConfiguration"]),
        ("another relay", &no_edit, &["--relay", relay], "function.relay", &["UpdateFunctionCode"]),
        ("a longer log", &no_edit, &["--log-retention", "30"], "log_group.relay", &["PutRetentionPolicy"]),
    ];
    for (what, edit, more, address, writes) in edits {
        edit();
        options.extend(more);
        world.account.aws.clear_calls();
        let up = world.machine.succeed(&[&["up", "demo"], &options[..]].concat()).await;
        assert_eq!(up.planned(), [format!("{address} update")], "{what}: {up}");
        assert_eq!(up.done(), [format!("{address} update")], "{what}: {up}");
        let mut writes = [writes, &[RECORD]].concat();
        writes.sort_unstable();
        assert_eq!(world.writes(), writes, "{what}");
        assert_eq!(Stack::of(&up), stack, "{what}: nothing moves");
        assert_relays(&mut one, &mut other).await;
        assert_eq!((one.id().await, other.id().await), ids, "{what}: the connections are the same");
        world.assert_settled(&options).await;
    }
    assert_eq!(get(&stack.site.replace("index.html", "script.js")).await, (200, script.clone()));
    assert_eq!(get(&stack.site.replace("index.html", "notes.txt")).await.0, 403);

    // A setting of the stage, by hand: nothing of this program's options sets it.
    let slower = RouteSettings::builder().throttling_rate_limit(1.0).throttling_burst_limit(1).build();
    let update = world.account.gateway.update_stage().api_id(&stack.api).stage_name("prod");
    update.default_route_settings(slower).send().await.unwrap();
    world.account.aws.clear_calls();
    let up = world.machine.succeed(&[&["up", "demo"], &options[..]].concat()).await;
    assert_eq!(up.changes("stage.live"), ["throttling_burst", "throttling_rate"]);
    assert_eq!(
        (up.done(), world.writes()),
        (vec!["stage.live update".to_owned()], vec![RECORD, "UpdateStage"]),
        "{up}"
    );
    assert_relays(&mut one, &mut other).await;
    world.assert_settled(&options).await;
    fs::remove_file(relay).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_another_stage_serves_is_not_deleted() {
    let (world, stack) = World::with_demo().await;
    let gateway = &world.account.gateway;
    let live = gateway.get_stage().api_id(&stack.api).stage_name("prod").send().await.unwrap().deployment_id.unwrap();
    let create = gateway.create_stage().api_id(&stack.api).stage_name("preview").deployment_id(&live);
    create.send().await.unwrap();
    world.assert_settled(&[]).await;
    // Something that is deployed changes: the stack's own stage moves on, the other one stays where somebody put it.
    let routes = gateway.get_routes().api_id(&stack.api).send().await.unwrap();
    gateway.delete_route().api_id(&stack.api).route_id(routes.items()[0].route_id().unwrap()).send().await.unwrap();
    let up = world.machine.succeed(&["up", "demo"]).await;
    assert_eq!(up.done(), ["route.default create", "stage.live update"], "{up}");
    let preview = gateway.get_stage().api_id(&stack.api).stage_name("preview").send().await.unwrap();
    assert_eq!(preview.deployment_id, Some(live));
    world.assert_settled(&[]).await;
}

/// It is read while it is uploaded and never held, so it is read anew for another attempt.
#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_arrives_whole_at_a_second_attempt() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    copy_page(directory.path());
    let up = ["up", "demo", "--client", directory.path().to_str().unwrap()];
    let stack = Stack::of(&world.machine.succeed(&up).await);
    let film: String = (0..400_000).map(|line| format!("{line:07}\n")).collect();
    fs::write(directory.path().join("film.txt"), &film).unwrap();
    world.account.aws.faults().add("s3:PutObject#1=fail:503:SlowDown".parse().unwrap());
    world.account.aws.clear_calls();
    world.machine.succeed(&up).await;
    assert_eq!(world.writes().iter().filter(|write| **write == "PutObject").count(), 2);
    assert!(get(&stack.site.replace("index.html", "film.txt")).await == (200, film));
    world.assert_settled(&up[2..]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_file_that_changes_while_it_is_uploaded_is_named() {
    let world = World::new().await;
    let directory = tempfile::tempdir().unwrap();
    copy_page(directory.path());
    let up = ["up", "demo", "--client", directory.path().to_str().unwrap()];
    world.machine.succeed(&up).await;
    let film = directory.path().join("film.txt");
    fs::write(&film, "0".repeat(3_000_000)).unwrap();
    world.account.aws.faults().add("s3:PutObject#1=fail:503:SlowDown".parse().unwrap());
    let mut hits = world.account.aws.faults().hits();
    let edit = async {
        hits.recv().await.unwrap();
        fs::write(&film, "1".repeat(3_000_000)).unwrap();
    };
    let (run, ()) = tokio::join!(world.machine.run(&up), edit);
    let problem = run.finished()["problem"].clone();
    assert_eq!((run.code, &problem["code"]), (Some(2), &"invalid_client".into()), "{run}");
    assert!(problem["summary"].as_str().unwrap().contains("film.txt changed while"), "{problem}");
}
