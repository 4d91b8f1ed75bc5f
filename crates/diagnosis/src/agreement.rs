//! What was seen of a failed start against what is predicted of it: which runtimes print such a text and leave such an
//! exit code, and whether both agree with the prediction.

use crate::finding::Evidence;
use crate::log_line::{self, Meaning};
use crate::run::Run;
use crate::subject::Subject;
use crate::verdict::{Failure, Verdict};
use execfit_kernel::exec::Signal;
use execfit_kernel::runtime::messages::{Phase, Printer, names};

const SOURCE: &str = "runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c";

/// The rungs that compare: who was seen at work, then whether it is what was predicted. None where nothing that the
/// runtimes' table knows was seen.
pub(crate) fn rungs(subject: &Subject<'_>) -> Vec<Evidence> {
    let seen = &subject.workload.observation;
    let exit = seen.exit_code;
    let meaning = seen.texts().filter_map(log_line::read).find(|meaning| meaning.row.is_some());
    let Verdict::Fails(_) = subject.verdict() else {
        return meaning.as_ref().and_then(|meaning| who(meaning, exit)).into_iter().collect();
    };
    let Some((_, run, failure)) = subject.failing() else { return Vec::new() };
    match (meaning, exit) {
        (Some(meaning), exit) => {
            who(&meaning, exit).into_iter().chain([by_text(&meaning, failure, run)]).collect()
        }
        // An init leaves codes of its own.
        (None, Some(_)) if subject.workload.command.init => Vec::new(),
        (None, Some(code)) => by_exit_code(code, failure, run).into_iter().collect(),
        (None, None) => Vec::new(),
    }
}

/// The runtimes that print such a text, of those the ones that leave such an exit code.
fn who(meaning: &Meaning, exit: Option<i64>) -> Option<Evidence> {
    let row = meaning.row?;
    let all: Vec<Printer> = meaning.printed_by.iter().map(|(printer, _)| *printer).collect();
    let Some(code) = exit.filter(|_| row.phase.leaves_exit_code()) else {
        return Some(Evidence::seen(format!("printed by {}", names(&all))).source(row.source));
    };
    let leaves = |codes: &[u8]| codes.iter().any(|one| i64::from(*one) == code);
    let fitting = meaning.printed_by.iter().filter(|(_, codes)| leaves(codes)).map(|(printer, _)| *printer);
    let fitting: Vec<Printer> = fitting.collect();
    // What a script prints about another program need not end it.
    let text = match (fitting.is_empty(), row.phase) {
        (false, _) => format!("printed by {}, by its text and exit code {code}", names(&fitting)),
        (true, Phase::Start) => format!(
            "printed by {}, and exit code {code} does not go with that: {} does",
            names(&all),
            meaning.exit_codes
        ),
        (true, _) => format!("printed by {}", names(&all)),
    };
    Some(Evidence::seen(text).source(row.source))
}

/// Whether a text says what is predicted.
fn by_text(meaning: &Meaning, failure: &Failure, run: &Run) -> Evidence {
    let handed = run.through_shell || !run.links.is_empty() || !run.started_by.is_empty();
    // A shell's syntax error stands for the ENOEXEC that led to it.
    let hidden = handed && meaning.is_syntax_error();
    let agrees = meaning.phase == failure.phase() && (meaning.errno == failure.errno() || hidden);
    let told = |phase: &str, errno: Option<&str>| {
        errno.map_or(phase.to_string(), |errno| format!("{phase} {errno}"))
    };
    let seen = told(meaning.phase, meaning.errno.map(|errno| errno.name()));
    let predicted = told(failure.phase(), failure.errno().map(|errno| errno.name()));
    Evidence::seen(if agrees {
        format!("what was printed agrees with the prediction ({predicted})")
    } else {
        format!(
            "what was printed does not agree with the prediction: {seen} was seen, {predicted} is predicted"
        )
    })
}

