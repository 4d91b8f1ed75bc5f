//! The program was started, and ended by itself: this is no fault of exec.
//!
//! The exit code is the program's own. 137 is SIGKILL (often out of memory), 139 SIGSEGV, 132 SIGILL (an instruction
//! that the processor lacks), 143 SIGTERM; 127 may be a dynamic loader that did not find a library.
//!
//! ## What to do
//! Read the container's log.

use super::{observed_failing, printable};
use crate::finding::{Evidence, Finding, Severity};
use crate::subject::Subject;
use crate::verdict::Verdict;

/// The finding's id.
pub(super) const ID: &str = "ended-by-itself";

/// Why ECS stops tasks that did nothing wrong.
const ON_REQUEST: [&str; 4] = ["UserInitiated", "ServiceSchedulerInitiated", "SpotInterruption", "TerminationNotice"];

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let seen = &subject.workload.observation;
    let code = seen.exit_code.filter(|code| *code != 0 && seen.running == 0)?;
    let on_request = seen.stop_code.as_deref().is_some_and(|code| ON_REQUEST.contains(&code));
    if on_request || subject.verdict() != Verdict::Runs || observed_failing::detect(subject).is_some() {
        return None;
    }
    let message = format!("{} starts, and ended with exit code {code}: see its own log", subject.whole());
    let words = seen.log.iter().map(|line| Evidence::seen(format!("its log: {}", printable(line))));
    let own = seen.reason.iter().map(|reason| ("reason", reason, "DescribeTasks, containers[].reason"));
    let stopped = seen.stopped_reason.iter().map(|reason| ("stopped", reason, "DescribeTasks, stoppedReason"));
    let reasons = own.chain(stopped).filter(|(_, reason, _)| !reason.is_empty());
    let reasons = reasons.map(|(what, reason, source)| Evidence::seen(format!("{what}: {}", printable(reason))).source(source));
    Some(Finding::new(ID, Severity::Note, message).because(words.chain(reasons)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn a_program_that_ends_with_an_error() {
        let task = json!({"stopCode": "EssentialContainerExited", "stoppedReason": "Essential container in task exited",
            "containers": [{"name": "app", "lastStatus": "STOPPED", "exitCode": 126}]});
        let room = Room::unseen().image("app:1", Picture::of_app("amd64", &elf(AMD64))).task("STOPPED", task);
        assert_snapshot!(room.log("/run.sh: line 3: ./tool: cannot execute: required file not found").finding(ID), @"
        app: runs
          host x86_64 (default, 0): runs
          findings: ended-by-itself, default-architecture
        note[ended-by-itself]: container app starts, and ended with exit code 126: see its own log
          | its log: /run.sh: line 3: ./tool: cannot execute: required file not found
          | stopped: Essential container in task exited [DescribeTasks, stoppedReason]
        ");
    }

    #[test]
    fn what_was_stopped_on_request_is_no_finding() {
        let task = json!({"stopCode": "ServiceSchedulerInitiated", "containers": [{"name": "app", "lastStatus": "STOPPED", "exitCode": 143}]});
        let room = Room::unseen().image("app:1", Picture::of_app("amd64", &elf(AMD64))).task("STOPPED", task);
        assert_eq!(room.ids(), ["default-architecture"]);
    }
}
