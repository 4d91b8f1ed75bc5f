//! The definition pins the image by the digest of one platform's manifest, and that is not the host's.
//!
//! A multi-platform image has one digest for its index and one for each platform's manifest. Pinning the digest of a
//! manifest gives every host that one platform. Update bots and people take the wrong one of the two easily.
//!
//! ## What to do
//! Pin the digest of the index: `docker buildx imagetools inspect IMAGE` shows it first.

use crate::finding::{Evidence, Finding, Severity};
use crate::report::platforms;
use crate::subject::Subject;
use execfit_image::reference::Reference;

/// The finding's id.
pub(super) const ID: &str = "pinned-to-one-platform";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let reference: Reference = subject.workload.image.parse().ok()?;
    let pinned = reference.digest.as_ref()?;
    let image = subject.image().filter(|image| !image.index && image.trouble.is_none())?;
    let (host, ..) = subject.failing().filter(|_| subject.is_architecture_fault())?;
    let is = platforms(image).join(", ");
    let message = format!(
        "{}: the definition pins {}, the manifest of {is} alone, and the host is {}",
        subject.whole(),
        pinned.short(),
        host.architecture
    );
    let tagged = reference.tag.as_ref().and_then(|_| subject.case.image(&reference.clone().without_digest().to_string()));
    let index = tagged.filter(|tagged| tagged.index).map(|tagged| {
        Evidence::seen(format!("the tag {} names an index of {}", tagged.name, platforms(tagged).join(", ")))
    });
    let evidence = [Evidence::seen(format!("image: {}", subject.workload.image)).source("containerDefinitions[].image")];
    Some(Finding::new(ID, Severity::Error, message).because(evidence.into_iter().chain(index)))
}
