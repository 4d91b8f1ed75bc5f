//! The program is the error page of a download that failed.
//!
//! `curl -o app URL` without `--fail` writes whatever the server sends: an HTML page, `{"message":"Not Found"}`, an
//! S3 `<Error>`, or the two words `Not Found`. The build goes on, `chmod +x` succeeds, and the kernel meets a text
//! without `#!`: ENOEXEC.
//!
//! ## What to do
//! Download with `curl --fail --location`, check a checksum, and see whether the release has a file for the
//! architecture at that address at all.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::remedy::Remedy;
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "saved-error-page";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, signature, Nature::ErrorPage) = subject.no_program()? else { return None };
    let object = subject.object(&refused.blame.path);
    let message = format!("{object} is no program but {}: execve answers ENOEXEC (exec format error)", signature.describe());
    let mend = Remedy::edit("download it again, and let the build fail when that fails", &["curl --fail --location --output FILE URL"]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}
