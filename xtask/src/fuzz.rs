//! A few seconds of fuzzing for each target in `fuzz/`, where nightly Rust and cargo-fuzz are installed.

use std::fs;
use std::process::Command;

use crate::Result;
use crate::command::{self, workspace};

/// Seconds for each target: enough to run into what is plainly wrong, and cheap. By hand one gives it hours:
/// `cargo +nightly fuzz run TARGET`.
const SECONDS: u32 = 5;

/// Runs every target, or says why none is run.
pub(crate) fn run() -> Result<()> {
    if let Err(error) = command::output(Command::new("cargo").args(["+nightly", "fuzz", "--version"])) {
        let why = error.to_string();
        println!(
            "left out: the fuzz targets, which need nightly Rust and cargo-fuzz: {}",
            why.lines().next().unwrap_or("")
        );
        return Ok(());
    }
    for target in targets()? {
        let limit = format!("-max_total_time={SECONDS}");
        let mut fuzz = Command::new("cargo");
        fuzz.current_dir(workspace()).args(["+nightly", "fuzz", "run", &target, "--", &limit]);
        command::output(&mut fuzz)?;
        println!("fuzz {target}: {SECONDS} s, nothing found");
    }
    Ok(())
}

/// The names of the targets, in order.
fn targets() -> Result<Vec<String>> {
    let folder = workspace().join("fuzz/fuzz_targets");
    let names = fs::read_dir(folder)?.flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        Some(name.strip_suffix(".rs")?.to_owned())
    });
    let mut targets: Vec<String> = names.collect();
    targets.sort();
    Ok(targets)
}
