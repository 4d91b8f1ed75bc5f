//! Go's `exec.LookPath`, by which runc finds `argv[0]` (Go `src/os/exec/lp_unix.go`).

use super::{Asker, Fault, Name, NotFound, Trouble};
use crate::errno::Errno;
use crate::exec::{Rule, Trace};
use crate::namei::Found;
use crate::runtime::Go;
use crate::tree::{Gap, Kind};

const NOT_IN_PATH: Rule = Rule {
    text: "no directory of PATH has an executable file of this name",
    source: "Go os/exec/lp_unix.go LookPath",
};
const NO_PATH: Rule = Rule {
    text: "the name has no slash and the container has no PATH to look it up in",
    source: "Go os/exec/lp_unix.go LookPath",
};
const NO_NAME: Rule = Rule {
    text: "an empty name, `.` and `..` are no programs",
    source: "Go os/exec/lp_unix.go LookPath, validateLookPath",
};
const RELATIVE: Rule = Rule {
    text: "the first match is in an empty or relative element of PATH, and Go refuses those",
    source: "Go os/exec/lp_unix.go LookPath ErrDot",
};
const IS_A_DIRECTORY: Rule =
    Rule { text: "the path is a directory", source: "Go os/exec/lp_unix.go findExecutable" };
const NO_X_BIT: Rule = Rule {
    text: "the file has no x permission for anybody",
    source: "Go 1.19 os/exec/lp_unix.go findExecutable",
};

/// `LookPath`.
pub(super) fn look_path(
    go: Go,
    asker: Asker<'_>,
    name: &Name<'_>,
    trace: &mut dyn Trace,
) -> Result<Result<Vec<u8>, NotFound>, Gap> {
    let argv0 = name.argv0;
    if argv0.contains(&b'/') {
        let found = find_executable(go, asker, argv0, trace)?;
        return Ok(found.map(|()| argv0.to_vec()).map_err(|trouble| tell(go, trouble, argv0)));
    }
    if go == Go::From1_20 && matches!(argv0, b"" | b"." | b"..") {
        return Ok(Err(not_in_path(argv0, NO_NAME)));
    }
    let elements = name.path_variable.unwrap_or_default();
    if elements.is_empty() {
        return Ok(Err(not_in_path(argv0, NO_PATH)));
    }
    for element in elements.split(|byte| *byte == b':') {
        let candidate = join(element, argv0);
        // Steps of candidates that do not win would mislead: the winner is walked again, aloud.
        if find_executable(go, asker, &candidate, &mut ())?.is_ok() {
            if go >= Go::V1_19 && candidate.first() != Some(&b'/') {
                return Ok(Err(relative(argv0, candidate)));
            }
            find_executable(go, asker, &candidate, trace)?.ok();
            return Ok(Ok(candidate));
        }
    }
    Ok(Err(not_in_path(argv0, NOT_IN_PATH)))
}

/// `findExecutable`: stat, no directory, then the mode bits (Go up to 1.19) or what the kernel says (1.20 and later).
fn find_executable<'a>(
    go: Go,
    asker: Asker<'a>,
    path: &'a [u8],
    trace: &mut dyn Trace,
) -> Result<Result<(), Trouble>, Gap> {
    Ok(asker.stat(path, trace)?.and_then(|found| {
        if found.node.kind == Kind::Directory {
            return Err(Trouble::of(&found, Fault::Kind, IS_A_DIRECTORY));
        }
        if go == Go::From1_20 { asker.access(&found) } else { any_x_bit(&found) }
    }))
}

fn any_x_bit(found: &Found<'_>) -> Result<(), Trouble> {
    if found.node.mode & 0o111 == 0 { Err(Trouble::of(found, Fault::Access, NO_X_BIT)) } else { Ok(()) }
}

/// The second look of runc 1.1, for a Go that does not ask the kernel (runc `libcontainer/system/linux.go` Eaccess).
pub(super) fn second_look(asker: Asker<'_>, path: Vec<u8>) -> Result<Result<Vec<u8>, NotFound>, Gap> {
    let looked = asker.stat(&path, &mut ())?.and_then(|found| asker.access(&found));
    Ok(looked.map(|()| path.clone()).map_err(|trouble| {
        let text = trouble.errno.text();
        trouble.say(format!("exec {}: {text}", String::from_utf8_lossy(&path)))
    }))
}

/// The error as `exec.Error` prints it.
fn tell(go: Go, trouble: Trouble, argv0: &[u8]) -> NotFound {
    let name = quote(argv0);
    let text = match trouble.fault {
        Fault::Kind if go == Go::From1_20 => Errno::EISDIR.text(),
        _ => trouble.errno.text(),
    };
    let message = if trouble.fault == Fault::Walk {
        format!("exec: {name}: stat {}: {text}", String::from_utf8_lossy(argv0))
    } else {
        format!("exec: {name}: {text}")
    };
    trouble.say(message)
}

fn not_in_path(argv0: &[u8], rule: Rule) -> NotFound {
    let trouble = Trouble { errno: Errno::ENOENT, fault: Fault::Walk, blame: argv0.to_vec(), rule };
    trouble.say(format!("exec: {}: executable file not found in $PATH", quote(argv0)))
}

fn relative(argv0: &[u8], candidate: Vec<u8>) -> NotFound {
    let trouble = Trouble { errno: Errno::ENOENT, fault: Fault::Walk, blame: candidate, rule: RELATIVE };
    trouble.say(format!("exec: {}: cannot run executable found relative to current directory", quote(argv0)))
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
