//! The program is a git-lfs pointer: three lines that stand for a file which was not fetched.
//!
//! A clone without git-lfs, or a CI checkout without `lfs: true`, has `version https://git-lfs.github.com/spec/v1` in
//! place of the binary. The image takes it as it is, and the kernel answers ENOEXEC.
//!
//! ## What to do
//! `git lfs install && git lfs pull` before the build; `lfs: true` for actions/checkout.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::remedy::Remedy;
use crate::subject::Subject;

/// The finding's id.
pub(super) const ID: &str = "git-lfs-pointer";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, signature, Nature::LfsPointer) = subject.no_program()? else { return None };
    let object = subject.object(&refused.blame.path);
    let message = format!("{object} is {}: {}", signature.describe(), refused.answer());
    let mend = Remedy::edit("fetch the real file before the build", &["git lfs install", "git lfs pull"]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{Picture, Room};
    use insta::assert_snapshot;

    #[test]
    fn a_pointer() {
        let pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\nsize 12345\n";
        assert_snapshot!(Room::new().image("app:1", Picture::of_app("amd64", pointer)).finding(ID), @"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: git-lfs-pointer, default-architecture
        error[git-lfs-pointer]: container app: /app is a git-lfs pointer to a file of 12345 bytes (sha256:4d7a2146), not the file itself: execve answers ENOEXEC (exec format error)
          | /app has no format that the kernel knows (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is no program in a format that the kernel knows: it begins neither with #! nor as ELF does (layer 2 of 3, COPY app /app) [fs/exec.c search_binary_handler]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: fetch the real file before the build
            $ git lfs install
            $ git lfs pull
        ");
    }
}
