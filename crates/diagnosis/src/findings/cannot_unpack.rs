//! A layer breaks a rule that the runtimes hold to: the image cannot be unpacked.
//!
//! Docker and containerd read layers with Go's archive/tar and refuse what it refuses: a hard link to a file of another
//! layer, unknown entry types, a header after the end of the archive, a file and its whiteout in one layer. ECS shows
//! `CannotPullContainerError`.
//!
//! ## What to do
//! Build the image with a current builder, or find the tool that writes the layer.

use super::rungs;
use crate::case::TroubleKind;
use crate::finding::{Evidence, Finding, Severity};
use crate::remedy::Remedy;
use crate::subject::Subject;
use crate::verdict::Failure;

/// The finding's id.
pub(super) const ID: &str = "cannot-unpack";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (_, run, failure) = subject.failing()?;
    if *failure != Failure::Unpack {
        return None;
    }
    let image = subject.image()?;
    let child = run.manifest.as_ref().and_then(|digest| image.child(digest));
    let trouble = image.trouble.as_ref().or(child.and_then(|child| child.trouble.as_ref()));
    let trouble = trouble.filter(|trouble| trouble.kind == TroubleKind::CannotUnpack)?;
    let message = format!("{}: {}", subject.whole(), trouble.message);
    let mend = Remedy::edit("build the image with a current builder", &[]);
    let rule = Evidence::seen("the runtimes refuse the layer").source("containerd archive/tar.go, moby pkg/archive");
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, vec![rule])).cured_by(mend))
}
