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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;

    #[test]
    fn a_layer_that_go_refuses() {
        let picture = Picture::of_app("amd64", &elf(AMD64))
            .trouble(TroubleKind::CannotUnpack, "layer 2 of app:1: a hard link to /missing, which is in no layer");
        assert_snapshot!(Room::new().image("app:1", picture).finding(ID), @"
        app: fails unpack
          host x86_64 (default, 0): fails
          findings: cannot-unpack, default-architecture
        error[cannot-unpack]: container app: layer 2 of app:1: a hard link to /missing, which is in no layer
          | the runtimes refuse the layer [containerd archive/tar.go, moby pkg/archive]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: build the image with a current builder
        ");
    }
}
