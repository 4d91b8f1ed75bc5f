//! Starting through another program: an init process, `env`, `gosu`, a shell.
//!
//! Each looks for the program itself, and what it does where the kernel answers ENOEXEC differs ([`Fallback`]).
//!
//! Docker's `--init` and ECS's `initProcessEnabled`: the engine binds its init (tini, as `/sbin/docker-init`) into the container, and that always starts. It then looks
//! for the program itself, with glibc's `execvp`: in `PATH` where the name has no slash, and where the kernel answers
//! ENOEXEC it runs `/bin/sh` on the file. So "exec format error" is never seen behind it.
//! Sources: tini `src/tini.c` spawn_process; glibc `posix/execvpe.c` __execvpe_common, maybe_script_execute.

use crate::credentials::Credentials;
use crate::errno::Errno;
use crate::exec::{Call, Outcome, Rule, Step, Trace, execve};
use crate::host::Host;
use crate::lookup;
use crate::tree::{FileTree, Gap};

/// `_PATH_BSHELL` (glibc paths.h).
pub const SHELL: &[u8] = b"/bin/sh";
/// Where glibc looks without a `PATH` (`confstr(_CS_PATH)`).
const STANDARD_PATH: &[u8] = b"/bin:/usr/bin";

const NOT_IN_PATH: Rule = Rule {
    text: "no directory of PATH has the file that is to be run",
    source: "glibc posix/execvpe.c __execvpe_common",
};

/// What a launcher does with a file for which the kernel knows no format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// It reports ENOEXEC: musl's `execvp`, Go's `syscall.Exec` (gosu), Python.
    Reports,
    /// It runs `/bin/sh` on it: glibc's `execvp` and `posix_spawnp`.
    AsksSh,
    /// It is a shell, and may run the file as a script itself ([`crate::shell`]).
    IsShell,
}

/// A program to be run by the init process.
#[derive(Debug, Clone, Copy)]
pub struct Launch<'a> {
    /// The command with its arguments; the first is looked up.
    pub argv: &'a [Vec<u8>],
    /// The environment, `KEY=value` each.
    pub env: &'a [Vec<u8>],
    /// The absolute working directory.
    pub cwd: &'a [u8],
    /// Who calls.
    pub credentials: &'a Credentials,
    /// `RLIMIT_STACK` in bytes.
    pub stack_limit: u64,
}

/// What becomes of the program under an init process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launched {
    /// What the kernel answers for the program: ENOEXEC where it falls back to the shell.
    pub outcome: Outcome,
    /// The path that was given to the last `execve` of the program; its name where no candidate was there.
    pub path: Vec<u8>,
    /// Whether `/bin/sh` is asked to run the file as a script.
    pub fell_back_to_shell: bool,
    /// What the kernel answers for `/bin/sh`, where it is asked. ENOENT here is what the init process reports, as if
    /// the program were missing.
    pub shell_outcome: Option<Outcome>,
}

impl Launched {
    /// What the init process sees in the end.
    pub fn result(&self) -> Outcome {
        self.shell_outcome.unwrap_or(self.outcome)
    }

    /// The line that tini prints for a failure, and its exit code: 127 where nothing was found, else 126
    /// (tini `src/tini.c` spawn_process). `None` where the program or a shell starts.
    pub fn message(&self, name: &[u8]) -> Option<(String, u8)> {
        let Outcome::Fails(errno) = self.result() else { return None };
        let code = if errno == Errno::ENOENT { 127 } else { 126 };
        Some((format!("[FATAL tini (7)] exec {} failed: {}", name.escape_ascii(), errno.c_text()), code))
    }
}

/// What glibc's `execvp` does with the command.
///
/// # Errors
/// A [`Gap`] where the tree or the host leaves the answer open.
pub fn exec_by_init(
    tree: &dyn FileTree,
    host: &Host,
    launch: &Launch<'_>,
    trace: &mut dyn Trace,
) -> Result<Launched, Gap> {
    exec_by(Fallback::AsksSh, tree, host, launch, trace)
}

/// What a launcher does with the command: an `execvp`, or a shell's search, which agree in what they pass over.
///
/// # Errors
/// A [`Gap`] where the tree or the host leaves the answer open.
pub fn exec_by(
    fallback: Fallback,
    tree: &dyn FileTree,
    host: &Host,
    launch: &Launch<'_>,
    trace: &mut dyn Trace,
) -> Result<Launched, Gap> {
    let Some(name) = launch.argv.first() else { return Ok(not_found(b"", trace)) };
    if name.is_empty() {
        return Ok(not_found(name, trace));
    }
    if name.contains(&b'/') {
        return launch_file(fallback, tree, host, launch, name, trace);
    }
    let path_variable = lookup::path_variable(launch.env).unwrap_or(STANDARD_PATH);
    let mut denied = None;
    for element in path_variable.split(|byte| *byte == b':') {
        let candidate = if element.is_empty() { name.clone() } else { [element, name].join(&b'/') };
        let launched = launch_file(fallback, tree, host, launch, &candidate, &mut ())?;
        match launched.result() {
            Outcome::Fails(Errno::ENOENT | Errno::ENOTDIR) => continue,
            Outcome::Fails(Errno::EACCES) => denied = denied.or(Some(candidate)),
            _ => return launch_file(fallback, tree, host, launch, &candidate, trace),
        }
    }
    // A refusal is remembered and reported if nothing better comes.
    match denied {
        Some(candidate) => launch_file(fallback, tree, host, launch, &candidate, trace),
        None => Ok(not_found(name, trace)),
    }
}

