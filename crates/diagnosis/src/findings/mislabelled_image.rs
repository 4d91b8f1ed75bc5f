//! The image's label names an architecture that its program is not.
//!
//! An index entry and an image config each say for which platform an image is; nothing checks that its files agree.
//! Registries, runtimes and most tools believe the label; the kernel reads the file. Index, config and files are three
//! witnesses: each disagreement of two of them is evidence of its own, and the same layers under two architectures belie
//! one label before any of them is opened.
//!
//! ## How it comes about
//! `FROM --platform=$BUILDPLATFORM` in the final stage, `ARG TARGETARCH=amd64` with a default that beats the builder's
//! value, a binary downloaded for a fixed architecture, a build cache shared between platforms, a hand-made manifest.
//!
//! ## What to do
//! Mend the build so that label and files agree: let `TARGETARCH` have no default, use it in downloads and in `GOARCH`,
//! and begin the final stage with plain `FROM`.

use crate::case::{ChildFacts, ImageFacts};
use crate::finding::{Evidence, Finding, Severity};
use crate::remedy::Remedy;
use crate::run::{self, Run};
use crate::subject::Subject;
use execfit_image::digest::Digest;
use execfit_image::index::Entry;
use execfit_image::platform::Platform;
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
    let file = files(entry, child, run);
    let config = index_and_config(entry, child);
    let shared = shared_layers(image, child);
    let claim = match (&file, &config, &shared) {
        (Some(file), ..) => file.claim.clone(),
        (None, Some(config), _) => config.text.clone(),
        (None, None, Some(shared)) => shared.text.clone(),
        (None, None, None) => return None,
    };
    // Layers without machine code may be shared rightly: that is only worth a note where none was seen.
    let sure = file.is_some() || config.is_some() || run.machines().next().is_some();
    let severity = if sure { Severity::Warning } else { Severity::Note };
    let evidence = file.map(|file| file.evidence).into_iter().flatten().chain(config).chain(shared);
    let mend = Remedy::edit("mend the build so that label and files agree", &[]);
    let message = format!("{}: {claim}", subject.whole());
    Some(Finding::new(ID, severity, message).because(evidence).cured_by(mend))
}

/// What a program of the image shows against its labels.
struct Shown {
    claim: String,
    evidence: Vec<Evidence>,
}

/// Index and config against the files: each label that the first program belies.
fn files(entry: &Entry, child: &ChildFacts, run: &Run) -> Option<Shown> {
    let (machine, step) = run.machines().next()?;
    let lies: Vec<_> = labels(entry, child).into_iter().filter(|(label, _)| !agrees(label, machine)).collect();
    let (label, _) = lies.first()?;
    let path = run::show(&step.path);
    let claim = format!("the image says that it is for {label}, and {path} in it is a program for {}", machine.name());
    let mut evidence: Vec<Evidence> =
        lies.iter().map(|(label, source)| Evidence::seen(format!("label: {label}")).source(source)).collect();
    let instruction = step.origin.as_ref().and_then(run::instruction);
    let built = instruction.as_ref().and_then(|instruction| named(instruction, machine));
    evidence.push(Evidence {
        text: format!("{path} is for {} (e_machine {})", machine.name(), machine.0),
        path: Some(path),
        layer: step.origin.as_ref().map(|origin| format!("{} of {}", origin.layer, origin.layers)),
        layer_digest: step.origin.as_ref().map(|origin| origin.digest.to_string()),
        as_listed: step.origin.as_ref().is_some_and(|origin| origin.as_listed),
        instruction,
        source: Some("elf(5), e_machine".into()),
    });
    let told = built.map(|word| format!("the instruction that brought it names {word}"));
    evidence.extend(told.map(|text| Evidence::seen(text).source("image config, history[].created_by")));
    Some(Shown { claim, evidence })
}

/// The word for the file's own machine in the instruction that brought it, e.g. of a download.
fn named(instruction: &str, machine: Machine) -> Option<&'static str> {
    let words: &[&'static str] = match machine.oci_architecture()? {
        "amd64" => &["amd64", "x86_64", "x86-64", "linux-x64", "linux64"],
        "arm64" => &["arm64", "aarch64"],
        _ => &[],
    };
    let lower = instruction.to_ascii_lowercase();
    words.iter().copied().find(|word| lower.contains(word))
}

/// Index against config. No runtime compares them: containerd reads the config's platform only where the index has
/// none, Docker only to warn of an image that is no part of an index.
fn index_and_config(entry: &Entry, child: &ChildFacts) -> Option<Evidence> {
    let declared = entry.declared()?.normalized();
    let config = Platform::new(&child.os, &child.architecture, &child.variant).normalized();
    let unlike = |index: &str, config: &str| !index.is_empty() && !config.is_empty() && index != config;
    let differ = unlike(&declared.os.0, &config.os.0) || unlike(&declared.architecture.0, &config.architecture.0);
    let text = format!("the index says that it is for {declared}, and its config for {config}, which runtimes do not compare");
    differ.then(|| Evidence::seen(text).source("containerd images/image.go Manifest, moby distribution/pull_v2.go"))
}

