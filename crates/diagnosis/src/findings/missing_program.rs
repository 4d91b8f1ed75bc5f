//! There is no such program: the runtime does not find argv[0].
//!
//! A name with a slash is taken as a path; one without is looked for in the directories of `PATH`. When nothing is
//! found the container cannot be created: Docker says `executable file not found in $PATH` or `stat /app: no such file
//! or directory`, exit code 127, and ECS shows `CannotStartContainerError` without an exit code or log.
//!
//! ## How it comes about
//! A wrong path, or a relative one with another working directory; a link that leads nowhere; a whole command line in
//! one string (`["app --flag"]`); a variable that no shell replaces (`["$APP"]`); a `PATH` that the definition replaces.
//!
//! ## What to do
//! Name the program by its absolute path, one list item for each argument.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::run;
use crate::subject::{Subject, ladder};
use crate::verdict::Failure;
use execfit_kernel::errno::Errno;

/// The finding's id.
pub(super) const ID: &str = "missing-program";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (_, run, failure) = subject.failing()?;
    let blame = run.blame.as_ref()?;
    let errno = match failure {
        Failure::Lookup(errno) if !matches!(errno, Errno::EACCES | Errno::EISDIR) => *errno,
        // An init looks for the program itself.
        Failure::Exec(errno @ (Errno::ENOENT | Errno::ENOTDIR)) if !run.trace.iter().any(|step| is_handed_over(&step.kind)) => *errno,
        _ => return None,
    };
    let program = run.argv.first().map(|program| run::show(program)).unwrap_or_default();
    let said = blame.message.clone().unwrap_or_else(|| blame.rule.clone());
    let whole = if subject.scene.is_some() { format!("{}: ", subject.whole()) } else { String::new() };
    let message = format!("{whole}the program {program} is not found: {said} ({errno})");
    let title = if program.contains(' ') {
        "give the command as a list, one item for each argument"
    } else {
        "name a program that is in the image, by its absolute path"
    };
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, ladder(run))).cured_by(Remedy::edit(title, &[])))
}

fn is_handed_over(kind: &run::StepKind) -> bool {
    matches!(kind, run::StepKind::Script(..) | run::StepKind::Interpreter(_) | run::StepKind::Misc(_))
}
