//! glibc's loader: what is loaded, in which order, and where it is looked for (elf/dl-load.c _dl_map_object,
//! elf/dl-deps.c _dl_map_object_deps, elf/rtld.c dl_main).

mod check;
mod search;

use super::object::Object;
use super::opened::{Opened, Opener};
use super::verify::{Expected, Verified, verify};
use super::{
    Cause, Death, MOST_LIBRARIES, Program, Ready, Step, Stop, Trace, is_secure, parent, unknown, variable,
};
use crate::elf::Machine;
use crate::errno::Errno;
use crate::exec::Rule;
use search::Search;

const NOT_FOUND: Rule = Rule {
    text: "none of the places where the loader looks has a library of this name for this machine",
    source: "ld.so(8), glibc elf/dl-load.c _dl_map_object",
};
const WRONG_CLASS: Rule = Rule {
    text: "the only files of this name have another word size",
    source: "glibc elf/dl-load.c open_verify, _dl_map_object",
};

/// A mapped object (`struct link_map`).
pub(super) struct Loaded {
    /// The names it answers to (`l_name`, `l_libname`).
    names: Vec<Vec<u8>>,
    /// Its path as it was opened; of the program, its file.
    pub(super) path: Vec<u8>,
    /// Its file, links resolved.
    file: Vec<u8>,
    pub(super) object: Object,
    /// Who caused it to be loaded (`l_loader`).
    loader: Option<usize>,
}

impl Loaded {
    /// `_dl_name_match_p`, and the `DT_SONAME`.
    fn answers_to(&self, name: &[u8]) -> bool {
        self.names.iter().any(|own| own == name) || self.object.soname.as_deref() == Some(name)
    }
}

/// A start under way.
pub(super) struct Start<'a> {
    open: &'a Opener<'a>,
    program: &'a Program<'a>,
    trace: &'a mut dyn Trace,
    search: Search,
    expected: Expected,
    /// The program first.
    pub(super) loaded: Vec<Loaded>,
}

/// Loads all that the program needs.
pub(super) fn load(
    open: &Opener<'_>,
    program: &Program<'_>,
    object: Object,
    loader: &Opened,
    loader_object: Object,
    trace: &mut dyn Trace,
) -> Result<Ready, Stop> {
    let expected = Expected { wide: object.wide, machine: object.machine };
    let secure = is_secure(open.tree, program)?;
    let environment = |name| if secure { None } else { variable(program.env, name) };
    let search = Search::new(open, program, loader, expected, environment(b"LD_LIBRARY_PATH"), secure)?;
    let main = Loaded {
        names: Vec::new(),
        path: program.path.to_vec(),
        file: program.path.to_vec(),
        object,
        loader: None,
    };
    // The loader itself is in the list: by its own name, and by the one that the program has for it.
    let own = Loaded {
        names: vec![program.interpreter.to_vec()],
        path: program.interpreter.to_vec(),
        file: loader.file.clone(),
        object: loader_object,
        loader: None,
    };
    let mut start = Start { open, program, trace, search, expected, loaded: vec![main, own] };
    start.preload(environment(b"LD_PRELOAD").unwrap_or_default())?;
    start.needs()?;
    start.versions()?;
    start.isa_level()
}

