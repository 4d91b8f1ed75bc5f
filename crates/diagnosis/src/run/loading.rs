//! From the kernel's yes to the dynamic loader's answer.

use super::mounted::Mounted;
use super::{Blame, Run, StepKind, TraceStep, refusal};
use crate::process::Process;
use crate::verdict::{Failure, Verdict};
use execfit_kernel::credentials::Credentials;
use execfit_kernel::errno::Errno;
use execfit_kernel::host::{Host, Isa};
use execfit_kernel::ld_so::{self, Answer, Death, Program, Step};
use execfit_kernel::tree::Gap;

/// Asks the loader of the program that `execve` started. A case that was recorded before loaders were asked has no
/// facts about libraries: its answer stays the kernel's.
pub(super) fn load(
    run: &mut Run,
    tree: &Mounted<'_>,
    host: &Host,
    process: &Process,
    credentials: &Credentials,
) -> Result<Verdict, Gap> {
    let Some((path, interpreter)) = started(run) else { return Ok(Verdict::Runs) };
    run.loader_not_asked = !tree.image.libraries;
    if run.loader_not_asked {
        return Ok(Verdict::Runs);
    }
    let by_script = run.trace.iter().rev().find_map(|step| match &step.kind {
        StepKind::Script(interpreter, _) => Some(interpreter.clone()),
        _ => None,
    });
    let argv0 = by_script.or_else(|| process.argv.first().cloned()).unwrap_or_default();
    let program = Program {
        path: &path,
        interpreter: &interpreter,
        argv0: &argv0,
        env: &process.env,
        cwd: &process.cwd,
        credentials,
        isa: host.isa.map(levels),
    };
    let mut steps = Vec::new();
    let answer = ld_so::load(tree, &program, &mut |step: Step<'_>| steps.push(kept(tree, step)))?;
    Ok(match answer {
        Answer::Ready(ready) => {
            run.trace.extend(steps);
            run.isa_in_doubt = ready.isa_in_doubt;
            Verdict::Runs
        }
        Answer::Unknown(why) => Verdict::Unknown(why),
        Answer::Dies(death) => {
            // Of the libraries that were found only those that lead to the one to blame.
            steps.retain(|step| leads_to(step, &death));
            run.trace.extend(steps);
            died(run, tree, death)
        }
    })
}

/// Where glibc's and musl's loaders of the same machine stand (glibc sysdeps, the psABIs; musl's ldso is
/// `/lib/ld-musl-ARCH.so.1`).
const LOADERS: [(&str, &str); 4] = [
    ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-musl-x86_64.so.1"),
    ("/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-aarch64.so.1"),
    ("/lib/ld-linux.so.2", "/lib/ld-musl-i386.so.1"),
    ("/lib/ld-linux-armhf.so.3", "/lib/ld-musl-armhf.so.1"),
];

/// The other C library's loader, where the one that a program asks for is not in the image and that is. Cases of
/// before have no facts about it.
pub(super) fn other_loader(run: &Run, tree: &Mounted<'_>, verdict: &Verdict) -> Result<Option<Vec<u8>>, Gap> {
    let missing = matches!(verdict, Verdict::Fails(Failure::Exec(Errno::ENOENT | Errno::ENOTDIR)));
    let asked = run.trace.iter().rev().find_map(|step| match &step.kind {
        StepKind::Interpreter(interpreter) => Some(interpreter),
        _ => None,
    });
    let Some(asked) = asked.filter(|_| missing && tree.image.libraries) else { return Ok(None) };
    let name = |path: &[u8]| path.rsplit(|byte| *byte == b'/').next().unwrap_or_default().to_vec();
    let other = LOADERS.iter().find_map(|(glibc, musl)| match name(asked) {
        asked if asked == name(glibc.as_bytes()) => Some(musl),
        asked if asked == name(musl.as_bytes()) => Some(glibc),
        _ => None,
    });
    let Some(other) = other else { return Ok(None) };
    match tree.resolved(other.as_bytes()) {
        Ok(found) => Ok(found.map(|_| other.as_bytes().to_vec())),
        // A mount may hold one, which says nothing about the program.
        Err(Gap::Hidden { .. }) => Ok(None),
        Err(gap) => Err(gap),
    }
}

/// The x86 levels of a processor as bits (x86-64 psABI, `GNU_PROPERTY_X86_ISA_1_NEEDED`).
fn levels(isa: Isa) -> u32 {
    let bits = [(Isa::X86_64V1, 1), (Isa::X86_64V2, 2), (Isa::X86_64V3, 4), (Isa::X86_64V4, 8)];
    bits.iter().filter(|(level, _)| isa.covers(*level)).map(|(_, bit)| bit).sum()
}

/// The program that starts, and the loader that it asks for.
fn started(run: &Run) -> Option<(Vec<u8>, Vec<u8>)> {
    let path = run.trace.iter().rev().find(|step| step.kind == StepKind::Starts).map(|step| &step.path)?;
    let asked = run.trace.iter().rev().find_map(|step| match &step.kind {
        StepKind::Interpreter(interpreter) if step.path == *path => Some(interpreter.clone()),
        _ => None,
    })?;
    Some((path.clone(), asked))
}

fn kept(tree: &Mounted<'_>, step: Step<'_>) -> TraceStep {
    let (file, kind) = match step {
        Step::Library { path: _, file, name, needed_by, by } => {
            (file, StepKind::Library { name: name.into(), needed_by: needed_by.into(), by })
        }
        Step::PassedOver { file, name, machine } => {
            (file, StepKind::PassedOver { name: name.into(), machine })
        }
    };
    TraceStep { path: file.into(), origin: tree.origin(file), kind }
}

fn leads_to(step: &TraceStep, death: &Death) -> bool {
    match &step.kind {
        StepKind::PassedOver { name, .. } => *name == death.library,
        _ => step.path == death.needed_by || step.path == death.blame,
    }
}

fn died(run: &mut Run, tree: &Mounted<'_>, death: Death) -> Verdict {
    let text = String::from_utf8_lossy(&death.text).into_owned();
    let path = death.blame.clone();
    run.trace.push(TraceStep {
        origin: tree.origin(&path),
        path: path.clone(),
        kind: StepKind::LoaderRefused(death.rule),
    });
    run.blame = Some(Blame { path, ..refusal("", death.rule.text, death.rule.source) });
    run.death = Some(death);
    Verdict::Fails(Failure::Loader(text))
}
