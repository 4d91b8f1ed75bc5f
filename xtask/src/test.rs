//! `cargo xtask test`: everything that must hold, in one command.

use std::fs;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::workspace;
use crate::needs::{self, Need};
use crate::{Result, command, fuzz, lab, tidy};

/// Set by Ctrl-C or SIGTERM: what runs is ended, and what was started is stopped.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

const PAUSE: Duration = Duration::from_millis(50);

/// What tests that need no lab ask; each says itself what it leaves out.
const NEEDS: &[Need] = &[
    Need { what: "a C compiler (glibc's real loader)", package: "gcc", is_met: || compiles("gcc") },
    Need { what: "glibc's headers", package: "libc6-dev", is_met: || compiles("gcc") },
    Need { what: "musl (its real loader)", package: "musl-tools", is_met: || compiles("musl-gcc") },
    Need { what: "runc", package: "runc", is_met: || command::exists("runc") },
    Need { what: "crun", package: "crun", is_met: || command::exists("crun") },
];

/// Whether there is such a compiler, with the headers of its C library.
fn compiles(compiler: &str) -> bool {
    let arguments = ["-fsyntax-only", "-include", "stdio.h", "-x", "c", "/dev/null"];
    command::output(Command::new(compiler).args(arguments)).is_ok()
}

/// Runs every check; what fails does not keep the others from running.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed))?;
    let (install, rest): (Vec<&String>, Vec<&String>) =
        arguments.iter().partition(|word| *word == "--install");
    let rest: Vec<&str> = rest.into_iter().map(String::as_str).collect();
    let mut failed = Vec::new();
    let mut step = |name: &'static str, done: Result<()>| {
        if let Err(error) = done {
            eprintln!("{name}: {error}");
            failed.push(name);
        }
    };
    let install = !install.is_empty() || needs::may_install();
    step("needs", check_needs(install));
    step("fmt", cargo(&["fmt", "--all", "--check"], &[]));
    step("tidy", tidy::run());
    step("clippy", cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[]));
    step("doc", cargo(&["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings".to_owned())]));
    step("fuzz", fuzz::run());
    // The lab is brought up only for as long as it is needed.
    step("build", cargo(&["test", "--workspace", "--no-run"], &[]));

    let found_up = lab::is_up()?;
    let variables = open_lab(install).unwrap_or_else(|error| {
        eprintln!("left out, for want of the lab:\n{}", tests_of_the_lab());
        // Whoever lets everything be installed wants everything tested.
        if install {
            step("lab", Err(error))
        } else {
            eprintln!("{error}")
        }
        Vec::new()
    });
    step("test", cargo(&[&runner()[..], &rest].concat(), &variables));
    step("doc tests", cargo(&["test", "--workspace", "--doc"], &variables));
    if !found_up {
        step("lab", lab::down());
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", ")).into()) }
}

/// Makes sure that what the tests ask is there, or names what is left out for want of it.
fn check_needs(install: bool) -> Result<()> {
    if install {
        needs::install(&needs::missing(NEEDS))?;
    }
    match &needs::told(&needs::missing(NEEDS))[..] {
        [] => Ok(()),
        // Whoever lets everything be installed wants everything tested.
        missing if install && needs::can_install() => {
            Err(format!("the tests lack:\n  {}", missing.join("\n  ")).into())
        }
        missing => {
            eprintln!("left out, for want of it:\n  {}", missing.join("\n  "));
            Ok(())
        }
    }
}

/// Brings the lab up and fills it.
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
    let mut told = false;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if !told && INTERRUPTED.load(Ordering::Relaxed) {
            kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
            told = true;
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
