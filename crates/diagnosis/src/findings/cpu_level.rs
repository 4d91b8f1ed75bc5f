//! A program or library is marked to need a higher x86 ISA level than every x86-64 processor has.
//!
//! Compilers mark what they make for `-march=x86-64-v2`, `v3` or `v4`, and glibc's loader (2.33 and later) refuses
//! what is marked higher than the processor is: `CPU ISA level is lower than required`, exit code 127. The kernel
//! does not look at it; a static program just runs, up to the first instruction that the processor lacks (SIGILL, exit
//! code 132).
//!
//! ## What to do
//! Build for the level of the oldest processor that may run it, or choose instance types that have it: all of AWS's
//! current x86-64 machines have x86-64-v3.

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::remedy::Remedy;
use crate::run;
use crate::subject::{Subject, ladder};
use execfit_kernel::ld_so::Cause;

/// The finding's id.
pub(super) const ID: &str = "cpu-level";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let title = "build for the ISA level of the oldest processor that may run it (-march=x86-64-v2)";
    if let Some((run, death)) = subject.death() {
        let Cause::IsaLevel(needed) = death.cause else { return None };
        let object = subject.object(&death.blame);
        let message =
            format!("{object} is marked to need {}, and the host has less: {}", level(needed), subject.last_words(death));
        let rungs = rungs(subject, ladder(run));
        return Some(Finding::new(ID, Severity::Error, message).because(rungs).cured_by(Remedy::edit(title, &[])));
    }
    let (run, (path, needed)) = subject.runs.iter().find_map(|(_, run)| Some((run, run.isa_in_doubt.as_ref()?)))?;
    let message = format!(
        "{} is marked to need {}, and the host's level is not known: glibc's loader refuses it on less (exit code 127)",
        subject.object(path),
        level(*needed)
    );
    let steps: Vec<_> = run.trace.iter().filter(|step| step.path == *path).cloned().collect();
    let rungs = rungs(subject, ladder(&run::Run { trace: steps, ..run.clone() }));
    Some(Finding::new(ID, Severity::Warning, message).because(rungs))
}

/// The highest level of these bits.
fn level(bits: u32) -> &'static str {
    match bits {
        0 | 1 => "x86-64",
        2 | 3 => "x86-64-v2",
        4..=7 => "x86-64-v3",
        8..=15 => "x86-64-v4",
        _ => "a level above x86-64-v4",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{AMD64, LD_SO, Picture, Room, full};
    use crate::linked::Linked;
    use crate::ecs::{Documents, Scene};
    use crate::run::Question;
    use execfit_image::platform::Platform;
    use execfit_kernel::host::{Architecture, Host, Isa};
    use insta::assert_snapshot;

    #[test]
    fn a_program_that_is_marked_for_newer_processors() {
        let program = Linked::program(AMD64, LD_SO).needs("libc.so.6").isa(7);
        assert_snapshot!(Room::unseen().image("app:1", Picture::linked(&program)).finding(ID), @"
        app: runs
          host x86_64 (default, 0): runs
          findings: cpu-level, default-architecture, no-stopped-tasks
        warning[cpu-level]: container app: /app is marked to need x86-64-v3, and the host's level is not known: glibc's loader refuses it on less (exit code 127)
          | /app is an ELF program for x86_64 (64-bit, e_machine 62) (layer 2 of 3, COPY app /app)
          | /app asks for the loader /lib64/ld-linux-x86-64.so.2 (layer 2 of 3, COPY app /app)
        ");
    }

    /// The finding on a host whose level is known.
    fn on(level: Isa, program: &Linked) -> Option<String> {
        let (case, _) = Room::unseen().image("app:1", Picture::linked(program)).ask();
        let documents = Documents::of(&case.answers);
        let scene = Scene::of(&case.target.kind, &documents).unwrap();
        let workloads = scene.workloads(&case.logs);
        let mut subject = Subject::of(&case, Some(&scene), &workloads[0]).unwrap();
        let host = Host { isa: Some(level), ..Host::aws(Architecture::X86_64) };
        let question = Question {
            image: &subject.name,
            repository_credentials: None,
            command: &workloads[0].command,
            engine: workloads[0].placement.engine,
            platform: &Platform::linux(Architecture::X86_64),
            host: Some(&host),
            detected: true,
        };
        subject.runs[0].1 = run::run(&case, &question).unwrap();
        detect(&subject).as_ref().map(full)
    }

    #[test]
    fn a_host_of_a_lower_level_is_refused_by_the_loader() {
        let program = Linked::program(AMD64, LD_SO).needs("libc.so.6").isa(7);
        assert_eq!(on(Isa::X86_64V3, &program), None);
        assert_snapshot!(on(Isa::X86_64V2, &program).unwrap(), @"
        error[cpu-level]: container app: /app is marked to need x86-64-v3, and the host has less: `/app: CPU ISA level is lower than required` (exit code 127)
          | /app is an ELF program for x86_64 (64-bit, e_machine 62) (layer 2 of 3, COPY app /app)
          | /app asks for the loader /lib64/ld-linux-x86-64.so.2 (layer 2 of 3, COPY app /app)
          | /lib64/ld-linux-x86-64.so.2 is the loader for x86_64 (64-bit, e_machine 62) (layer 1 of 3, FROM debian)
          | /app: the file is marked to need a higher ISA level than the processor has (layer 2 of 3, COPY app /app) [glibc sysdeps/x86/dl-prop.h dl_isa_level_check]
          | host: x86_64, ECS's default, as the task definition names no cpuArchitecture
          = Edit Advice: build for the ISA level of the oldest processor that may run it (-march=x86-64-v2)
        ");
    }
}
