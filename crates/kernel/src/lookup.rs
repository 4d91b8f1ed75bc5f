//! How a container runtime finds `argv[0]`, before the kernel is asked.
//!
//! runc asks Go's `exec.LookPath` as the container's user, inside its root and working directory
//! (runc `libcontainer/standard_init_linux.go` Init; Go `src/os/exec/lp_unix.go`, of Go 1.20 and later).

use crate::credentials::Credentials;
use crate::errno::Errno;
use crate::exec::{Rule, Trace};
use crate::namei::{Found, may_execute, resolve};
use crate::refusal::Stop;
use crate::tree::{FileTree, Gap, Kind};

/// The `PATH` that Docker gives a container whose image has none (moby `oci/defaults.go`, containerd
/// `oci/spec_opts.go`). runc by itself gives none.
pub const DEFAULT_PATH: &[u8] = b"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const NOT_IN_PATH: Rule = Rule {
    text: "no directory of PATH has an executable file of this name",
    source: "Go os/exec/lp_unix.go LookPath",
};
const NO_PATH: Rule = Rule {
    text: "the name has no slash and the container has no PATH to look it up in",
    source: "Go os/exec/lp_unix.go LookPath",
};
const RELATIVE: Rule = Rule {
    text: "the first match is in an empty or relative element of PATH, and Go refuses those",
    source: "Go os/exec/lp_unix.go LookPath ErrDot",
};
const CANNOT_STAT: Rule =
    Rule { text: "the path cannot be followed to a file", source: "Go os/exec/lp_unix.go findExecutable" };
const IS_A_DIRECTORY: Rule =
    Rule { text: "the path is a directory", source: "Go os/exec/lp_unix.go findExecutable" };
const NOT_EXECUTABLE: Rule = Rule {
    text: "the container's user may not execute the file: it lacks the x permission",
    source: "Go os/exec/lp_unix.go findExecutable, faccessat(2) X_OK AT_EACCESS",
};
const NO_EXEC_MOUNT: Rule = Rule {
    text: "the file's file system is mounted noexec",
    source: "Go os/exec/lp_unix.go findExecutable, fs/open.c do_faccessat",
};

/// Why the runtime does not find `argv[0]`. The container is never started then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFound {
    /// The error in the runtime's message. Not in `PATH`, and refused for a relative `PATH` element, is ENOENT; a
    /// directory is EACCES, as `execve` answers it, though the message says `is a directory`.
    pub errno: Errno,
    /// What runc prints, without the words that Docker, containerd and runc put before it.
    pub message: String,
    /// The file to blame, links resolved; the name as it was given where there is none.
    pub blame: Vec<u8>,
    /// Why.
    pub rule: Rule,
    /// The exit code that Docker gives the container: 126, 127 or 128 (moby `daemon/errors.go`
    /// setExitCodeFromError). ECS shows none.
    pub docker_exit_code: u8,
}

/// The path that the runtime will give to `execve` for `argv0`: as it is where it has a slash, else the first match
/// in `path_variable`, the value of the last `PATH` of the environment.
///
/// # Errors
/// A [`Gap`] where the tree cannot tell. What the runtime answers is the inner result.
pub fn find_program(
    tree: &dyn FileTree,
    credentials: &Credentials,
    argv0: &[u8],
    path_variable: Option<&[u8]>,
    cwd: &[u8],
    trace: &mut dyn Trace,
) -> Result<Result<Vec<u8>, NotFound>, Gap> {
    let asker = Asker { tree, credentials, cwd };
    if argv0.contains(&b'/') {
        return Ok(match asker.find_executable(argv0, trace)? {
            Ok(()) => Ok(argv0.to_vec()),
            Err(trouble) => Err(trouble.tell(argv0)),
        });
    }
    let elements = path_variable.unwrap_or_default();
    if elements.is_empty() {
        return Ok(Err(not_in_path(argv0, NO_PATH)));
    }
    for element in elements.split(|byte| *byte == b':') {
        let candidate = join(element, argv0);
        // Steps of candidates that do not win would mislead: the winner is walked again, aloud.
        if asker.find_executable(&candidate, &mut ())?.is_ok() {
            if candidate.first() != Some(&b'/') {
                return Ok(Err(relative(argv0, candidate)));
            }
            asker.find_executable(&candidate, trace)?.ok();
            return Ok(Ok(candidate));
        }
    }
    Ok(Err(not_in_path(argv0, NOT_IN_PATH)))
}

