//! What the two streams can show: decided once, from the terminal and the environment.

use std::env;
use std::io::{self, IsTerminal};

/// What may be used beside plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Abilities {
    pub(super) colour_on_stdout: bool,
    pub(super) colour_on_stderr: bool,
    /// Pictures made of text on stdout.
    pub(super) pictures: bool,
    /// Bars that are drawn over on stderr.
    pub(super) bars: bool,
}

impl Abilities {
    pub(super) fn detect() -> Self {
        Self::from(io::stdout().is_terminal(), io::stderr().is_terminal(), |name| {
            env::var_os(name).map(|value| !value.is_empty() && value != "dumb" && value != "false")
        })
    }

    fn from(stdout_is_terminal: bool, stderr_is_terminal: bool, variable: impl Fn(&str) -> Option<bool>) -> Self {
        // TERM is unset on Windows, whose terminals are able all the same.
        let able = variable("TERM").unwrap_or(cfg!(windows));
        // no-color.org: present and not empty.
        let colour = able && !variable("NO_COLOR").unwrap_or(false);
        // A CI's terminal, where it has one, keeps a log: bars would fill it.
        let bars = able && stderr_is_terminal && !variable("CI").unwrap_or(false);
        Self {
            colour_on_stdout: colour && stdout_is_terminal,
            colour_on_stderr: colour && stderr_is_terminal,
            pictures: able && stdout_is_terminal,
            bars,
        }
    }
}

/// Whether a person can be asked: they see stderr and can type.
pub(crate) fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_a_terminal(variables: &'static [(&'static str, bool)]) -> Abilities {
        Abilities::from(true, true, |name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| *value))
    }

    #[test]
    fn a_terminal_gets_colour_and_bars_unless_the_environment_says_no() {
        assert_eq!(
            on_a_terminal(&[("TERM", true)]),
            Abilities { colour_on_stdout: true, colour_on_stderr: true, pictures: true, bars: true }
        );
        assert_eq!(
            on_a_terminal(&[("TERM", true), ("NO_COLOR", true)]),
            Abilities { colour_on_stdout: false, colour_on_stderr: false, pictures: true, bars: true }
        );
        assert!(!on_a_terminal(&[("TERM", true), ("CI", true)]).bars);
        assert_eq!(
            on_a_terminal(&[("TERM", false)]),
            Abilities { colour_on_stdout: false, colour_on_stderr: false, pictures: false, bars: false }
        );
    }

    #[test]
    fn a_pipe_gets_plain_lines() {
        let piped = Abilities::from(false, false, |name| (name == "TERM").then_some(true));
        assert_eq!(piped, Abilities { colour_on_stdout: false, colour_on_stderr: false, pictures: false, bars: false });
    }
}
