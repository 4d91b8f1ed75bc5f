//! `execfit`: finds out why a container will not exec, makes it run, and proves it.

use clap::Parser;
use execfit::commands::CommandLine;
use std::process::ExitCode;

fn main() -> ExitCode {
    CommandLine::parse().run().into()
}
