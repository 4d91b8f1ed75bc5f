//! The `#!` line ends in CR LF, so the interpreter's name ends in a carriage return.
//!
//! The kernel takes `#!/bin/sh\r` at its word and looks for a file named `sh` and a carriage return. It is not there:
//! ENOENT, and the log says `exec /entrypoint.sh: no such file or directory` although the script is there.
//!
//! ## How it comes about
//! Git on Windows checks text files out with CR LF (`core.autocrlf`), and `COPY` takes them as they are.
//!
//! ## What to do
//! Convert the file (`sed -i 's/\r$//' entrypoint.sh`) and keep it so: `*.sh text eol=lf` in `.gitattributes`.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::run::{self, StepKind};
use crate::subject::Subject;
use execfit_kernel::errno::Errno;

/// The finding's id.
pub(super) const ID: &str = "crlf-interpreter";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let refused = subject.refused(Errno::ENOENT)?;
    let script = refused.run.trace.iter().rev().find_map(|step| match &step.kind {
        StepKind::Script(interpreter, _) if interpreter.ends_with(b"\r") => Some((&step.path, interpreter)),
        _ => None,
    });
    let (script, interpreter) = script?;
    let message = format!(
        "{} ends its #! line in CR LF: the kernel looks for {} and answers ENOENT (no such file or directory)",
        subject.object(script),
        run::show(interpreter)
    );
    let mend = Remedy::edit("convert the file to LF, and keep it so", &[r"sed -i 's/\r$//' FILE", "echo '*.sh text eol=lf' >> .gitattributes"]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}
