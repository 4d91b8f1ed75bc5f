//! The user of the container may not execute the file.
//!
//! The file, its interpreter or its loader lacks the x permission for this user, a directory above it may not be
//! searched, it is a directory or a device, or it lies on a file system mounted noexec: EACCES, `permission denied`.
//! Permission comes before format: a program of the wrong architecture without x gives this error, too.
//!
//! ## How it comes about
//! The executable bit was lost: a download, a checkout on Windows, an artifact store of a CI. Or a program of mode
//! 0700 that belongs to root, in an image with `USER app`.
//!
//! ## What to do
//! `COPY --chmod=755 app /app`, or `git update-index --chmod=+x entrypoint.sh`.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::run;
use crate::subject::{Subject, ladder};
use crate::verdict::Failure;
use execfit_kernel::errno::Errno;

/// The finding's id.
pub(super) const ID: &str = "not-executable";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (_, run, failure) = subject.failing()?;
    let (Failure::Lookup(Errno::EACCES | Errno::EISDIR) | Failure::Exec(Errno::EACCES)) = failure else { return None };
    let blame = run.blame.as_ref()?;
    let mode = subject.file(run, &blame.path).map(|file| format!(" (mode {:04o}, owner {}:{})", file.mode, file.uid, file.gid));
    let object = subject.object(&blame.path);
    let message = format!("{object} may not be executed{}: {} (EACCES, permission denied)", mode.unwrap_or_default(), blame.rule);
    let path = run::show(&blame.path);
    let mend = Remedy::edit(
        format!("make {path} executable for the container's user"),
        &[&format!("# in the Dockerfile: COPY --chmod=755 FILE {path}"), "git update-index --chmod=+x FILE"],
    );
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, ladder(run))).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;

    #[test]
    fn without_x_and_of_another_owner() {
        let picture = Picture::new("amd64").layer(2, "COPY app /app").file("/app", 0o644, &elf(AMD64)).entrypoint(&["/app"]);
        assert_snapshot!(Room::new().image("app:1", picture.clone()).finding(ID), @"
        app: fails lookup eacces
          host x86_64 (default, 0): fails
          findings: not-executable, default-architecture
        error[not-executable]: container app: /app may not be executed (mode 0644, owner 0:0): the container's user may not execute the file: it lacks the x permission (EACCES, permission denied)
          | /app: EACCES (permission denied): the container's user may not execute the file: it lacks the x permission (layer 2 of 3, COPY app /app) [Go os/exec/lp_unix.go findExecutable, faccessat(2) X_OK AT_EACCESS]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: make /app executable for the container's user
            $ # in the Dockerfile: COPY --chmod=755 FILE /app
            $ git update-index --chmod=+x FILE
        ");
        let picture = picture.file("/app", 0o700, &elf(AMD64)).user("1000");
        let picture = picture.file("/etc/passwd", 0o644, b"root:x:0:0::/root:/bin/sh\n");
        assert_snapshot!(Room::new().image("app:1", picture).finding(ID), @"
        app: fails lookup eacces
          host x86_64 (default, 0): fails
          findings: not-executable, default-architecture
        error[not-executable]: container app: /app may not be executed (mode 0700, owner 0:0): the container's user may not execute the file: it lacks the x permission (EACCES, permission denied)
          | /app: EACCES (permission denied): the container's user may not execute the file: it lacks the x permission (layer 2 of 3, COPY app /app) [Go os/exec/lp_unix.go findExecutable, faccessat(2) X_OK AT_EACCESS]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: make /app executable for the container's user
            $ # in the Dockerfile: COPY --chmod=755 FILE /app
            $ git update-index --chmod=+x FILE
        ");
    }
}
