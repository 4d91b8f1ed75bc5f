//! The tag has moved since the deployment: it names other content now than what was deployed.
//!
//! ECS resolves a tag to a digest once for a deployment and keeps to it. Whoever pushes to the tag meanwhile changes
//! what the next deployment gets, perhaps with other platforms: parallel build jobs that push one tag, a laptop that
//! pushes over what CI built. The verdict here is about what was deployed.
//!
//! ## What to do
//! Deploy by digest or by tags that never move. To get what the tag names now:
//! `aws ecs update-service --force-new-deployment`.

use crate::case::ImageFacts;
use crate::finding::{Evidence, Finding, Severity};
use crate::report::platforms;
use crate::subject::Subject;
use execfit_image::digest::Digest;
use execfit_image::reference::Reference;

/// The finding's id.
pub(super) const ID: &str = "tag-flipped";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let reference: Reference = subject.workload.image.parse().ok()?;
    let deployed: Digest = subject.workload.deployed.as_ref().filter(|_| reference.digest.is_none())?.parse().ok()?;
    let tagged = subject.case.image(&reference.to_string())?;
    let now = tagged.digest.as_ref()?;
    // ECS may report the index's digest, or that of the manifest which the host chose from it.
    if *now == deployed || tagged.entries.iter().any(|entry| entry.digest == deployed) {
        return None;
    }
    let message = format!("{}: the tag {} has moved since the deployment", subject.whole(), tagged.name);
    let is = |image: &ImageFacts| match &platforms(image)[..] {
        [] => String::new(),
        list => format!(" ({})", list.join(", ")),
    };
    let was = subject.image().map(is).unwrap_or_default();
    let evidence = [
        Evidence::seen(format!("deployed: {deployed}{was}")).source("DescribeTasks, containers[].imageDigest"),
        Evidence::seen(format!("the tag names now: {now}{}", is(tagged))).source("the registry's manifest"),
    ];
    Some(Finding::new(ID, Severity::Warning, message).because(evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, ARM64, Picture, Room, elf, manifest};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn the_tag_names_other_content_now() {
        let room = Room::unseen().image("app:old", Picture::of_app("amd64", &elf(AMD64))).image("app:1", Picture::of_app("arm64", &elf(ARM64)));
        let task = json!({"containers": [{"name": "app", "lastStatus": "RUNNING", "imageDigest": manifest("app:old", "")}]});
        assert_snapshot!(room.task("RUNNING", task).finding(ID), @"
        app: runs
          host x86_64 (default, 0): runs
          findings: tag-flipped, default-architecture
        warning[tag-flipped]: container app: the tag app:1 has moved since the deployment
          | deployed: sha256:4b540752 (linux/amd64) [DescribeTasks, containers[].imageDigest]
          | the tag names now: sha256:9891d097 [the registry's manifest]
        ");
    }

    #[test]
    fn a_name_without_a_tag_means_latest() {
        let room = Room::unseen().image("app:old", Picture::of_app("amd64", &elf(AMD64))).image("app", Picture::of_app("arm64", &elf(ARM64)));
        let task = json!({"containers": [{"name": "app", "lastStatus": "RUNNING", "imageDigest": manifest("app:old", "")}]});
        assert!(room.container(json!({"image": "app"})).task("RUNNING", task).ids().contains(&ID));
    }
}
