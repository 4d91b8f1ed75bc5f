//! After the kernel: what would the dynamic loader answer?
//!
//! The kernel maps a program and the loader that its `PT_INTERP` names, and starts the loader. That walks the
//! libraries that the program needs, breadth first, and gives up at the first that it cannot load, with a line on
//! standard error and an exit code. Modelled are glibc's `ld.so` ([`glibc`](self)) and musl's; they search in other
//! places and refuse other files. What happens behind it (symbols that are missing, constructors) is not asked.
//!
//! Sources: ld.so(8); glibc `elf/dl-load.c`, `elf/dl-deps.c`, `elf/dl-cache.c`, `elf/dl-version.c`, `elf/rtld.c`,
//! `sysdeps/x86/dl-prop.h`; musl `ldso/dynlink.c`.
//!
//! ```
//! use execfit_kernel::credentials::{Credentials, DOCKER_DEFAULT};
//! use execfit_kernel::ld_so::{Answer, Cause, Program, load};
//! use execfit_kernel::tree::MemoryTree;
//!
//! # // An ELF file of two segments, PT_LOAD and PT_DYNAMIC, whose dynamic section has DT_NEEDED, DT_STRTAB, DT_STRSZ.
//! # fn needs(library: &str) -> Vec<u8> {
//! #     let names = format!("\0{library}\0");
//! #     let at = 64 + 2 * 56 + names.len().next_multiple_of(8) as u64;
//! #     let mut file = b"\x7fELF\x02\x01\x01".to_vec();
//! #     file.resize(64, 0);
//! #     (file[16], file[18], file[20], file[32], file[52], file[54], file[56]) = (3, 62, 1, 64, 64, 56, 2);
//! #     for (kind, start, length) in [(1u32, 0, at + 64), (2, at, 64)] {
//! #         file.extend(kind.to_le_bytes().into_iter().chain(7u32.to_le_bytes()));
//! #         file.extend([start, start, start, length, length, 8].into_iter().flat_map(u64::to_le_bytes));
//! #     }
//! #     file.extend(names.bytes());
//! #     file.resize(at as usize, 0);
//! #     let entries = [(if library.is_empty() { 21 } else { 1 }, 1), (5, 64 + 2 * 56), (10, names.len() as u64), (0, 0)];
//! #     file.extend(entries.into_iter().flat_map(|(tag, value)| [tag, value]).flat_map(u64::to_le_bytes));
//! #     file
//! # }
//! // A program linked against musl and libssl, in an image without libssl. (`needs` makes such an ELF file.)
//! let tree = MemoryTree::new()
//!     .file("/app", 0o755, &needs("libssl.so.3"))
//!     .file("/lib/ld-musl-x86_64.so.1", 0o755, &needs(""));
//! let program = Program {
//!     path: b"/app",
//!     interpreter: b"/lib/ld-musl-x86_64.so.1",
//!     argv0: b"/app",
//!     env: &[],
//!     cwd: b"/",
//!     credentials: &Credentials::container(0, 0, vec![], DOCKER_DEFAULT),
//!     isa: None,
//! };
//! let Answer::Dies(death) = load(&tree, &program, &mut ())? else { panic!("it is missing") };
//! assert_eq!((death.cause, death.exit), (Cause::Missing, Some(127)));
//! let line = "Error loading shared library libssl.so.3: No such file or directory (needed by /app)";
//! assert!(String::from_utf8_lossy(&death.text).starts_with(line));
//! assert_eq!(death.searched[0], b"/lib");
//! # Ok::<(), execfit_kernel::tree::Gap>(())
//! ```

mod cache;
mod directories;
mod glibc;
mod musl;
mod object;
mod opened;
mod tokens;
mod verify;

pub use directories::system_directories;
pub use object::{NeededVersion, Object, Read};

use crate::credentials::Credentials;
use crate::exec::Rule;
use crate::path::PathBuffer;
use crate::tree::{FileTree, Gap};

/// Libraries that are followed at most; large desktop programs need some two hundred.
const MOST_LIBRARIES: usize = 1000;

