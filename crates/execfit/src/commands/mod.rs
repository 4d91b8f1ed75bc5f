//! The command line: one file per verb.

mod cache;
mod diagnose;
mod explain;
mod fix;
mod inspect;
mod reading;
mod target;

use crate::exit::{Exit, Stopped};
use crate::output;
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};

/// Finds out why a container will not exec, makes it run, and proves it.
///
/// Reads the AWS state and the image's own bytes, and predicts what `execve` answers. Only `fix` changes anything, and
/// only what a plan holds that was shown and said yes to.
///
/// Exit codes: 0 runs (fix: proven, registered, nothing to fix, plan shown), 1 failed or no such thing, 2 usage, 3 nothing
/// to examine, 4 could not tell or not prove, 8 would not run (fix: refused or rolled back).
#[derive(Debug, Parser)]
#[command(name = "execfit", version, max_term_width = 110)]
pub struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
    #[command(flatten)]
    face: Face,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Diagnose(diagnose::Diagnose),
    Fix(fix::Fix),
    Inspect(inspect::Inspect),
    Explain(explain::Explain),
    Cache(cache::Command),
}

/// How a command speaks.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct Face {
    /// The form of the answer
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// When to use colours
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: ColorChoice,
    /// Only the findings that make it fail; no progress
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// More of what was read
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For humans.
    Text,
    /// One object with a `schema`.
    Json,
}

impl CommandLine {
    /// Does what was asked.
    pub fn run(self) -> Exit {
        output::choose_colors(self.face.color);
        let done = match self.verb {
            Verb::Diagnose(verb) => verb.run(&self.face),
            Verb::Fix(verb) => verb.run(&self.face),
            Verb::Inspect(verb) => verb.run(&self.face),
            Verb::Explain(verb) => verb.run(&self.face),
            Verb::Cache(verb) => verb.run(&self.face),
        };
        done.unwrap_or_else(|stopped: Stopped| {
            output::text::stopped(&stopped);
            stopped.exit
        })
    }
}
