//! The program was built for another processor architecture than the host's.
//!
//! The kernel reads `e_machine` in the file's ELF header and refuses every machine but its own: `execve` answers
//! ENOEXEC, and the log says `exec /app: exec format error`. The label of the image does not matter to it.
//! The file may be the program itself, the interpreter of a script, or the loader that the program asks for; in a
//! script's case the runtime blames the script.
//!
//! ## How it comes about
//! Builders default to the architecture of their own host: an image built on an Apple laptop is arm64, and ECS runs
//! tasks on x86_64 unless the task definition says `"cpuArchitecture": "ARM64"`. A binary copied or downloaded for a
//! fixed architecture does the same inside an image that is otherwise right.
//!
//! ## What to do
//! Run the task where the image belongs (retarget), go back to what ran (rollback), or build the image for the host's
//! platform (rebuild), best as one image for both: `docker buildx build --platform linux/amd64,linux/arm64 --push .`

use super::rungs;
use crate::finding::{Finding, Severity};
use crate::nature::Nature;
use crate::run;
use crate::subject::Subject;
use execfit_kernel::errno::Errno;

/// The finding's id.
pub(super) const ID: &str = "wrong-architecture";

pub(super) fn detect(subject: &Subject<'_>) -> Option<Finding> {
    let (refused, _, Nature::Elf(header)) = subject.no_program()? else { return None };
    let machine = header.machine;
    if run::is_of(machine, refused.host) {
        return None;
    }
    let object = subject.object(&refused.blame.path);
    let role = if refused.is_program() { "program" } else { "interpreter" };
    let answer = if refused.run.through_shell {
        "the init hands it to /bin/sh, which cannot run it either".to_string()
    } else {
        format!("execve answers {} ({})", Errno::ENOEXEC, Errno::ENOEXEC.text())
    };
    let host = refused.host;
    let message = format!("{object} is a {role} for {}, and the host is {host}: {answer}", machine.name());
    Some(Finding::new(ID, Severity::Error, message).because(rungs(subject, refused.ladder())))
}
