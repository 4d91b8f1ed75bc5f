//! What a shell script hands over to, read without running it.
//!
//! Entry point scripts end in `exec "$@"` or the like. This reads the common idioms (those of docker-library's images
//! among them) with the arguments that the container gives: conditions on them are decided, other conditions are left
//! open, and what hangs on an open one is only *likely*. What is not understood is not followed.

mod expand;
mod glob;
mod redact;
mod syntax;
mod test;
mod token;
mod walk;

pub(crate) use redact::without_secrets;

use std::collections::BTreeSet;

/// How sure a hand-over is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Certainty {
    /// It hangs on a condition that is not known, or other commands run before it.
    Likely,
    /// Nothing that is not known stands before it.
    Certain,
}

/// With what a script is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Situation {
    /// `$0`.
    pub zero: Vec<u8>,
    /// `$1` and on.
    pub arguments: Vec<Vec<u8>>,
    /// The value of `PATH`.
    pub path: Vec<u8>,
    /// The working directory.
    pub cwd: Vec<u8>,
    /// Who runs it.
    pub uid: u32,
    /// The names of the variables that are set; of the values only that of `PATH` is known.
    pub variables: BTreeSet<Vec<u8>>,
}

/// A program that a script runs in its place, or last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HandOver {
    /// The command; its first word is never empty.
    pub argv: Vec<Vec<u8>>,
    /// Whether all of it is known; else these are its first words.
    pub complete: bool,
    /// `PATH` by then; `None` where it is not known any more.
    pub path: Option<Vec<u8>>,
    /// The working directory by then.
    pub cwd: Option<Vec<u8>>,
    /// The line, 1 first.
    pub line: usize,
    /// The command as it is written.
    pub text: String,
    /// How sure it is.
    pub certainty: Certainty,
}

/// What a script comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// It hands over.
    HandsOver(HandOver),
    /// It comes to its end without running another program last.
    Ends,
    /// It is not understood; the line where that begins, if there is one.
    Lost(Option<usize>),
}

/// Reads a script's text.
pub fn read(text: &[u8], situation: &Situation) -> Reading {
    match syntax::parse(text) {
        Some(nodes) => walk::walk(text, &nodes, situation),
        None => Reading::Lost(None),
    }
}

#[cfg(test)]
mod tests;
