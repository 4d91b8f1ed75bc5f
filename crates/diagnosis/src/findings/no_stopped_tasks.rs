//! No task of the service is to be seen: the verdict is a prediction from the image alone.
//!
//! ECS shows stopped tasks for about an hour. After that neither exit codes nor reasons are left, and a service that
//! gave up has no running ones either.
//!
//! ## What to do
//! Nothing is needed for the verdict. To see it fail: `aws ecs update-service --force-new-deployment`.

use crate::finding::{Evidence, Finding, Severity};
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "no-stopped-tasks";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let scene = subject.scene?;
    scene.service?;
    if !scene.tasks.is_empty() {
        return None;
    }
    let message = format!("{}: no running and no stopped task was seen: predicted from the image alone", subject.whole());
    let kept = Evidence::seen("stopped tasks are visible for about an hour").source("ECS API, DescribeTasks");
    Some(Finding::new(ID, Severity::Note, message).because([kept]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{ARM64, Picture, Room, elf};
    use insta::assert_snapshot;

    #[test]
    fn a_service_without_tasks() {
        assert_snapshot!(Room::unseen().image("app:1", Picture::of_app("arm64", &elf(ARM64))).finding(ID), @"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: wrong-architecture, default-architecture, no-stopped-tasks
        note[no-stopped-tasks]: container app: no running and no stopped task was seen: predicted from the image alone
          | stopped tasks are visible for about an hour [ECS API, DescribeTasks]
        ");
    }
}