/// The value of the last `PATH` in an environment, which is the one that counts.
pub fn path_variable(env: &[Vec<u8>]) -> Option<&[u8]> {
    env.iter().rev().find_map(|variable| variable.strip_prefix(b"PATH="))
}

struct Asker<'a> {
    tree: &'a dyn FileTree,
    credentials: &'a Credentials,
    cwd: &'a [u8],
}

/// What `findExecutable` says no with.
struct Trouble {
    errno: Errno,
    /// `stat x: ` stands before the error's text.
    stat: bool,
    directory: bool,
    blame: Vec<u8>,
    rule: Rule,
}

impl Asker<'_> {
    /// Go's `findExecutable`: stat, no directory, then faccessat2(X_OK, AT_EACCESS) as the user.
    fn find_executable(&self, path: &[u8], trace: &mut dyn Trace) -> Result<Result<(), Trouble>, Gap> {
        let found = if path.len() >= crate::namei::PATH_MAX {
            let rule = CANNOT_STAT;
            return Ok(Err(Trouble {
                errno: Errno::ENAMETOOLONG,
                stat: true,
                directory: false,
                blame: path.to_vec(),
                rule,
            }));
        } else {
            resolve(self.tree, self.credentials, self.cwd, path, trace)
        };
        match found {
            Ok(found) => Ok(self.access(&found)),
            Err(Stop::Gap(gap)) => Err(gap),
            Err(Stop::Refused(refusal)) => Ok(Err(Trouble {
                errno: refusal.errno.unwrap_or(Errno::ENOENT),
                stat: true,
                directory: false,
                blame: refusal.path,
                rule: if refusal.errno == Some(Errno::ENOENT) { CANNOT_STAT } else { refusal.rule },
            })),
        }
    }

    fn access(&self, found: &Found<'_>) -> Result<(), Trouble> {
        let node = &found.node;
        let directory = node.kind == Kind::Directory;
        let rule = match node.kind {
            Kind::Directory => IS_A_DIRECTORY,
            Kind::Regular if node.noexec => NO_EXEC_MOUNT,
            _ if may_execute(self.credentials, node) => return Ok(()),
            _ => NOT_EXECUTABLE,
        };
        Err(Trouble {
            errno: Errno::EACCES,
            stat: false,
            directory,
            blame: found.path.as_bytes().to_vec(),
            rule,
        })
    }
}

impl Trouble {
    fn tell(self, argv0: &[u8]) -> NotFound {
        let name = quote(argv0);
        let text = if self.directory { Errno::EISDIR.text() } else { self.errno.text() };
        let message = if self.stat {
            format!("exec: {name}: stat {}: {text}", String::from_utf8_lossy(argv0))
        } else {
            format!("exec: {name}: {text}")
        };
        let docker_exit_code = match self.errno {
            Errno::EACCES => 126,
            Errno::ENOENT | Errno::ENOTDIR => 127,
            _ => 128,
        };
        NotFound { errno: self.errno, message, blame: self.blame, rule: self.rule, docker_exit_code }
    }
}

fn not_in_path(argv0: &[u8], rule: Rule) -> NotFound {
    NotFound {
        errno: Errno::ENOENT,
        message: format!("exec: {}: executable file not found in $PATH", quote(argv0)),
        blame: argv0.to_vec(),
        rule,
        docker_exit_code: 127,
    }
}

fn relative(argv0: &[u8], candidate: Vec<u8>) -> NotFound {
    NotFound {
        errno: Errno::ENOENT,
        message: format!("exec: {}: cannot run executable found relative to current directory", quote(argv0)),
        blame: candidate,
        rule: RELATIVE,
        docker_exit_code: 128,
    }
}