impl Start<'_> {
    /// What `LD_PRELOAD` names; what is not there is only warned about (elf/rtld.c do_preload).
    fn preload(&mut self, list: &[u8]) -> Result<(), Stop> {
        for name in list.split(|byte| matches!(byte, b' ' | b':')).filter(|name| !name.is_empty()) {
            match self.map(name, 0) {
                Ok(()) | Err(Stop::Dies(_)) => {}
                Err(stop) => return Err(stop),
            }
        }
        Ok(())
    }

    /// Breadth first: what the program needs, then what that needs.
    fn needs(&mut self) -> Result<(), Stop> {
        let mut at = 0;
        while at < self.loaded.len() {
            // The loader needs nothing (its own entry is the second).
            let object = &self.loaded[at].object;
            if object.is_filter || object.is_cut_short {
                let what = if object.is_filter {
                    "is a filter (DT_FILTER)"
                } else {
                    "has tables longer than what is read of them"
                };
                return Err(unknown(format!(
                    "{} {what}, which is not modelled",
                    self.loaded[at].file.escape_ascii()
                )));
            }
            for name in self.loaded[at].object.needed.clone() {
                self.map(&name, at)?;
            }
            at += 1;
        }
        Ok(())
    }

    /// `_dl_map_object`: finds a library among those that are loaded, or in the file system.
    fn map(&mut self, name: &[u8], needer: usize) -> Result<(), Stop> {
        if self.loaded.iter().skip(1).any(|other| other.answers_to(name)) {
            return Ok(());
        }
        if self.loaded.len() > MOST_LIBRARIES {
            return Err(unknown(format!("it needs more than {MOST_LIBRARIES} libraries")));
        }
        let mut attempt = Attempt {
            name,
            needer,
            searched: Vec::new(),
            foreign: None,
            other_class: false,
            errno: Errno::ENOENT,
        };
        if name.contains(&b'/') {
            let Some(path) = self.search.expanded(self, name, needer)? else {
                return Err(self.missing(&attempt).into());
            };
            match self.candidate(&mut attempt, &path, "its own path")? {
                true => return Ok(()),
                false => return Err(self.missing(&attempt).into()),
            }
        }
        for place in self.search.places(self, needer)? {
            if self.look(&mut attempt, &place)? {
                return Ok(());
            }
        }
        if let Some(path) = self.search.beyond(self.open, name)? {
            let path = path.escape_ascii();
            return Err(unknown(format!(
                "{path} is there, and which directories the loader searches could not be read"
            )));
        }
        Err(self.missing(&attempt).into())
    }

    /// Looks in one place of the search order.
    fn look(&mut self, attempt: &mut Attempt<'_>, place: &search::Place) -> Result<bool, Stop> {
        if place.is_cache {
            attempt.searched.push(super::cache::PATH.to_vec());
            let path =
                self.search.cached(self.open, self.program, attempt.name, &self.loaded[attempt.needer])?;
            return path.map_or(Ok(false), |path| self.candidate(attempt, &path, place.what));
        }
        for directory in &place.directories {
            attempt.searched.push(directory.clone());
            let mut doubtful = None;
            for candidate in self.search.candidates(self.open, self.program, directory, attempt.name)? {
                match candidate {
                    search::Candidate::Sure(path) if self.candidate(attempt, &path, place.what)? => {
                        return Ok(true);
                    }
                    // Other errors end the search of this list (open_path).
                    search::Candidate::Sure(_) if !matches!(attempt.errno, Errno::ENOENT | Errno::EACCES) => {
                        return Ok(false);
                    }
                    search::Candidate::Sure(_) => {}
                    search::Candidate::IfLevel(path) => doubtful = Some(path),
                }
            }
            if let Some(path) = doubtful {
                let path = path.escape_ascii();
                return Err(unknown(format!(
                    "{path} is there for hosts of its ISA level, and the host's is not known"
                )));
            }
        }
        Ok(false)
    }

    /// `open_verify` and `_dl_map_object_from_fd`: tries one file.
    fn candidate(&mut self, attempt: &mut Attempt<'_>, path: &[u8], by: &'static str) -> Result<bool, Stop> {
        let opened = match self.open.open(path)? {
            Ok(opened) => opened,
            Err(errno) => {
                attempt.errno = errno;
                return Ok(false);
            }
        };
        if let Some(known) = self.loaded.iter().skip(1).position(|other| other.file == opened.file) {
            self.loaded[known + 1].names.push(attempt.name.to_vec());
            return Ok(true);
        }
        let death = |text: Vec<u8>, rule| self.death(attempt, Cause::Unfit, text, &opened.file, rule);
        match verify(self.open, &opened, self.expected)? {
            Verified::Fit(object) => {
                self.found(attempt, path, opened, object, by);
                Ok(true)
            }
            Verified::PassedOver { machine, other_class } => {
                let file = opened.file;
                self.trace.step(Step::PassedOver { file: &file, name: attempt.name, machine });
                attempt.other_class |= other_class;
                attempt.foreign.get_or_insert(file);
                attempt.errno = Errno::ENOENT;
                Ok(false)
            }
            Verified::Refused(text, rule) => Err(death(self.line(path, text.as_bytes()), rule).into()),
            Verified::RefusedByName(text, rule) => {
                Err(death(self.line(attempt.name, text.as_bytes()), rule).into())
            }
            Verified::Killed(rule) => {
                Err(Death { cause: Cause::Cut, exit: Some(135), ..death(Vec::new(), rule) }.into())
            }
            Verified::CutSomewhere => Err(unknown(format!("{} is cut off", opened.file.escape_ascii()))),
        }
    }

    fn found(
        &mut self,
        attempt: &Attempt<'_>,
        path: &[u8],
        opened: Opened,
        object: Object,
        by: &'static str,
    ) {
        let needed_by = &self.loaded[attempt.needer].file;
        self.trace.step(Step::Library { path, file: &opened.file, name: attempt.name, needed_by, by });
        self.loaded.push(Loaded {
            names: vec![attempt.name.to_vec(), path.to_vec()],
            path: path.to_vec(),
            file: opened.file,
            object,
            loader: Some(attempt.needer),
        });
    }

    /// Nothing was found.
    fn missing(&self, attempt: &Attempt<'_>) -> Death {
        let cause = if attempt.foreign.is_some() { Cause::Foreign } else { Cause::Missing };
        let blame = attempt.foreign.clone().unwrap_or_else(|| attempt.name.to_vec());
        if attempt.other_class {
            let text = if self.expected.wide {
                "wrong ELF class: ELFCLASS32"
            } else {
                "wrong ELF class: ELFCLASS64"
            };
            return self.death(attempt, cause, self.line(attempt.name, text.as_bytes()), &blame, WRONG_CLASS);
        }
        let text = format!("cannot open shared object file: {}", error_text(attempt.errno));
        self.death(attempt, cause, self.line(attempt.name, text.as_bytes()), &blame, NOT_FOUND)
    }

    /// `fatal_error` (elf/dl-error-skeleton.c).
    fn line(&self, object: &[u8], text: &[u8]) -> Vec<u8> {
        [self.program.argv0, b": error while loading shared libraries: ", object, b": ", text].concat()
    }

    fn death(&self, attempt: &Attempt<'_>, cause: Cause, text: Vec<u8>, blame: &[u8], rule: Rule) -> Death {
        Death {
            cause,
            text,
            exit: Some(127),
            blame: blame.to_vec(),
            library: attempt.name.to_vec(),
            needed_by: self.loaded[attempt.needer].file.clone(),
            searched: attempt.searched.clone(),
            rule,
        }
    }

    /// The directory of an object, for `$ORIGIN`: of the program's file, of a library's path as it was opened
    /// (elf/dl-object.c _dl_new_object, elf/dl-origin.c).
    fn origin(&self, at: usize) -> Vec<u8> {
        let directory = parent(&self.loaded[at].path);
        if directory.starts_with(b"/") {
            directory.to_vec()
        } else {
            [self.program.cwd, b"/", directory].concat()
        }
    }
}

/// The search for one library.
struct Attempt<'n> {
    name: &'n [u8],
    /// Who needs it.
    needer: usize,
    searched: Vec<Vec<u8>>,
    /// The first file of that name that was passed over.
    foreign: Option<Vec<u8>>,
    other_class: bool,
    /// What the last attempt to open a file answered.
    errno: Errno,
}

/// The loader has texts only of a few errors (elf/dl-minimal.c __strerror_r).
fn error_text(errno: Errno) -> String {
    match errno {
        Errno::ENOENT => "No such file or directory".into(),
        Errno::EACCES => "Permission denied".into(),
        Errno::EPERM => "Operation not permitted".into(),
        Errno::EINVAL => "Invalid argument".into(),
        Errno::ENOMEM => "Cannot allocate memory".into(),
        other => format!("Error {}", other.number()),
    }
}

/// A machine's name for the platform token.
fn platform(machine: u16) -> Option<&'static [u8]> {
    match Machine(machine) {
        Machine::AARCH64 => Some(b"aarch64"),
        // x86's depends on the processor: haswell, xeon_phi, x86_64 (sysdeps/x86/cpu-features.c).
        _ => None,
    }
}
