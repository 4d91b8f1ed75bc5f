//! There is no such program: the runtime does not find argv[0].
//!
//! A name with a slash is taken as a path; one without is looked for in the directories of `PATH`. When nothing is
//! found the container cannot be created: Docker says `executable file not found in $PATH` or `stat /app: no such file
//! or directory`, exit code 127, and ECS shows `CannotStartContainerError` without an exit code or log.
//!
//! ## How it comes about
//! A wrong path, or a relative one with another working directory; a link that leads nowhere; a whole command line in
//! one string (`["app --flag"]`); a variable that no shell replaces (`["$APP"]`); a `PATH` that the definition replaces.
//!
//! ## What to do
//! Name the program by its absolute path, one list item for each argument.

use super::rungs;
use crate::finding::{Evidence, Finding, Severity};
use crate::remedy::Remedy;
use crate::run;
use crate::subject::{Subject, ladder};
use crate::verdict::Failure;
use execfit_kernel::errno::Errno;

/// The finding's id.
pub(super) const ID: &str = "missing-program";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (_, run, failure) = subject.failing()?;
    let blame = run.blame.as_ref()?;
    let errno = match failure {
        Failure::Lookup(errno) if !matches!(errno, Errno::EACCES | Errno::EISDIR) => *errno,
        // An init looks for the program itself.
        Failure::Exec(errno @ (Errno::ENOENT | Errno::ENOTDIR)) if !run.trace.iter().any(|step| is_handed_over(&step.kind)) => *errno,
        _ => return None,
    };
    let program = run.argv.first().map(|program| run::show(program)).unwrap_or_default();
    let said = blame.message.clone().unwrap_or_else(|| blame.rule.clone());
    let whole = if subject.scene.is_some() { format!("{}: ", subject.whole()) } else { String::new() };
    let message = format!("{whole}the program {program} is not found: {said} ({errno})");
    let title = if program.contains(' ') {
        "give the command as a list, one item for each argument"
    } else {
        "name a program that is in the image, by its absolute path"
    };
    let looked = Some(&run.searched).filter(|place| !place.is_empty()).map(|place| Evidence::seen(format!("looked for {place}")));
    let rungs = rungs(subject, ladder(run).into_iter().chain(looked).collect());
    Some(Finding::new(ID, Severity::Error, message).because(rungs).cured_by(Remedy::edit(title, &[])))
}

fn is_handed_over(kind: &run::StepKind) -> bool {
    matches!(kind, run::StepKind::Script(..) | run::StepKind::Interpreter(_) | run::StepKind::Misc(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn not_in_path_not_at_its_path_and_a_whole_line() {
        let room = || Room::new().image("app:1", Picture::of_app("amd64", &elf(AMD64)));
        assert_snapshot!(room().container(json!({"entryPoint": ["serve"]})).finding(ID), @r#"
        app: fails lookup enoent
          host x86_64 (default, 0): fails
          findings: missing-program, default-architecture
        error[missing-program]: container app: the program serve is not found: exec: "serve": executable file not found in $PATH (ENOENT)
          | serve: ENOENT (no such file or directory): no directory of PATH has an executable file of this name [Go os/exec/lp_unix.go LookPath]
          | looked for in PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: name a program that is in the image, by its absolute path
        "#);
        assert_snapshot!(room().container(json!({"entryPoint": ["/srv/app"]})).finding(ID), @r#"
        app: fails lookup enoent
          host x86_64 (default, 0): fails
          findings: missing-program, default-architecture
        error[missing-program]: container app: the program /srv/app is not found: exec: "/srv/app": stat /srv/app: no such file or directory (ENOENT)
          | /srv/app: ENOENT (no such file or directory): the path cannot be followed to a file [Go os/exec/lp_unix.go findExecutable]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: name a program that is in the image, by its absolute path
        "#);
        assert_snapshot!(room().container(json!({"entryPoint": ["/app --port 80"]})).finding(ID), @r#"
        app: fails lookup enoent
          host x86_64 (default, 0): fails
          findings: missing-program, default-architecture
        error[missing-program]: container app: the program /app --port 80 is not found: exec: "/app --port 80": stat /app --port 80: no such file or directory (ENOENT)
          | /app --port 80: ENOENT (no such file or directory): the path cannot be followed to a file [Go os/exec/lp_unix.go findExecutable]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: give the command as a list, one item for each argument
        "#);
    }

    #[test]
    fn an_init_looks_for_it_too() {
        let room = Room::new().image("app:1", Picture::of_app("amd64", &elf(AMD64)));
        let init = json!({"entryPoint": ["serve"], "linuxParameters": {"initProcessEnabled": true}});
        assert_snapshot!(room.container(init).finding(ID), @"
        app: fails exec enoent
          host x86_64 (default, 0): fails
          findings: missing-program, default-architecture
        error[missing-program]: container app: the program serve is not found: no directory of PATH has the file that is to be run (ENOENT)
          | serve: ENOENT (no such file or directory): no directory of PATH has the file that is to be run [glibc posix/execvpe.c __execvpe_common]
          | looked for in PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: name a program that is in the image, by its absolute path
        ");
    }
}
