//! The engine cannot create the container: there is no command, or no such user.
//!
//! Neither the image nor the definition names a command, or the user by name is not in the image's `/etc/passwd`.
//! Nothing is started: ECS shows `CannotStartContainerError` or `CannotCreateContainerError` without an exit code.
//!
//! ## What to do
//! Give a command (`CMD` in the Dockerfile, `command` in the definition); create the user in the image, or name it by
//! its number.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::subject::{Subject, ladder};
use crate::verdict::Failure;

/// The finding's id.
pub(super) const ID: &str = "cannot-create";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (_, run, failure) = subject.failing()?;
    let blame = run.blame.as_ref().filter(|_| *failure == Failure::Create)?;
    let message = format!("{} cannot be created: {}", subject.whole(), blame.rule);
    let mend = Remedy::edit("give a command and a user that the image has", &[]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, ladder(run))).cured_by(mend))
}
