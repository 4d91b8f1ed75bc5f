//! crun's own look-up (crun `src/libcrun/utils.c` find_executable, check_access; `src/libcrun/container.c`
//! container_init_setup).
//!
//! It looks as root first, and again as the container's user only where root's look failed for another reason than
//! ENOENT. So what root may run is taken, and `execve` answers EACCES to the user later.

use super::{Asker, Fault, Name, NotFound, ROOT, Trouble};
use crate::errno::Errno;
use crate::exec::{Rule, Trace};
use crate::runtime::Crun;
use crate::tree::{Gap, Kind};

const NOT_IN_PATH: Rule = Rule {
    text: "no directory of PATH has an executable file of this name",
    source: "crun src/libcrun/utils.c find_executable",
};
const NOT_REGULAR: Rule =
    Rule { text: "the path is no regular file", source: "crun src/libcrun/utils.c check_access" };
const NO_NAME: Rule =
    Rule { text: "the name of the program is empty", source: "crun src/libcrun/utils.c find_executable" };

/// As root, then as the user.
pub(super) fn find_executable(
    version: Crun,
    asker: Asker<'_>,
    name: &Name<'_>,
    trace: &mut dyn Trace,
) -> Result<Result<Vec<u8>, NotFound>, Gap> {
    let mut looked = look(version, Asker { credentials: &ROOT, ..asker }, name)?;
    if looked.as_ref().is_err_and(|trouble| trouble.errno != Errno::ENOENT) {
        looked = look(version, asker, name)?;
    }
    Ok(match looked {
        Ok(path) => {
            asker.stat(&path, trace)?.ok();
            Ok(path)
        }
        Err(trouble) => {
            let message = message(version, &trouble, name);
            Err(trouble.say(message))
        }
    })
}

fn look(version: Crun, asker: Asker<'_>, name: &Name<'_>) -> Result<Result<Vec<u8>, Trouble>, Gap> {
    let missing =
        |rule| Trouble { errno: Errno::ENOENT, fault: Fault::Walk, blame: name.argv0.to_vec(), rule };
    if name.argv0.is_empty() && version == Crun::From1_21 {
        return Ok(Err(missing(NO_NAME)));
    }
    if let Some(path) = without_search(version, name) {
        return Ok(check_access(asker, &path)?.map(|()| path));
    }
    let mut last = missing(NOT_IN_PATH);
    let elements = name.path_variable.map(|value| value.split(|byte| *byte == b':'));
    for element in elements.into_iter().flatten() {
        let candidate = match version {
            Crun::UpTo1_20 => [element, name.argv0].join(&b'/'),
            Crun::From1_21 => append(&[element, name.argv0]),
        };
        match check_access(asker, &candidate)? {
            Ok(()) => return Ok(Ok(candidate)),
            Err(trouble) if trouble.errno == Errno::ENOENT => {}
            Err(trouble) => last = trouble,
        }
    }
    Ok(Err(last))
}

/// The path of a name that is not searched for: absolute, or with a slash, or (up to 1.20) beginning with a dot.
fn without_search(version: Crun, Name { argv0, cwd, .. }: &Name<'_>) -> Option<Vec<u8>> {
    let slash = argv0.contains(&b'/');
    match version {
        _ if argv0.starts_with(b"/") => Some(argv0.to_vec()),
        Crun::UpTo1_20 if slash || argv0.starts_with(b".") => Some([cwd, *argv0].join(&b'/')),
        Crun::From1_21 if slash => Some(append(&[b"/", cwd, argv0])),
        _ => None,
    }
}

/// crun's `append_paths`: the parts, each without the slashes around it, joined by one. The first keeps one before it,
/// and a part that is all slashes is one.
fn append(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined: Vec<u8> = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        let leading = part.iter().take_while(|byte| **byte == b'/').count();
        let mut part = part.get(leading.saturating_sub(usize::from(at == 0))..).unwrap_or_default();
        while let [rest @ .., b'/'] = part
            && !rest.is_empty()
        {
            part = rest;
        }
        if part.is_empty() {
            continue;
        }
        if joined.last().is_some_and(|last| *last != b'/') {
            joined.push(b'/');
        }
        joined.extend_from_slice(part);
    }
    joined
}

/// eaccess(3) X_OK, then only regular files.
fn check_access<'a>(asker: Asker<'a>, path: &'a [u8]) -> Result<Result<(), Trouble>, Gap> {
    Ok(asker.stat(path, &mut ())?.and_then(|found| {
        asker.access(&found)?;
        match found.node.kind {
            Kind::Regular => Ok(()),
            _ => Err(Trouble::of(&found, Fault::Kind, NOT_REGULAR)),
        }
    }))
}

fn message(version: Crun, trouble: &Trouble, name: &Name<'_>) -> String {
    let text = trouble.errno.c_text();
    let refused = Errno::EPERM.c_text();
    let path = without_search(version, name).unwrap_or_else(|| name.argv0.to_vec());
    let (path, argv0) = (String::from_utf8_lossy(&path), String::from_utf8_lossy(name.argv0));
    let missing = trouble.errno == Errno::ENOENT;
    match (version, trouble.fault) {
        (Crun::UpTo1_20, _) if missing => format!("executable file `{argv0}` not found in $PATH: {text}"),
        (Crun::UpTo1_20, Fault::Kind) => format!("open executable: {refused}"),
        (Crun::UpTo1_20, _) => format!("open executable: {text}"),
        (_, Fault::Access) => format!("the path `{path}` exists but it is not executable: {refused}"),
        (_, Fault::Kind) => format!("the path `{path}` is not a regular file: {refused}"),
        _ if argv0.is_empty() => format!("cannot find `` in $PATH: {text}"),
        _ if missing && path.starts_with('/') => format!("executable file `{path}` not found: {text}"),
        _ if missing => format!("executable file `{path}` not found in $PATH: {text}"),
        _ => format!("open `{path}`: {text}"),
    }
}
