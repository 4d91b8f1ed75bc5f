//! The verdict is unknown, and here is why.
//!
//! Unknown is never "runs". A program under a mount, a `PATH` from a secret, a registry that does not answer, a missing
//! permission, a Windows task, a 32-bit program on an Arm host of unknown generation: what decides cannot be seen.
//!
//! ## What to do
//! The message names what could not be seen: grant the permission, log in to the registry, or look into the mount.

use super::{observed_failing, settled};
use crate::finding::{Finding, Severity};
use crate::subject::Subject;
use crate::verdict::Verdict;

/// The finding's id.
pub(super) const ID: &str = "cannot-tell";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    // That hosts or sightings contradict each other has findings of its own.
    let hosts_differ = subject.workload.placement.hosts.len() > 1 && subject.failing().is_some();
    if hosts_differ || observed_failing::detect(subject).is_some() {
        return None;
    }
    let Verdict::Unknown(reason) = settled(subject) else { return None };
    Some(Finding::new(ID, Severity::Warning, format!("{}: cannot tell whether it runs: {reason}", subject.whole())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::TroubleKind;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn under_a_mount_and_behind_a_registry() {
        let room = Room::unseen().image("app:1", Picture::of_app("amd64", &elf(AMD64)));
        let mounted = json!({"mountPoints": [{"sourceVolume": "code", "containerPath": "/app"}]});
        assert_snapshot!(room.container(mounted).finding(ID), @"
        app: unknown: /app is hidden by the volume code mounted at /app
          host x86_64 (default, 0): unknown
          findings: cannot-tell, default-architecture, no-stopped-tasks
        warning[cannot-tell]: container app: cannot tell whether it runs: /app is hidden by the volume code mounted at /app
        ");
        let room = Room::unseen().unreadable("app:1", TroubleKind::Denied, "registry app: 401 Unauthorized: log in to read app:1");
        assert_snapshot!(room.finding(ID), @"
        app: unknown: registry app: 401 Unauthorized: log in to read app:1
          host x86_64 (default, 0): unknown
          findings: cannot-tell, default-architecture, no-stopped-tasks
        warning[cannot-tell]: container app: cannot tell whether it runs: registry app: 401 Unauthorized: log in to read app:1
        ");
    }

    #[test]
    fn an_answer_that_was_refused() {
        let room = Room::unseen().image("app:1", Picture::of_app("amd64", &elf(AMD64))).refusal("ecs:DescribeTasks", true);
        assert_snapshot!(room.finding(ID), @"
        app: unknown: it would run as far as was seen, but ecs:DescribeTasks was not answered
          host x86_64 (default, 0): runs
          findings: cannot-tell, default-architecture, no-stopped-tasks
        warning[cannot-tell]: container app: cannot tell whether it runs: it would run as far as was seen, but ecs:DescribeTasks was not answered
        ");
    }
}
