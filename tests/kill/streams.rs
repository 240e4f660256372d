//! Whoever reads may leave, stop reading, or take the terminal away: the run neither crashes nor hangs.

use std::fs::File;
#[cfg(target_os = "linux")]
use std::io::Write;
use std::path::PathBuf;
use std::process::Stdio;

use rustix::process::Signal;
use rustix::pty::OpenptFlags;
use tokio::io::AsyncReadExt;

use crate::patience;
use crate::support::program::send;
use crate::support::proxy::{Moment, Target};
use crate::world::{Version, World};

/// A terminal, and what is shown on it. Gone when dropped.
pub struct Terminal {
    pub screen: tokio::fs::File,
    path: PathBuf,
}

impl Terminal {
    pub fn open() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        // A program that inherits it would keep its own terminal alive.
        #[cfg(target_os = "linux")]
        let flags = flags | OpenptFlags::CLOEXEC;
        let screen = rustix::pty::openpt(flags).unwrap();
        rustix::pty::grantpt(&screen).unwrap();
        rustix::pty::unlockpt(&screen).unwrap();
        let path = rustix::pty::ptsname(&screen, Vec::new()).unwrap().into_string().unwrap().into();
        Self { screen: File::from(screen).into(), path }
    }

    /// One of its standard streams, for a program that runs in it.
    pub fn stdio(&self) -> Stdio {
        File::options().read(true).write(true).open(&self.path).unwrap().into()
    }
}

/// Reads on until these words have come.
pub async fn until_said(stream: &mut (impl AsyncReadExt + Unpin), words: &str) {
    let mut said = String::new();
    while !said.contains(words) {
        let mut some = [0; 4096];
        let count = patience(stream.read(&mut some)).await.unwrap_or_else(|error| panic!("{error} after: {said}"));
        assert!(count > 0, "it ended after: {said}");
        said += &String::from_utf8_lossy(&some[..count]);
    }
}

/// The first call of `up` that the bucket needs; a run that is held there has said something, and has much left to say.
fn in_the_middle() -> Target {
    Target::nth(1, "s3", "PUT *")
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_who_leave_do_no_harm() {
    let (world, versions) = World::with_versions().await;
    let options = versions.options(Version::One);
    for stream in ["stdout", "stderr"] {
        world.proxy.clear();
        let held = world.proxy.hold(&in_the_middle(), Moment::Before);
        let mut command = world.command("up", &options);
        let mut up = command.spawn().unwrap();
        let held = patience(held).await.unwrap();
        match stream {
            "stdout" => drop(up.stdout.take()),
            _ => drop(up.stderr.take()),
        }
        held.release();
        assert_eq!(patience(up.wait_with_output()).await.unwrap().status.code(), Some(0), "{stream}");
        world.succeed("plan", &[options.clone(), vec!["--exit-code".to_owned()]].concat()).await;
        world.succeed("teardown", &["--yes".to_owned()]).await;
    }
}

/// Only Linux says how much it takes to fill a pipe.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_stopped_reading_keeps_nobody_who_wants_to_leave() {
    let (world, versions) = World::with_versions().await;
    let options = versions.options(Version::One);
    let (_never_read, mut full) = std::io::pipe().unwrap();
    let room = rustix::pipe::fcntl_setpipe_size(&full, 4096).unwrap();
    full.write_all(&vec![b' '; room]).unwrap();
    let mut command = world.command("up", &options);
    let held = world.proxy.hold(&Target::nth(1, "apigateway", "POST apis/*/stages"), Moment::After);
    let mut up = command.args(["--output", "json"]).stdout(Stdio::from(full)).spawn().unwrap();
    drop(command);
    // The work is not held up by it.
    patience(held).await.unwrap().release();
    send(&up, Signal::TERM);
    let code = patience(up.wait()).await.unwrap().code();
    assert!(matches!(code, Some(0 | 143)), "{code:?}: it was done, or interrupted in its last step");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_is_gone_does_no_harm() {
    let (world, versions) = World::with_versions().await;
    let options = versions.options(Version::One);
    let terminal = Terminal::open();
    let mut command = world.command("up", &options);
    command.env("TERM", "xterm").stdin(terminal.stdio()).stdout(terminal.stdio()).stderr(terminal.stdio());
    let held = world.proxy.hold(&in_the_middle(), Moment::Before);
    let mut up = command.spawn().unwrap();
    drop(command);
    let held = patience(held).await.unwrap();
    // Whatever is written from now on is an error, and there is no signal: it is nobody's controlling terminal.
    drop(terminal);
    held.release();
    assert_eq!(patience(up.wait()).await.unwrap().code(), Some(0));
    world.succeed("plan", &[options, vec!["--exit-code".to_owned()]].concat()).await;
}

/// `setsid --ctty` and `nohup` come with every Linux.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_closed_terminal_ends_a_run_but_not_one_under_nohup() {
    let (world, versions) = World::with_versions().await;
    let options = versions.options(Version::One);
    for (nohup, code) in [(false, 129), (true, 0)] {
        world.proxy.clear();
        let terminal = Terminal::open();
        let up = world.command("up", &options);
        let mut command = tokio::process::Command::new("setsid");
        command.args(["--ctty", "--wait"]).args(nohup.then_some("nohup")).arg(up.as_std().get_program());
        command.args(up.as_std().get_args()).current_dir(up.as_std().get_current_dir().unwrap()).env_clear();
        command.envs(up.as_std().get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(terminal.stdio()).stdout(terminal.stdio()).stderr(terminal.stdio()).kill_on_drop(true);
        let held = world.proxy.hold(&in_the_middle(), Moment::Before);
        let mut up = command.spawn().unwrap();
        drop(command);
        let held = patience(held).await.unwrap();
        drop(terminal);
        if nohup {
            held.release();
            assert_eq!(patience(up.wait()).await.unwrap().code(), Some(code));
        } else {
            // Not answered: the run gives the call a few seconds, and ends.
            assert_eq!(patience(up.wait()).await.unwrap().code(), Some(code));
            drop(held);
        }
        world.proxy.quiet().await;
        world.succeed("up", &options).await;
        world.succeed("teardown", &["--yes".to_owned()]).await;
    }
}
