//! `cargo xtask test`: everything that must hold, in one command.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::command::workspace;
use crate::{Result, command, lab, tidy};

/// Set by Ctrl-C or SIGTERM: what runs is ended, and what was started is stopped.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

const PAUSE: Duration = Duration::from_millis(50);

/// Runs every check; what fails does not keep the others from running.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed))?;
    let (install, rest): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|word| *word == "--install");
    let mut failed = Vec::new();
    let mut step = |name: &'static str, done: Result<()>| {
        if let Err(error) = done {
            eprintln!("{name}: {error}");
            failed.push(name);
        }
    };
    step("fmt", cargo(&["fmt", "--all", "--check"], &[]));
    step("tidy", tidy::run());
    step("clippy", cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]));
    step("doc", cargo(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings".to_owned())]));

    let found_up = lab::is_up()?;
    let variables = open_lab(!install.is_empty() || lab::may_install());
    if let Err(error) = &variables {
        eprintln!("{error}\nleft out, for want of the lab:\n{}", tests_of_the_lab());
    }
    let variables = variables.unwrap_or_default();
    step(
        "test",
        cargo(
            &[&runner()[..], &rest.iter().map(|word| word.as_str()).collect::<Vec<_>>()].concat(),
            &variables,
        ),
    );
    step("doc tests", cargo(&["test", "--workspace", "--doc"], &variables));
    if !found_up {
        step("lab", lab::down());
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}

/// Brings the lab up and fills it; a lab that cannot be had is no failure of the tests.
fn open_lab(install: bool) -> Result<Vec<(&'static str, String)>> {
    stop_if_interrupted()?;
    lab::up(install)?;
    lab::seed()?;
    lab::variables()
}

fn runner() -> Vec<&'static str> {
    if command::output(Command::new("cargo").args(["nextest", "--version"])).is_ok() {
        return vec!["nextest", "run", "--workspace"];
    }
    println!("note: cargo-nextest runs the tests faster: cargo install --locked cargo-nextest");
    vec!["test", "--workspace", "--lib", "--bins", "--tests"]
}

fn cargo(arguments: &[&str], variables: &[(&'static str, String)]) -> Result<()> {
    stop_if_interrupted()?;
    println!("\n== cargo {}", arguments.join(" "));
    let begin = Instant::now();
    let mut cargo = Command::new("cargo");
    cargo.current_dir(workspace()).args(arguments).env_remove("EXECFIT_LAB");
    for name in lab::HINDRANCES {
        cargo.env_remove(name);
    }
    let mut child = cargo.envs(variables.iter().cloned()).spawn()?;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if INTERRUPTED.load(Ordering::Relaxed) {
            child.kill()?;
        }
        sleep(PAUSE);
    };
    println!("== {:.0} s", begin.elapsed().as_secs_f64());
    if status.success() { Ok(()) } else { Err(format!("cargo {}: {status}", arguments.join(" ")).into()) }
}

fn stop_if_interrupted() -> Result<()> {
    if INTERRUPTED.load(Ordering::Relaxed) { Err("interrupted".into()) } else { Ok(()) }
}

/// The test files that ask for the lab.
fn tests_of_the_lab() -> String {
    let asks = |path: &std::path::PathBuf| {
        path.components().any(|part| part.as_os_str() == "tests")
            && fs::read_to_string(path).is_ok_and(|text| text.contains("EXECFIT_LAB"))
    };
    let files = tidy::rust_files(&workspace().join("crates")).unwrap_or_default().into_iter().filter(asks);
    files.map(|path| format!("  {}", path.display())).collect::<Vec<_>>().join("\n")
}
