//! It would run by the model, and was seen to fail to start.
//!
//! The log or the stopped task speaks of a failed `execve`, and what was read of the image does not explain it. Either
//! something is different there (a mount, another image under the same tag, another host), or the model is wrong.
//! The verdict is unknown then.
//!
//! ## What to do
//! Compare digest and host of the failing task with those in this report. If they are the same, please report it, with
//! a case saved by `--record`.

use super::seen;
use crate::finding::{Finding, Severity};
use crate::log_line;
use crate::subject::Subject;
use crate::verdict::Verdict;

/// The finding's id.
pub(super) const ID: &str = "observed-failing";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let seen_failing = subject.workload.observation.texts().filter_map(log_line::read);
    let meaning = seen_failing.filter(|meaning| meaning.phase != "capacity").find(|meaning| blames_the_start(subject, meaning))?;
    if subject.verdict() != Verdict::Runs || subject.workload.observation.running > 0 {
        return None;
    }
    let what = meaning.errno.map_or(meaning.phase.to_string(), |errno| format!("{errno} ({})", errno.text()));
    let message = format!("{} would run by the model, and was seen to fail: {what}", subject.whole());
    Some(Finding::new(ID, Severity::Warning, message).because(seen(subject)))
}

/// Whether the text is about the container's own start: programs that fail to start others print the same words.
fn blames_the_start(subject: &Subject<'_>, meaning: &log_line::Meaning) -> bool {
    let program = subject.runs.first().and_then(|(_, run)| run.argv.first());
    match (&meaning.object, program) {
        (Some(object), Some(program)) if matches!(meaning.phase, "exec" | "lookup") => {
            let program = String::from_utf8_lossy(program);
            object == &program || object.rsplit('/').next() == program.rsplit('/').next()
        }
        _ => true,
    }
}
