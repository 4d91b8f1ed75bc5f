//! The container may meet hosts of different kinds, or the sources about its host disagree.
//!
//! A cluster with x86_64 and arm64 instances places a task wherever there is room, unless a constraint or
//! `runtimePlatform` decides. Each kind of host has its own verdict then, and where these differ the whole is unknown.
//!
//! ## What to do
//! Decide: set `runtimePlatform.cpuArchitecture`, a placement constraint
//! (`attribute:ecs.cpu-architecture == arm64`) or a capacity provider; or build the image for both platforms.

use crate::finding::{Evidence, Finding, Severity};
use crate::remedy::Remedy;
use crate::subject::Subject;
use crate::verdict::Verdict;

/// The finding's id.
pub(super) const ID: &str = "mixed-hosts";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let placement = &subject.workload.placement;
    if placement.hosts.len() < 2 {
        return None;
    }
    let verdict = |verdict: &Verdict| match verdict {
        Verdict::Runs => "it runs",
        Verdict::Fails(_) => "it fails",
        Verdict::Unknown(_) => "it cannot be told",
    };
    let kinds: Vec<String> = subject.runs.iter().map(|(host, run)| format!("{}: {}", host.architecture, verdict(&run.verdict))).collect();
    let differ = subject.runs.iter().any(|(_, run)| run.verdict.name() != subject.runs[0].1.verdict.name());
    let severity = if differ { Severity::Warning } else { Severity::Note };
    let message = format!("{}: it may meet hosts of both kinds: {}", subject.whole(), kinds.join(", "));
    let hosts = subject.runs.iter().map(|(host, _)| {
        Evidence::seen(format!("{} ({} seen): {}", host.architecture, host.instances, host.source.phrase()))
    });
    let notes = placement.notes.iter().map(Evidence::seen);
    let found = Finding::new(ID, severity, message).because(hosts.chain(notes));
    let decide = || Remedy::edit("decide where it runs, or build the image for both platforms", &[]);
    Some(if differ { found.cured_by(decide()) } else { found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, ARM64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn instances_of_both_kinds() {
        let room = || Room::unseen().service(json!({"launchType": "EC2"})).instances("x86_64", 2, json!({})).instances("arm64", 1, json!({}));
        assert_snapshot!(room().image("app:1", Picture::of_app("arm64", &elf(ARM64))).finding(ID), @"
        app: unknown: on x86_64 it fails, on arm64 it runs, and nothing decides where it is placed
          host x86_64 (instance, 2): fails
          host arm64 (instance, 1): runs
          findings: wrong-architecture, mixed-hosts, no-stopped-tasks
        warning[mixed-hosts]: container app: it may meet hosts of both kinds: x86_64: it fails, arm64: it runs
          | x86_64 (2 seen): attribute ecs.cpu-architecture of the container instances
          | arm64 (1 seen): attribute ecs.cpu-architecture of the container instances
          | the cluster has container instances of both kinds, and nothing constrains placement
          = Edit Advice: decide where it runs, or build the image for both platforms
        ");
        let pictures = [("linux/amd64", Picture::of_app("amd64", &elf(AMD64))), ("linux/arm64", Picture::of_app("arm64", &elf(ARM64)))];
        assert_snapshot!(room().index("app:1", &pictures).finding(ID), @"
        app: runs
          host x86_64 (instance, 2): runs
          host arm64 (instance, 1): runs
          findings: mixed-hosts, no-stopped-tasks
        note[mixed-hosts]: container app: it may meet hosts of both kinds: x86_64: it runs, arm64: it runs
          | x86_64 (2 seen): attribute ecs.cpu-architecture of the container instances
          | arm64 (1 seen): attribute ecs.cpu-architecture of the container instances
          | the cluster has container instances of both kinds, and nothing constrains placement
        ");
    }
}
