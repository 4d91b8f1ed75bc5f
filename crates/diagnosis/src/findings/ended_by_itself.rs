//! The program was started, and ended by itself: this is no fault of exec.
//!
//! The exit code is the program's own. 137 is SIGKILL (often out of memory), 139 SIGSEGV, 132 SIGILL (an instruction
//! that the processor lacks), 143 SIGTERM; 127 may be a dynamic loader that did not find a library.
//!
//! ## What to do
//! Read the container's log.

use crate::finding::{Evidence, Finding, Severity};
use crate::log_line;
use crate::subject::Subject;
use crate::verdict::Verdict;

/// The finding's id.
pub(super) const ID: &str = "ended-by-itself";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let seen = &subject.workload.observation;
    let code = seen.exit_code.filter(|code| *code != 0 && seen.running == 0)?;
    if subject.verdict() != Verdict::Runs || seen.texts().any(|text| log_line::read(text).is_some()) {
        return None;
    }
    let message = format!("{} starts, and ended with exit code {code}: see its own log", subject.whole());
    let reason = seen.stopped_reason.iter().map(|reason| Evidence::seen(format!("stopped: {reason}")).source("DescribeTasks, stoppedReason"));
    Some(Finding::new(ID, Severity::Note, message).because(reason))
}
