//! The program is there and starts; a library that it needs is not in the image.
//!
//! A dynamically linked program names the libraries that it needs, and its loader looks for each of them: by the
//! paths that program and libraries hold themselves (`RPATH`, `RUNPATH`), by `LD_LIBRARY_PATH`, by
//! `/etc/ld.so.cache`, and in the default directories of its C library. What it does not find ends the process with
//! exit code 127 and `error while loading shared libraries` (glibc) or `Error loading shared library` (musl). The
//! loader does not read `/etc/ld.so.conf`: what is copied into one of its directories after `ldconfig` has run is
//! not found there.
//!
//! ## What to do
//! Install the package that has the library in the final stage of the image, not only in the one that builds; run
//! `ldconfig` after copying libraries; or link statically.

use super::rungs;
use crate::finding::{Evidence, Finding, Severity};
use crate::remedy::Remedy;
use crate::run;
use crate::subject::{Subject, ladder};
use execfit_kernel::ld_so::Cause;

/// The finding's id.
pub(super) const ID: &str = "missing-library";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (run, death) = subject.death()?;
    if death.cause != Cause::Missing {
        return None;
    }
    let library = run::show(&death.library);
    let object = subject.object(&death.needed_by);
    let message = format!("{object} needs {library}, which the loader does not find: {}", subject.last_words(death));
    let searched: Vec<String> = death.searched.iter().map(|place| run::show(place)).collect();
    let looked = (!searched.is_empty()).then(|| Evidence::seen(format!("looked for in {}", searched.join(", "))));
    let mend = Remedy::edit(format!("put {library} into the final stage of the image, where the loader looks"), &[]);
    let rungs = rungs(subject, ladder(run).into_iter().chain(looked).collect());
    Some(Finding::new(ID, Severity::Error, message).because(rungs).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, LD_SO, Picture, Room};
    use crate::linked::Linked;
    use insta::assert_snapshot;

    #[test]
    fn a_library_of_a_library() {
        let program = Linked::program(AMD64, LD_SO).needs("libssl.so.3").needs("libc.so.6");
        let picture = Picture::linked(&program).file(
            "/usr/lib/x86_64-linux-gnu/libssl.so.3",
            0o644,
            &Linked::library(AMD64, "libssl.so.3").needs("libcrypto.so.3").bytes(),
        );
        assert_snapshot!(Room::new().image("app:1", picture).finding(ID), @"
        app: fails loader
          host x86_64 (default, 0): fails
          findings: missing-library, default-architecture
        error[missing-library]: container app: /usr/lib/x86_64-linux-gnu/libssl.so.3 needs libcrypto.so.3, which the loader does not find: `/app: error while loading shared libraries: libcrypto.so.3: cannot open shared object file: No such file or directory` (exit code 127)
          | /app is an ELF program for x86_64 (64-bit, e_machine 62) (layer 2 of 3, COPY app /app)
          | /app asks for the loader /lib64/ld-linux-x86-64.so.2 (layer 2 of 3, COPY app /app)
          | /lib64/ld-linux-x86-64.so.2 is the loader for x86_64 (64-bit, e_machine 62) (layer 1 of 3, FROM debian)
          | /usr/lib/x86_64-linux-gnu/libssl.so.3 is libssl.so.3, needed by /app, found by the default directories (layer 3 of 3, COPY --from=build /out /)
          | libcrypto.so.3: none of the places where the loader looks has a library of this name for this machine [ld.so(8), glibc elf/dl-load.c _dl_map_object]
          | looked for in /etc/ld.so.cache, /lib/x86_64-linux-gnu, /usr/lib/x86_64-linux-gnu, /lib, /usr/lib
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 does not agree with the prediction (loader)
          = Edit Advice: put libcrypto.so.3 into the final stage of the image, where the loader looks
        ");
    }

    #[test]
    fn all_that_is_needed_is_there() {
        let picture = Picture::linked(&Linked::program(AMD64, LD_SO).needs("libc.so.6"));
        assert!(Room::unseen().image("app:1", picture).brief().starts_with("app: runs"));
    }
}
