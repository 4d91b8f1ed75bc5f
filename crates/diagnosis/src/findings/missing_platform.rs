//! The image is an index of several platforms, and the host's is not among them: it cannot be pulled.
//!
//! It is the same mistake as a program of the wrong architecture, met one step earlier: the runtime asks the index for
//! its platform, finds nothing, and ECS says `CannotPullContainerError: ... image Manifest does not contain descriptor
//! matching platform 'linux/amd64'` (Fargate) or `no matching manifest for linux/amd64` (Docker). Nothing is started,
//! so there is no log line and no exit code.
//!
//! ## How it comes about
//! `docker buildx` pushes an index even for one platform, as it adds attestations; a multi-platform build may also have
//! lost a platform, or the tag was pushed by one job after the other. An index may also hold nothing but an attestation
//! or another artifact, or list an artifact (a SOCI index, say) for the platform before the image: runtimes choose by
//! platform alone. And they choose by rules of their own: what containerd takes, Docker or Podman may not find.
//!
//! ## What to do
//! Build for the host's platform too, or run the task on a platform that the index has.

use super::rungs;
use crate::case::ImageFacts;
use crate::finding::{Evidence, Finding, Severity};
use crate::report::platforms;
use crate::run::{self, Run};
use crate::subject::Subject;
use crate::verdict::Failure;
use execfit_image::index::Entry;

/// The finding's id.
pub(super) const ID: &str = "missing-platform";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (_, run, failure) = subject.failing()?;
    if *failure != Failure::Pull {
        return None;
    }
    let image = subject.image()?;
    let index = format!("{}: the index {}", subject.whole(), image.name);
    let other = image.entries.iter().find_map(Entry::not_an_image);
    let message = match (&run.blame, &platforms(image)[..], other) {
        (Some(blame), ..) => format!("{}: {}: it cannot be pulled", subject.whole(), blame.rule),
        (None, [], Some(other)) => format!("{index} has no image, only {other}: it cannot be pulled"),
        (None, [], None) => format!("{index} has no image: it cannot be pulled"),
        (None, list, _) => format!("{index} has no {}, only {}: it cannot be pulled", run.platform, list.join(", ")),
    };
    let digest = image.digest.as_ref().map(|digest| Evidence::seen(format!("index {digest}")).source("OCI image-index.md, manifests[].platform"));
    let ladder = digest.into_iter().chain(others(image, run)).collect();
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, ladder)))
}

/// The runtimes that would find something in the index.
fn others(image: &ImageFacts, run: &Run) -> Option<Evidence> {
    let choices = run::choices(image, &run.platform);
    let takes = choices.iter().filter_map(|(engine, digest)| Some(format!("{} takes {}", engine.name(), digest.as_ref()?.short())));
    let takes: Vec<String> = takes.collect();
    let text = format!("runtimes choose by rules of their own: {}", takes.join(", "));
    (!takes.is_empty()).then(|| Evidence::seen(text).source("containerd platforms, moby distribution/pull_v2_unix.go, containers/image platform_matcher.go"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{ARM64, Picture, Room, elf};
    use insta::assert_snapshot;

    #[test]
    fn an_index_of_arm64_alone() {
        let room = Room::new().index("app:1", &[("linux/arm64", Picture::of_app("arm64", &elf(ARM64)))]);
        assert_snapshot!(room.finding(ID), @r#"
        app: fails pull
          host x86_64 (default, 0): fails
          findings: missing-platform, default-architecture
        error[missing-platform]: container app: the index app:1 has no linux/amd64, only linux/arm64: it cannot be pulled
          | index sha256:f70e479c [OCI image-index.md, manifests[].platform]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
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
            $ aws ecs update-service --cluster demo --service api --force-new-deployment
        "#);
    }
}
