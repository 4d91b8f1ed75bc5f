//! The verdict is unknown, and here is why.
//!
//! Unknown is never "runs". A program under a mount, a `PATH` from a secret, a registry that does not answer, a missing
//! permission, a Windows task, a 32-bit program on an Arm host of unknown generation: what decides cannot be seen.
//!
//! ## What to do
//! The message names what could not be seen: grant the permission, log in to the registry, or look into the mount.

use crate::finding::{Finding, Severity};
use crate::subject::Subject;
use crate::verdict::Verdict;

/// The finding's id.
pub(super) const ID: &str = "cannot-tell";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let Verdict::Unknown(reason) = subject.verdict() else { return None };
    if subject.workload.placement.hosts.len() > 1 && subject.failing().is_some() {
        return None;
    }
    Some(Finding::new(ID, Severity::Warning, format!("{}: cannot tell whether it runs: {reason}", subject.whole())))
}
