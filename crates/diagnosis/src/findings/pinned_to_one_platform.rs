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
    let is = platforms(image).first().cloned().unwrap_or("one platform".into());
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, ARM64, Picture, Room, elf, manifest};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn the_digest_of_the_arm64_manifest() {
        let pictures = [("linux/amd64", Picture::of_app("amd64", &elf(AMD64))), ("linux/arm64", Picture::of_app("arm64", &elf(ARM64)))];
        let pin = format!("app:1@{}", manifest("app:1", "linux/arm64"));
        let room = Room::new().index("app:1", &pictures).container(json!({"image": pin}));
        assert_snapshot!(room.finding(ID), @r#"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: wrong-architecture, pinned-to-one-platform, default-architecture
        error[pinned-to-one-platform]: container app: the definition pins sha256:bf6e7804, the manifest of linux/arm64 alone, and the host is x86_64
          | image: app:1@sha256:bf6e7804 [containerDefinitions[].image]
          | the tag app:1 names an index of linux/amd64, linux/arm64
          = Repin Safe: pin the index that the pinned manifest belongs to, which has linux/amd64: it runs from there by the model
            $ execfit fix demo/api --by repin
            $ # in the container definition: "image": "app:1@sha256:f70e479c"
          = Retarget Safe: run the task on ARM64: all containers run there by the model; Fargate brings the machines
            $ execfit fix demo/api --by retarget
            $ aws ecs describe-task-definition --task-definition api:7 --include TAGS > task.json
            $ jq '.tags as $tags | .taskDefinition | del(.taskDefinitionArn, .revision, .status, .requiresAttributes, .compatibilities, .registeredAt, .registeredBy, .deregisteredAt, .deleteRequestedAt) | .runtimePlatform.cpuArchitecture = "ARM64" | .runtimePlatform.operatingSystemFamily = "LINUX" | if ($tags | length) > 0 then .tags = $tags else . end' task.json > new.json
            $ aws ecs register-task-definition --cli-input-json file://new.json
            $ aws ecs update-service --cluster demo --service api --task-definition api
          = Rebuild Advice: build the image for linux/amd64, with the first of these that you have, and deploy it anew
            $ docker buildx build --platform linux/amd64 --tag app:1 --push .
            $ docker build --platform linux/amd64 --tag app:1 . && docker push app:1
            $ finch build --platform linux/amd64 --tag app:1 . && finch push app:1
            $ # then put the new digest into the container definition, in place of the old one
        "#);
    }

    #[test]
    fn an_index_that_would_not_run_either_is_no_remedy() {
        let pictures = [("linux/amd64", Picture::of_app("amd64", b"")), ("linux/arm64", Picture::of_app("arm64", &elf(ARM64)))];
        let pin = format!("app:1@{}", manifest("app:1", "linux/arm64"));
        let report = Room::new().index("app:1", &pictures).container(json!({"image": pin})).report();
        let remedies = report.workloads[0].findings.iter().flat_map(|finding| &finding.remedies);
        assert!(remedies.into_iter().all(|remedy| remedy.kind != crate::remedy::RemedyKind::Repin));
    }
}
