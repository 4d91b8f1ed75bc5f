//! How a container runtime finds `argv[0]`, before the kernel is asked.
//!
//! runc asks Go's `exec.LookPath` as the container's user, inside its root and working directory
//! (runc `libcontainer/standard_init_linux.go` Init; Go `src/os/exec/lp_unix.go`). crun has a look-up of its own
//! (crun `src/libcrun/utils.c` find_executable).

mod crun;
mod go;

use crate::credentials::Credentials;
use crate::errno::Errno;
use crate::exec::{Rule, Trace};
use crate::namei::{self, Found, may_execute, resolve};
use crate::refusal::{Refusal, Stop};
use crate::runtime::{Go, Runc, Runtime};
use crate::tree::{FileTree, Gap, Kind};

/// The `PATH` that Docker gives a container whose image has none (moby `oci/defaults.go`, containerd
/// `oci/spec_opts.go`). runc by itself gives none.
pub const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const CANNOT_STAT: Rule =
    Rule { text: "the path cannot be followed to a file", source: "Go os/exec/lp_unix.go findExecutable" };
const NOT_EXECUTABLE: Rule = Rule {
    text: "the container's user may not execute the file: it lacks the x permission",
    source: "Go os/exec/lp_unix.go findExecutable, faccessat(2) X_OK AT_EACCESS",
};
const NO_EXEC_MOUNT: Rule = Rule {
    text: "the file's file system is mounted noexec",
    source: "Go os/exec/lp_unix.go findExecutable, fs/open.c do_faccessat",
};
const NO_DIRECTORY: Rule = Rule {
    text: "the working directory is no directory, so it can be neither entered nor created",
    source: "moby container/container.go SetupWorkingDirectory, runc libcontainer/rootfs_linux.go",
};

/// Why the runtime does not find `argv[0]`. The container is never started then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    /// The error in the runtime's message. Not in `PATH`, and refused for a relative `PATH` element, is ENOENT; a
    /// directory is EACCES, as `execve` answers it, though the message says `is a directory` (runc) or `Operation not
    /// permitted` (crun).
    pub errno: Errno,
    /// What the runtime prints, without the words that Docker, containerd and the runtime itself put before it.
    pub message: String,
    /// The file to blame, links resolved; the name as it was given where there is none.
    pub blame: Vec<u8>,
    /// Why.
    pub rule: Rule,
    /// The exit code that Docker gives the container: 126, 127 or 128 ([`docker_exit_code`]). ECS shows none.
    pub docker_exit_code: u8,
}

/// What a runtime is given to find a program.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    /// The name or path of the program.
    pub argv0: &'a [u8],
    /// The value of the last `PATH` of the environment.
    pub path_variable: Option<&'a [u8]>,
    /// The absolute working directory.
    pub cwd: &'a [u8],
}

impl Runtime {
    /// The path that this runtime will give to `execve`.
    ///
    /// # Errors
    /// A [`Gap`] where the tree cannot tell. What the runtime answers is the inner result.
    pub fn find_program(
        self,
        tree: &dyn FileTree,
        credentials: &Credentials,
        name: &Name<'_>,
        trace: &mut dyn Trace,
    ) -> Result<Result<Vec<u8>, NotFound>, Gap> {
        let asker = Asker { tree, credentials, cwd: name.cwd };
        let (runc, go) = match self {
            Runtime::Crun(version) => return crun::find_executable(version, asker, name, trace),
            Runtime::Runc(runc, go) => (runc, go),
        };
        let found = go::look_path(go, asker, name, trace)?;
        match found {
            Ok(path) if runc == Runc::V1_1 && go < Go::From1_20 => Ok(go::second_look(asker, path)?),
            other => Ok(other),
        }
    }
}

/// The path that today's runc will give to `execve` for `argv0`: as it is where it has a slash, else the first match
/// in `path_variable`, the value of the last `PATH` of the environment.
///
/// # Errors
/// As [`Runtime::find_program`].
pub fn find_program(
    tree: &dyn FileTree,
    credentials: &Credentials,
    argv0: &[u8],
    path_variable: Option<&[u8]>,
    cwd: &[u8],
    trace: &mut dyn Trace,
) -> Result<Result<Vec<u8>, NotFound>, Gap> {
    Runtime::RUNC.find_program(tree, credentials, &Name { argv0, path_variable, cwd }, trace)
}

/// The value of the last `PATH` in an environment, which is the one that counts.
pub fn path_variable(env: &[Vec<u8>]) -> Option<&[u8]> {
    env.iter().rev().find_map(|variable| variable.strip_prefix(b"PATH="))
}

