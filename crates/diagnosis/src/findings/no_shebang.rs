//! The program is a text, and its first two bytes are not `#!`.
//!
//! The kernel knows a script only by `#!` at the very beginning of the file. Shells forgive what it does not: they run
//! such a file as a script, so it works in a terminal and fails as a container's command with `exec format error`.
//! A blank line, a space or a comment before the `#!`, or a `#/usr/bin/env` without the `!`, are the same fault.
//! So is an interpreter's path that does not fit into the 256 bytes that the kernel reads.
//!
//! ## What to do
//! Begin the file with its interpreter, e.g. `#!/bin/sh`, or name the interpreter in the command:
//! `ENTRYPOINT ["/bin/sh", "/entrypoint.sh"]`.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::{Nature, interpreter};
use crate::remedy::Remedy;
use crate::run;
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "no-shebang";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, signature, nature) = subject.no_program()?;
    if nature != Nature::Text || refused.run.verdict == crate::verdict::Verdict::Runs {
        return None;
    }
    let object = subject.object(&refused.blame.path);
    let message = format!("{object} is {}: {}", signature.describe(), refused.answer());
    let path = run::show(&refused.blame.path);
    let shell = interpreter(&signature);
    let words = shell.split_whitespace().collect::<Vec<_>>().join("\", \"");
    let mend = Remedy::edit(
        format!("begin {path} with #!{shell}, or name the interpreter in the command"),
        &[&format!("sed -i '1i #!{shell}' FILE"), &format!("# or in the Dockerfile: ENTRYPOINT [\"{words}\", \"{path}\"]")],
    );
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Picture, Room};
    use insta::assert_snapshot;

    #[test]
    fn a_shell_script() {
        let text = b"set -e\nexec /usr/bin/app\n";
        assert_snapshot!(Room::new().image("app:1", Picture::of_app("amd64", text)).finding(ID), @r#"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: no-shebang, default-architecture
        error[no-shebang]: container app: /app is a shell script without a #! line: execve answers ENOEXEC (exec format error)
          | /app has no format that the kernel knows (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is no program in a format that the kernel knows: it begins neither with #! nor as ELF does (layer 2 of 3, COPY app /app) [fs/exec.c search_binary_handler]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: begin /app with #!/bin/sh, or name the interpreter in the command
            $ sed -i '1i #!/bin/sh' FILE
            $ # or in the Dockerfile: ENTRYPOINT ["/bin/sh", "/app"]
        "#);
    }

    #[test]
    fn a_blank_line_before_it() {
        let text = b"\n#!/bin/sh\nexec app\n";
        assert_snapshot!(Room::new().image("app:1", Picture::of_app("amd64", text)).finding(ID), @r##"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: no-shebang, default-architecture
        error[no-shebang]: container app: /app is a script with an empty line before its line "#!/bin/sh": execve answers ENOEXEC (exec format error)
          | /app has no format that the kernel knows (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is no program in a format that the kernel knows: it begins neither with #! nor as ELF does (layer 2 of 3, COPY app /app) [fs/exec.c search_binary_handler]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: begin /app with #!/bin/sh, or name the interpreter in the command
            $ sed -i '1i #!/bin/sh' FILE
            $ # or in the Dockerfile: ENTRYPOINT ["/bin/sh", "/app"]
        "##);
    }
}
