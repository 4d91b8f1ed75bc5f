//! The images of services that tests break and fix. The services themselves are made by the tests, each its own.

use super::images::{App, Content, Image, Workshop};
use super::indexes;
use super::scenarios::{APP, image};
use crate::Result;
use crate::debian::Architecture::{Amd64, Arm64};

/// The repository; a tag for each image.
const NAME: &str = "fixable";
/// Tells in the log on which machine it runs.
const TELLS_MACHINE: &[u8] = b"#!/bin/sh\n/bin/busybox uname -m\nexec /bin/sleep 1000000\n";

/// Publishes them, if they are not there yet.
pub(super) fn publish(workshop: &Workshop<'_>) -> Result<()> {
    let repository = workshop.repository(NAME);
    if repository.manifest("either", "*/*").is_ok() {
        return Ok(());
    }
    let ends = &["/bin/sh", "-c", "exit 3"];
    let arm64_as_amd64 = image(Amd64, Arm64);
    let emulated = Image {
        emulated: true,
        app: Some(App { content: Content::Bytes(TELLS_MACHINE.to_vec()), mode: 0o755 }),
        command: APP,
        ..image(Arm64, Arm64)
    };
    for (tag, image) in [
        ("good", image(Amd64, Amd64)),
        ("arm64", image(Arm64, Arm64)),
        // The kernel takes its program, which ends at once.
        ("ends", Image { command: ends, ..image(Amd64, Amd64) }),
        ("either-amd64", arm64_as_amd64),
        ("either-arm64", emulated),
    ] {
        workshop.publish(&image, NAME, tag)?;
    }
    // For amd64 it is mislabelled, for arm64 it is good, and runs on this machine.
    let children = [("either-amd64", Amd64), ("either-arm64", Arm64)];
    let children: Result<Vec<_>> =
        children.iter().map(|(tag, platform)| indexes::child(&repository, tag, *platform)).collect();
    indexes::put_index(&repository, "either", &children?)?;
    println!("{NAME:22} images of services that tests break and fix");
    Ok(())
}
