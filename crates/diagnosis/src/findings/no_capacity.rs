//! The cluster has no machine of the architecture that the task definition asks for.
//!
//! On EC2 and EXTERNAL (ECS Anywhere) the machines are yours: a task that asks for ARM64 in a cluster of x86_64
//! instances waits for ever, and the service's events say that no container instance met all of its requirements.
//!
//! ## What to do
//! Add instances of that kind (an Auto Scaling group and a capacity provider), or ask for the kind that is there, or
//! run it on Fargate.
//!
//! ## What `fix` counts
//! `fix --by retarget` refuses with this finding where no machines would take the tasks, and says what to add:
//!
//! - container instances that are active, connected and admitted, with room for the desired count besides the old tasks
//! - what the managed scaling of the service's own capacity providers would start
//! - what the instance requirements of Managed Instances allow; Fargate brings both kinds
//!
//! What AWS does not tell (a permission is missing) counts as unknown, never as room.

use crate::finding::{Evidence, Finding, Severity};
use crate::subject::Subject;
use crate::workload::{Capacity, HostSource};

/// The finding's id.
pub(super) const ID: &str = "no-capacity";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let placement = &subject.workload.placement;
    let asked = placement.hosts.iter().find(|host| {
        matches!(host.source, HostSource::RuntimePlatform | HostSource::PlacementConstraint)
            && placement.capacity.has(host.architecture) == Some(false)
    })?;
    let Capacity::Instances { x86_64, arm64 } = placement.capacity else { return None };
    let message = format!(
        "{}: the task asks for {} ({}), and the cluster has no active container instance of that kind",
        subject.whole(),
        asked.architecture,
        asked.source.phrase()
    );
    let count = Evidence::seen(format!("active container instances: {x86_64} x86_64, {arm64} arm64"))
        .source("DescribeContainerInstances, attributes[ecs.cpu-architecture]");
    Some(Finding::new(ID, Severity::Warning, message).because([count]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{ARM64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn arm64_asked_of_a_cluster_of_x86_64() {
        let room = Room::unseen().image("app:1", Picture::of_app("arm64", &elf(ARM64))).service(json!({"launchType": "EC2"}))
            .definition(json!({"runtimePlatform": {"cpuArchitecture": "ARM64"}})).instances("x86_64", 2, json!({}));
        assert_snapshot!(room.finding(ID), @"
        app: unknown: on x86_64 it fails, on arm64 it runs, and nothing decides where it is placed
          host x86_64 (instance, 2): fails
          host arm64 (runtime-platform, 0): runs
          findings: wrong-architecture, no-capacity, mixed-hosts, no-stopped-tasks
        warning[no-capacity]: container app: the task asks for arm64 (runtimePlatform of the task definition), and the cluster has no active container instance of that kind
          | active container instances: 2 x86_64, 0 arm64 [DescribeContainerInstances, attributes[ecs.cpu-architecture]]
        ");
    }
}
