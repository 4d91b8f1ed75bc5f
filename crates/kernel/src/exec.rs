//! `execve()`: opens the file, asks each binary format in the kernel's order, and tells every step.

use crate::arguments::Arguments;
use crate::binfmt_elf;
use crate::binfmt_misc::{self, Handler};
use crate::binfmt_script;
use crate::capability;
use crate::credentials::Credentials;
use crate::elf;
use crate::errno::Errno;
use crate::host::Host;
use crate::namei::{self, Found};
use crate::open;
use crate::refusal::{Refusal, Stop, refuse};
use crate::tree::{FileTree, Gap};

/// One call of `execve(2)`.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The path given to `execve`, as it is.
    pub path: &'a [u8],
    /// The argument vector, `argv[0]` included.
    pub argv: &'a [Vec<u8>],
    /// The environment, `KEY=value` each.
    pub env: &'a [Vec<u8>],
    /// The absolute working directory.
    pub cwd: &'a [u8],
    /// Who calls.
    pub credentials: &'a Credentials,
    /// `RLIMIT_STACK` in bytes; it bounds the arguments' total size.
    pub stack_limit: u64,
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The program starts: its first instruction, or its loader's, is run.
    Starts,
    /// `execve` returns this error.
    Fails(Errno),
    /// The file was accepted, then mapping it failed after the point of no return.
    Killed(Signal),
}

/// The signal that ends a process whose image could not be mapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(clippy::upper_case_acronyms)]
pub enum Signal {
    /// Signal 11, exit code 139.
    SIGSEGV,
}

/// Where a rule comes from, and what it says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The rule in a sentence of lower case without a full stop, e.g. `the first two bytes must be #!`.
    pub text: &'static str,
    /// Its source, e.g. `fs/binfmt_elf.c load_elf_binary`.
    pub source: &'static str,
}

/// One step of an execution, told while it happens. Slices live only as long as the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A symbolic link was followed.
    Symlink {
        /// Where the link stands.
        path: &'a [u8],
        /// Its text.
        target: &'a [u8],
    },
    /// A `#!` line hands over to an interpreter.
    Script {
        /// The script, links resolved.
        path: &'a [u8],
        /// The interpreter as the line names it.
        interpreter: &'a [u8],
        /// The one argument of the line.
        argument: Option<&'a [u8]>,
    },
    /// A file with the ELF magic was examined: a program, or the loader that it asks for.
    Elf {
        /// The file, links resolved.
        path: &'a [u8],
        /// Its header, as read.
        header: &'a elf::Header,
        /// Whether it was opened as the `PT_INTERP` of another.
        loader: bool,
    },
    /// A program asks for a loader by `PT_INTERP`.
    Interpreter {
        /// The program.
        path: &'a [u8],
        /// The loader's path as the program names it.
        interpreter: &'a [u8],
    },
    /// A binfmt_misc handler takes the file.
    Misc {
        /// The file.
        path: &'a [u8],
        /// The handler, e.g. QEMU's.
        handler: &'a Handler,
    },
    /// A regular file that no format knows.
    Unrecognised {
        /// The file, links resolved.
        path: &'a [u8],
    },
    /// The step that decides against it. It comes last.
    Refused {
        /// The file to blame: links resolved, or as it was named where nothing was found.
        path: &'a [u8],
        /// The answer; `None` when the process is killed instead.
        errno: Option<Errno>,
        /// Why.
        rule: Rule,
    },
    /// The program starts. It comes last.
    Starts {
        /// The program whose image is mapped (not its loader); the file that a handler takes, where the handler's
        /// interpreter is one that the host opened long ago (flag `F`).
        path: &'a [u8],
        /// Which of the kernel's two ELF loaders mapped it: 64 or 32; `None` for an interpreter of the host's.
        bits: Option<u8>,
    },
}

