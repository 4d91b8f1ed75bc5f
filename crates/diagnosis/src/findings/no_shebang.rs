//! The program is a text, and its first two bytes are not `#!`.
//!
//! The kernel knows a script only by `#!` at the very beginning of the file. Shells forgive what it does not: they run
//! such a file as a script, so it works in a terminal and fails as a container's command with `exec format error`.
//! A blank line, a space or a comment before the `#!`, or a `#/usr/bin/env` without the `!`, are the same fault.
//! So is an interpreter's path that does not fit into the 256 bytes that the kernel reads.
//!
//! ## What to do
//! Begin the file with its interpreter, e.g. `#!/bin/sh`, or name the interpreter in the command:
//! `ENTRYPOINT ["/bin/sh", "/entrypoint.sh"]`.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::{Nature, interpreter};
use crate::remedy::Remedy;
use crate::run;
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "no-shebang";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, signature, nature) = subject.no_program()?;
    if nature != Nature::Text || refused.run.verdict == crate::verdict::Verdict::Runs {
        return None;
    }
    let object = subject.object(&refused.blame.path);
    let message = format!("{object} is {}: execve answers ENOEXEC (exec format error)", signature.describe());
    let path = run::show(&refused.blame.path);
    let shell = interpreter(&signature);
    let mend = Remedy::edit(
        format!("begin {path} with #!{shell}, or name the interpreter in the command"),
        &[&format!("sed -i '1i #!{shell}' FILE"), &format!("# or in the Dockerfile: ENTRYPOINT [\"{shell}\", \"{path}\"]")],
    );
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}
