//! From the container's own program on to the one that its log names: `sh -c /app` starts, and it is `/app` that fails.

use crate::case::{Case, Need};
use crate::log_line;
use crate::run::Run;
use crate::subject::run_on;
use crate::verdict::{Failure, Verdict};
use crate::workload::{Command, Workload};
use execfit_kernel::errno::Errno;
use execfit_kernel::host::Architecture;

/// Asks about the program that a container's log calls no program, where the container's own starts and ended in error.
///
/// # Errors
/// The fact that is missing.
pub(crate) fn follow(
    case: &Case,
    workload: &Workload,
    name: &str,
    host: Architecture,
    run: Run,
) -> Result<Run, Need> {
    let Some((program, line)) = named(workload, &run) else { return Ok(run) };
    let command = Command {
        entry_point: Some(vec![program.clone()]),
        command: None,
        init: false,
        ..workload.command.clone()
    };
    let next = run_on(case, &Workload { command, ..workload.clone() }, name, host)?;
    if next.verdict == Verdict::Fails(Failure::Exec(Errno::ENOEXEC)) {
        let unproven = run.unproven.and(next.unproven.clone());
        return Ok(Run { started_by: run.argv, unproven, ..next });
    }
    let why = match next.verdict {
        Verdict::Runs => "which it would run by the model",
        Verdict::Unknown(_) => "of which nothing can be told",
        Verdict::Fails(_) => "which is not what the image has there",
    };
    let line: String = line.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let reason = format!("its own program starts, and its log says `{line}` of {program}, {why}");
    Ok(Run { verdict: Verdict::Unknown(reason), ..run })
}

/// The program, other than the container's own, that could not be executed, and the line that says so.
fn named<'w>(workload: &'w Workload, run: &Run) -> Option<(String, &'w str)> {
    let seen = &workload.observation;
    let ended_in_error = seen.running == 0 && seen.exit_code.is_some_and(|code| code != 0);
    if run.verdict != Verdict::Runs || !ended_in_error {
        return None;
    }
    let own = run.argv.first().map(|program| String::from_utf8_lossy(program).into_owned())?;
    let base = |path: &str| path.rsplit('/').next().map(String::from);
    seen.log.iter().find_map(|line| {
        let meaning = log_line::read(line)?;
        // A shell that takes a foreign program for a script has no errno to tell.
        let fits = meaning.errno == Some(Errno::ENOEXEC) || meaning.is_syntax_error();
        let object = meaning.object.filter(|object| fits && base(object) != base(&own))?;
        Some((object, line.as_str()))
    })
}

#[cfg(test)]
mod tests {
    use crate::fixture::{AMD64, ARM64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn the_shell_starts_and_what_it_is_told_to_run_does_not() {
        let task = json!({"stopCode": "EssentialContainerExited", "containers": [{"name": "app", "lastStatus": "STOPPED", "exitCode": 126}]});
        let picture = Picture::of_app("arm64", &elf(ARM64)).file("/bin/sh", 0o755, &elf(AMD64));
        let room = Room::unseen()
            .image("app:1", picture.cmd(&["/bin/sh", "-c", "/app"]).entrypoint(&[]))
            .task("STOPPED", task)
            .log("/bin/sh: 1: /app: Exec format error");
        assert_snapshot!(room.finding("wrong-architecture"), @"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: wrong-architecture, default-architecture
        error[wrong-architecture]: container app: /app is a program for arm64, and the host is x86_64: execve answers ENOEXEC (exec format error)
          | the container's own program starts: /bin/sh -c /app
          | the shell's command line hands over to /app: /app
          | /app is an ELF program for arm64 (64-bit, e_machine 183) (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is built for another processor: this kernel runs e_machine 62 (x86_64), and i386 if it is told to (layer 2 of 3, COPY app /app) [fs/binfmt_elf.c load_elf_binary, arch/x86/include/asm/elf.h elf_check_arch]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: /bin/sh: 1: /app: Exec format error
          | seen: exit code 126 [DescribeTasks, containers[].exitCode]
          | printed by dash, by its text and exit code 126 [dash src/exec.c shellexec]
          | what was printed agrees with the prediction (exec ENOEXEC)
          = Rebuild Advice: build the image for linux/amd64, with the first of these that you have, and deploy it anew
            $ docker buildx build --platform linux/amd64 --tag app:1 --push .
            $ docker build --platform linux/amd64 --tag app:1 . && docker push app:1
            $ finch build --platform linux/amd64 --tag app:1 . && finch push app:1
            $ aws ecs update-service --cluster demo --service api --force-new-deployment
        ");
    }
}
