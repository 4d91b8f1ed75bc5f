//! Carries out a plan: the only room that changes AWS, and only what a shown plan holds.
//!
//! Before each call the intent is on the disk (`apply::journal`), and before each call the world is looked at: whatever cuts
//! an attempt short, the next one sees where it stood, and finishes or undoes it. What somebody else has changed
//! meanwhile is never overwritten.

mod attempt;
mod call;
mod deploy;
mod hands;
mod interrupt;
mod journal;
mod preconditions;
mod request;
mod revision;
mod standing;
mod state;
mod undo;
mod words;

pub use attempt::Unfinished;
pub use state::state_directory;

use crate::exit::{Exit, Stopped};
use crate::observe::Observer;
use execfit_diagnosis::plan::Plan;
use execfit_diagnosis::proof::{Event, Proven};
use execfit_diagnosis::target::Target;
use hands::Hands;
use journal::Journal;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// On what terms a plan is carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// After that long, what is not proven is unproven.
    pub timeout: Duration,
    /// Between two looks at a deployment, to begin with.
    pub poll: Duration,
    /// The directory of the journals: [`state_directory`].
    pub state: PathBuf,
}

/// How carrying out ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// In a word.
    pub ending: Ending,
    /// Why, where it is not proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// ARN of the revision that was registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Whether that revision is still there to be used.
    pub revision_left: bool,
    /// How long it took.
    pub seconds: f64,
    /// What happened, in order.
    pub events: Vec<Event>,
    /// The proof, where it is proven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proven>,
    /// What the user has to do besides, in sentences or commands.
    pub left_to_do: Vec<String>,
}

/// The ways in which carrying out ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The containers run, at the digests that were examined.
    Proven,
    /// The revision is there; nothing runs it yet.
    Registered,
    /// It did not hold, and the service is back where it was.
    RolledBack,
    /// Somebody else has changed the service meanwhile; their change stands.
    Overtaken,
    /// It is neither proven nor known to have failed.
    Unproven,
}

impl Ending {
    /// The exit code.
    #[must_use]
    pub fn exit(self) -> Exit {
        match self {
            Ending::Proven | Ending::Registered => Exit::Runs,
            Ending::RolledBack => Exit::WouldNotRun,
            Ending::Overtaken | Ending::Unproven => Exit::Unknown,
        }
    }
}

/// Carries out a plan, and tells each event as it comes.
///
/// # Errors
/// [`Stopped`] where the world is not the one that the plan was made for, where AWS refuses a call or does not answer,
/// where the journal cannot be written, and on SIGINT or SIGTERM. Its help says in what state everything is.
pub fn carry_out(
    observer: &mut Observer,
    plan: &Plan,
    terms: &Terms,
    tell: &mut dyn FnMut(&Event),
) -> Result<Outcome, Stopped> {
    let journal = Journal::open(&terms.state, plan)?;
    let mut hands = Hands::new(observer, journal, plan.clone(), terms, tell)?;
    hands.check_world()?;
    hands.begin()?;
    hands.drive()
}

/// What an earlier attempt at this target left, if it was cut short. Asks AWS only where there is something.
///
/// # Errors
/// [`Stopped`] where its journal cannot be read, or another process is at work on the target.
pub fn unfinished(
    observer: &mut Observer,
    target: &Target,
    terms: &Terms,
) -> Result<Option<Unfinished>, Stopped> {
    attempt::find(observer, target, &terms.state)
}

/// Observes where an earlier attempt stands, and finishes or undoes it.
///
/// # Errors
/// As [`carry_out`].
pub fn finish(
    observer: &mut Observer,
    unfinished: Unfinished,
    terms: &Terms,
    tell: &mut dyn FnMut(&Event),
) -> Result<Outcome, Stopped> {
    Hands::resume(observer, unfinished, terms, tell)?.drive()
}
