//! From a likely answer to a proven one (`execfit_diagnosis::certainty` says what these are).

use super::images::{Images, trouble};
use execfit_diagnosis::case::{Case, ChildFacts, ImageFacts, UnfinishedLayer};
use execfit_image::digest::Digest;
use execfit_image::source::{Opened, SourceError};
use std::collections::BTreeMap;

impl Images {
    /// Forgets the facts of files that were taken before an image was read on, so that an answer rests on all that was
    /// read, and on no assumption that was made on the way; false where there are none.
    pub(super) fn forget_stale(&mut self, case: &mut Case) -> bool {
        if !std::mem::take(&mut self.stale) {
            return false;
        }
        for (name, child) in readable(case) {
            forget(child, self.unfinished(&name, &child.digest));
        }
        true
    }

    /// Whether nothing is left to be read for the proof: what a table of contents lists stays as listed. Manifests on which
    /// the answer does not rest need none.
    pub(super) fn is_proven(case: &Case, rests_on: impl Fn(&Digest) -> bool) -> bool {
        let children = case.images.iter().flat_map(|image| &image.children);
        let children = children.filter(|child| rests_on(&child.digest));
        children.filter(|child| child.trouble.is_none()).all(|child| !is_provisional(child))
    }

    /// Reads to their ends the layers that were opened, or all layers where an absence was assumed (of a layer with a table
    /// of contents only that), and forgets the facts that were taken before.
    pub(super) fn prove(&mut self, case: &mut Case, rests_on: impl Fn(&Digest) -> bool) {
        let mut done = BTreeMap::new();
        let wanted = |child: &ChildFacts| is_provisional(child) && rests_on(&child.digest);
        for (name, child) in readable(case).filter(|(_, child)| wanted(child)) {
            // Two names of one image have the same layers.
            let read = done.entry(child.digest.clone()).or_insert_with(|| self.finish(&name, child)).clone();
            forget(child, self.unfinished(&name, &child.digest));
            child.trouble = read.err().map(|error| trouble(&error));
        }
    }

    fn finish(&mut self, name: &str, child: &ChildFacts) -> Result<(), SourceError> {
        let modes = self.modes.remove(&child.digest).unwrap_or_default();
        let Opened::Image(image) = self.opened(name)? else { return Ok(()) };
        if child.assumes_absence() {
            return image.settle(&child.digest);
        }
        for path in modes {
            image.witness(&child.digest, &path)?;
        }
        image.finish_opened(&child.digest).map(|_| ())
    }

    fn unfinished(&mut self, name: &str, digest: &Digest) -> Vec<UnfinishedLayer> {
        let Ok(Opened::Image(image)) = self.opened(name) else { return Vec::new() };
        let unfinished = image.unfinished(digest).into_iter();
        unfinished
            .map(|layer| UnfinishedLayer { layer: layer.layer, read: layer.read, size: layer.size })
            .collect()
    }
}

/// The manifests that nothing is wrong with, with the names of their images.
fn readable(case: &mut Case) -> impl Iterator<Item = (String, &mut ChildFacts)> {
    case.images.iter_mut().flat_map(|ImageFacts { name, children, .. }| {
        let children = children.iter_mut().filter(|child| child.trouble.is_none());
        children.map(|child| (name.clone(), child))
    })
}

fn is_provisional(child: &ChildFacts) -> bool {
    let unverified = |file: &execfit_diagnosis::case::FileFacts| {
        file.origin.as_ref().is_some_and(|origin| !origin.verified && !origin.as_listed)
    };
    !child.assumed.is_empty() || child.files.values().flatten().any(unverified)
}

fn forget(child: &mut ChildFacts, unfinished: Vec<UnfinishedLayer>) {
    child.files.clear();
    child.assumed.clear();
    child.unfinished = unfinished;
}