/// Who listens to the steps. `()` listens to none.
pub trait Trace {
    /// Takes one step.
    fn step(&mut self, step: Step<'_>);
}

impl Trace for () {
    fn step(&mut self, _: Step<'_>) {}
}

impl<F: FnMut(Step<'_>)> Trace for F {
    fn step(&mut self, step: Step<'_>) {
        self(step);
    }
}

/// `BINPRM_BUF_SIZE` (linux/binfmts.h): the bytes of a file by which its format is told; 256 since Linux 5.1.
pub const HEAD: usize = 256;

/// Files that may hand over to one another before the kernel gives up (fs/exec.c exec_binprm).
const MAX_DEPTH: usize = 5;

const EMPTY_PATH: Rule = Rule { text: "the path is empty", source: "fs/namei.c getname_flags" };
const PATH_TOO_LONG: Rule =
    Rule { text: "the path has 4096 bytes or more", source: "fs/namei.c getname_flags" };
const TOO_DEEP: Rule = Rule {
    text: "more than 5 scripts hand over to one another, or a script names itself as its interpreter",
    source: "fs/exec.c exec_binprm",
};
const NO_FORMAT: Rule = Rule {
    text: "it is no program in a format that the kernel knows: it begins neither with #! nor as ELF does",
    source: "fs/exec.c search_binary_handler",
};

/// What `execve(2)` would answer on `host` for files as `tree` has them.
///
/// # Errors
/// A [`Gap`] where the tree or the host leaves the answer open.
pub fn execve(
    tree: &dyn FileTree,
    host: &Host,
    call: &Call<'_>,
    trace: &mut dyn Trace,
) -> Result<Outcome, Gap> {
    let arguments = Arguments::default();
    let mut exec = Exec { tree, host, call, trace, arguments, privileged: None };
    match exec.run() {
        Ok(()) => Ok(Outcome::Starts),
        Err(Stop::Gap(gap)) => Err(gap),
        Err(Stop::Refused(Refusal { path, errno, rule })) => {
            exec.trace.step(Step::Refused { path: &path, errno, rule });
            Ok(errno.map_or(Outcome::Killed(Signal::SIGSEGV), Outcome::Fails))
        }
    }
}

/// A call under way (`struct linux_binprm`).
pub(crate) struct Exec<'a, 't> {
    pub(crate) tree: &'a dyn FileTree,
    pub(crate) host: &'a Host,
    pub(crate) call: &'a Call<'a>,
    pub(crate) trace: &'t mut dyn Trace,
    /// What is on the new stack so far.
    pub(crate) arguments: Arguments,
    /// The file whose capabilities count in place of the final one's, and its `security.capability`.
    pub(crate) privileged: Option<(Vec<u8>, Option<Vec<u8>>)>,
}

/// What a format makes of a file. The name is kept in place, so that scripts allocate nothing.
#[allow(clippy::large_enum_variant)]
enum Loaded {
    /// Its own image runs.
    Program,
    /// It hands over to the file of this name.
    Interpreter(InterpreterName),
    /// A handler's interpreter that the host opened long ago takes it.
    HostInterpreter,
}

/// An interpreter's path: of a `#!` line or of a handler; both fit the kernel's buffer.
struct InterpreterName {
    bytes: [u8; HEAD],
    length: usize,
}

impl InterpreterName {
    fn new(name: &[u8]) -> InterpreterName {
        let mut bytes = [0; HEAD];
        let length = name.len().min(HEAD);
        bytes[..length].copy_from_slice(&name[..length]);
        InterpreterName { bytes, length }
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Exec<'_, '_> {
    /// `do_execveat_common`. Linux 6.8 moved the opening before the counting ("execve: open the executable file
    /// before doing anything else").
    fn run(&mut self) -> Result<(), Stop> {
        let path = self.call.path;
        if path.len() >= namei::PATH_MAX {
            return Err(refuse(path, Errno::ENAMETOOLONG, PATH_TOO_LONG));
        }
        if path.is_empty() {
            return Err(refuse(path, Errno::ENOENT, EMPTY_PATH));
        }
        if self.host.kernel >= (6, 8) {
            let program = self.open(path)?;
            self.arguments = Arguments::copy(self.host, self.call)?;
            self.handle(program)
        } else {
            self.arguments = Arguments::copy(self.host, self.call)?;
            let program = self.open(path)?;
            self.handle(program)
        }
    }

    /// Opens a file to execute it; `name` comes from the kernel's side, so it may be empty.
    pub(crate) fn open<'n>(&mut self, name: &'n [u8]) -> Result<Found<'n>, Stop>
    where
        Self: 'n,
    {
        let call = self.call;
        let found = namei::resolve(self.tree, call.credentials, call.cwd, name, &mut *self.trace)?;
        open::may_open(call.credentials, &found)?;
        Ok(found)
    }

    /// `bprm_creds_from_file`: the last step that answers an error. `path` is the final file.
    pub(crate) fn may_have_capabilities(&self, path: &[u8], attribute: Option<&[u8]>) -> Result<(), Stop> {
        match &self.privileged {
            Some((path, attribute)) => capability::check(self.call.credentials, path, attribute.as_deref()),
            None => capability::check(self.call.credentials, path, attribute),
        }
    }

    /// `exec_binprm`: lets files hand over to one another until one is a program.
    fn handle(&mut self, program: Found<'_>) -> Result<(), Stop> {
        let mut next = self.load(&program)?;
        let mut depth = 0;
        loop {
            let name;
            let interpreter;
            match next {
                Loaded::Program => return Ok(()),
                Loaded::HostInterpreter if depth < MAX_DEPTH => return Ok(()),
                Loaded::HostInterpreter => return Err(refuse(self.call.path, Errno::ELOOP, TOO_DEEP)),
                Loaded::Interpreter(next_name) => {
                    name = next_name;
                    interpreter = self.open(name.as_bytes())?;
                }
            }
            depth += 1;
            if depth > MAX_DEPTH {
                return Err(refuse(interpreter.path.as_bytes(), Errno::ELOOP, TOO_DEEP));
            }
            next = self.load(&interpreter)?;
        }
    }

    /// `search_binary_handler`: binfmt_misc is asked first, then scripts, then ELF.
    fn load(&mut self, file: &Found<'_>) -> Result<Loaded, Stop> {
        let mut head = [0; HEAD];
        let length = self.tree.read_at(file.path.as_bytes(), 0, &mut head)?;
        let header = elf::Header::read(&head[..length]);
        if let Some(header) = &header {
            self.trace.step(Step::Elf { path: file.path.as_bytes(), header, loader: false });
        }
        let host = self.host;
        if let Some(handler) = binfmt_misc::find(&host.binfmt_misc, &head) {
            return self.load_misc(file, handler);
        }
        if head.starts_with(b"#!") {
            return self.load_script(file, &head);
        }
        if head.starts_with(elf::MAGIC) {
            let abi = binfmt_elf::load(self, file, &head)?;
            self.trace.step(Step::Starts { path: file.path.as_bytes(), bits: Some(abi.bits()) });
            return Ok(Loaded::Program);
        }
        self.trace.step(Step::Unrecognised { path: file.path.as_bytes() });
        Err(refuse(file.path.as_bytes(), Errno::ENOEXEC, NO_FORMAT))
    }

    fn load_misc(&mut self, file: &Found<'_>, handler: &Handler) -> Result<Loaded, Stop> {
        let (path, interpreter) = (file.path.as_bytes(), handler.interpreter.as_slice());
        self.trace.step(Step::Misc { path, handler });
        self.arguments.hand_over(path, interpreter, None, handler.preserve_argv0)?;
        if handler.credentials {
            self.privileged = Some((path.to_vec(), file.node.capability.map(<[u8]>::to_vec)));
        }
        if handler.fixed {
            self.may_have_capabilities(path, None)?;
            self.trace.step(Step::Starts { path, bits: None });
            return Ok(Loaded::HostInterpreter);
        }
        Ok(Loaded::Interpreter(InterpreterName::new(interpreter)))
    }

    fn load_script(&mut self, file: &Found<'_>, head: &[u8; HEAD]) -> Result<Loaded, Stop> {
        let path = file.path.as_bytes();
        let line = match binfmt_script::parse(head) {
            Ok(line) => line,
            Err(rule) => {
                self.trace.step(Step::Unrecognised { path });
                return Err(refuse(path, Errno::ENOEXEC, rule));
            }
        };
        self.trace.step(Step::Script { path, interpreter: line.interpreter, argument: line.argument });
        self.arguments.hand_over(path, line.interpreter, line.argument, false)?;
        Ok(Loaded::Interpreter(InterpreterName::new(line.interpreter)))
    }
}

#[cfg(test)]
mod tests;
