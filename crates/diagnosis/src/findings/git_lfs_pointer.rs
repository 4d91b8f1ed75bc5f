//! The program is a git-lfs pointer: three lines that stand for a file which was not fetched.
//!
//! A clone without git-lfs, or a CI checkout without `lfs: true`, has `version https://git-lfs.github.com/spec/v1` in
//! place of the binary. The image takes it as it is, and the kernel answers ENOEXEC.
//!
//! ## What to do
//! `git lfs install && git lfs pull` before the build; `lfs: true` for actions/checkout.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::remedy::Remedy;
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "git-lfs-pointer";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, signature, Nature::LfsPointer) = subject.no_program()? else { return None };
    let object = subject.object(&refused.blame.path);
    let message = format!("{object} is {}: execve answers ENOEXEC (exec format error)", signature.describe());
    let mend = Remedy::edit("fetch the real file before the build", &["git lfs install", "git lfs pull"]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}
