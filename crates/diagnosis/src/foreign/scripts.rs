//! Scripts: is the interpreter that they name one that runs?

use super::fold::Fold;
use super::look::Use;
use super::survey::{ForeignFile, OriginOf, Seen};
use crate::case::escape;
use execfit_image::witness::Origin;
use execfit_kernel::binfmt_script;
use execfit_kernel::credentials::Credentials;
use execfit_kernel::exec::HEAD;
use execfit_kernel::namei;
use execfit_kernel::refusal::Stop;
use execfit_kernel::tree::FileTree;
use std::collections::BTreeMap;

/// An executable file that begins with `#!`.
pub(super) struct Script {
    path: Vec<u8>,
    interpreter: Vec<u8>,
    /// The program that `env` is to find.
    by_name: Option<Vec<u8>>,
    hidden: bool,
    layer: Option<usize>,
}

impl Script {
    /// Reads the `#!` line as the kernel does; `None` where it names no interpreter by an absolute path.
    pub(super) fn read(seen: &Seen<'_>, head: &[u8]) -> Option<Script> {
        let mut beginning = [0; HEAD];
        let length = head.len().min(HEAD);
        beginning[..length].copy_from_slice(&head[..length]);
        let line = binfmt_script::parse(&beginning).ok().filter(|line| line.interpreter.starts_with(b"/"))?;
        let by_env = line.interpreter.ends_with(b"/env");
        // `env -S python3 -u` splits its text (GNU coreutils env(1)).
        let words = line.argument.unwrap_or_default().split(|byte| byte.is_ascii_whitespace());
        let mut words =
            words.filter(|word| !word.starts_with(b"-") && !word.contains(&b'=') && !word.is_empty());
        Some(Script {
            path: seen.path.to_vec(),
            interpreter: line.interpreter.to_vec(),
            by_name: words.next().filter(|_| by_env).map(<[u8]>::to_vec),
            hidden: seen.hidden,
            layer: seen.layer,
        })
    }
}

/// What stands at the end of a `#!` line.
#[derive(Clone, PartialEq)]
enum Interpreter {
    /// Nothing that is foreign.
    Fine,
    Missing,
    Foreign {
        path: Vec<u8>,
        machine: String,
        depends: bool,
    },
}

/// An interpreter, and the program that `env` is to find.
type Asked = (Vec<u8>, Option<Vec<u8>>);

/// All scripts are asked about: few interpreters serve many.
pub(super) struct Scripts<'a> {
    pub(super) tree: &'a dyn FileTree,
    pub(super) directories: &'a [Vec<u8>],
    /// The foreign programs, with their machines, and whether these may run after all.
    pub(super) machines: &'a BTreeMap<Vec<u8>, (String, bool)>,
    /// Interpreters that were looked for, and where they are.
    pub(super) known: BTreeMap<Asked, (Vec<u8>, bool)>,
}

impl Scripts<'_> {
    /// A script that does not run.
    pub(super) fn ask(
        &mut self,
        script: &Script,
        in_path: &dyn Fn(&[u8]) -> bool,
        origin: OriginOf<'_>,
    ) -> Option<ForeignFile> {
        let (interpreter, machine, depends, fold) = match self.interpreter(script) {
            Interpreter::Fine => return None,
            // A script that was removed says nothing of what is missing in the end.
            Interpreter::Missing if script.hidden => return None,
            Interpreter::Missing => {
                let missing = script.by_name.as_ref().unwrap_or(&script.interpreter);
                (missing.clone(), String::new(), false, Some(Fold::NoInterpreter))
            }
            Interpreter::Foreign { path, machine, depends } => (path, machine, depends, None),
        };
        let origin = |layer| -> Option<Origin> { origin(&script.path, layer) };
        Some(ForeignFile {
            path: escape(&script.path),
            used: Use::Script,
            machine,
            interpreter: Some(escape(&interpreter)),
            executable: true,
            in_path: !script.hidden && in_path(&script.path),
            hidden: script.hidden,
            depends,
            needed_by: None,
            fold,
            origin: script.layer.and_then(origin),
        })
    }

    fn interpreter(&mut self, script: &Script) -> Interpreter {
        let key = (script.interpreter.clone(), script.by_name.clone());
        let (path, there) = match self.known.get(&key) {
            Some(known) => known.clone(),
            None => {
                let found = self.find(script);
                self.known.insert(key, found.clone());
                found
            }
        };
        match self.machines.get(&path) {
            Some((machine, depends)) => {
                Interpreter::Foreign { path, machine: machine.clone(), depends: *depends }
            }
            None if there => Interpreter::Fine,
            None => Interpreter::Missing,
        }
    }

    /// The program at the end, links followed, and whether it is there.
    fn find(&self, script: &Script) -> (Vec<u8>, bool) {
        let Some(first) = resolve(self.tree, &script.interpreter) else { return (Vec::new(), false) };
        let Some(name) = script.by_name.as_ref().filter(|_| !self.machines.contains_key(&first)) else {
            return (first, true);
        };
        if name.contains(&b'/') {
            let found = resolve(self.tree, name);
            return (found.clone().unwrap_or_default(), found.is_some());
        }
        let places = self.directories.iter().map(|directory| [directory, &b"/"[..], name].concat());
        let found = places.filter_map(|place| resolve(self.tree, &place)).next();
        (found.clone().unwrap_or_default(), found.is_some())
    }
}

/// Where a path leads, links followed, as root sees it.
pub(super) fn resolve(tree: &dyn FileTree, path: &[u8]) -> Option<Vec<u8>> {
    let root = Credentials::container(0, 0, Vec::new(), !0);
    match namei::resolve(tree, &root, b"/", path, &mut ()) {
        Ok(found) => Some(found.path.as_bytes().to_vec()),
        Err(Stop::Refused(_) | Stop::Gap(_)) => None,
    }
}

/// The directories of `PATH`, links followed.
pub(super) fn directories(tree: &dyn FileTree, path: &[u8]) -> Vec<Vec<u8>> {
    let written = path.split(|byte| *byte == b':').filter(|directory| directory.starts_with(b"/"));
    written.filter_map(|directory| resolve(tree, directory)).collect()
}
