//! The revision before this one asked for an architecture, and this one does not any more.
//!
//! `runtimePlatform` is lost when a tool registers a new revision from a template, or from an older model of the API,
//! without the fields that it does not know. An ARM64 service silently becomes one of X86_64, ECS's default.
//!
//! ## How it comes about
//! Deploy actions, orbs and scripts that copy a task definition field by field; old SDKs; templates without the field.
//!
//! ## What to do
//! Put `"runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}` back where the revision is
//! made, and deploy the revision that still has it meanwhile.

use crate::finding::{Evidence, Finding, Severity};
use crate::remedy::Remedy;
use crate::subject::Subject;
use crate::workload::HostSource;

/// The finding's id.
pub(super) const ID: &str = "lost-runtime-platform";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let scene = subject.scene?;
    let (now, before) = (scene.revision(), scene.previous()?.revision());
    let had = before.cpu_architecture.as_deref()?;
    if now.cpu_architecture.is_some() || had == "X86_64" {
        return None;
    }
    let hurts = subject.is_architecture_fault();
    let severity = if hurts { Severity::Error } else { Severity::Warning };
    let hosts = &subject.workload.placement.hosts;
    let is_default = hosts.iter().any(|host| host.source == HostSource::Default);
    let so = if is_default { ", so ECS takes its default X86_64" } else { "" };
    let message = format!(
        "{}: the task definition {} lost runtimePlatform: {} asked for {had}, and now nothing asks for it{so}",
        subject.whole(),
        now.name,
        before.name
    );
    let says = |revision: &crate::ecs::Revision| {
        let asked = revision.cpu_architecture.as_deref().unwrap_or("none");
        let who = revision.registered_by.as_deref().map(|who| format!(", registered by {who}")).unwrap_or_default();
        let when = revision.registered_at.as_deref().map(|when| format!(" at {when}")).unwrap_or_default();
        Evidence::seen(format!("{}: cpuArchitecture {asked}{who}{when}", revision.name))
            .source("DescribeTaskDefinition, runtimePlatform.cpuArchitecture")
    };
    let put = format!("# in the task definition: \"runtimePlatform\": {{\"cpuArchitecture\": \"{had}\", \"operatingSystemFamily\": \"LINUX\"}}");
    let mend = Remedy::edit("put runtimePlatform back where the revision is made", &[&put]);
    Some(Finding::new(ID, severity, message).because([says(&before), says(&now)]).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, ARM64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn the_revision_before_asked_for_arm64() {
        let had = json!({"runtimePlatform": {"cpuArchitecture": "ARM64"}, "registeredBy": "arn:aws:iam::111122223333:user/ci",
            "registeredAt": "2026-11-21T10:00:00Z"});
        let room = Room::new().image("app:1", Picture::of_app("arm64", &elf(ARM64))).previous(had);
        assert_snapshot!(room.finding(ID), @r#"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: wrong-architecture, lost-runtime-platform, default-architecture
        error[lost-runtime-platform]: container app: the task definition api:7 lost runtimePlatform: api:6 asked for ARM64, and now nothing asks for it, so ECS takes its default X86_64
          | api:6: cpuArchitecture ARM64, registered by arn:aws:iam::111122223333:user/ci at 2026-11-21T10:00:00Z [DescribeTaskDefinition, runtimePlatform.cpuArchitecture]
          | api:7: cpuArchitecture none [DescribeTaskDefinition, runtimePlatform.cpuArchitecture]
          = Retarget Safe: run the task on ARM64: all containers run there by the model; Fargate brings the machines
            $ execfit fix demo/api --by retarget
            $ aws ecs describe-task-definition --task-definition api:7 --include TAGS > task.json
            $ jq '.tags as $tags | .taskDefinition | del(.taskDefinitionArn, .revision, .status, .requiresAttributes, .compatibilities, .registeredAt, .registeredBy, .deregisteredAt, .deleteRequestedAt) | .runtimePlatform.cpuArchitecture = "ARM64" | .runtimePlatform.operatingSystemFamily = "LINUX" | if ($tags | length) > 0 then .tags = $tags else . end' task.json > new.json
            $ aws ecs register-task-definition --cli-input-json file://new.json
            $ aws ecs update-service --cluster demo --service api --task-definition api
          = Rollback Safe: go back to api:6: all its containers run by the model
            $ execfit fix demo/api --by rollback
            $ aws ecs update-service --cluster demo --service api --task-definition api:6
          = Rebuild Advice: build the image for linux/amd64, with the first of these that you have, and deploy it anew
            $ docker buildx build --platform linux/amd64 --tag app:1 --push .
            $ docker build --platform linux/amd64 --tag app:1 . && docker push app:1
            $ finch build --platform linux/amd64 --tag app:1 . && finch push app:1
            $ aws ecs update-service --cluster demo --service api --force-new-deployment
          = Edit Advice: put runtimePlatform back where the revision is made
            $ # in the task definition: "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
        "#);
    }

    #[test]
    fn a_multi_platform_image_does_not_mind() {
        let pictures = [("linux/amd64", Picture::of_app("amd64", &elf(AMD64))), ("linux/arm64", Picture::of_app("arm64", &elf(ARM64)))];
        let room = || Room::unseen().index("app:1", &pictures);
        assert_snapshot!(room().previous(json!({"runtimePlatform": {"cpuArchitecture": "ARM64"}})).finding(ID), @r#"
        app: runs
          host x86_64 (default, 0): runs
          findings: lost-runtime-platform, default-architecture, no-stopped-tasks
        warning[lost-runtime-platform]: container app: the task definition api:7 lost runtimePlatform: api:6 asked for ARM64, and now nothing asks for it, so ECS takes its default X86_64
          | api:6: cpuArchitecture ARM64 [DescribeTaskDefinition, runtimePlatform.cpuArchitecture]
          | api:7: cpuArchitecture none [DescribeTaskDefinition, runtimePlatform.cpuArchitecture]
          = Edit Advice: put runtimePlatform back where the revision is made
            $ # in the task definition: "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}
        "#);
        assert!(!room().previous(json!({"runtimePlatform": {"cpuArchitecture": "X86_64"}})).ids().contains(&ID));
    }
}
