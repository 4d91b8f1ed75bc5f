//! How answers look: shapes and colours. What they say stands in `execfit-diagnosis`.

pub mod explain;
pub mod fix;
pub mod text;

use crate::observe::Read;
use clap::ColorChoice;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, IsTerminal, Write};

/// Sets when colours are used.
pub fn choose_colors(choice: ColorChoice) {
    match choice {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
}

/// Writes one object as JSON.
pub fn json(value: &impl Serialize) {
    if let Ok(text) = serde_json::to_string_pretty(value) {
        print(&format!("{text}\n"));
    }
}

/// A report with what was read of images for it.
pub fn with_read(report: &impl Serialize, read: &Read) -> Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    value["read"] =
        json!({"requests": read.tally.requests, "bytes": read.tally.bytes, "mirrors": read.mirrors});
    value
}

/// Writes to standard output. A reader that has gone (`| head`) ends it quietly.
pub fn print(text: &str) {
    // What cannot be written cannot be reported either.
    let _: io::Result<()> = anstream::stdout().lock().write_all(text.as_bytes());
}

/// Whether what is written to standard output is seen at once.
pub fn is_seen() -> bool {
    io::stdout().is_terminal()
}

/// Writes to standard error.
pub fn print_aside(text: &str) {
    // As above.
    let _: io::Result<()> = anstream::stderr().lock().write_all(text.as_bytes());
}

/// Text from outside, fit for a terminal: no control characters, none that turn the direction of writing.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if steers(c) && c != '\n' { ' ' } else { c }).collect()
}

/// The same, with every character told: those that are not fit for a terminal as JSON escapes them.
pub fn exact(text: &str) -> String {
    let told = |c: char| if steers(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    text.chars().map(told).collect()
}

/// Control characters, and those that turn the direction of writing.
fn steers(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || turns
}

/// Text from outside that cannot pass for a line of ours.
pub fn line(text: &str) -> String {
    let text = printable(text).replace('\n', " ");
    // A hostile command or path may have megabytes.
    match text.char_indices().nth(LONGEST_LINE) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// The most characters of a line that come from outside.
const LONGEST_LINE: usize = 2000;

#[cfg(test)]
mod tests {
    #[test]
    fn text_from_outside_neither_steers_the_terminal_nor_forges_a_line() {
        let hostile = "a\u{1b}[31m\u{9b}1m\u{202e}b\r\u{7}\nverdict: runs";
        assert_eq!(super::line(hostile), "a [31m 1m b   verdict: runs");
        assert_eq!(super::line(&"x".repeat(5000)).len(), 2003);
        assert_eq!(super::printable("first\nsecond"), "first\nsecond");
    }
}
