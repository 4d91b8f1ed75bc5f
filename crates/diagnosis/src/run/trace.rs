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
    /// The loader finds a library.
    Library {
        /// The name that is asked for.
        name: Vec<u8>,
        /// The file that needs it.
        needed_by: Vec<u8>,
        /// What led to it, e.g. `/etc/ld.so.cache`.
        by: &'static str,
    },
    /// The loader passes over a file of the right name, which is of another machine or word size.
    PassedOver {
        /// The name that is asked for.
        name: Vec<u8>,
        /// The file's machine.
        machine: Machine,
    },
    /// The loader's answer against it.
    LoaderRefused(Rule),
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
            StepKind::Library { .. } => "library",
            StepKind::PassedOver { .. } => "passed-over",
            StepKind::LoaderRefused(_) => "loader-refused",
        }
    }
}