/// A program that the kernel has started, with the loader that it asked for.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// The program's file, links resolved.
    pub path: &'a [u8],
    /// The loader as `PT_INTERP` names it.
    pub interpreter: &'a [u8],
    /// `argv[0]` as the program gets it: loaders begin their lines with it.
    pub argv0: &'a [u8],
    /// The environment, `KEY=value` each.
    pub env: &'a [Vec<u8>],
    /// The absolute working directory.
    pub cwd: &'a [u8],
    /// Who runs it.
    pub credentials: &'a Credentials,
    /// The x86 ISA levels that the host has, as bits of `GNU_PROPERTY_X86_ISA_1_NEEDED` (1 baseline, 2 x86-64-v2,
    /// 4 v3, 8 v4); `None` where nobody told.
    pub isa: Option<u32>,
}

/// What becomes of a program in its loader's hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Every library that it needs is there and fit.
    Ready(Ready),
    /// The loader gives up.
    Dies(Death),
    /// It cannot be told; why.
    Unknown(String),
}

/// A program whose libraries are all there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ready {
    /// The libraries, in the order in which they were loaded.
    pub libraries: Vec<Vec<u8>>,
    /// The file that is marked to need an ISA level above the baseline, and the level's bits, where the host's level
    /// is not known.
    pub isa_in_doubt: Option<(Vec<u8>, u32)>,
}

/// How a loader gives up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Why, in kind.
    pub cause: Cause,
    /// What it prints on standard error, lines divided by `\n`; empty where it is killed by a signal.
    pub text: Vec<u8>,
    /// The exit code of the process, 128 and the signal's number where one kills it; `None` where it is not told.
    pub exit: Option<u8>,
    /// The file to blame: the library, or the loader where no library was found.
    pub blame: Vec<u8>,
    /// The library as it was asked for by name; empty where it is the program itself.
    pub library: Vec<u8>,
    /// The file that needs it.
    pub needed_by: Vec<u8>,
    /// Where it was looked for, in order.
    pub searched: Vec<Vec<u8>>,
    /// The rule.
    pub rule: Rule,
}

/// Why a loader gives up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// Nowhere is a file of that name.
    Missing,
    /// A file of that name is there, and is of another machine or word size.
    Foreign,
    /// A file of that name is there, and is no library.
    Unfit,
    /// The file is cut off.
    Cut,
    /// A library does not define a version that is needed of it.
    Version(Vec<u8>),
    /// The processor's ISA level is lower than the file is marked to need (bits as in [`Program::isa`]).
    IsaLevel(u32),
}

/// One step of a loader, told while it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A library was found.
    Library {
        /// Its path as the loader opens it.
        path: &'a [u8],
        /// Its file, links resolved.
        file: &'a [u8],
        /// The name that it was asked for by.
        name: &'a [u8],
        /// The file that needs it.
        needed_by: &'a [u8],
        /// What led to it: `LD_LIBRARY_PATH`, `/etc/ld.so.cache` ...
        by: &'static str,
    },
    /// A file of the right name was passed over.
    PassedOver {
        /// Its file, links resolved.
        file: &'a [u8],
        /// The name that was asked for.
        name: &'a [u8],
        /// The machine that it is for.
        machine: crate::elf::Machine,
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

/// What ends a walk early.
enum Stop {
    Dies(Box<Death>),
    Unknown(String),
    Gap(Gap),
}

impl From<Gap> for Stop {
    fn from(gap: Gap) -> Stop {
        Stop::Gap(gap)
    }
}

impl From<Death> for Stop {
    fn from(death: Death) -> Stop {
        Stop::Dies(Box::new(death))
    }
}

fn unknown(why: impl Into<String>) -> Stop {
    Stop::Unknown(why.into())
}

/// What the dynamic loader would answer for files as `tree` has them.
///
/// # Errors
/// A [`Gap`] where the tree leaves the answer open.
pub fn load(tree: &dyn FileTree, program: &Program<'_>, trace: &mut dyn Trace) -> Result<Answer, Gap> {
    match load_by_kind(tree, program, trace) {
        Ok(ready) => Ok(Answer::Ready(ready)),
        Err(Stop::Dies(death)) => Ok(Answer::Dies(*death)),
        Err(Stop::Unknown(why)) => Ok(Answer::Unknown(why)),
        Err(Stop::Gap(gap)) => Err(gap),
    }
}

fn load_by_kind(tree: &dyn FileTree, program: &Program<'_>, trace: &mut dyn Trace) -> Result<Ready, Stop> {
    let open = opened::Opener { tree, credentials: program.credentials, cwd: program.cwd };
    let show = |path: &[u8]| path.escape_ascii().to_string();
    let loader = match open.open(program.interpreter)? {
        Ok(found) => found,
        Err(_) => return Err(unknown(format!("{} cannot be read", show(program.interpreter)))),
    };
    let Some(object) = object_at(tree, program.path)? else {
        return Err(unknown(format!("{} is no ELF file", show(program.path))));
    };
    if object.is_cut_short {
        return Err(unknown(format!(
            "the tables of {} are longer than what is read of them",
            show(program.path)
        )));
    }
    // glibc elf/get-dynamic-info.h, musl decode_dyn: without a dynamic section there is nothing to look for.
    if !object.is_dynamic {
        return Ok(Ready { libraries: Vec::new(), isa_in_doubt: None });
    }
    let Some(loader_object) = open.object(&loader)? else {
        return Err(unknown(format!("{} is no loader", show(&loader.file))));
    };
    match kind(program.interpreter, &loader.file, loader_object.soname.as_deref()) {
        Some(Kind::Glibc) => glibc::load(&open, program, object, &loader, loader_object, trace),
        Some(Kind::Musl) => musl::load(&open, program, object, &loader, trace),
        None => Err(unknown(format!("{} is a loader that is not modelled", show(&loader.file)))),
    }
}

/// The dynamic section of a file of the tree.
fn object_at(tree: &dyn FileTree, path: &[u8]) -> Result<Option<Object>, Gap> {
    Object::read(&mut |offset, buffer| tree.read_at(path, offset, buffer))
}

/// The loaders that are modelled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Glibc,
    Musl,
}

