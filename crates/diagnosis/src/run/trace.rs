//! The steps from `argv[0]` to the kernel's answer.

use execfit_image::witness::Origin;
use execfit_kernel::elf::Machine;
use execfit_kernel::errno::Errno;
use execfit_kernel::exec::Rule;

/// One rung of the ladder from `argv[0]` to the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceStep {
    /// The file.
    pub path: Vec<u8>,
    /// What it is to this execution.
    pub kind: StepKind,
    /// Who brought it.
    pub origin: Option<Origin>,
}

/// What a file is to an execution.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepKind {
    /// A link, with its text.
    Symlink(Vec<u8>),
    /// A script, with interpreter and argument.
    Script(Vec<u8>, Option<Vec<u8>>),
    /// An ELF program, or a loader.
    Elf {
        /// `e_machine`.
        machine: Machine,
        /// 32 or 64.
        bits: u8,
        /// Opened as the loader of another.
        loader: bool,
    },
    /// The loader that a program asks for.
    Interpreter(Vec<u8>),
    /// A binfmt_misc handler.
    Misc(String),
    /// A file that no format knows.
    Unrecognised,
    /// The answer against it: errno, rule, source.
    Refused(Option<Errno>, Rule),
    /// The program starts.
    Starts,
}

impl StepKind {
    /// Its name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            StepKind::Symlink(_) => "symlink",
            StepKind::Script(..) => "script",
            StepKind::Elf { loader: true, .. } => "loader",
            StepKind::Elf { .. } => "elf",
            StepKind::Interpreter(_) => "interpreter",
            StepKind::Misc(_) => "binfmt_misc",
            StepKind::Unrecognised => "unrecognised",
            StepKind::Refused(..) => "refused",
            StepKind::Starts => "starts",
        }
    }
}
