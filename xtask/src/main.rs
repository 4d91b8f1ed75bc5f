//! The chores of this repository: `cargo xtask bench|lab|oracle|test|tidy`.

mod bench;
mod command;
mod daemon;
mod debian;
mod fuzz;
mod lab;
mod mounts;
mod needs;
mod oracle;
mod registry;
mod repository;
mod test;
mod tidy;

use std::env;
use std::error::Error;
use std::process::ExitCode;

/// A chore ends well or with words for a person.
type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: cargo xtask bench [--help]
       cargo xtask lab up [--install] | down | seed | env
       cargo xtask oracle [--kernel VMLINUZ|DEB [--cpu CPU] [--append WORDS] [--record NAME]]
       cargo xtask oracle [--binaries DIRECTORY [--cases COUNT] [--seed NUMBER]]
       cargo xtask test [--install] [NEXTEST ARGUMENTS...]
       cargo xtask tidy";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.split_first().map(|(verb, rest)| (verb.as_str(), rest)) {
        Some(("bench", rest)) => bench::run(rest),
        Some(("lab", rest)) => lab::run(rest),
        Some(("oracle", rest)) => oracle::run(rest),
        Some(("test", rest)) => test::run(rest),
        Some(("tidy", [])) => tidy::run(),
        _ => Err(USAGE.into()),
    };
    done.map_or_else(
        |error| {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}
