//! The question on a terminal.

use crate::output::text::BOLD;
use std::io::{self, BufRead, IsTerminal, Write};

/// What came of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consent {
    /// Do it.
    Yes,
    /// Leave it.
    No,
    /// Nobody is there to be asked.
    Nobody,
}

/// Whether there is somebody to ask: the question goes to standard error, the answer comes from standard input.
pub(super) fn somebody_is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks; everything but a clear yes is a no.
pub(super) fn ask(question: &str) -> Consent {
    if !somebody_is_there() {
        return Consent::Nobody;
    }
    let mut stderr = anstream::stderr();
    let asked = write!(stderr, "\n{BOLD}{question}{BOLD:#} [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    // Nobody types more than this.
    let read = asked.and_then(|()| io::Read::take(io::stdin().lock(), 100).read_line(&mut answer));
    match (read, answer.trim().to_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Consent::Yes,
        _ => Consent::No,
    }
}
