//! The image's label names an architecture that its program is not.
//!
//! An index entry and an image config each say for which platform an image is; nothing checks that its files agree.
//! Registries, runtimes and most tools believe the label; the kernel reads the file.
//!
//! ## How it comes about
//! `FROM --platform=$BUILDPLATFORM` in the final stage, `ARG TARGETARCH=amd64` with a default that beats the builder's
//! value, a binary downloaded for a fixed architecture, a build cache shared between platforms, a hand-made manifest.
//!
//! ## What to do
//! Mend the build so that label and files agree: let `TARGETARCH` have no default, use it in downloads and in `GOARCH`,
//! and begin the final stage with plain `FROM`.

use crate::case::ChildFacts;
use crate::finding::{Evidence, Finding, Severity};
use crate::remedy::Remedy;
use crate::run::{self, Run};
use crate::subject::Subject;
use execfit_image::index::Entry;
use execfit_kernel::elf::Machine;

/// The finding's id.
pub(super) const ID: &str = "mislabelled-image";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    subject.runs.iter().find_map(|(_, run)| lie(subject, run))
}

fn lie(subject: &Subject<'_>, run: &Run) -> Option<Finding> {
    let image = subject.image()?;
    let digest = run.manifest.as_ref()?;
    let child = image.child(digest)?;
    let entry = image.entries.iter().find(|entry| entry.digest == *digest)?;
    let (machine, step) = run.machines().next()?;
    let lies: Vec<(String, &'static str)> = labels(entry, child)
        .into_iter()
        .filter(|(label, _)| !agrees(label, machine))
        .collect();
    let (label, _) = lies.first()?;
    let path = run::show(&step.path);
    let message = format!("{}: the image says that it is for {label}, and {path} in it is a program for {}", subject.whole(), machine.name());
    let evidence = lies.iter().map(|(label, source)| Evidence::seen(format!("label: {label}")).source(source));
    let file = Evidence {
        text: format!("{path} is for {} (e_machine {})", machine.name(), machine.0),
        path: Some(path),
        layer: step.origin.as_ref().map(|origin| format!("{} of {}", origin.layer, origin.layers)),
        layer_digest: step.origin.as_ref().map(|origin| origin.digest.to_string()),
        instruction: step.origin.as_ref().and_then(run::instruction),
        source: Some("elf(5), e_machine".into()),
    };
    let mend = Remedy::edit("mend the build so that label and files agree", &[]);
    Some(Finding::new(ID, Severity::Warning, message).because(evidence.chain([file])).cured_by(mend))
}

/// What the index and the config say, each with where it says so.
fn labels(entry: &Entry, child: &ChildFacts) -> Vec<(String, &'static str)> {
    let mut labels = Vec::new();
    if let Some(platform) = entry.declared().filter(|platform| !platform.architecture.0.is_empty()) {
        labels.push((platform.architecture.0.clone(), "index, manifests[].platform.architecture"));
    }
    if !child.architecture.is_empty() {
        labels.push((child.architecture.clone(), "image config, architecture"));
    }
    labels
}

/// Whether a label fits a machine. An amd64 image may start with an i386 program, an arm64 one with a 32-bit Arm one:
/// that is unusual, and no lie.
fn agrees(label: &str, machine: Machine) -> bool {
    let of_machine = machine.oci_architecture();
    let same = |label: &str, architecture: &str| match label {
        "x86_64" | "x86-64" => architecture == "amd64",
        "aarch64" => architecture == "arm64",
        label => label == architecture,
    };
    match of_machine {
        None => true,
        Some("386") => same(label, "386") || same(label, "amd64"),
        Some("arm") => same(label, "arm") || same(label, "arm64"),
        Some(architecture) => same(label, architecture),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, ARM64, Picture, Room, elf};
    use insta::assert_snapshot;

    #[test]
    fn arm64_files_under_an_amd64_label() {
        let room = Room::new().index("app:1", &[("linux/amd64", Picture::of_app("amd64", &elf(ARM64)))]);
        assert_snapshot!(room.finding(ID), @"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: wrong-architecture, mislabelled-image, default-architecture
        warning[mislabelled-image]: container app: the image says that it is for amd64, and /app in it is a program for arm64
          | label: amd64 [index, manifests[].platform.architecture]
          | label: amd64 [image config, architecture]
          | /app is for arm64 (e_machine 183) (layer 2 of 3, COPY app /app) [elf(5), e_machine]
          = Edit Advice: mend the build so that label and files agree
        ");
    }

    #[test]
    fn a_true_label_is_no_finding() {
        let ids = Room::new().index("app:1", &[("linux/amd64", Picture::of_app("amd64", &elf(AMD64)))]).ids();
        assert_eq!(ids, ["ended-by-itself", "default-architecture"]);
    }
}
