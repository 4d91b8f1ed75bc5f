//! `execve` refuses the program for one of its rarer reasons.
//!
//! EPERM: the file has capabilities (`setcap`) beyond those that the container may have. E2BIG: arguments and
//! environment are too long (128 KiB for one variable). ELOOP: links in a circle, or scripts that name scripts, more
//! than five deep. ENAMETOOLONG: a path of more than 4095 bytes, or a name of more than 255.
//!
//! ## What to do
//! The evidence names the rule. For EPERM: `setcap -r FILE`, or add the capability in `linuxParameters`.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::subject::{Subject, ladder};
use crate::verdict::Failure;
use execfit_kernel::errno::Errno;

/// The finding's id.
pub(super) const ID: &str = "exec-refused";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (_, run, failure) = subject.failing()?;
    let Failure::Exec(errno @ (Errno::EPERM | Errno::E2BIG | Errno::ELOOP | Errno::ENAMETOOLONG | Errno::ENOMEM | Errno::ETXTBSY)) = failure else {
        return None;
    };
    let blame = run.blame.as_ref()?;
    let message = format!("{}: {}: execve answers {errno} ({})", subject.object(&blame.path), blame.rule, errno.text());
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, ladder(run))).cured_by(Remedy::edit("see the rule in the evidence", &[])))
}
