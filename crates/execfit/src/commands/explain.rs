//! `explain`: the page of a finding, or what a pasted line means.

use super::{Face, Format};
use crate::exit::{Exit, Stopped};
use crate::output;
use clap::Args;
use execfit_diagnosis::{findings, log_line};

/// What a finding is, or what a pasted error line means
///
/// With no argument, the ids of all findings.
#[derive(Debug, Args)]
pub(super) struct Explain {
    /// A finding's id, or an error line of any runtime, shell, loader or AWS service
    #[arg(value_name = "ID|TEXT", allow_hyphen_values = true)]
    subject: Option<String>,
    /// More words of the line, where it is not quoted
    #[arg(hide = true)]
    words: Vec<String>,
}

impl Explain {
    pub(super) fn run(self, face: &Face) -> Result<Exit, Stopped> {
        let text = self.subject.into_iter().chain(self.words).collect::<Vec<_>>().join(" ");
        let text = text.trim();
        let explained = if text.is_empty() {
            output::explain::Explained::List
        } else if let Some(kind) = findings::kind(text) {
            output::explain::Explained::Page(kind)
        } else if let Some(meaning) = log_line::explain(text) {
            output::explain::Explained::Line(meaning)
        } else {
            return Err(Stopped::new(
                Exit::Nothing,
                format!("nothing is known about `{}`", output::printable(text)),
            )
            .help(
                "give the id of a finding (`execfit explain` lists them), or an error line as it was printed",
            ));
        };
        match face.format {
            Format::Text => output::explain::text(&explained),
            Format::Json => output::json(&output::explain::json(&explained)),
        }
        Ok(Exit::Runs)
    }
}
