//! Goes once through all files of an image, and keeps those that its platform's host does not run.

use super::fold::{Fold, Own};
use super::look::{self, Code, Fit, Ground, Use};
use super::scripts::{Script, Scripts};
use crate::case::escape;
use execfit_image::witness::{Origin, Piece};
use execfit_kernel::tree::FileTree;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Programs, libraries and scripts that are kept at most: those of a hostile image do not fill the memory.
const MOST: usize = 200_000;
/// Paths that are named of files that could not be told.
const MOST_UNKNOWN: usize = 100;

/// What was found among all files of one manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// The host that they were held against.
    pub ground: Ground,
    /// How many programs and libraries are the platform's own.
    pub own: usize,
    /// The others, and scripts that need them, in the order of their paths.
    pub foreign: Vec<ForeignFile>,
    /// Executable files whose beginning is not known: nothing is said of them.
    pub unknown: Vec<String>,
    /// Files beyond what is kept.
    pub more: usize,
    /// XXH3 of each ELF file of the final file system.
    #[serde(skip)]
    pub fingerprints: BTreeMap<String, [u8; 16]>,
}

/// A file that the platform's host does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignFile {
    /// The path.
    pub path: String,
    /// What it is good for.
    pub used: Use,
    /// Its machine in the words people use, or of a script its interpreter's.
    pub machine: String,
    /// Of a script, its interpreter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// It has an x bit.
    pub executable: bool,
    /// It stands in a directory of `PATH`.
    pub in_path: bool,
    /// A later layer covers or removes it.
    pub hidden: bool,
    /// It runs on hosts that have something nobody told of.
    pub depends: bool,
    /// The program of the image whose loader finds it, and dies of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed_by: Option<String>,
    /// Why it does no harm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fold: Option<Fold>,
    /// Who brought it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
}

impl ForeignFile {
    /// Whether it is one that a container meets, and may harm.
    pub fn counts(&self) -> bool {
        self.fold.is_none() && !self.hidden && !self.depends
    }
}

/// A regular file, as a visitor of all files meets it.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The absolute path.
    pub path: &'a [u8],
    /// Permission bits.
    pub mode: u32,
    /// Length in bytes.
    pub size: u64,
    /// What was kept of it.
    pub pieces: &'a [Piece],
    /// XXH3 of an ELF file.
    pub fingerprint: Option<[u8; 16]>,
    /// A later layer covers or removes it.
    pub hidden: bool,
    /// Its layer, counted from the bottom, 0 first.
    pub layer: Option<usize>,
}

/// Machine code that is not the platform's own.
struct Found {
    path: Vec<u8>,
    code: Code,
    executable: bool,
    hidden: bool,
    layer: Option<usize>,
}

/// A survey under way.
pub struct Surveyor {
    ground: Ground,
    /// Directories of `PATH`, as they are written.
    path: Vec<u8>,
    own: Own,
    own_count: usize,
    /// Programs of the platform's own, which may need foreign libraries.
    programs: Vec<Vec<u8>>,
    foreign: Vec<Found>,
    scripts: Vec<Script>,
    unknown: Vec<String>,
    more: usize,
    fingerprints: BTreeMap<String, [u8; 16]>,
}

/// Tells which layer and instruction brought a path of a layer.
pub type OriginOf<'a> = &'a dyn Fn(&[u8], usize) -> Option<Origin>;

impl Surveyor {
    /// Begins; `path` is the value of the image's `PATH`.
    pub fn new(ground: Ground, path: &[u8]) -> Surveyor {
        Surveyor {
            ground,
            path: path.to_vec(),
            own: Own::default(),
            own_count: 0,
            programs: Vec::new(),
            foreign: Vec::new(),
            scripts: Vec::new(),
            unknown: Vec::new(),
            more: 0,
            fingerprints: BTreeMap::new(),
        }
    }

