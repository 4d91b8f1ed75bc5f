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
    let message = format!("{}: no task is running, and no stopped one is left: predicted from the image alone", subject.whole());
    let kept = Evidence::seen("stopped tasks are visible for about an hour").source("ECS API, DescribeTasks");
    Some(Finding::new(ID, Severity::Note, message).because([kept]))
}
