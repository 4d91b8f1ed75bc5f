//! `execve` refuses the program for one of its rarer reasons.
//!
//! EPERM: the file has capabilities (`setcap`) beyond those that the container may have. E2BIG: arguments and
//! environment are too long (128 KiB for one variable). ELOOP: links in a circle, or scripts that name scripts, more
//! than five deep. ENAMETOOLONG: a path of more than 4095 bytes, or a name of more than 255.
//!
//! ## What to do
//! The evidence names the rule. For EPERM: `setcap -r FILE`, or add the capability in `linuxParameters`.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::subject::{Subject, ladder};
use crate::verdict::Failure;
use execfit_kernel::errno::Errno;

/// The finding's id.
pub(super) const ID: &str = "exec-refused";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (_, run, failure) = subject.failing()?;
    let Failure::Exec(errno @ (Errno::EPERM | Errno::E2BIG | Errno::ELOOP | Errno::ENAMETOOLONG | Errno::ENOMEM | Errno::ETXTBSY)) = failure else {
        return None;
    };
    let blame = run.blame.as_ref()?;
    let message = format!("{}: {}: execve answers {errno} ({})", subject.object(&blame.path), blame.rule, errno.text());
    let mend = match errno {
        Errno::EPERM => Remedy::edit("take the capabilities off the file, or add them in linuxParameters", &["setcap -r FILE"]),
        Errno::E2BIG => Remedy::edit("shorten the arguments and variables, or pass them in a file", &[]),
        Errno::ELOOP | Errno::ENAMETOOLONG => Remedy::edit("name the program, or its interpreter, by the path of the file itself", &[]),
        _ => Remedy::edit("mend what the rule names", &[]),
    };
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, ladder(run))).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn a_variable_that_is_too_long() {
        let long = "x".repeat(200_000);
        let room = Room::new().image("app:1", Picture::of_app("amd64", &elf(AMD64)));
        assert_snapshot!(room.container(json!({"command": ["--config", long]})).finding(ID), @"
        app: fails exec e2big
          host x86_64 (default, 0): fails
          findings: exec-refused, default-architecture
        error[exec-refused]: container app: /app: one argument or environment variable is longer than 32 pages (131071 bytes where pages have 4 KiB): execve answers E2BIG (argument list too long)
          | /app: E2BIG (argument list too long): one argument or environment variable is longer than 32 pages (131071 bytes where pages have 4 KiB) (layer 2 of 3, COPY app /app) [fs/exec.c copy_strings valid_arg_len]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: shorten the arguments and variables, or pass them in a file
        ");
    }

    #[test]
    fn a_script_that_names_itself() {
        let room = Room::new().image("app:1", Picture::of_app("amd64", b"#!/app\n"));
        assert_snapshot!(room.finding(ID), @"
        app: fails exec eloop
          host x86_64 (default, 0): fails
          findings: exec-refused, default-architecture
        error[exec-refused]: container app: /app: more than 5 scripts hand over to one another, or a script names itself as its interpreter: execve answers ELOOP (too many levels of symbolic links)
          | /app is a script: #!/app (layer 2 of 3, COPY app /app)
          | /app: ELOOP (too many levels of symbolic links): more than 5 scripts hand over to one another, or a script names itself as its interpreter (layer 2 of 3, COPY app /app) [fs/exec.c exec_binprm]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: name the program, or its interpreter, by the path of the file itself
        ");
    }
}
