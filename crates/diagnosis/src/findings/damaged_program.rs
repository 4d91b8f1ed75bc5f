//! The program is of the right architecture, and damaged or not made to be executed.
//!
//! An object file (`.o`) or a core has the ELF magic but is refused with ENOEXEC; so is a file cut inside its headers.
//! Cut a little later it gives EIO; cut further on it is accepted, and the process is killed by SIGSEGV before its
//! first instruction: exit code 139 without a word. Files of a kind that nobody knows belong here, too.
//!
//! ## What to do
//! Compare size and checksum with the original; build or download it again. A disk that was full, or a download that
//! broke off, are the usual reasons.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::remedy::Remedy;
use crate::run::{self, StepKind, TraceStep};
use crate::subject::{Subject, ladder};
use crate::verdict::Failure;
use execfit_kernel::errno::Errno;
use execfit_kernel::signature::{ElfKind, Signature};

/// The finding's id.
pub(super) const ID: &str = "damaged-program";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let Some((host, run, failure)) = subject.failing() else { return cut_short(subject) };
    let blame = run.blame.as_ref()?;
    let what = match failure {
        Failure::Exec(Errno::ENOEXEC) => {
            let (refused, signature, nature) = subject.no_program()?;
            match nature {
                Nature::Elf(header) if run::is_of(header.machine, host.architecture) => {}
                Nature::Unknown => {}
                _ => return None,
            }
            format!("is {}: {}", signature.describe(), refused.answer())
        }
        Failure::Exec(errno @ (Errno::EIO | Errno::EINVAL)) => format!("is damaged: {}; execve answers {errno} ({})", blame.rule, errno.text()),
        Failure::Killed(_) => format!("is damaged: {}; the process is killed by SIGSEGV (exit code 139)", blame.rule),
        _ => return None,
    };
    let message = format!("{} {what}", subject.object(&blame.path));
    let mend = Remedy::edit(format!("make {} anew, and compare its checksum", run::show(&blame.path)), &[]);
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, ladder(run))).cured_by(mend))
}

/// A program that the kernel starts although much of it is missing: it dies as soon as it needs that.
fn cut_short(subject: &Subject<'_>) -> Option<Finding> {
    let (run, path, signature) = subject.runs.iter().find_map(|(_, run)| {
        let is_loaded = |step: &&TraceStep| matches!(step.kind, StepKind::Elf { .. });
        run.trace.iter().filter(is_loaded).find_map(|step| {
            let file = subject.file(run, &step.path)?;
            let signature = Signature::of(file.head(), file.size);
            let is_cut = matches!(signature, Signature::Elf { kind: ElfKind::CutInSegments { .. }, .. });
            is_cut.then_some((run, &step.path, signature))
        })
    })?;
    let message = format!(
        "{} is {}: execve starts it, and it dies without a word when it comes to what is missing (exit code 139 or 135)",
        subject.object(path),
        signature.describe()
    );
    let mend = Remedy::edit(format!("make {} anew, and compare its checksum", run::show(path)), &[]);
    Some(Finding::new(ID, Severity::Warning, message).because(rungs(subject, ladder(run))).cured_by(mend))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, Picture, Room, elf};
    use insta::assert_snapshot;

    #[test]
    fn cut_in_its_body_it_starts_and_dies() {
        let mut whole = elf(AMD64);
        // p_filesz and p_memsz of its one segment: a megabyte that the file does not have.
        whole[96..104].copy_from_slice(&(1u64 << 20).to_le_bytes());
        whole[104..112].copy_from_slice(&(1u64 << 20).to_le_bytes());
        let text = Room::unseen().image("app:1", Picture::of_app("amd64", &whole)).finding(ID);
        assert!(text.contains("app: runs"), "{text}");
        assert!(text.contains("warning[damaged-program]: container app: /app is an ELF program for x86_64 cut short"), "{text}");
        assert!(text.contains("it dies without a word"), "{text}");
    }

    #[test]
    fn an_object_file_and_one_cut_short() {
        let mut object = elf(AMD64);
        object[16] = 1;
        assert_snapshot!(Room::new().image("app:1", Picture::of_app("amd64", &object)).finding(ID), @"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: damaged-program, default-architecture
        error[damaged-program]: container app: /app is an ELF object file for x86_64, not linked yet: execve answers ENOEXEC (exec format error)
          | /app is an ELF program for x86_64 (64-bit, e_machine 62) (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): it is ELF but neither a program nor a shared object: e_type must be 2 or 3 (layer 2 of 3, COPY app /app) [fs/binfmt_elf.c load_elf_binary]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: make /app anew, and compare its checksum
        ");
        let cut = &elf(AMD64)[..100];
        assert_snapshot!(Room::new().image("app:1", Picture::of_app("amd64", cut)).finding(ID), @"
        app: fails exec enoexec
          host x86_64 (default, 0): fails
          findings: damaged-program, default-architecture
        error[damaged-program]: container app: /app is an ELF program for x86_64 cut short within its program headers (at least 20 bytes missing): execve answers ENOEXEC (exec format error)
          | /app is an ELF program for x86_64 (64-bit, e_machine 62) (layer 2 of 3, COPY app /app)
          | /app: ENOEXEC (exec format error): the file ends before its program headers do: it is cut short, or e_phoff is wrong (layer 2 of 3, COPY app /app) [fs/binfmt_elf.c load_elf_phdrs elf_read]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 agrees with the prediction: where execve refuses the program, it is that of runc up to 1.1, crun [runc init.go, libcontainer/init_linux.go; crun src/libcrun/container.c]
          = Edit Advice: make /app anew, and compare its checksum
        ");
    }

    #[test]
    fn killed_while_it_is_mapped() {
        let mut program = elf(AMD64);
        // The segment's address: below what a process may map.
        program[64 + 16..64 + 24].copy_from_slice(&0xffff_8000_0000_0000u64.to_le_bytes());
        assert_snapshot!(Room::new().image("app:1", Picture::of_app("amd64", &program)).finding(ID), @"
        app: fails killed sigsegv
          host x86_64 (default, 0): fails
          findings: damaged-program, default-architecture
        error[damaged-program]: container app: /app is damaged: a segment lies beyond the addresses that a program can have; the process is killed by SIGSEGV (exit code 139)
          | /app is an ELF program for x86_64 (64-bit, e_machine 62) (layer 2 of 3, COPY app /app)
          | /app: killed: a segment lies beyond the addresses that a program can have (layer 2 of 3, COPY app /app) [fs/binfmt_elf.c load_elf_binary BAD_ADDR]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          | seen: exit code 1 [DescribeTasks, containers[].exitCode]
          | exit code 1 does not agree with the prediction (killed)
          = Edit Advice: make /app anew, and compare its checksum
        ");
    }
}
