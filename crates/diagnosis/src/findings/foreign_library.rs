//! The program is right, and its loader or a library is of another architecture or class.
//!
//! The kernel opens the loader that a program names (`PT_INTERP`) and refuses one that is not of its own kind with
//! ELIBBAD: `accessing a corrupted shared library`. It comes from files copied between images of different platforms.
//!
//! ## What to do
//! Copy program and libraries from the same image, of the same platform: `COPY --from` a stage of the same
//! `--platform`.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::subject::Subject;
use execfit_kernel::errno::Errno;
use execfit_kernel::signature::Signature;

/// The finding's id.
pub(super) const ID: &str = "foreign-library";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let refused = subject.refused(Errno::ELIBBAD)?;
    let what = refused.file.map_or("no loader".to_string(), |file| Signature::of(file.head(), file.size).describe());
    let object = subject.object(&refused.blame.path);
    let message = format!("{object}, the loader of the program, is {what}: execve answers ELIBBAD (accessing a corrupted shared library)");
    let mend = Remedy::edit("copy program and loader from the same image, of the same platform", &[]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, ARM64, Picture, Room, dynamic, elf};
    use insta::assert_snapshot;

    #[test]
    fn a_loader_of_another_machine() {
        let loader = "/lib64/ld-linux-x86-64.so.2";
        let picture = Picture::of_app("amd64", &dynamic(AMD64, loader)).layer(3, "COPY --from=libs /lib64 /lib64").file(loader, 0o755, &elf(ARM64));
        assert_snapshot!(Room::new().image("app:1", picture).finding(ID), @"
        app: fails exec elibbad
          host x86_64 (default, 0): fails
          findings: foreign-library, default-architecture
        error[foreign-library]: container app: /lib64/ld-linux-x86-64.so.2, the loader of the program, is an ELF program for arm64: execve answers ELIBBAD (accessing a corrupted shared library)
          | /app is an ELF program for x86_64 (64-bit, e_machine 62) (layer 2 of 3, COPY app /app)
          | /app asks for the loader /lib64/ld-linux-x86-64.so.2 (layer 2 of 3, COPY app /app)
          | /lib64/ld-linux-x86-64.so.2 is the loader for arm64 (64-bit, e_machine 183) (layer 3 of 3, COPY --from=libs /lib64 /lib64)
          | /lib64/ld-linux-x86-64.so.2: ELIBBAD (accessing a corrupted shared library): the loader is built for another processor or word size than the program (layer 3 of 3, COPY --from=libs /lib64 /lib64) [fs/binfmt_elf.c load_elf_binary elf_check_arch]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          = Edit Advice: copy program and loader from the same image, of the same platform
        ");
    }
}
