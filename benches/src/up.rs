//! `up`, `up` with nothing to do, and `teardown`, with AWS 40 ms away.

use std::collections::BTreeMap;

use tempfile::TempDir;

use crate::Outcome;
use crate::figure::Figure;
use crate::program::{Programs, Timed};
use crate::recorder::{DISTANCE, Recorded, Recorder, census, longest_row, timeline};

const ROUNDS: usize = 5;
const MOST_MEMORY_MB: f64 = 40.0;

/// As many as are uploaded side by side.
const FILMS: usize = 8;
const FILM_MB: usize = 30;

/// One run of a command.
struct Lap {
    seconds: f64,
    most_memory_mb: f64,
    /// Before its first call came, and after its last one was answered.
    around: [f64; 2],
    calls: Vec<Recorded>,
}

impl Lap {
    fn new(timed: Timed, calls: Vec<Recorded>) -> Outcome<Self> {
        let begun = calls.iter().map(|call| call.begun).min().ok_or("no call was made")?;
        let ended = calls.iter().map(|call| call.ended).max().ok_or("no call was made")?;
        Ok(Self {
            seconds: (timed.ended - timed.begun).as_secs_f64(),
            most_memory_mb: timed.most_memory_kb / 1e3,
            around: [(begun - timed.begun).as_secs_f64(), (timed.ended - ended).as_secs_f64()],
            calls,
        })
    }

    /// What it did when.
    fn timeline(&self) -> String {
        let [before, after] = self.around.map(|seconds| seconds * 1e3);
        let row = timeline(&self.calls);
        format!("{before:.0} ms until its first call came, {after:.0} ms after its last one was answered.\n{row}")
    }
}

/// The lap in the middle, by time.
fn middle(mut laps: Vec<Lap>) -> Outcome<Lap> {
    laps.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
    let place = laps.len() / 2;
    laps.into_iter().nth(place).ok_or_else(|| "no laps".into())
}

/// What a command is held to, and why it misses that if it does.
struct Aim {
    name: &'static str,
    seconds: f64,
    calls: Option<f64>,
    limit: &'static str,
}

impl Aim {
    fn figures(&self, laps: Vec<Lap>) -> Outcome<[Figure; 3]> {
        let lap = middle(laps)?;
        let row = longest_row(&lap.calls).len() as f64;
        let over = lap.seconds / (row * DISTANCE.as_secs_f64());
        let (name, timeline) = (self.name, lap.timeline());
        let calls = Figure::new(&format!("{name}: calls"), lap.calls.len() as f64, "calls").limited_by(format!(
            "{}\n{}",
            self.limit,
            census(&lap.calls)
        ));
        Ok([
            Figure::new(&format!("{name}: from start to end"), lap.seconds, "s")
                .at_most(self.seconds)
                .limited_by(format!("{}\n{timeline}", self.limit)),
            match self.calls {
                Some(most) => calls.at_most(most),
                None => calls,
            },
            Figure::new(&format!("{name}: time over that of its {row} calls in a row"), over, "times")
                .at_most(1.25)
                .limited_by(format!("The gaps of its time line.\n{timeline}")),
        ])
    }
}

const UP: Aim = Aim {
    name: "up at 40 ms",
    seconds: 0.6,
    calls: Some(30.0),
    limit: "The second look for an API that another run made at the same moment comes 1.2 s after the first: dates of APIs are in whole\n\
        seconds, and lists show late. Beside AWS's own waits it costs nothing: a new role cannot be assumed for 8 s. Each file of the\n\
        page is a PUT, and a look at everything ends the run.",
};

const AGAIN: Aim = Aim {
    name: "up with nothing to do at 40 ms",
    seconds: 0.3,
    calls: Some(10.0),
    limit: "The type and age of a file are in no list: each file is looked at. Each property of a bucket and of an API is a read.",
};

const TEARDOWN: Aim = Aim {
    name: "teardown at 40 ms",
    seconds: 0.6,
    calls: None,
    limit: "Nothing is deleted before it was looked at, and no bucket before it was seen empty.",
};

/// How often each write was made.
fn writes(calls: &[Recorded]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for write in calls.iter().filter(|it| it.call.is_write) {
        *counts.entry(write.call.to_string()).or_default() += 1;
    }
    counts
}

/// A page with large files, as a directory.
fn films(home: &TempDir) -> Outcome<String> {
    let page = home.path().join("films");
    std::fs::create_dir(&page)?;
    std::fs::write(page.join("index.html"), "<!doctype html>")?;
    for number in 0..FILMS {
        std::fs::write(page.join(format!("{number}.mp4")), vec![0; FILM_MB * 1_000_000])?;
    }
    Ok(page.to_str().ok_or("the directory's path is no text")?.to_owned())
}

pub(crate) async fn measure(programs: &Programs) -> Outcome<Vec<Figure>> {
    let home = tempfile::tempdir()?;
    let local = programs.started(&home, &["local", "--port", "0", "--manners", "none"], "endpoint").await?;
    let recorder = Recorder::start(&local.url, DISTANCE).await?;
    let up = programs.up_at(&recorder.endpoint)?;
    let teardown = ["teardown", "bench", "--yes", "--endpoint-url", &recorder.endpoint];
    let (mut first, mut again, mut removal) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let lap = Lap::new(programs.timed(&home, &up).await?, recorder.take())?;
        let twice: Vec<_> = writes(&lap.calls).into_iter().filter(|(_, count)| *count > 1).collect();
        if !twice.is_empty() {
            return Err(format!("an up made the same write more than once: {twice:?}").into());
        }
        first.push(lap);
        let lap = Lap::new(programs.timed(&home, &up).await?, recorder.take())?;
        let written = writes(&lap.calls);
        if !written.is_empty() {
            return Err(format!("an up with nothing to do wrote: {written:?}").into());
        }
        again.push(lap);
        removal.push(Lap::new(programs.timed(&home, &teardown).await?, recorder.take())?);
    }
    let most_memory = first.iter().map(|lap| lap.most_memory_mb).fold(0.0, f64::max);
    let with_films =
        programs.timed(&home, &[&programs.up_at(&local.url)?[..], &["--client", &films(&home)?]].concat()).await?;
    let mut figures = vec![
        Figure::new("up: most memory", most_memory, "MB").at_most(MOST_MEMORY_MB),
        Figure::new(
            &format!("up: most memory, with {FILMS} files of {FILM_MB} MB in the page"),
            with_films.most_memory_kb / 1e3,
            "MB",
        )
        .at_most(MOST_MEMORY_MB),
    ];
    figures.extend(UP.figures(first)?);
    figures.extend(AGAIN.figures(again)?);
    figures.extend(TEARDOWN.figures(removal)?);
    Ok(figures)
}
