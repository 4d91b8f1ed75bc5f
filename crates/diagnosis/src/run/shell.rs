//! The shell that a file without a format is handed to, and what becomes of the file there.

use super::{Failure, Mounted, Run};
use crate::case::FileFacts;
use crate::nature::Nature;
use crate::verdict::Verdict;
use execfit_kernel::errno::Errno;
use execfit_kernel::shell::{Handed, Shell};
use execfit_kernel::signature::{Language, Signature};
use execfit_kernel::tree::Gap;

/// What a shell answers to a file without a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByShell {
    /// Which it is.
    pub shell: Shell,
    /// What it says, and its exit code; `None`: it runs the file as a script.
    pub refusal: Option<(&'static str, u8)>,
}

impl ByShell {
    /// In words.
    pub fn words(self) -> String {
        let name = self.shell.name();
        match self.refusal {
            Some((text, code)) => format!("{name} says `{text}` (exit code {code})"),
            None => format!("{name} runs it as a script: a syntax error or `not found` (exit code 2 or 127)"),
        }
    }
}

/// The shell at a path, by the name that its links lead to.
pub(super) fn at(tree: &Mounted<'_>, path: &[u8]) -> Result<Option<Shell>, Gap> {
    Ok(tree.resolved(path)?.and_then(|path| Shell::of_path(&path)))
}

/// What becomes of the file to blame, which a shell was handed.
pub(super) fn hand(run: &mut Run, tree: &Mounted<'_>, shell: Option<Shell>, handed: Handed) -> Verdict {
    let file = run.blame.as_ref().and_then(|blame| tree.image.file(&blame.path).flatten());
    let Some(file) = file else { return Verdict::Unknown("it is handed to a shell".into()) };
    run.by_shell = shell.map(|shell| ByShell { shell, refusal: shell.refusal(handed, file.head()) });
    as_script(file, run.by_shell)
}

/// What a shell makes of a file that it is told to run.
fn as_script(file: &FileFacts, by: Option<ByShell>) -> Verdict {
    let signature = Signature::of(file.head(), file.size);
    if by.is_some_and(|by| by.refusal.is_some()) {
        return Verdict::Fails(Failure::Exec(Errno::ENOEXEC));
    }
    match (Nature::of(&signature), &signature) {
        (_, Signature::Zeroes { .. }) if by.is_none() => Verdict::Unknown(format!(
            "{signature} is handed to a shell, and which one decides what becomes of it"
        )),
        // An empty script does nothing, successfully.
        (Nature::Empty, _) => Verdict::Runs,
        (_, Signature::Text { language: Language::Shell | Language::Unknown }) => Verdict::Runs,
        (_, Signature::LateShebang { .. } | Signature::BrokenShebang { .. } | Signature::Script { .. }) => {
            Verdict::Runs
        }
        (Nature::Text | Nature::Encoded, _) => Verdict::Unknown(format!(
            "a shell is handed {signature}, and what it makes of that is not modelled"
        )),
        _ => Verdict::Fails(Failure::Exec(Errno::ENOEXEC)),
    }
}
