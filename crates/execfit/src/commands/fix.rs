//! `fix`: the plan that cures a service, carried out and proven.

use super::reading::Reading;
use super::target::{Named, Reach};
use super::{Face, Format};
use crate::exit::{Exit, Stopped};
use crate::observe::{Observer, record};
use crate::output;
use clap::{Args, ValueEnum};
use execfit_diagnosis::plan::{Method, Offer, Proposal, Wish, propose};
use execfit_diagnosis::report::Pending;
use serde_json::json;
use std::path::PathBuf;

/// The plan that cures a service, shown as a diff; on a yes it is carried out, watched and proven
#[derive(Debug, Args)]
pub(super) struct Fix {
    #[command(flatten)]
    named: Named,
    /// This remedy; else the best one
    #[arg(long, value_name = "REMEDY")]
    by: Option<By>,
    /// Show the plan and change nothing
    #[arg(long)]
    dry_run: bool,
    /// For how many seconds the new tasks must hold
    #[arg(long, value_name = "SECONDS", default_value_t = 20)]
    settle: u64,
    /// Change a live service though a template or another deployment tool owns it
    #[arg(long)]
    force_live: bool,
    /// Save every fact that the plan rests on, without secrets
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Plan from a saved case, without network or credentials
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "service", "task", "record"])]
    replay: Option<PathBuf>,
    #[command(flatten)]
    reach: Reach,
    #[command(flatten)]
    reading: Reading,
}

/// A remedy that `fix` carries out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// Pin the digest that runs
    Repin,
    /// Run the tasks on the other architecture
    Retarget,
    /// Go back to what ran
    Rollback,
}

impl Fix {
    pub(super) fn run(self, face: &Face) -> Result<Exit, Stopped> {
        let by = self.by.map(|by| match by {
            By::Repin => Method::Repin,
            By::Retarget => Method::Retarget,
            By::Rollback => Method::Rollback,
        });
        let wish = Wish { by, settle_seconds: self.settle, force_live: self.force_live };
        let proposal = self.propose(face, &wish)?;
        let plan = if let Offer::Plan(plan) = &proposal.offer { Some(plan) } else { None };
        output::json(&json!({"plan": plan, "passed_over": proposal.passed_over}));
        Ok(match &proposal.offer {
            Offer::Nothing | Offer::Plan(_) => Exit::Runs,
            Offer::Refused => Exit::WouldNotRun,
            Offer::Untold => Exit::Unknown,
        })
    }

    fn propose(&self, face: &Face, wish: &Wish) -> Result<Proposal, Stopped> {
        if let Some(path) = &self.replay {
            return propose(&record::load(path)?, wish).map_err(|pending| match pending {
                Pending::Nothing(nothing) => Stopped::new(Exit::Nothing, nothing.to_string()),
                Pending::Needs(_) => Stopped::new(Exit::Failed, "the case lacks facts")
                    .help("record it anew with `execfit fix --dry-run --record`"),
            });
        }
        let progress = !face.quiet && face.format == Format::Text;
        let mut observer = Observer::new(self.reach.clone().into(), self.reading.terms(face)?, progress)?;
        let (case, proposal) = observer.propose(self.named.target()?, wish)?;
        if let Some(path) = &self.record {
            record::save(path, &case)?;
        }
        Ok(proposal)
    }
}
