//! `kill -9` at every write of every command, before it takes effect and after: the next `up` gives the same URL and one of each,
//! and `teardown` gives zero.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write;
use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;

use crate::support::proxy::{Moment, Target};
use crate::world::{Backend, Census, Version, Versions, World, outputs};

/// How many accounts are worked on side by side: most of a run is waiting.
const SIDE_BY_SIDE: usize = 3;

/// By default, one in this many cases.
const ONE_IN: usize = 4;

/// What is killed, and what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Command {
    FirstUp,
    UpThatChangesEverything,
    Teardown,
}

impl Command {
    const ALL: [Self; 3] = [Self::FirstUp, Self::UpThatChangesEverything, Self::Teardown];

    /// What an `up` is to make of the account after it.
    fn version(self) -> Version {
        if self == Self::UpThatChangesEverything { Version::Two } else { Version::One }
    }
}

#[derive(Clone, Debug)]
struct Case {
    command: Command,
    target: Target,
    moment: Moment,
    /// After a killed `teardown`, an `up` may come before the next one.
    up_comes_next: bool,
}

/// What an undisturbed run does, and what it leaves.
struct Clean {
    nothing: Census,
    writes: BTreeMap<Command, Vec<Target>>,
    /// Names of what is there after it.
    stands: BTreeMap<Command, Vec<String>>,
}

impl Clean {
    async fn record(world: &World, versions: &Versions) -> Self {
        let nothing = world.census().await;
        let (mut writes, mut stands) = (BTreeMap::new(), BTreeMap::new());
        let mut counted = 0;
        for command in Command::ALL {
            world.proxy.clear();
            match command {
                Command::Teardown => world.succeed("teardown", &["--yes".to_owned()]).await,
                up => world.succeed("up", &versions.options(up.version())).await,
            };
            let calls = world.proxy.writes();
            assert!(calls.len() > 5, "{command:?}: {calls:?}");
            counted += calls.len();
            if let Some(expected) = world.writes_as_the_account_counts_them() {
                assert_eq!(counted, expected, "the proxy knows a write when it sees one: {command:?}: {calls:?}");
            }
            writes.insert(command, Target::all(&calls));
            stands.insert(command, world.census().await.things);
        }
        assert_eq!(world.census().await, nothing);
        Self { nothing, writes, stands }
    }

    fn cases(&self) -> VecDeque<Case> {
        let cases = self.writes.iter().flat_map(|(&command, targets)| {
            let moments = targets.iter().flat_map(|target| [Moment::Before, Moment::After].map(|it| (target, it)));
            moments.enumerate().map(move |(number, (target, moment))| Case {
                command,
                target: target.clone(),
                moment,
                up_comes_next: command != Command::Teardown || number / 2 % 2 == 0,
            })
        });
        // Stepping by an odd number takes befores and afters in turn.
        let step = if crate::everything() { 1 } else { ONE_IN | 1 };
        cases.step_by(step).collect()
    }
}

#[derive(Debug, Default)]
struct Verdict {
    not_converged: Option<String>,
    leaked: Option<String>,
    url_changed: Option<String>,
}

async fn run(case: &Case, world: &World, versions: &Versions, clean: &Clean) -> Verdict {
    let mut verdict = Verdict::default();
    let Case { command, target, moment, up_comes_next } = case;
    let before = match command {
        Command::FirstUp => None,
        _ => outputs(&world.succeed("up", &versions.options(Version::One)).await),
    };
    world.proxy.clear();
    let held = world.proxy.hold(target, *moment);
    let mut killed = match command {
        Command::Teardown => world.start("teardown", &["--yes".to_owned()]),
        up => world.start("up", &versions.options(up.version())),
    };
    let held = tokio::select! {
        held = held => held.unwrap(),
        _ = killed.until(|_| false) => unreachable!("it panics when the run ends"),
    };
    killed.kill().await;
    drop(held);
    world.proxy.quiet().await;

    let left = world.census().await.apis;
    if *up_comes_next {
        let options = versions.options(command.version());
        let up = world.run("up", &options).await;
        let now = world.census().await;
        let plan = world.run("plan", &[options, vec!["--exit-code".to_owned()]].concat()).await;
        let stands = &clean.stands[if *command == Command::Teardown { &Command::FirstUp } else { command }];
        if up.code != Some(0) {
            verdict.not_converged = Some(format!("the next up: {up}"));
        } else if now.things != *stands {
            verdict.not_converged = Some(format!("{:?} instead of {stands:?}", now.things));
        } else if plan.code != Some(0) {
            verdict.not_converged = Some(format!("the next plan: {plan}"));
        }
        let expected = before.filter(|_| *command == Command::UpThatChangesEverything);
        if !left.is_empty() && now.apis != left || expected.is_some_and(|before| outputs(&up) != Some(before)) {
            verdict.url_changed = Some(format!("{left:?} became {:?}", now.apis));
        }
    }
    let teardown = world.run("teardown", &["--yes".to_owned()]).await;
    let now = world.census().await;
    if teardown.code != Some(0) {
        verdict.leaked = Some(format!("teardown: {teardown}"));
    } else if now != clean.nothing {
        verdict.leaked = Some(format!("{now:?}"));
    }
    verdict
}