/// Go's `filepath.Join(element, name)` with an empty element as `.`: the result is lexically clean.
fn join(element: &[u8], name: &[u8]) -> Vec<u8> {
    let absolute = element.first() == Some(&b'/');
    let mut names: Vec<&[u8]> = Vec::new();
    for part in element.split(|byte| *byte == b'/').chain([name]) {
        match part {
            b"" | b"." => {}
            b".." if names.last().is_some_and(|last| *last != b"..") => {
                names.pop();
            }
            b".." if absolute => {}
            _ => names.push(part),
        }
    }
    let joined = names.join(&b'/');
    match (absolute, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// Go's `strconv.Quote`, as `%q` prints `argv[0]`.
fn quote(name: &[u8]) -> String {
    let mut quoted = String::from("\"");
    for chunk in name.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => quoted.push_str("\\\""),
                '\\' => quoted.push_str("\\\\"),
                '\n' => quoted.push_str("\\n"),
                '\r' => quoted.push_str("\\r"),
                '\t' => quoted.push_str("\\t"),
                '\x07' => quoted.push_str("\\a"),
                '\x08' => quoted.push_str("\\b"),
                '\x0c' => quoted.push_str("\\f"),
                '\x0b' => quoted.push_str("\\v"),
                '\u{feff}' => quoted.push_str("\\ufeff"),
                control if (control as u32) < 0x20 || control == '\x7f' => {
                    quoted.push_str(&format!("\\x{:02x}", control as u32));
                }
                other => quoted.push(other),
            }
        }
        for byte in chunk.invalid() {
            quoted.push_str(&format!("\\x{byte:02x}"));
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::DOCKER_DEFAULT;
    use crate::tree::MemoryTree;

    fn tree() -> MemoryTree {
        MemoryTree::new()
            .file("/usr/bin/app", 0o755, b"")
            .file("/usr/bin/plain", 0o644, b"")
            .file("/bin/plain", 0o755, b"")
            .file("/work/here", 0o755, b"")
            .file("/root/secret", 0o700, b"")
            .directory("/usr/bin/sub", 0o755)
            .link("/loop", "loop")
    }

    fn check(argv0: &str, path: Option<&str>, expect: Result<&str, (Errno, u8, &str)>) {
        let user = Credentials::container(1000, 1000, vec![], DOCKER_DEFAULT);
        let path = path.map(str::as_bytes);
        let answer = find_program(&tree(), &user, argv0.as_bytes(), path, b"/work", &mut ()).unwrap();
        let answer = answer.map(|path| String::from_utf8(path).unwrap());
        let expect = expect.map(str::to_string);
        let expect = expect.map_err(|(errno, code, message)| (errno, code, message.to_string()));
        assert_eq!(answer.map_err(|not| (not.errno, not.docker_exit_code, not.message)), expect);
    }

    #[test]
    fn bare_names() {
        let path = Some("/usr/bin:/bin");
        let not = |name: &str| format!("exec: \"{name}\": executable file not found in $PATH");
        check("app", path, Ok("/usr/bin/app"));
        check("plain", path, Ok("/bin/plain"));
        check("plain", Some("/usr/bin"), Err((Errno::ENOENT, 127, &not("plain"))));
        check("sub", path, Err((Errno::ENOENT, 127, &not("sub"))));
        check("app", None, Err((Errno::ENOENT, 127, &not("app"))));
        check("app --flag", path, Err((Errno::ENOENT, 127, &not("app --flag"))));
        check("app\r", path, Err((Errno::ENOENT, 127, &not("app\\r"))));
        check("", path, Err((Errno::ENOENT, 127, &not(""))));
    }

    #[test]
    fn relative_elements_of_path_are_refused() {
        let refused = "exec: \"here\": cannot run executable found relative to current directory";
        check("here", Some(".:/work"), Err((Errno::ENOENT, 128, refused)));
        check("here", Some("/bin::/work"), Err((Errno::ENOENT, 128, refused)));
        check("here", Some("/work:."), Ok("/work/here"));
        check("app", Some("./x:/usr/../usr//bin"), Ok("/usr/bin/app"));
    }

    #[test]
    fn paths() {
        let path = Some("/usr/bin");
        let stat = |path: &str, text: &str| format!("exec: \"{path}\": stat {path}: {text}");
        check("./here", path, Ok("./here"));
        check(
            "/usr/bin/plain",
            path,
            Err((Errno::EACCES, 126, "exec: \"/usr/bin/plain\": permission denied")),
        );
        check("/usr/bin/sub", path, Err((Errno::EACCES, 126, "exec: \"/usr/bin/sub\": is a directory")));
        check("/no", path, Err((Errno::ENOENT, 127, &stat("/no", "no such file or directory"))));
        check("/usr/bin/app/x", path, Err((Errno::ENOTDIR, 127, &stat("/usr/bin/app/x", "not a directory"))));
        let text = "too many levels of symbolic links";
        check("/loop", path, Err((Errno::ELOOP, 128, &stat("/loop", text))));
        check("/root/secret", path, Err((Errno::EACCES, 126, "exec: \"/root/secret\": permission denied")));
    }
}
