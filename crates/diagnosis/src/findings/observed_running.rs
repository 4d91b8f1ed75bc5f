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
    let count = Evidence::seen(format!("running in {} tasks, none stopped", seen.running)).source("DescribeTasks, containers[].lastStatus");
    Some(Finding::new(ID, Severity::Note, message).because([count]))
}