/// The same layers under two architectures, told by their digests alone.
fn shared_layers(image: &ImageFacts, child: &ChildFacts) -> Option<Evidence> {
    let platform = |child: &ChildFacts| {
        let entry = image.entries.iter().find(|entry| entry.digest == child.digest)?;
        let config = Platform::new(&child.os, &child.architecture, &child.variant);
        Some(entry.declared().unwrap_or(config).normalized())
    };
    let own = platform(child)?;
    let known = |platform: &Platform| !matches!(platform.architecture.0.as_str(), "" | "unknown");
    let same = |other: &&ChildFacts| {
        other.digest != child.digest && !other.layers.is_empty() && other.layers == child.layers
    };
    let other = image.children.iter().filter(same).find_map(|other| {
        platform(other).filter(|other| known(other) && known(&own) && other.architecture != own.architecture)
    })?;
    let digests: Vec<&str> = child.layers.iter().map(Digest::short).collect();
    let text = format!(
        "{own} and {other} have the very same layers ({}): one of the two labels is untrue, unless no machine code is in them",
        digests.join(", ")
    );
    Some(Evidence::seen(text).source("OCI manifest.md, layers[].digest"))
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
    use crate::case::{Trouble, TroubleKind};
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
    fn an_index_that_its_config_belies() {
        let room = Room::new().index("app:1", &[("linux/amd64", Picture::of_app("arm64", &elf(AMD64)))]);
        assert_snapshot!(room.finding(ID), @"
        app: runs
          host x86_64 (default, 0): runs
          findings: mislabelled-image, ended-by-itself, default-architecture
        warning[mislabelled-image]: container app: the image says that it is for arm64, and /app in it is a program for x86_64
          | label: arm64 [image config, architecture]
          | /app is for x86_64 (e_machine 62) (layer 2 of 3, COPY app /app) [elf(5), e_machine]
          | the index says that it is for linux/amd64, and its config for linux/arm64, which runtimes do not compare [containerd images/image.go Manifest, moby distribution/pull_v2.go]
          = Edit Advice: mend the build so that label and files agree
        ");
    }

    #[test]
    fn all_three_disagree() {
        let picture = Picture::new("386")
            .layer(2, "RUN wget https://example.org/app-linux-aarch64 -O /app")
            .file("/app", 0o755, &elf(ARM64))
            .entrypoint(&["/app"]);
        let room = Room::new().index("app:1", &[("linux/amd64", picture)]);
        assert_snapshot!(room.finding(ID), @"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: wrong-architecture, mislabelled-image, default-architecture
        warning[mislabelled-image]: container app: the image says that it is for amd64, and /app in it is a program for arm64
          | label: amd64 [index, manifests[].platform.architecture]
          | label: 386 [image config, architecture]
          | /app is for arm64 (e_machine 183) (layer 2 of 3, RUN wget https://example.org/app-linux-aarch64 -O /app) [elf(5), e_machine]
          | the instruction that brought it names aarch64 [image config, history[].created_by]
          | the index says that it is for linux/amd64, and its config for linux/386, which runtimes do not compare [containerd images/image.go Manifest, moby distribution/pull_v2.go]
          = Edit Advice: mend the build so that label and files agree
        ");
    }

    /// Of an index whose manifests were both opened: what their layers' digests tell.
    #[test]
    fn the_same_layers_under_two_architectures() {
        let child = |platform: &str, layers: &[&str]| {
            let digest = Digest::of(platform.as_bytes());
            let layers: Vec<Digest> = layers.iter().map(|layer| Digest::of(layer.as_bytes())).collect();
            let facts = serde_json::json!({"digest": digest, "os": "linux", "architecture": platform.split('/').nth(1), "layers": layers});
            (Entry::of_platform(digest, platform), serde_json::from_value::<ChildFacts>(facts).unwrap())
        };
        let told = |others: [(Entry, ChildFacts); 2]| {
            let [(first, child), (second, other)] = others;
            let image = ImageFacts {
                entries: vec![first, second],
                children: vec![child.clone(), other],
                ..ImageFacts::unreadable("app:1".into(), Trouble { kind: TroubleKind::Broken, message: String::new() })
            };
            shared_layers(&image, &child).map(|evidence| evidence.text)
        };
        let both = told([child("linux/amd64", &["a", "b"]), child("linux/arm64/v8", &["a", "b"])]);
        assert_snapshot!(both.unwrap(), @"linux/amd64 and linux/arm64 have the very same layers (sha256:ca978112ca1b, sha256:3e23e8160039): one of the two labels is untrue, unless no machine code is in them");
        assert_eq!(told([child("linux/amd64", &["a", "b"]), child("linux/arm64", &["a", "c"])]), None);
        assert_eq!(told([child("linux/amd64", &[]), child("linux/arm64", &[])]), None);
        assert_eq!(told([child("linux/arm/v6", &["a"]), child("linux/arm/v7", &["a"])]), None);
        assert_eq!(told([child("linux/amd64", &["a"]), child("unknown/unknown", &["a"])]), None);
    }

    #[test]
    fn a_true_label_is_no_finding() {
        let ids = Room::new().index("app:1", &[("linux/amd64", Picture::of_app("amd64", &elf(AMD64)))]).ids();
        assert_eq!(ids, ["ended-by-itself", "default-architecture"]);
    }
}
