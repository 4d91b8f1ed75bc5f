//! The services of the cluster `lab`, each with one thing wrong, or nothing.

use super::images::{App, Content, Image, Workshop};
use super::{indexes, programs};
use crate::Result;
use crate::debian::Architecture::{self, Amd64, Arm64};

/// What a container does that has nothing else to do.
pub(super) const SLEEP: &[&str] = &["/bin/sleep", "1000000"];
pub(super) const APP: &[&str] = &["/app"];

/// One service of the lab. Its repository and its task-definition family have its name.
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// What it is, for a person.
    pub(super) what: &'static str,
    pub(super) content: Published,
    /// The `command` of the task definition.
    pub(super) command: Option<&'static [&'static str]>,
    pub(super) setting: Setting,
    /// Whether its main container runs.
    pub(super) runs: bool,
}

/// What its repository holds.
pub(super) enum Published {
    Single(Image),
    /// An index of images for these platforms and an attestation if asked for.
    Index {
        platforms: &'static [Architecture],
        attested: bool,
    },
    /// The same, and the task definition names the image for arm64 by its digest.
    Pinned,
    /// The tag had the first content when it was deployed and has the second now.
    Moved(Image, Image),
}

/// What is special about the task definition or the service.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    Plain,
    /// No circuit breaker: it is restarted for ever.
    ForEver,
    /// A second container that is not essential, from an arm64 image.
    Sidecar,
    /// The revision before had `runtimePlatform` ARM64.
    LostRuntimePlatform,
}

/// All of them.
pub(super) fn all() -> Vec<Scenario> {
    let mut scenarios = about_architectures();
    scenarios.extend(about_files());
    scenarios.extend(about_definitions());
    scenarios
}

fn about_architectures() -> Vec<Scenario> {
    let arm64 = image(Arm64, Arm64);
    let amd64 = image(Amd64, Amd64);
    vec![
        Scenario {
            setting: Setting::ForEver,
            ..single("arm64-only", "an image for arm64 only", arm64.clone())
        },
        single("mislabelled", "the label says amd64, the files are arm64", image(Amd64, Arm64)),
        index(
            "no-platform",
            "an index with linux/arm64 and an attestation, so the pull fails",
            &[Arm64],
            true,
        ),
        index("multi-arch", "an index with linux/amd64 and linux/arm64", &[Amd64, Arm64], false),
        Scenario {
            content: Published::Pinned,
            runs: false,
            ..single("pinned", "pinned by digest to the arm64 half of an index", arm64.clone())
        },
        moved(
            "moved-tag",
            "deployed from a tag that was arm64 and is amd64 now",
            arm64.clone(),
            amd64.clone(),
            false,
        ),
        moved("flipped-tag", "runs from a tag that was amd64 and is arm64 now", amd64.clone(), arm64, true),
        Scenario { runs: true, ..single("healthy", "nothing wrong", amd64) },
    ]
}

fn about_files() -> Vec<Scenario> {
    vec![
        app("no-shebang", "a script without #!", programs::NO_SHEBANG),
        app("byte-order-mark", "a script with a byte order mark before #!", programs::BYTE_ORDER_MARK),
        app("empty-program", "an empty file", b""),
        app("saved-error-page", "an HTML page of an error 404", programs::ERROR_PAGE),
        app("mach-o", "a program for macOS", &programs::mach_o()),
        app("crlf-interpreter", "a script with CRLF after #!/bin/sh", programs::CRLF_INTERPRETER),
        app("missing-interpreter", "a script for #!/bin/missing", programs::MISSING_INTERPRETER),
        app("git-lfs-pointer", "a pointer of Git LFS", programs::LFS_POINTER),
        single(
            "not-executable",
            "a program with mode 0644",
            with_app(Content::Bytes(programs::SCRIPT.to_vec()), 0o644),
        ),
        single("gzip-program", "a program that is still packed", with_app(Content::Gzip, 0o755)),
        single(
            "missing-program",
            "the program is not in the image",
            Image { command: &["/usr/local/bin/server"], ..image(Amd64, Amd64) },
        ),
    ]
}