#[derive(Default)]
struct Row {
    cases: usize,
    converged: usize,
    leaked: usize,
    url_changed: usize,
}

/// One of several that take cases from the queue until there are none.
async fn work(
    backend: Backend,
    versions: Arc<Versions>,
    clean: Arc<Clean>,
    queue: Arc<Mutex<VecDeque<Case>>>,
) -> Vec<(Case, Verdict)> {
    let mut verdicts = Vec::new();
    let mut world = World::new(backend).await;
    loop {
        let Some(case) = queue.lock().unwrap().pop_front() else { return verdicts };
        let verdict = run(&case, &world, &versions, &clean).await;
        if verdict.leaked.is_some() {
            world = World::new(backend).await;
        }
        verdicts.push((case, verdict));
    }
}

async fn sweep(backend: Backend) {
    let world = World::new(backend).await;
    let versions = Arc::new(Versions::new(&world.machine.relay().await));
    let clean = Arc::new(Clean::record(&world, &versions).await);
    let queue = Arc::new(Mutex::new(clean.cases()));
    let mut workers = JoinSet::new();
    for _ in 0..SIDE_BY_SIDE {
        workers.spawn(work(backend, Arc::clone(&versions), Arc::clone(&clean), Arc::clone(&queue)));
    }
    let mut table: BTreeMap<(Command, Moment), Row> = BTreeMap::new();
    let mut failures = String::new();
    while let Some(verdicts) = workers.join_next().await {
        for (case, verdict) in verdicts.unwrap() {
            let Case { command, target, moment, .. } = case;
            let row = table.entry((command, moment)).or_default();
            row.cases += 1;
            row.converged += usize::from(verdict.not_converged.is_none());
            row.leaked += usize::from(verdict.leaked.is_some());
            row.url_changed += usize::from(verdict.url_changed.is_some());
            for failure in [verdict.not_converged, verdict.leaked, verdict.url_changed].into_iter().flatten() {
                writeln!(failures, "{command:?}, killed {moment:?} {target}: {failure}").unwrap();
            }
        }
    }
    println!("{}", printed(backend, &table));
    assert!(failures.is_empty(), "\n{failures}");
}

fn printed(backend: Backend, table: &BTreeMap<(Command, Moment), Row>) -> String {
    let line = |[backend, command, moment]: [&str; 3], numbers: [&str; 4]| {
        let [cases, converged, leaked, url_changed] = numbers;
        format!("{backend:<11}{command:<25}{moment:<8}{cases:>6}{converged:>11}{leaked:>8}{url_changed:>13}\n")
    };
    let mut text = line(["backend", "command", "killed"], ["cases", "converged", "leaked", "URL changed"]);
    for ((command, moment), row) in table {
        let numbers = [row.cases, row.converged, row.leaked, row.url_changed].map(|number| number.to_string());
        let words = [format!("{backend:?}"), format!("{command:?}"), format!("{moment:?}")];
        text += &line(words.each_ref().map(String::as_str), numbers.each_ref().map(String::as_str));
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_write_on_the_local_aws_the_next_run_converges_and_nothing_leaks() {
    sweep(Backend::Local).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_write_on_somebody_elses_emulator_the_next_run_converges_and_nothing_leaks() {
    sweep(Backend::Ministack).await;
}
