//! The program was linked against a newer library than the image has: most often a newer glibc.
//!
//! Libraries of glibc's kind name the versions of their symbols (`GLIBC_2.38`). A program remembers the versions that
//! it was linked against, and the loader compares them before it starts: a library without one of them ends the
//! process with exit code 1 and `version 'GLIBC_2.38' not found`. It comes from building on a newer distribution than
//! the one that runs the program.
//!
//! ## What to do
//! Build in the same distribution release that the final image is made of, take a newer base image, or link
//! statically (musl, `CGO_ENABLED=0`).

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::run;
use crate::subject::{Subject, ladder};
use execfit_kernel::ld_so::Cause;

/// The finding's id.
pub(super) const ID: &str = "old-c-library";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (run, death) = subject.death()?;
    let Cause::Version(version) = &death.cause else { return None };
    let (library, version) = (run::show(&death.blame), run::show(version));
    let object = subject.object(&death.needed_by);
    let message = format!("{object} needs {version}, and {library} is older: {}", subject.last_words(death));
    let title = format!("build on the distribution release that the image has, or take a base image whose library has {version}");
    let rungs = rungs(subject, ladder(run));
    Some(Finding::new(ID, Severity::Error, message).because(rungs).cured_by(Remedy::edit(title, &[])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, LD_SO, Picture, Room};
    use crate::linked::Linked;
    use insta::assert_snapshot;

    #[test]
    fn built_on_a_newer_distribution() {
        let program = Linked::program(AMD64, LD_SO).needs("libc.so.6");
        let program = program.needs_version("libc.so.6", "GLIBC_2.2.5").needs_version("libc.so.6", "GLIBC_2.38");
        assert_snapshot!(Room::new().image("app:1", Picture::linked(&program)).finding(ID), @"
        app: fails loader
          host x86_64 (default, 0): fails
          findings: old-c-library, default-architecture
        error[old-c-library]: container app: /app needs GLIBC_2.38, and /lib/x86_64-linux-gnu/libc.so.6 is older: `/app: /lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by /app)` (exit code 1)
          | /app is an ELF program for x86_64 (64-bit, e_machine 62) (layer 2 of 3, COPY app /app)
          | /app asks for the loader /lib64/ld-linux-x86-64.so.2 (layer 2 of 3, COPY app /app)
          | /lib64/ld-linux-x86-64.so.2 is the loader for x86_64 (64-bit, e_machine 62) (layer 1 of 3, FROM debian)
          | /lib/x86_64-linux-gnu/libc.so.6 is libc.so.6, needed by /app, found by the default directories (layer 1 of 3, FROM debian)
          | /lib/x86_64-linux-gnu/libc.so.6: the library defines no version of this name (layer 1 of 3, FROM debian) [glibc elf/dl-version.c match_symbol, elf/rtld.c version_check_doit]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: that of the loader
          = Edit Advice: build on the distribution release that the image has, or take a base image whose library has GLIBC_2.38
        ");
    }
}
