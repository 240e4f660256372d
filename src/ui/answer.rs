//! Reads what a person answers to a question.

use std::io;

/// Whether the next line on stdin says yes. Anything else, the end of the input included, is a no.
pub(crate) async fn read_answer() -> bool {
    // A thread of its own: it may wait for ever, and a run that is interrupted meanwhile does not wait for it.
    let (answer, result) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line);
        let _ = answer.send(read.is_ok() && is_yes(&line));
    });
    result.await.unwrap_or(false)
}

fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(["y\n", "Y\r\n", " yes \n", "YES"].into_iter().all(is_yes));
        assert!(!["", "\n", "n\n", "yeah\n", "demo\n", "yy\n"].into_iter().any(is_yes));
    }
}
