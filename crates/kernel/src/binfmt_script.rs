//! Scripts: the `#!` line (fs/binfmt_script.c load_script).

use crate::exec::{HEAD, Rule};

const NO_NAME: Rule = Rule {
    text: "the #! line names no interpreter before its end",
    source: "fs/binfmt_script.c load_script",
};
const ALL_BLANK: Rule = Rule {
    text: "nothing but blanks follows #! in the first 256 bytes",
    source: "fs/binfmt_script.c load_script",
};
const CUT: Rule = Rule {
    text: "the interpreter's path does not end within the first 256 bytes of the file",
    source: "fs/binfmt_script.c load_script",
};

/// A `#!` line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The interpreter's path as the line has it. It may be relative (to the working directory) or empty.
    pub interpreter: &'a [u8],
    /// Everything behind it, unsplit: one argument.
    pub argument: Option<&'a [u8]>,
}

/// Reads the line as the kernel does from the first 256 bytes of a file, zeroes behind its end.
///
/// # Errors
/// The rule by which the kernel does not take it for a script.
pub fn parse(head: &[u8; HEAD]) -> Result<Line<'_>, Rule> {
    // The kernel's `i_end`: the index just behind the line.
    let mut end = match newline(head) {
        Some(end) => end,
        None => {
            let name = not_blank(head, 2, HEAD - 1).ok_or(ALL_BLANK)?;
            terminator(head, name, HEAD - 1).ok_or(CUT)?;
            HEAD - 1
        }
    };
    while end > 2 && is_blank(head[end - 1]) {
        end -= 1;
    }
    let name = not_blank(head, 2, end).filter(|name| *name != end).ok_or(NO_NAME)?;
    let separator = terminator(head, name, end);
    let argument = separator
        .filter(|at| head[*at] != 0)
        .and_then(|at| not_blank(head, at, end))
        .map(|at| until_nul(&head[at..end]));
    Ok(Line { interpreter: until_nul(&head[name..separator.unwrap_or(end)]), argument })
}

/// The first newline, unless a NUL comes before it (`strnchr`).
fn newline(head: &[u8; HEAD]) -> Option<usize> {
    head.iter().position(|byte| matches!(byte, b'\n' | 0)).filter(|at| head[*at] == b'\n')
}

/// The first byte that is no blank, from `first` to `last`, both included (`next_non_spacetab`).
fn not_blank(head: &[u8; HEAD], first: usize, last: usize) -> Option<usize> {
    (first..=last).find(|at| !is_blank(head[*at]))
}

/// The first blank or NUL, from `first` to `last`, both included (`next_terminator`).
fn terminator(head: &[u8; HEAD], first: usize, last: usize) -> Option<usize> {
    (first..=last).find(|at| is_blank(head[*at]) || head[*at] == 0)
}

/// Blanks are space and tab; a carriage return is part of the name.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &[u8], expect: Result<(&str, Option<&str>), Rule>) {
        let mut head = [0; HEAD];
        let length = text.len().min(HEAD);
        head[..length].copy_from_slice(&text[..length]);
        let expect = expect.map(|(interpreter, argument)| Line {
            interpreter: interpreter.as_bytes(),
            argument: argument.map(str::as_bytes),
        });
        assert_eq!(parse(&head), expect, "{}", text.escape_ascii());
    }

    #[test]
    fn lines() {
        check(b"#!/bin/sh\n", Ok(("/bin/sh", None)));
        check(b"#!/bin/sh", Ok(("/bin/sh", None)));
        check(b"#! \t /bin/sh \t\n", Ok(("/bin/sh", None)));
        check(b"#!/usr/bin/env -S a b\nrest", Ok(("/usr/bin/env", Some("-S a b"))));
        check(b"#!/bin/sh\r\n", Ok(("/bin/sh\r", None)));
        check(b"#!/bin/sh -e\r\n", Ok(("/bin/sh", Some("-e\r"))));
        check(b"#!/bin/sh\0 x\n", Ok(("/bin/sh", None)));
        check(b"#!bin/sh\n", Ok(("bin/sh", None)));
    }

    #[test]
    fn lines_without_a_name() {
        check(b"#!\n", Err(NO_NAME));
        check(b"\n", Err(NO_NAME));
        check(b"#!  \n/bin/sh\n", Err(NO_NAME));
        check(b"#!", Ok(("", None)));
        check(b"#! ", Ok(("", None)));
        check(b"#!\0/bin/sh\n", Ok(("", None)));
        check(&[b"#!".as_slice(), &[b' '; 254]].concat(), Err(ALL_BLANK));
    }

    #[test]
    fn the_name_must_end_within_256_bytes() {
        let line = |length: usize, end: &[u8]| [b"#!", vec![b'x'; length].as_slice(), end].concat();
        let name = |length| "x".repeat(length);
        check(&line(253, b"\n"), Ok((&name(253), None)));
        check(&line(253, b""), Ok((&name(253), None)));
        check(&line(253, b" argument\n"), Ok((&name(253), None)));
        check(&line(254, b"\n"), Err(CUT));
        check(&line(254, b""), Err(CUT));
        let long_argument = [b" ".as_slice(), &[b'y'; 300]].concat();
        check(&line(200, &long_argument), Ok((&name(200), Some(&"y".repeat(52)))));
    }
}
