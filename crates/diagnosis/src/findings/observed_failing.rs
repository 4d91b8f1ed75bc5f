//! It would run by the model, and was seen to fail to start.
//!
//! The log or the stopped task speaks of a failed `execve`, and what was read of the image does not explain it. Either
//! something is different there (a mount, another image under the same tag, another host), or the model is wrong.
//! The verdict is unknown then.
//!
//! ## What to do
//! Compare digest and host of the failing task with those in this report. If they are the same, please report it, with
//! a case saved by `--record`.

use super::{printable, seen};
use crate::agreement;
use crate::finding::{Finding, Severity};
use crate::log_line;
use crate::subject::Subject;
use crate::verdict::Verdict;
use crate::workload::Observation;

/// The finding's id.
pub(super) const ID: &str = "observed-failing";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let observation = &subject.workload.observation;
    if subject.verdict() != Verdict::Runs || observation.running > 0 {
        return None;
    }
    let what = observation.texts().find_map(|text| failed_start(subject, text)).or_else(|| unstarted(observation))?;
    let message = format!("{} would run by the model, and was seen to fail: {what}", subject.whole());
    Some(Finding::new(ID, Severity::Warning, message).because(seen(subject)).because(agreement::rungs(subject)))
}

/// What a text says of the container's own start. Programs that fail to start others print the same words.
pub(super) fn failed_start(subject: &Subject<'_>, text: &str) -> Option<String> {
    let meaning = log_line::read(text).filter(|meaning| meaning.phase != "capacity")?;
    let program = subject.runs.first().and_then(|(_, run)| run.argv.first());
    let is_own = match (&meaning.object, program, meaning.phase) {
        (Some(object), Some(program), "exec" | "lookup") => {
            let program = String::from_utf8_lossy(program);
            object == &program || object.rsplit('/').next() == program.rsplit('/').next()
        }
        // Shells and interpreters of languages say such things of the programs that they start.
        (None, _, "exec") => meaning.is_of_own_program(),
        _ => true,
    };
    is_own.then(|| meaning.errno.map_or(meaning.phase.to_string(), |errno| format!("{errno} ({})", errno.text())))
}

/// The container's own reason, where it never had an exit code: the agent could not pull, create or start it. Where
/// the whole task failed to start, its reason (Fargate gives a failed pull no other).
fn unstarted(observation: &Observation) -> Option<String> {
    let failed_to_start = observation.stop_code.as_deref() == Some("TaskFailedToStart");
    let of_task = observation.stopped_reason.as_deref().filter(|_| failed_to_start);
    let mut reasons = observation.reason.as_deref().into_iter().chain(of_task);
    let reason = reasons.find(|reason| !reason.is_empty())?;
    (observation.stopped > 0 && observation.exit_code.is_none()).then(|| printable(reason))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn the_log_speaks_against_the_model() {
        let room = || Room::new().image("app:1", Picture::of_app("amd64", &elf(AMD64)));
        assert_snapshot!(room().log("exec /app: exec format error").finding(ID), @"
        app: unknown: it would run by the model, and was seen to fail
          host x86_64 (default, 0): runs
          findings: observed-failing, default-architecture
        warning[observed-failing]: container app would run by the model, and was seen to fail: ENOEXEC (exec format error)
          | seen: exec /app: exec format error
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | printed by runc 1.1, by its text and exit code 1 [runc libcontainer/system/linux.go, init.go (1.1), init_linux.go (1.2)]
        ");
        for of_others in ["exec /other: exec format error", "PermissionError: [Errno 13] Permission denied", "syntax error: unexpected \")\""] {
            assert!(!room().log(of_others).ids().contains(&ID), "{of_others}");
        }
    }

    #[test]
    fn the_agent_could_not_pull() {
        let reason = "CannotPullContainerError: pull access denied for app, repository does not exist";
        let task = json!({"stopCode": "TaskFailedToStart", "containers": [{"name": "app", "lastStatus": "STOPPED", "reason": reason}]});
        let room = Room::unseen().image("app:1", Picture::of_app("amd64", &elf(AMD64))).task("STOPPED", task);
        assert_snapshot!(room.finding(ID), @"
        app: unknown: it would run by the model, and was seen to fail
          host x86_64 (default, 0): runs
          findings: observed-failing, default-architecture
        warning[observed-failing]: container app would run by the model, and was seen to fail: CannotPullContainerError: pull access denied for app, repository does not exist
          | seen: CannotPullContainerError: pull access denied for app, repository does not exist
        ");
    }
}
