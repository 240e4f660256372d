//! Two processes at once on one stack: the first is held at each of its writes until the second has ended. Neither crashes, leaks
//! or leaves anything twice; at worst one says that another run is at work.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::program::{Run, Running};
use crate::support::proxy::{Moment, Target};
use crate::world::{Backend, Census, Version, Versions, World, outputs};

/// By default, one in this many cases.
const ONE_IN: usize = 9;

/// Most of the time one of the two waits for the other's things to appear or to go.
const SIDE_BY_SIDE: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Command {
    Up,
    Teardown,
}

impl Command {
    fn start(self, world: &World, versions: &Versions) -> Running {
        match self {
            Self::Up => world.start("up", &versions.options(Version::One)),
            Self::Teardown => world.start("teardown", &["--yes".to_owned()]),
        }
    }

    async fn succeed(self, world: &World, versions: &Versions) -> Run {
        let run = self.start(world, versions).end().await;
        assert_eq!(run.code, Some(0), "{self:?}: {run}");
        run
    }
}

#[derive(Clone, Debug)]
struct Case {
    first: Command,
    target: Target,
    moment: Moment,
    second: Command,
}

/// What an undisturbed `up` leaves, and what was there before.
struct Clean {
    nothing: Census,
    stands: Vec<String>,
    cases: Mutex<VecDeque<Case>>,
}

impl Clean {
    async fn record(world: &World, versions: &Versions) -> Self {
        let nothing = world.census().await;
        Command::Up.succeed(world, versions).await;
        let up = Target::all(&world.proxy.writes());
        let stands = world.census().await.things;
        world.proxy.clear();
        Command::Teardown.succeed(world, versions).await;
        let teardown = Target::all(&world.proxy.writes());
        let mut cases = Vec::new();
        for (first, targets) in [(Command::Up, up), (Command::Teardown, teardown)] {
            for target in targets {
                for second in [Command::Up, Command::Teardown] {
                    let case = |moment| Case { first, target: target.clone(), moment, second };
                    cases.extend([Moment::Before, Moment::After].map(case));
                }
            }
        }
        let step = if crate::everything() { 1 } else { ONE_IN };
        Self { nothing, stands, cases: Mutex::new(cases.into_iter().step_by(step).collect()) }
    }
}

/// Ends as it should, or with words that say what another run has to do with it.
fn is_in_order(run: &Run) -> bool {
    let problem = &run.finished()["problem"]["code"];
    run.code == Some(0) || run.code == Some(1) && (*problem == json!("disturbed") || *problem == json!("leftover"))
}

async fn run(case: &Case, world: &World, versions: &Versions, clean: &Clean) -> Result<(), String> {
    let Case { first, target, moment, second } = case;
    if *first == Command::Teardown {
        Command::Up.succeed(world, versions).await;
    }
    world.proxy.clear();
    let held = world.proxy.hold(target, *moment);
    let mut one = first.start(world, versions);
    let held = tokio::select! {
        held = held => held.unwrap(),
        _ = one.until(|_| false) => unreachable!("it panics when the run ends"),
    };
    let two = second.start(world, versions).end().await;
    held.release();
    // A role that the other one took away looks like one that is not ready yet, for minutes; nobody has to wait for it.
    let waits_for_a_role =
        |event: &serde_json::Value| event["reason"].as_str().is_some_and(|it| it.contains("assumed"));
    let mut interrupted = false;
    let one = loop {
        match one.next().await {
            Some(event) if *second == Command::Teardown && waits_for_a_role(&event) && !interrupted => {
                interrupted = true;
                one.signal(Signal::INT);
            }
            Some(_) => {}
            None => break one.end().await,
        }
    };
    let ended_by_us = interrupted && one.code == Some(130);
    if !is_in_order(&two) || !ended_by_us && !is_in_order(&one) {
        return Err(format!("the first: {one}\nthe second: {two}"));
    }
    let up = world.run("up", &versions.options(Version::One)).await;
    let now = world.census().await;
    if up.code != Some(0) || now.things != clean.stands {
        return Err(format!("{:?} instead of {:?} after {up}", now.things, clean.stands));
    }
    if [first, second] == [&Command::Up; 2] {
        let shown: Vec<_> = [&one, &two].into_iter().filter(|run| run.code == Some(0)).filter_map(outputs).collect();
        if shown.iter().any(|it| Some(it) != outputs(&up).as_ref()) {
            return Err(format!("{shown:?} became {up}"));
        }
    }
    let plan = world.run("plan", &[versions.options(Version::One), vec!["--exit-code".to_owned()]].concat()).await;
    let teardown = world.run("teardown", &["--yes".to_owned()]).await;
    match world.census().await {
        left if teardown.code != Some(0) || left != clean.nothing => Err(format!("{left:?} is left after {teardown}")),
        _ if plan.code != Some(0) => Err(format!("the plan is not empty: {plan}")),
        _ => Ok(()),
    }
}

async fn work(versions: Arc<Versions>, clean: Arc<Clean>) -> (usize, Vec<String>) {
    let (mut count, mut failures) = (0, Vec::new());
    let mut world = World::new(Backend::Local).await;
    loop {
        let Some(case) = clean.cases.lock().unwrap().pop_front() else { return (count, failures) };
        count += 1;
        if let Err(failure) = run(&case, &world, &versions, &clean).await {
            let Case { first, target, moment, second } = case;
            failures.push(format!("{first:?} held {moment:?} {target}, then {second:?}: {failure}"));
            world = World::new(Backend::Local).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn wherever_two_processes_meet_the_next_up_converges_and_teardown_gives_zero() {
    let (world, versions) = World::with_versions().await;
    let clean = Arc::new(Clean::record(&world, &versions).await);
    let versions = Arc::new(versions);
    let mut workers = JoinSet::new();
    for _ in 0..SIDE_BY_SIDE {
        workers.spawn(work(Arc::clone(&versions), Arc::clone(&clean)));
    }
    let (mut cases, mut failures) = (0, Vec::new());
    for (count, failed) in workers.join_all().await {
        cases += count;
        failures.extend(failed);
    }
    println!("{cases} cases of two processes at once, {} failed", failures.len());
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}
