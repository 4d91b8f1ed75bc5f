//! The image is an index of several platforms, and the host's is not among them: it cannot be pulled.
//!
//! It is the same mistake as a program of the wrong architecture, met one step earlier: the runtime asks the index for
//! its platform, finds nothing, and ECS says `CannotPullContainerError: ... image Manifest does not contain descriptor
//! matching platform 'linux/amd64'` (Fargate) or `no matching manifest for linux/amd64` (Docker). Nothing is started,
//! so there is no log line and no exit code.
//!
//! ## How it comes about
//! `docker buildx` pushes an index even for one platform, as it adds attestations; a multi-platform build may also have
//! lost a platform, or the tag was pushed by one job after the other.
//!
//! ## What to do
//! Build for the host's platform too, or run the task on a platform that the index has.

use super::rungs;
use crate::finding::{Evidence, Finding, Severity};
use crate::report::platforms;
use crate::subject::Subject;
use crate::verdict::Failure;

/// The finding's id.
pub(super) const ID: &str = "missing-platform";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (_, run, failure) = subject.failing()?;
    if *failure != Failure::Pull {
        return None;
    }
    let image = subject.image()?;
    let has = match &platforms(image)[..] {
        [] => "nothing that runs".to_string(),
        list => list.join(", "),
    };
    let message = format!("{}: the index {} has no {}, only {has}: it cannot be pulled", subject.whole(), image.name, run.platform);
    let digest = image.digest.as_ref().map(|digest| Evidence::seen(format!("index {digest}")).source("OCI image-index.md, manifests[].platform"));
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, digest.into_iter().collect())))
}
