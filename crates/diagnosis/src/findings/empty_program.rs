//! The program is an empty file, or one of zero bytes only.
//!
//! No format begins with nothing: the kernel answers ENOEXEC. Under an init (`initProcessEnabled`, `docker --init`)
//! or a shell it is worse: an empty script does nothing and ends with exit code 0, and looks like success.
//!
//! ## How it comes about
//! A `touch` or a redirection that never wrote, a build step that failed after it had created its output, a disk that
//! was full, a `COPY` of a placeholder.
//!
//! ## What to do
//! Look at the step that makes the file; let builds fail on errors (`set -eu`, `curl --fail`).

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::remedy::Remedy;
use crate::subject::Subject;
use crate::verdict::Verdict;

/// The finding's id.
pub(super) const ID: &str = "empty-program";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, signature, Nature::Empty) = subject.no_program()? else { return None };
    let object = subject.object(&refused.blame.path);
    let (severity, answer) = if refused.run.verdict == Verdict::Runs {
        let silent = "the init hands it to /bin/sh, which ends at once with exit code 0 and has done nothing";
        (Severity::Warning, silent.to_string())
    } else {
        (Severity::Error, refused.answer())
    };
    let message = format!("{object} is {}: {answer}", signature.describe());
    let mend = Remedy::edit("mend the build step that makes the file", &[]);
    Some(Finding::new(ID, severity, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn nothing_at_all() {
        assert_snapshot!(Room::new().image("app:1", Picture::of_app("amd64", b"")).finding(ID), @"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: empty-program, default-architecture
        error[empty-program]: container app: /app is an empty file: execve answers ENOEXEC (exec format error)
          | /app has no format that the kernel knows (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is no program in a format that the kernel knows: it begins neither with #! nor as ELF does (layer 2 of 3, COPY app /app) [fs/exec.c search_binary_handler]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: mend the build step that makes the file
        ");
    }

    #[test]
    fn under_an_init_it_looks_like_success() {
        let picture = Picture::of_app("amd64", b"").file("/bin/sh", 0o755, &elf(AMD64));
        let room = Room::unseen().image("app:1", picture).container(json!({"linuxParameters": {"initProcessEnabled": true}}));
        assert_snapshot!(room.finding(ID), @"
        app: runs
          host x86_64 (default, 0): runs
          findings: empty-program, default-architecture, no-stopped-tasks
        warning[empty-program]: container app: /app is an empty file: the init hands it to /bin/sh, which ends at once with exit code 0 and has done nothing
          | /app has no format that the kernel knows (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is no program in a format that the kernel knows: it begins neither with #! nor as ELF does (layer 2 of 3, COPY app /app) [fs/exec.c search_binary_handler]
          = Edit Advice: mend the build step that makes the file
        ");
    }
}
