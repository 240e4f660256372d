//! A QR code of blocks of text, two squares of the code on each other in one character.

use anstyle::{AnsiColor, Color, Style};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// Dark on light, as readers expect it, whatever the terminal's colours are.
const DARK_ON_LIGHT: Style =
    Style::new().fg_color(Some(Color::Ansi(AnsiColor::Black))).bg_color(Some(Color::Ansi(AnsiColor::BrightWhite)));

/// The lines of a code. Without colour it is drawn for a dark terminal. None, if the text is too long for one.
pub(super) fn lines(text: &str, colour: bool) -> Option<Vec<String>> {
    let code = QrCode::new(text).ok()?;
    let mut render = code.render::<Dense1x2>();
    if !colour {
        // What is drawn shines, what is left blank is dark.
        render.dark_color(Dense1x2::Light).light_color(Dense1x2::Dark);
    }
    let drawn = render.build();
    let line = |line: &str| if colour { format!("{DARK_ON_LIGHT}{line}{DARK_ON_LIGHT:#}") } else { line.to_owned() };
    Some(drawn.lines().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_square_and_has_a_margin() {
        let drawn =
            lines("https://webrtc-aws-demo-2095358c201d.s3.eu-central-1.amazonaws.com/index.html", false).unwrap();
        let width = drawn[0].chars().count();
        assert!(drawn.iter().all(|line| line.chars().count() == width) && drawn.len().abs_diff(width / 2) <= 1);
        // Light all around, which shines here. Of the last line only the upper half is the code's.
        let (last, rest) = drawn.split_last().unwrap();
        assert!(rest[0].chars().all(|c| c == '█') && rest.iter().all(|line| line.starts_with('█')), "{drawn:#?}");
        assert!(last.chars().all(|c| c == '▀'), "{drawn:#?}");
        let coloured = lines("https://a.test", true).unwrap();
        assert!(coloured.iter().all(|line| line.starts_with("\u{1b}[30m") && line.ends_with("\u{1b}[0m")));
        assert_eq!(lines(&"x".repeat(5_000), false), None);
    }
}