fn not_found(name: &[u8], trace: &mut dyn Trace) -> Launched {
    trace.step(Step::Refused { path: name, errno: Some(Errno::ENOENT), rule: NOT_IN_PATH });
    Launched {
        outcome: Outcome::Fails(Errno::ENOENT),
        path: name.to_vec(),
        fell_back_to_shell: false,
        shell_outcome: None,
    }
}

/// One candidate, and `/bin/sh` for it where the kernel knows no format.
fn launch_file(
    fallback: Fallback,
    tree: &dyn FileTree,
    host: &Host,
    launch: &Launch<'_>,
    path: &[u8],
    trace: &mut dyn Trace,
) -> Result<Launched, Gap> {
    let Launch { argv, env, cwd, credentials, stack_limit } = *launch;
    let outcome = execve(tree, host, &Call { path, argv, env, cwd, credentials, stack_limit }, trace)?;
    let fell_back_to_shell = outcome == Outcome::Fails(Errno::ENOEXEC) && fallback != Fallback::Reports;
    // A shell that falls back on itself is running already.
    let mut shell_outcome = (fell_back_to_shell && fallback == Fallback::IsShell).then_some(Outcome::Starts);
    if fell_back_to_shell && fallback == Fallback::AsksSh {
        let rest = argv.get(1..).unwrap_or_default();
        let argv = [&[SHELL.to_vec(), path.to_vec()], rest].concat();
        let call = Call { path: SHELL, argv: &argv, env, cwd, credentials, stack_limit };
        shell_outcome = Some(execve(tree, host, &call, trace)?);
    }
    Ok(Launched { outcome, path: path.to_vec(), fell_back_to_shell, shell_outcome })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::DOCKER_DEFAULT;
    use crate::host::Architecture;
    use crate::tree::MemoryTree;

    /// A static program of one segment.
    fn program(machine: u8) -> Vec<u8> {
        let mut bytes = vec![0; 120];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        (bytes[16], bytes[18], bytes[32], bytes[54], bytes[56]) = (2, machine, 64, 56, 1);
        (bytes[64], bytes[64 + 4], bytes[64 + 18], bytes[64 + 32], bytes[64 + 40]) = (1, 5, 64, 120, 120);
        bytes
    }

    fn check(tree: &MemoryTree, name: &str, path: &str, expect: (Outcome, Option<Outcome>), at: &str) {
        let user = Credentials::container(0, 0, vec![], DOCKER_DEFAULT);
        let env = [format!("PATH={path}").into_bytes()];
        let argv = [name.as_bytes().to_vec()];
        let launch = Launch { argv: &argv, env: &env, cwd: b"/", credentials: &user, stack_limit: 8 << 20 };
        let host = Host::aws(Architecture::X86_64);
        let launched = exec_by_init(tree, &host, &launch, &mut ()).unwrap();
        assert_eq!((launched.outcome, launched.shell_outcome), expect, "{name}");
        assert_eq!(launched.fell_back_to_shell, expect.1.is_some());
        assert_eq!(String::from_utf8_lossy(&launched.path), at);
    }

    #[test]
    fn the_shell_hides_exec_format_error() {
        let no = |errno| Outcome::Fails(errno);
        let tree = MemoryTree::new().file("/app", 0o755, &program(183)).file("/x/good", 0o755, &program(62));
        check(&tree, "/app", "", (no(Errno::ENOEXEC), Some(no(Errno::ENOENT))), "/app");
        let tree = tree.file("/bin/sh", 0o755, &program(62));
        check(&tree, "/app", "", (no(Errno::ENOEXEC), Some(Outcome::Starts)), "/app");
        check(&tree, "good", "/bin:/x", (Outcome::Starts, None), "/x/good");
        check(&tree, "nothing", "/bin:/x", (no(Errno::ENOENT), None), "nothing");
    }

    #[test]
    fn a_refused_candidate_is_remembered() {
        let tree = MemoryTree::new().file("/a/app", 0o644, b"").file("/b/app", 0o755, &program(62));
        check(&tree, "app", "/a:/b", (Outcome::Starts, None), "/b/app");
        check(&tree, "app", "/a:/c", (Outcome::Fails(Errno::EACCES), None), "/a/app");
    }

    #[test]
    fn tini_says() {
        let launched = Launched {
            outcome: Outcome::Fails(Errno::ENOEXEC),
            path: b"/app".to_vec(),
            fell_back_to_shell: true,
            shell_outcome: Some(Outcome::Fails(Errno::ENOENT)),
        };
        let text = "[FATAL tini (7)] exec /app failed: No such file or directory";
        assert_eq!(launched.message(b"/app"), Some((text.to_string(), 127)));
    }
}