/// Which loader it is. glibc's calls itself `ld-linux-x86-64.so.2` and the like (`DT_SONAME`, elf/Makefile); musl's is
/// its libc itself, is named `ld-musl-ARCH.so.1`, and has no `DT_SONAME`, `libc.so`, or Alpine's `libc.musl-ARCH.so.1`.
fn kind(interpreter: &[u8], file: &[u8], soname: Option<&[u8]>) -> Option<Kind> {
    let is = |name: &[u8]| name.starts_with(b"ld-musl-") || name.starts_with(b"libc.musl-");
    match soname {
        Some(name) if is(name) => Some(Kind::Musl),
        Some(b"libc.so") | None if is(base(interpreter)) || is(base(file)) => Some(Kind::Musl),
        Some(name) if [&b"ld-linux"[..], b"ld64.so", b"ld.so"].iter().any(|own| name.starts_with(own)) => {
            Some(Kind::Glibc)
        }
        _ => None,
    }
}

/// The last part of a path.
fn base(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or(path)
}

/// The directory part of a path; `/` of what stands in the root.
fn parent(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => b"/",
        Some(at) => &path[..at],
        None => b".",
    }
}

/// The value of a variable; of several the last (glibc elf/rtld.c process_envvars).
fn variable<'e>(env: &'e [Vec<u8>], name: &[u8]) -> Option<&'e [u8]> {
    env.iter().rev().find_map(|variable| variable.strip_prefix(name)?.strip_prefix(b"="))
}

/// Whether the kernel tells the loader to distrust the environment (`AT_SECURE`; Linux `security/commoncap.c`
/// cap_bprm_creds_from_file): the program changes the user, the group, or gives a user capabilities.
fn is_secure(tree: &dyn FileTree, program: &Program<'_>) -> Result<bool, Gap> {
    let Some(node) = tree.lookup(program.path)? else { return Ok(false) };
    let user = program.credentials;
    let set_uid = node.mode & 0o4000 != 0 && node.uid != user.uid;
    let set_gid = node.mode & 0o2010 == 0o2010 && node.gid != user.gid;
    Ok(set_uid || set_gid || user.uid != 0 && node.capability.is_some())
}

/// A path of one of our own walks as bytes.
fn bytes(path: &PathBuffer) -> Vec<u8> {
    path.as_bytes().to_vec()
}

#[cfg(test)]
mod craft;
#[cfg(test)]
mod tests;
