//! The cluster has no machine of the architecture that the task definition asks for.
//!
//! On EC2 and EXTERNAL (ECS Anywhere) the machines are yours: a task that asks for ARM64 in a cluster of x86_64
//! instances waits for ever, and the service's events say that no container instance met all of its requirements.
//!
//! ## What to do
//! Add instances of that kind (an Auto Scaling group and a capacity provider), or ask for the kind that is there, or
//! run it on Fargate.

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
