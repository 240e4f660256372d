//! The terminal that bars are drawn on. It may be closed at any moment; what is drawn from then on is lost, which is no error:
//! indicatif would panic over one.

use std::io;

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// As indicatif does by itself.
const REFRESHES_PER_SECOND: u8 = 20;

#[derive(Debug)]
struct Screen(Term);

pub(super) fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Screen(Term::buffered_stderr())), REFRESHES_PER_SECOND)
}

/// Nobody is there to see that it failed.
fn shown_or_lost(_: io::Result<()>) -> io::Result<()> {
    Ok(())
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        shown_or_lost(self.0.move_cursor_up(n))
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        shown_or_lost(self.0.move_cursor_down(n))
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        shown_or_lost(self.0.move_cursor_right(n))
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        shown_or_lost(self.0.move_cursor_left(n))
    }

    fn write_line(&self, s: &str) -> io::Result<()> {
        shown_or_lost(self.0.write_line(s))
    }

    fn write_str(&self, s: &str) -> io::Result<()> {
        shown_or_lost(self.0.write_str(s))
    }

    fn clear_line(&self) -> io::Result<()> {
        shown_or_lost(self.0.clear_line())
    }

    fn flush(&self) -> io::Result<()> {
        shown_or_lost(self.0.flush())
    }
}
