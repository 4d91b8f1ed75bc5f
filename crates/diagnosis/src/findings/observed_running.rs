//! It would fail by the model, and is seen running.
//!
//! The usual reason is emulation: the host has QEMU registered in binfmt_misc and runs programs of other architectures,
//! slowly, where nobody expects it. Or the tasks that run are of other content or on another kind of host.
//! The prediction stands: on a plain ECS host it fails.
//!
//! ## What to do
//! On the host, `ls /proc/sys/fs/binfmt_misc` shows the handlers. Build for the host's platform all the same.

use crate::finding::{Evidence, Finding, Severity};
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "observed-running";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let seen = &subject.workload.observation;
    subject.failing()?;
    // A crash loop is seen running for moments, between its stopped tasks.
    if seen.running == 0 || seen.stopped > 0 {
        return None;
    }
    let reason = if subject.is_architecture_fault() {
        "perhaps the host emulates the architecture (QEMU in binfmt_misc), or is of another kind than it says"
    } else {
        "perhaps the tasks that run are of other content than the one that was read"
    };
    let message = format!("{} fails by the model, and is seen running: {reason}", subject.whole());
    let count = Evidence::seen(format!("tasks in which it runs: {}; in which it stopped: 0", seen.running)).source("DescribeTasks, containers[].lastStatus");
    Some(Finding::new(ID, Severity::Note, message).because([count]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{ARM64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn a_foreign_program_that_runs() {
        let task = json!({"containers": [{"name": "app", "lastStatus": "RUNNING"}]});
        let room = Room::unseen().image("app:1", Picture::of_app("arm64", &elf(ARM64))).task("RUNNING", task);
        assert_snapshot!(room.finding(ID), @"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: wrong-architecture, observed-running, default-architecture
        note[observed-running]: container app fails by the model, and is seen running: perhaps the host emulates the architecture (QEMU in binfmt_misc), or is of another kind than it says
          | tasks in which it runs: 1; in which it stopped: 0 [DescribeTasks, containers[].lastStatus]
        ");
    }

    #[test]
    fn not_between_the_stops_of_a_crash_loop() {
        let task = json!({"containers": [{"name": "app", "lastStatus": "RUNNING"}]});
        assert!(!Room::new().image("app:1", Picture::of_app("arm64", &elf(ARM64))).task("RUNNING", task).ids().contains(&ID));
    }
}
