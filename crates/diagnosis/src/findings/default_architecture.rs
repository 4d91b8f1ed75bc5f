//! Nothing says which architecture the host has: ECS takes X86_64.
//!
//! The task definition has no `runtimePlatform.cpuArchitecture`, and no task, service revision or container instance
//! that was seen tells its own. X86_64 is then what ECS asks for.
//!
//! ## What to do
//! State it in the task definition: `"runtimePlatform": {"cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX"}`.

use crate::finding::{Evidence, Finding, Severity};
use crate::subject::Subject;
use crate::workload::HostSource;

/// The finding's id.
pub(super) const ID: &str = "default-architecture";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let hosts = &subject.workload.placement.hosts;
    hosts.iter().find(|host| host.source == HostSource::Default)?;
    let message = format!("{}: no source names the host's architecture: ECS's default X86_64 is assumed", subject.whole());
    let looked = Evidence::seen("looked at: tasks, service revisions, container instances, constraints, runtimePlatform")
        .source("ECS API, RuntimePlatform.cpuArchitecture");
    Some(Finding::new(ID, Severity::Note, message).because([looked]))
}
