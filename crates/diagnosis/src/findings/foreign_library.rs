//! The program is right, and its loader or a library is of another architecture or class, or no library at all.
//!
//! The kernel opens the loader that a program names (`PT_INTERP`) and refuses one that is not of its own kind with
//! ELIBBAD: `accessing a corrupted shared library`. It comes from files copied between images of different platforms.
//!
//! A library of another architecture glibc's loader passes over in silence, and says that there is none: `cannot open
//! shared object file: No such file or directory`, though the file is plainly there. One of another word size it calls
//! `wrong ELF class`, what is no library `invalid ELF header` or `file too short`. musl's loader takes a foreign
//! library without a word, and dies of it.
//!
//! With `inspect --all` the same id tells of every shared library and native addon (`.so`, `.node`) that is not of the
//! image's platform: what loads it fails, with words such as `wrong ELF class`, `invalid ELF header` or `cannot open shared
//! object file`, when it is loaded. Most come with a `node_modules` that was copied from a laptop, with wheels that were
//! installed for another platform, or with `COPY --from` a stage of another platform. What is there on purpose is not
//! counted, as `foreign-program` explains.
//!
//! ## What to do
//! Install node_modules and wheels in the image, for its platform, and keep those of other machines out by
//! `.dockerignore`. Copy program and libraries from the same image, of the same platform: `COPY --from` a stage of the same
//! `--platform`.

use super::foreign_program::remedies;
use super::rungs;
use crate::finding::{Finding, Severity};
use crate::foreign::report::{count, told};
use crate::remedy::Remedy;
use crate::run::{self, Run};
use crate::subject::{Subject, ladder};
use execfit_kernel::errno::Errno;
use execfit_kernel::ld_so::{Cause, Death};
use execfit_kernel::signature::Signature;

/// The finding's id.
pub(super) const ID: &str = "foreign-library";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    match (of_the_chain(subject), among_all(subject)) {
        (Some(chain), Some(all)) => {
            let mut finding = chain.because(all.evidence);
            finding.remedies.extend(all.remedies);
            Some(finding)
        }
        (chain, all) => chain.or(all),
    }
}

/// Foreign libraries and addons among all files.
fn among_all(subject: &Subject<'_>) -> Option<Finding> {
    let survey = subject.survey?;
    let told = told(survey, ID)?;
    let what = count(&told, "a library", "libraries and addons");
    let needed = told.files.iter().find_map(|file| file.needed_by.as_ref());
    let then = match needed {
        Some(program) => format!("{program} needs one, and its loader gives up"),
        None => "what loads them fails".into(),
    };
    let message = format!("{what}, not for {}: {then}", survey.ground.words());
    let mut finding = Finding::new(ID, told.severity, message).because(told.evidence);
    finding.remedies = remedies(&told.files);
    Some(finding)
}

/// The loader or a library of the program that the image starts.
fn of_the_chain(subject: &Subject<'_>) -> Option<Finding> {
    if let Some((run, death)) = subject.death() {
        return unfit_library(subject, run, death);
    }
    let refused = subject.refused(Errno::ELIBBAD)?;
    let what = refused.file.map_or("no loader".to_string(), |file| Signature::of(file.head(), file.size).describe());
    let object = subject.object(&refused.blame.path);
    let message = format!("{object}, the loader of the program, is {what}: execve answers ELIBBAD (accessing a corrupted shared library)");
    let mend = Remedy::edit("copy program and loader from the same image, of the same platform", &[]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())).cured_by(mend))
}

/// A library that the loader does not take.
fn unfit_library(subject: &Subject<'_>, run: &Run, death: &Death) -> Option<Finding> {
    if !matches!(death.cause, Cause::Foreign | Cause::Unfit | Cause::Cut) {
        return None;
    }
    let what = subject.file(run, &death.blame).map_or("no library".to_string(), |file| Signature::of(file.head(), file.size).describe());
    let cut = if death.cause == Cause::Cut { ", cut off" } else { "" };
    let object = subject.object(&death.blame);
    let message = format!("{object}, needed by {}, is {what}{cut}: {}", run::show(&death.needed_by), subject.last_words(death));
    let mend = Remedy::edit("copy program and libraries from the same image, of the same platform", &[]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, ladder(run))).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, ARM64, LD_SO, Picture, Room, dynamic, elf};
    use crate::linked::Linked;
    use insta::assert_snapshot;

    #[test]
    fn a_library_of_another_machine_and_one_that_is_none() {
        let picture = || Picture::linked(&Linked::program(AMD64, LD_SO).needs("libx.so.1").needs("libc.so.6"));
        let library = Linked::library(ARM64, "libx.so.1").bytes();
        let room = Room::new().image("app:1", picture().file("/usr/lib/libx.so.1", 0o644, &library));
        assert_snapshot!(room.finding(ID), @"
        app: fails loader
          host x86_64 (default, 0): fails
          findings: foreign-library, default-architecture
        error[foreign-library]: container app: /usr/lib/libx.so.1, needed by /app, is an ELF shared library for arm64, no program: `/app: error while loading shared libraries: libx.so.1: cannot open shared object file: No such file or directory` (exit code 127)
          | /app is an ELF program for x86_64 (64-bit, e_machine 62) (layer 2 of 3, COPY app /app)
          | /app asks for the loader /lib64/ld-linux-x86-64.so.2 (layer 2 of 3, COPY app /app)
          | /lib64/ld-linux-x86-64.so.2 is the loader for x86_64 (64-bit, e_machine 62) (layer 1 of 3, FROM debian)
          | /usr/lib/libx.so.1 is passed over as libx.so.1: it is for arm64 (layer 3 of 3, COPY --from=build /out /)
          | /usr/lib/libx.so.1: none of the places where the loader looks has a library of this name for this machine (layer 3 of 3, COPY --from=build /out /) [ld.so(8), glibc elf/dl-load.c _dl_map_object]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 does not agree with the prediction (loader)
          = Edit Advice: copy program and libraries from the same image, of the same platform
        ");
        let text = b"version https://git-lfs.github.com/spec/v1\noid sha256:0000000000000000000000000000\nsize 100000\n";
        let room = Room::new().image("app:1", picture().file("/usr/lib/libx.so.1", 0o644, text));
        assert_snapshot!(room.finding(ID), @"
        app: fails loader
          host x86_64 (default, 0): fails
          findings: foreign-library, default-architecture
        error[foreign-library]: container app: /usr/lib/libx.so.1, needed by /app, is a git-lfs pointer to a file of 100000 bytes (sha256:00000000), not the file itself: `/app: error while loading shared libraries: /usr/lib/libx.so.1: invalid ELF header` (exit code 127)
          | /app is an ELF program for x86_64 (64-bit, e_machine 62) (layer 2 of 3, COPY app /app)
          | /app asks for the loader /lib64/ld-linux-x86-64.so.2 (layer 2 of 3, COPY app /app)
          | /lib64/ld-linux-x86-64.so.2 is the loader for x86_64 (64-bit, e_machine 62) (layer 1 of 3, FROM debian)
          | /usr/lib/libx.so.1: its ELF header is not one of a library for this machine (layer 3 of 3, COPY --from=build /out /) [glibc elf/dl-load.c open_verify]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 does not agree with the prediction (loader)
          = Edit Advice: copy program and libraries from the same image, of the same platform
        ");
    }

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
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: copy program and loader from the same image, of the same platform
        ");
    }
}
