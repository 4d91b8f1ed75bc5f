//! The program is an empty file, or one of zero bytes only.
//!
//! No format begins with nothing: the kernel answers ENOEXEC. Under an init (`initProcessEnabled`, `docker --init`)
//! or a shell it is worse: an empty script does nothing and ends with exit code 0, and looks like success.
//!
//! ## How it comes about
//! A `touch` or a redirection that never wrote, a build step that failed after it had created its output, a disk that
//! was full, a `COPY` of a placeholder.
//!
//! ## What to do
//! Look at the step that makes the file; let builds fail on errors (`set -eu`, `curl --fail`).

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::remedy::Remedy;
use crate::subject::Subject;
use crate::verdict::Verdict;

/// The finding's id.
pub(super) const ID: &str = "empty-program";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, signature, Nature::Empty) = subject.no_program()? else { return None };
    let object = subject.object(&refused.blame.path);
    let (severity, answer) = if refused.run.verdict == Verdict::Runs {
        (Severity::Warning, "the init hands it to /bin/sh, which ends at once with exit code 0 and has done nothing")
    } else {
        (Severity::Error, "execve answers ENOEXEC (exec format error)")
    };
    let message = format!("{object} is {}: {answer}", signature.describe());
    let mend = Remedy::edit("mend the build step that makes the file", &[]);
    Some(Finding::new(ID, severity, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}