    /// Looks at one file.
    pub fn see(&mut self, seen: Seen<'_>) {
        if !seen.hidden {
            self.own.note_path(seen.path);
        }
        let executable = seen.mode & 0o111 != 0;
        let head =
            seen.pieces.first().filter(|piece| piece.offset == 0).map_or(&[][..], |piece| &piece.bytes);
        if head.is_empty() && seen.size > 0 {
            if (executable || look::named_as_library(seen.path)) && !seen.hidden {
                self.cannot_tell(seen.path);
            }
            return;
        }
        if self.foreign.len() + self.scripts.len() + self.fingerprints.len() >= MOST {
            self.more += 1;
            return;
        }
        if executable && head.starts_with(b"#!") {
            self.scripts.extend(Script::read(&seen, head));
            return;
        }
        let Some(code) = look::code(&self.ground, seen.path, head, seen.size) else { return };
        if let (Some(fingerprint), false) = (seen.fingerprint, seen.hidden) {
            self.fingerprints.insert(escape(seen.path), fingerprint);
        }
        match (code.fit, seen.hidden) {
            (Fit::Own, true) => {}
            (Fit::Own, false) => {
                self.own_count += 1;
                self.own.note(seen.path, &code);
                if executable && code.used == Use::Program {
                    self.programs.push(seen.path.to_vec());
                }
            }
            (..) => self.foreign.push(Found {
                path: seen.path.to_vec(),
                code,
                executable,
                hidden: seen.hidden,
                layer: seen.layer,
            }),
        }
    }

    fn cannot_tell(&mut self, path: &[u8]) {
        if self.unknown.len() < MOST_UNKNOWN {
            self.unknown.push(escape(path));
        } else {
            self.more += 1;
        }
    }

    /// Ends: `tree` is the final file system, of which all files were seen.
    pub fn finish(self, tree: &dyn FileTree, origin: OriginOf<'_>) -> Survey {
        let directories = super::scripts::directories(tree, &self.path);
        let in_path = |path: &[u8]| {
            let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
            directories.iter().any(|directory| directory == &path[..end])
        };
        let mut foreign = Vec::new();
        let mut machines: BTreeMap<Vec<u8>, (String, bool)> = BTreeMap::new();
        for Found { path, code, executable, hidden, layer } in self.foreign {
            let called = executable && !hidden && in_path(&path) && code.used == Use::Program;
            let fold = self.own.fold(&path, &code, executable, called);
            if executable && !hidden && code.used == Use::Program {
                machines.insert(path.clone(), (code.machine.clone(), code.fit == Fit::Depends));
            }
            foreign.push(ForeignFile {
                path: escape(&path),
                used: code.used,
                machine: code.machine,
                interpreter: None,
                executable,
                in_path: called,
                hidden,
                depends: code.fit == Fit::Depends,
                needed_by: None,
                fold,
                origin: layer.and_then(|layer| origin(&path, layer)),
            });
        }
        let mut scripts =
            Scripts { tree, directories: &directories, machines: &machines, known: BTreeMap::new() };
        foreign.extend(self.scripts.iter().filter_map(|script| scripts.ask(script, &in_path, origin)));
        super::needed::mark(tree, &self.programs, &mut foreign);
        foreign.sort_by(|one, other| (&one.path, one.hidden).cmp(&(&other.path, other.hidden)));
        Survey {
            ground: self.ground,
            own: self.own_count,
            foreign,
            unknown: self.unknown,
            more: self.more,
            fingerprints: self.fingerprints,
        }
    }
}

/// Files that stand at the same path for two platforms, and are the same byte for byte, though at least one of them
/// cannot run it.
pub fn same_files<'s>(one: &'s Survey, other: &'s Survey) -> BTreeSet<&'s str> {
    let candidates = one.foreign.iter().chain(&other.foreign).filter(|file| !file.hidden);
    let same = candidates.filter(|file| {
        let own = one.fingerprints.get(&file.path);
        own.is_some() && own == other.fingerprints.get(&file.path)
    });
    same.map(|file| file.path.as_str()).collect()
}
