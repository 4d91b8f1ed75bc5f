//! The program is there; what it needs to be started with is not.
//!
//! A script names its interpreter in the `#!` line, a dynamically linked program its loader (`PT_INTERP`). When that
//! file is missing the kernel answers ENOENT, and the log says `exec /app: no such file or directory` about a program
//! that is plainly there.
//!
//! ## How it comes about
//! `#!/bin/bash` in an image without bash (Alpine, distroless, scratch); a program linked against glibc on Alpine,
//! which has musl's loader, or the reverse; a dynamically linked program in a `scratch` image.
//!
//! ## What to do
//! Install the interpreter, use one that is there, link statically (`CGO_ENABLED=0`), or take a base image with the
//! C library that the program was built against.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::run::{self, StepKind};
use crate::subject::Subject;
use execfit_kernel::errno::Errno;

/// The finding's id.
pub(super) const ID: &str = "missing-interpreter";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let refused = [Errno::ENOENT, Errno::ENOTDIR].into_iter().find_map(|errno| Some((subject.refused(errno)?, errno)));
    let (refused, errno) = refused?;
    let asked = refused.run.trace.iter().rev().find_map(|step| match &step.kind {
        StepKind::Script(interpreter, _) if !interpreter.ends_with(b"\r") => Some((&step.path, interpreter, "is a script of")),
        StepKind::Interpreter(interpreter) => Some((&step.path, interpreter, "asks for the loader")),
        _ => None,
    });
    let (asker, interpreter, relation) = asked?;
    let wanted = run::show(interpreter);
    let other = refused.run.other_loader.as_ref().map(|other| run::show(other));
    let hint = match (&wanted[..], other) {
        (loader, Some(other)) if loader.contains("ld-musl") => {
            format!(" (musl's loader, and the image has glibc's, {other}: a musl program in a glibc image)")
        }
        (_, Some(other)) => format!(" (glibc's loader, and the image has musl's, {other}: a glibc program in a musl image)"),
        (loader, None) if loader.contains("ld-musl") => " (musl's loader: the program was linked on Alpine)".into(),
        (loader, None) if loader.contains("ld-linux") => {
            " (glibc's loader: the image has none, or another C library)".into()
        }
        _ => String::new(),
    };
    let message = format!(
        "{} {relation} {wanted}{hint}, which is not in the image: execve answers {errno} ({})",
        subject.object(asker),
        errno.text()
    );
    let mend = Remedy::edit(format!("put {wanted} into the image, or use an interpreter that is there"), &[]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, dynamic};
    use insta::assert_snapshot;

    #[test]
    fn no_bash_and_no_loader() {
        let room = Room::new().image("app:1", Picture::of_app("amd64", b"#!/bin/bash\nexec app\n"));
        assert_snapshot!(room.log("exec /app: no such file or directory").finding(ID), @"
        app: fails exec enoent
          host x86_64 (default, 0): fails
          findings: missing-interpreter, default-architecture
        error[missing-interpreter]: container app: /app is a script of /bin/bash, which is not in the image: execve answers ENOENT (no such file or directory)
          | /app is a script: #!/bin/bash (layer 2 of 3, COPY app /app)
          | /bin/bash: ENOENT (no such file or directory): nothing stands at this path [fs/namei.c lookup_slow, path_resolution(7)]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exec /app: no such file or directory
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | printed by runc 1.1, by its text and exit code 1 [runc libcontainer/system/linux.go, init.go (1.1), init_linux.go (1.2)]
          | what was printed agrees with the prediction (exec ENOENT)
          = Edit Advice: put /bin/bash into the image, or use an interpreter that is there
        ");
        let program = dynamic(AMD64, "/lib64/ld-linux-x86-64.so.2");
        assert_snapshot!(Room::new().image("app:1", Picture::of_app("amd64", &program)).finding(ID), @"
        app: fails exec enoent
          host x86_64 (default, 0): fails
          findings: missing-interpreter, default-architecture
        error[missing-interpreter]: container app: /app asks for the loader /lib64/ld-linux-x86-64.so.2 (glibc's loader: the image has none, or another C library), which is not in the image: execve answers ENOENT (no such file or directory)
          | /app is an ELF program for x86_64 (64-bit, e_machine 62) (layer 2 of 3, COPY app /app)
          | /app asks for the loader /lib64/ld-linux-x86-64.so.2 (layer 2 of 3, COPY app /app)
          | /lib64/ld-linux-x86-64.so.2: ENOENT (no such file or directory): nothing stands at this path [fs/namei.c lookup_slow, path_resolution(7)]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: put /lib64/ld-linux-x86-64.so.2 into the image, or use an interpreter that is there
        ");
    }

    #[test]
    fn a_program_of_the_other_c_library() {
        let (glibc, musl) = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1");
        let hint = |asked: &str, there: &str| {
            let picture = Picture::of_app("amd64", &dynamic(AMD64, asked)).libraries(true);
            let picture = picture.file(there, 0o755, &dynamic(AMD64, there));
            let report = Room::new().image("app:1", picture).finding(ID);
            report.split_once(asked).unwrap().1.split_once(", which").unwrap().0.to_string()
        };
        assert_eq!(
            hint(glibc, musl),
            " (glibc's loader, and the image has musl's, /lib/ld-musl-x86_64.so.1: a glibc program in a musl image)"
        );
        assert_eq!(
            hint(musl, glibc),
            " (musl's loader, and the image has glibc's, /lib64/ld-linux-x86-64.so.2: a musl program in a glibc image)"
        );
        assert_eq!(hint(glibc, "/lib/ld-musl-aarch64.so.1"), " (glibc's loader: the image has none, or another C library)");
    }
}
