//! The program is of the right architecture, and damaged or not made to be executed.
//!
//! An object file (`.o`) or a core has the ELF magic but is refused with ENOEXEC; so is a file cut inside its headers.
//! Cut a little later it gives EIO; cut further on it is accepted, and the process is killed by SIGSEGV before its
//! first instruction: exit code 139 without a word. Files of a kind that nobody knows belong here, too.
//!
//! ## What to do
//! Compare size and checksum with the original; build or download it again. A disk that was full, or a download that
//! broke off, are the usual reasons.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::remedy::Remedy;
use crate::run;
use crate::subject::{Subject, ladder};
use crate::verdict::Failure;
use execfit_kernel::errno::Errno;

/// The finding's id.
pub(super) const ID: &str = "damaged-program";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (host, run, failure) = subject.failing()?;
    let blame = run.blame.as_ref()?;
    let what = match failure {
        Failure::Exec(Errno::ENOEXEC) => {
            let (_, signature, nature) = subject.no_program()?;
            match nature {
                Nature::Elf(header) if run::is_of(header.machine, host.architecture) => {}
                Nature::Unknown => {}
                _ => return None,
            }
            format!("is {}: execve answers ENOEXEC (exec format error)", signature.describe())
        }
        Failure::Exec(errno @ (Errno::EIO | Errno::EINVAL)) => format!("is damaged: {}; execve answers {errno} ({})", blame.rule, errno.text()),
        Failure::Killed(_) => format!("is damaged: {}; the process is killed by SIGSEGV (exit code 139)", blame.rule),
        _ => return None,
    };
    let message = format!("{} {what}", subject.object(&blame.path));
    let mend = Remedy::edit(format!("make {} anew, and compare its checksum", run::show(&blame.path)), &[]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, ladder(run))).cured_by(mend))
}
