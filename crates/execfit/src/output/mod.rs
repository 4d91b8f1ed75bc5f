//! How answers look: shapes and colours. What they say stands in `execfit-diagnosis`.

pub mod explain;
pub mod text;

use clap::ColorChoice;
use execfit_image::source::Tally;
use serde::Serialize;
use serde_json::{Value, json};
use std::io::{self, Write};

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
pub fn with_read(report: &impl Serialize, read: Tally) -> Value {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    value["read"] = json!({"requests": read.requests, "bytes": read.bytes});
    value
}

/// Writes to standard output. A reader that has gone (`| head`) ends it quietly.
pub fn print(text: &str) {
    // What cannot be written cannot be reported either.
    let _: io::Result<()> = anstream::stdout().lock().write_all(text.as_bytes());
}

/// Text from outside, fit for a terminal.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}
