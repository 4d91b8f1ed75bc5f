//! The script begins with a byte order mark, so its `#!` is not at its beginning.
//!
//! Editors of Windows put EF BB BF (UTF-8), or write two bytes a character (UTF-16), before the first letter. No
//! editor shows it. The kernel compares bytes, finds no `#!`, and answers ENOEXEC.
//!
//! ## What to do
//! Save the file as UTF-8 without a mark: `sed -i '1s/^\xEF\xBB\xBF//' entrypoint.sh`, or `iconv` for UTF-16.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::remedy::Remedy;
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "byte-order-mark";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, signature, Nature::Encoded) = subject.no_program()? else { return None };
    let object = subject.object(&refused.blame.path);
    let message = format!("{object} is {}: execve answers ENOEXEC (exec format error)", signature.describe());
    let mend = Remedy::edit("save the file as UTF-8 without a byte order mark", &[r"sed -i '1s/^\xEF\xBB\xBF//' FILE"]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}