fn about_definitions() -> Vec<Scenario> {
    let bad = with_app(Content::Bytes(programs::NO_SHEBANG.to_vec()), 0o755);
    let bad_but_unused = Image { command: SLEEP, ..bad.clone() };
    vec![
        Scenario {
            setting: Setting::Sidecar,
            runs: true,
            ..single("sidecar", "a good container beside a sidecar for arm64", image(Amd64, Amd64))
        },
        Scenario {
            command: Some(SLEEP),
            runs: true,
            ..single("command-saves", "a bad image; the definition's command names a good program", bad)
        },
        Scenario {
            command: Some(APP),
            ..single(
                "command-breaks",
                "a good image; the definition's command names a bad file",
                bad_but_unused,
            )
        },
        Scenario {
            setting: Setting::LostRuntimePlatform,
            ..single(
                "lost-runtime-platform",
                "revision 1 asked for ARM64, revision 2 does not",
                image(Arm64, Arm64),
            )
        },
    ]
}

pub(super) fn image(label: Architecture, busybox: Architecture) -> Image {
    Image { label, busybox, emulated: false, app: None, command: SLEEP }
}

fn with_app(content: Content, mode: u32) -> Image {
    Image { app: Some(App { content, mode }), command: APP, ..image(Amd64, Amd64) }
}

fn single(name: &'static str, what: &'static str, image: Image) -> Scenario {
    let content = Published::Single(image);
    Scenario { name, what, content, command: None, setting: Setting::Plain, runs: false }
}

fn app(name: &'static str, what: &'static str, content: &[u8]) -> Scenario {
    single(name, what, with_app(Content::Bytes(content.to_vec()), 0o755))
}

fn index(
    name: &'static str,
    what: &'static str,
    platforms: &'static [Architecture],
    attested: bool,
) -> Scenario {
    let content = Published::Index { platforms, attested };
    Scenario { name, what, content, command: None, setting: Setting::Plain, runs: platforms.contains(&Amd64) }
}

fn moved(name: &'static str, what: &'static str, then: Image, now: Image, runs: bool) -> Scenario {
    let content = Published::Moved(then, now);
    Scenario { name, what, content, command: None, setting: Setting::Plain, runs }
}

impl Scenario {
    /// Publishes what is to be deployed and returns how the task definition names it.
    pub(super) fn publish(&self, workshop: &Workshop<'_>) -> Result<String> {
        let latest = workshop.reference(self.name, "latest");
        match &self.content {
            Published::Single(image) | Published::Moved(image, _) => {
                workshop.publish(image, self.name, "latest")?
            }
            Published::Index { platforms, attested } => self.publish_index(workshop, platforms, *attested)?,
            Published::Pinned => {
                self.publish_index(workshop, &[Amd64, Arm64], false)?;
                let arm64 = indexes::child(&workshop.repository(self.name), Arm64.name(), Arm64)?;
                return Ok(format!("{latest}@{}", arm64.digest()));
            }
        }
        Ok(latest)
    }

    fn publish_index(
        &self,
        workshop: &Workshop<'_>,
        platforms: &[Architecture],
        attested: bool,
    ) -> Result<()> {
        let mut children = workshop.publish_children(self.name, platforms)?;
        let repository = workshop.repository(self.name);
        if attested {
            let attestations: Result<Vec<_>> =
                children.iter().map(|child| indexes::put_attestation(&repository, child)).collect();
            children.extend(attestations?);
        }
        indexes::put_index(&repository, "latest", &children)
    }

    /// Publishes the sidecar's image and returns its reference.
    pub(super) fn publish_sidecar(&self, workshop: &Workshop<'_>) -> Result<String> {
        workshop.publish(&image(Arm64, Arm64), self.name, "agent")?;
        Ok(workshop.reference(self.name, "agent"))
    }

    /// Moves the tag, if this is about a tag that moves. To be called once it has been deployed.
    pub(super) fn move_tag(&self, workshop: &Workshop<'_>) -> Result<()> {
        match &self.content {
            Published::Moved(_, now) => workshop.publish(now, self.name, "latest"),
            _ => Ok(()),
        }
    }
}
