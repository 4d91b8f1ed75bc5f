//! The program is of a format that Linux does not execute: of macOS, Windows, wasm, or an archive.
//!
//! A Mach-O comes from a Mac (`go build` or `cargo build` without a Linux target, or a binary copied from the laptop);
//! a PE from Windows; a gzip, zip, tar or deb was downloaded and never unpacked. The kernel knows none of them: ENOEXEC.
//!
//! ## What to do
//! Build for Linux inside the image (`GOOS=linux`, a multi-stage build), or unpack the archive and copy the program
//! that is in it.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::remedy::Remedy;
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "foreign-format";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, signature, nature) = subject.no_program()?;
    let title = match nature {
        Nature::Archive => "unpack it, and copy the program that is in it",
        Nature::Foreign => "build the program for Linux",
        _ => return None,
    };
    let object = subject.object(&refused.blame.path);
    let message = format!("{object} is {}: execve answers ENOEXEC (exec format error)", signature.describe());
    let mend = Remedy::edit(title, &[]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}
