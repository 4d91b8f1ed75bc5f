//! The user of the container may not execute the file.
//!
//! The file, its interpreter or its loader lacks the x permission for this user, a directory above it may not be
//! searched, it is a directory or a device, or it lies on a file system mounted noexec: EACCES, `permission denied`.
//! Permission comes before format: a program of the wrong architecture without x gives this error, too.
//!
//! ## How it comes about
//! The executable bit was lost: a download, a checkout on Windows, an artifact store of a CI. Or a program of mode
//! 0700 that belongs to root, in an image with `USER app`.
//!
//! ## What to do
//! `COPY --chmod=755 app /app`, or `git update-index --chmod=+x entrypoint.sh`.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::run;
use crate::subject::{Subject, ladder};
use crate::verdict::Failure;
use execfit_kernel::errno::Errno;

/// The finding's id.
pub(super) const ID: &str = "not-executable";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (_, run, failure) = subject.failing()?;
    let (Failure::Lookup(Errno::EACCES | Errno::EISDIR) | Failure::Exec(Errno::EACCES)) = failure else { return None };
    let blame = run.blame.as_ref()?;
    let mode = subject.file(run, &blame.path).map(|file| format!(" (mode {:04o}, owner {}:{})", file.mode, file.uid, file.gid));
    let object = subject.object(&blame.path);
    let message = format!("{object} may not be executed{}: {} (EACCES, permission denied)", mode.unwrap_or_default(), blame.rule);
    let path = run::show(&blame.path);
    let mend = Remedy::edit(
        format!("make {path} executable for the container's user"),
        &[&format!("# in the Dockerfile: COPY --chmod=755 FILE {path}"), "git update-index --chmod=+x FILE"],
    );
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, ladder(run))).cured_by(mend))
}
