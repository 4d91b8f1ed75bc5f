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
    let placement = &subject.workload.placement;
    placement.hosts.iter().filter(|_| placement.foreign.is_none()).find(|host| host.source == HostSource::Default)?;
    let message = format!("{}: no source names the host's architecture: ECS's default X86_64 is assumed", subject.whole());
    let looked = Evidence::seen("looked at: tasks, service revisions, container instances, constraints, runtimePlatform")
        .source("ECS API, RuntimePlatform.cpuArchitecture");
    Some(Finding::new(ID, Severity::Note, message).because([looked]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn no_source_at_all() {
        assert_snapshot!(Room::unseen().image("app:1", Picture::of_app("amd64", &elf(AMD64))).finding(ID), @"
        app: runs
          host x86_64 (default, 0): runs
          findings: default-architecture, no-stopped-tasks
        note[default-architecture]: container app: no source names the host's architecture: ECS's default X86_64 is assumed
          | looked at: tasks, service revisions, container instances, constraints, runtimePlatform [ECS API, RuntimePlatform.cpuArchitecture]
        ");
        let room = Room::unseen().image("app:1", Picture::of_app("amd64", &elf(AMD64)));
        assert!(!room.definition(json!({"runtimePlatform": {"cpuArchitecture": "X86_64"}})).ids().contains(&ID));
    }
}
