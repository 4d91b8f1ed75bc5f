//! The `#!` line ends in CR LF, so the interpreter's name ends in a carriage return.
//!
//! The kernel takes `#!/bin/sh\r` at its word and looks for a file named `sh` and a carriage return. It is not there:
//! ENOENT, and the log says `exec /entrypoint.sh: no such file or directory` although the script is there.
//!
//! ## How it comes about
//! Git on Windows checks text files out with CR LF (`core.autocrlf`), and `COPY` takes them as they are.
//!
//! ## What to do
//! Convert the file (`sed -i 's/\r$//' entrypoint.sh`) and keep it so: `*.sh text eol=lf` in `.gitattributes`.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::run::{self, StepKind};
use crate::subject::Subject;
use execfit_kernel::errno::Errno;

/// The finding's id.
pub(super) const ID: &str = "crlf-interpreter";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let refused = subject.refused(Errno::ENOENT)?;
    let script = refused.run.trace.iter().rev().find_map(|step| match &step.kind {
        StepKind::Script(interpreter, _) if interpreter.ends_with(b"\r") => Some((&step.path, interpreter)),
        _ => None,
    });
    let (script, interpreter) = script?;
    let message = format!(
        "{} ends its #! line in CR LF: the kernel looks for {} and answers ENOENT (no such file or directory)",
        subject.object(script),
        run::show(interpreter)
    );
    let mend = Remedy::edit("convert the file to LF, and keep it so", &[r"sed -i 's/\r$//' FILE", "echo '*.sh text eol=lf' >> .gitattributes"]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;

    #[test]
    fn a_script_from_windows() {
        let picture = Picture::of_app("amd64", b"#!/bin/sh\r\nexec app\r\n").file("/bin/sh", 0o755, &elf(AMD64));
        assert_snapshot!(Room::new().image("app:1", picture).log("exec /app: no such file or directory").finding(ID), @r#"
        app: fails exec enoent
          host x86_64 (default, 0): fails
          findings: crlf-interpreter, default-architecture
        error[crlf-interpreter]: container app: /app ends its #! line in CR LF: the kernel looks for /bin/sh\r and answers ENOENT (no such file or directory)
          | /app is a script: #!/bin/sh\r (layer 2 of 3, COPY app /app)
          | /bin/sh\r: ENOENT (no such file or directory): nothing stands at this path [fs/namei.c lookup_slow, path_resolution(7)]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exec /app: no such file or directory
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | printed by runc 1.1, by its text and exit code 1 [runc libcontainer/system/linux.go, init.go (1.1), init_linux.go (1.2)]
          | what was printed agrees with the prediction (exec ENOENT)
          = Edit Advice: convert the file to LF, and keep it so
            $ sed -i 's/\r$//' FILE
            $ echo '*.sh text eol=lf' >> .gitattributes
        "#);
    }
}
