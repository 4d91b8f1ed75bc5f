//! The program is right, and its loader or a library is of another architecture or class.
//!
//! The kernel opens the loader that a program names (`PT_INTERP`) and refuses one that is not of its own kind with
//! ELIBBAD: `accessing a corrupted shared library`. It comes from files copied between images of different platforms.
//!
//! ## What to do
//! Copy program and libraries from the same image, of the same platform: `COPY --from` a stage of the same
//! `--platform`.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::subject::Subject;
use execfit_kernel::errno::Errno;
use execfit_kernel::signature::Signature;

/// The finding's id.
pub(super) const ID: &str = "foreign-library";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let refused = subject.refused(Errno::ELIBBAD)?;
    let what = refused.file.map_or("no loader".to_string(), |file| Signature::of(file.head(), file.size).describe());
    let object = subject.object(&refused.blame.path);
    let message = format!("{object}, the loader of the program, is {what}: execve answers ELIBBAD (accessing a corrupted shared library)");
    let mend = Remedy::edit("copy program and loader from the same image, of the same platform", &[]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}
