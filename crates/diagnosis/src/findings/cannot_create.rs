//! The engine cannot create the container: there is no command, no such user, or no such working directory.
//!
//! Neither the image nor the definition names a command, or the user by name is not in the image's `/etc/passwd`, or
//! the working directory is a file (Docker: `Cannot mkdir: /app is not a directory`). One that is missing is created.
//! Nothing is started: ECS shows `CannotStartContainerError` or `CannotCreateContainerError` without an exit code.
//!
//! ## What to do
//! Give a command (`CMD` in the Dockerfile, `command` in the definition); create the user in the image, or name it by
//! its number.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::subject::{Subject, ladder};
use crate::verdict::Failure;

/// The finding's id.
pub(super) const ID: &str = "cannot-create";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (_, run, failure) = subject.failing()?;
    let blame = run.blame.as_ref().filter(|_| *failure == Failure::Create)?;
    let message = format!("{} cannot be created: {}", subject.whole(), blame.rule);
    let title = match &blame.rule {
        rule if rule.contains("passwd") => "name a user that the image has, or a number",
        rule if rule.contains("group file") => "name a group that the image has, or a number",
        rule if rule.contains("is no directory") => "give a working directory (WORKDIR) that is no file",
        rule if rule.contains("directory") => "give the working directory as an absolute path",
        _ => "give a command: CMD in the Dockerfile, or command in the container definition",
    };
    let mend = Remedy::edit(title, &[]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, ladder(run))).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;
    use serde_json::json;

    #[test]
    fn no_command_no_user_no_directory() {
        assert_snapshot!(Room::new().image("app:1", Picture::new("amd64")).finding(ID), @"
        app: fails create
          host x86_64 (default, 0): fails
          findings: cannot-create, default-architecture
        error[cannot-create]: container app cannot be created: neither image nor definition names a command
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: give a command: CMD in the Dockerfile, or command in the container definition
        ");
        let picture = Picture::of_app("amd64", &elf(AMD64)).file("/etc/passwd", 0o644, b"root:x:0:0::/root:/bin/sh\n");
        let room = |change| Room::new().image("app:1", picture.clone()).container(change);
        assert_snapshot!(room(json!({"user": "www"})).finding(ID), @"
        app: fails create
          host x86_64 (default, 0): fails
          findings: cannot-create, default-architecture
        error[cannot-create]: container app cannot be created: unable to find user www: no matching entries in passwd file
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: name a user that the image has, or a number
        ");
        assert_snapshot!(room(json!({"workingDirectory": "srv"})).finding(ID), @"
        app: fails create
          host x86_64 (default, 0): fails
          findings: cannot-create, default-architecture
        error[cannot-create]: container app cannot be created: the working directory srv is not an absolute path
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: give the working directory as an absolute path
        ");
    }

    #[test]
    fn a_working_directory_that_is_a_file() {
        let room = |cwd: &str| {
            let picture = Picture::of_app("amd64", &elf(AMD64)).file("/srv/data", 0o644, b"");
            Room::new().image("app:1", picture).container(json!({"workingDirectory": cwd}))
        };
        assert_snapshot!(room("/srv/data").finding(ID), @"
        app: fails create
          host x86_64 (default, 0): fails
          findings: cannot-create, default-architecture
        error[cannot-create]: container app cannot be created: /srv/data: the working directory is no directory, so it can be neither entered nor created
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: give a working directory (WORKDIR) that is no file
        ");
        for fine in ["/srv", "/made/anew", "/"] {
            assert!(room(fine).brief().starts_with("app: runs"), "{fine}");
        }
    }
}