/// Whether an engine can bring a container into its working directory. Docker, containerd and runc create one that is
/// missing, as root, and nobody's permission is asked: only what stands there and is no directory is refused. (Through
/// a link that leads nowhere Docker makes the directory, as here; runc by itself refuses that.)
///
/// # Errors
/// A [`Gap`] where the tree cannot tell.
pub fn working_directory(tree: &dyn FileTree, cwd: &[u8]) -> Result<Result<(), Refusal>, Gap> {
    let refused = |path: Vec<u8>, errno| Ok(Err(Refusal { path, errno: Some(errno), rule: NO_DIRECTORY }));
    if cwd.iter().all(|byte| matches!(byte, b'/' | b'.')) {
        return Ok(Ok(()));
    }
    match resolve(tree, &ROOT, b"/", cwd, &mut ()) {
        Ok(found) if found.node.kind == Kind::Directory => Ok(Ok(())),
        Ok(found) => refused(found.path.as_bytes().to_vec(), Errno::ENOTDIR),
        Err(Stop::Gap(gap)) => Err(gap),
        Err(Stop::Refused(Refusal { errno: Some(Errno::ENOENT), .. })) => Ok(Ok(())),
        Err(Stop::Refused(refusal)) => refused(refusal.path, refusal.errno.unwrap_or(Errno::ENOTDIR)),
    }
}

/// The exit code that Docker gives a container which the runtime could not create, by the text of the error (moby
/// `daemon/errors.go` setExitCodeFromError, 24 and later; before, `is a directory` was 128). `docker run` itself ends
/// with 125 where this is 128, and for `not a directory`.
pub fn docker_exit_code(text: &str) -> u8 {
    let text = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&[
        "executable file not found",
        "no such file or directory",
        "system cannot find the file specified",
    ]) {
        127
    } else if has(&["permission denied", "is a directory"]) {
        126
    } else if has(&["not a directory"]) {
        127
    } else {
        128
    }
}

/// The runtime itself, before it becomes the container's user.
static ROOT: Credentials = Credentials {
    uid: 0,
    gid: 0,
    groups: Vec::new(),
    effective: u64::MAX,
    bounding: u64::MAX,
    no_new_privs: false,
};

/// Who looks, and from where.
#[derive(Clone, Copy)]
struct Asker<'a> {
    tree: &'a dyn FileTree,
    credentials: &'a Credentials,
    cwd: &'a [u8],
}

/// Why a candidate is none.
struct Trouble {
    errno: Errno,
    fault: Fault,
    blame: Vec<u8>,
    rule: Rule,
}

/// What is wrong with a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// Its path leads nowhere.
    Walk,
    /// It is a directory (or, for crun, anything but a regular file).
    Kind,
    /// It may not be executed.
    Access,
}

impl<'a> Asker<'a> {
    /// Walks to a candidate, as stat(2) does.
    fn stat(&self, path: &'a [u8], trace: &mut dyn Trace) -> Result<Result<Found<'a>, Trouble>, Gap> {
        let trouble = |errno, blame, rule| Ok(Err(Trouble { errno, fault: Fault::Walk, blame, rule }));
        if path.len() >= namei::PATH_MAX {
            return trouble(Errno::ENAMETOOLONG, path.to_vec(), CANNOT_STAT);
        }
        match resolve(self.tree, self.credentials, self.cwd, path, trace) {
            Ok(found) => Ok(Ok(found)),
            Err(Stop::Gap(gap)) => Err(gap),
            Err(Stop::Refused(Refusal { path, errno: None | Some(Errno::ENOENT), .. })) => {
                trouble(Errno::ENOENT, path, CANNOT_STAT)
            }
            Err(Stop::Refused(Refusal { path, errno: Some(errno), rule })) => trouble(errno, path, rule),
        }
    }

    /// What faccessat2(X_OK, AT_EACCESS) answers (fs/open.c do_faccessat).
    fn access(&self, found: &Found<'_>) -> Result<(), Trouble> {
        let node = &found.node;
        let rule = match node.kind {
            Kind::Regular if node.noexec => NO_EXEC_MOUNT,
            _ if may_execute(self.credentials, node) => return Ok(()),
            _ => NOT_EXECUTABLE,
        };
        Err(Trouble::of(found, Fault::Access, rule))
    }
}

impl Trouble {
    fn of(found: &Found<'_>, fault: Fault, rule: Rule) -> Trouble {
        Trouble { errno: Errno::EACCES, fault, blame: found.path.as_bytes().to_vec(), rule }
    }

    /// The trouble in a runtime's words.
    fn say(self, message: String) -> NotFound {
        let docker_exit_code = docker_exit_code(&message);
        NotFound { errno: self.errno, message, blame: self.blame, rule: self.rule, docker_exit_code }
    }
}

#[cfg(test)]
mod tests;