/// Whether an exit code alone is one of what is predicted.
fn by_exit_code(code: i64, failure: &Failure, run: &Run) -> Option<Evidence> {
    if run.through_shell || !run.links.is_empty() || !run.started_by.is_empty() {
        return None;
    }
    let is = |other: u8| i64::from(other) == code;
    let (agrees, whose) = match failure {
        Failure::Exec(_) => {
            let printers = Printer::RUNTIMES.into_iter().filter(|by| by.refused_exit_code().is_some_and(is));
            let printers: Vec<Printer> = printers.collect();
            (
                !printers.is_empty(),
                format!("where execve refuses the program, it is that of {}", names(&printers)),
            )
        }
        Failure::Killed(Signal::SIGSEGV) => (is(139), "that of SIGSEGV".into()),
        Failure::Loader(_) => {
            let exit = run.death.as_ref()?.exit?;
            (is(exit), "that of the loader".into())
        }
        Failure::Pull | Failure::Unpack | Failure::Create | Failure::Lookup(_) => return None,
    };
    let text = if agrees {
        format!("exit code {code} agrees with the prediction: {whose}")
    } else {
        format!("exit code {code} does not agree with the prediction ({})", failure.phase())
    };
    let rung = Evidence::seen(text);
    Some(if matches!(failure, Failure::Exec(_)) { rung.source(SOURCE) } else { rung })
}

#[cfg(test)]
mod tests {
    use crate::fixture::{AMD64, ARM64, Picture, Room, elf};
    use serde_json::json;

    /// The rungs that compare, for an arm64 program on x86_64 (or one that runs), a log line and an exit code.
    fn compared(machine: u16, log: Option<&str>, exit: i64) -> Vec<String> {
        let task = json!({"stopCode": "EssentialContainerExited",
            "containers": [{"name": "app", "lastStatus": "STOPPED", "exitCode": exit}]});
        let room =
            Room::unseen().image("app:1", Picture::of_app("arm64", &elf(machine))).task("STOPPED", task);
        let room = if let Some(line) = log { room.log(line) } else { room };
        let report = room.report();
        let id = if machine == AMD64 { "observed-failing" } else { "wrong-architecture" };
        let finding = report.workloads[0].findings.iter().find(|finding| finding.id == id).unwrap();
        let rungs = finding.evidence.iter().map(|rung| rung.text.clone());
        rungs.filter(|text| text.starts_with("printed by") || text.contains("agree")).collect()
    }

    #[test]
    fn text_and_exit_code_tell_the_runtime() {
        let agrees = "what was printed agrees with the prediction (exec ENOEXEC)";
        let line = Some("exec /app: exec format error");
        let by = |who: &str, code| format!("printed by {who}, by its text and exit code {code}");
        assert_eq!(compared(ARM64, line, 255), [&by("runc 1.2 and later", 255), agrees]);
        assert_eq!(compared(ARM64, line, 1), [&by("runc 1.1", 1), agrees]);
        let crun = Some("exec container process `/app`: Exec format error");
        assert_eq!(compared(ARM64, crun, 1), [&by("crun", 1), agrees]);
        let odd = "printed by runc 1.1 and later, and exit code 137 does not go with that: 1 with runc 1.1, 255 with runc 1.2 and later does";
        assert_eq!(compared(ARM64, line, 137), [odd, agrees]);
    }

    #[test]
    fn what_was_not_predicted_is_said() {
        let differs = "what was printed does not agree with the prediction: exec ENOENT was seen, exec ENOEXEC is predicted";
        let seen = compared(ARM64, Some("exec /app: no such file or directory"), 255);
        assert_eq!(seen, ["printed by runc 1.2 and later, by its text and exit code 255", differs]);
        let runs = compared(AMD64, Some("exec /app: exec format error"), 255);
        assert_eq!(runs, ["printed by runc 1.2 and later, by its text and exit code 255"]);
    }

    #[test]
    fn an_exit_code_alone() {
        let agrees = |code, who: &str| {
            [format!(
                "exit code {code} agrees with the prediction: where execve refuses the program, it is that of {who}"
            )]
        };
        assert_eq!(compared(ARM64, None, 255), agrees(255, "runc 1.2 and later"));
        assert_eq!(compared(ARM64, None, 1), agrees(1, "runc up to 1.1, crun"));
        assert_eq!(compared(ARM64, None, 139), ["exit code 139 does not agree with the prediction (exec)"]);
    }
}
