//! Where glibc's loader looks for a library, in its order (ld.so(8), elf/dl-load.c _dl_map_object, _dl_init_paths).

use super::super::cache::{self, Cache};
use super::super::opened::{Opened, Opener};
use super::super::tokens::{Tokens, Unset, expand};
use super::super::verify::Expected;
use super::super::{Program, Stop, directories, unknown};
use super::{Loaded, Start, platform};
use crate::elf::Machine;
use std::cell::OnceCell;

/// The sub-directories of `glibc-hwcaps` and the bits of the ISA level that each asks for, best first
/// (sysdeps/x86_64/dl-hwcaps-subdirs.c).
const LEVELS: [(&[u8], u32); 3] = [(b"x86-64-v4", 8), (b"x86-64-v3", 4), (b"x86-64-v2", 2)];

/// What does not depend on the object whose needs are looked for.
pub(super) struct Search {
    /// `LD_LIBRARY_PATH`, as it is.
    environment: Option<Vec<u8>>,
    /// The directories the loader was built with.
    system: Vec<Vec<u8>>,
    /// Whether these were read out of the loader, and not told by its place.
    system_was_read: bool,
    cache: OnceCell<Cache>,
    expected: Expected,
    secure: bool,
}

/// One place of the search order.
pub(super) struct Place {
    /// Its name, for people.
    pub(super) what: &'static str,
    pub(super) directories: Vec<Vec<u8>>,
    pub(super) is_cache: bool,
}

/// A file to be tried.
pub(super) enum Candidate {
    /// It is tried whatever the host.
    Sure(Vec<u8>),
    /// It is there, and tried on hosts of its ISA level.
    IfLevel(Vec<u8>),
}

impl Search {
    pub(super) fn new(
        open: &Opener<'_>,
        _: &Program<'_>,
        loader: &Opened,
        expected: Expected,
        environment: Option<&[u8]>,
        secure: bool,
    ) -> Result<Search, Stop> {
        let read = directories::of_loader(open.tree, loader)?;
        Ok(Search {
            environment: environment.filter(|list| !list.is_empty()).map(<[u8]>::to_vec),
            system_was_read: read.is_some(),
            system: read.unwrap_or_else(|| directories::by_place(&loader.file, expected.wide)),
            cache: OnceCell::new(),
            expected,
            secure,
        })
    }

    /// The places for the needs of one object.
    pub(super) fn places(&self, start: &Start<'_>, needer: usize) -> Result<Vec<Place>, Stop> {
        let mut places = Vec::new();
        let mut add = |what, list: Option<Vec<Vec<u8>>>, is_cache| {
            if let Some(directories) = list {
                places.push(Place { what, directories, is_cache });
            }
        };
        let object = &start.loaded[needer].object;
        if object.runpath.is_none() {
            // An object with a RUNPATH has no RPATH (elf/get-dynamic-info.h).
            let mut next = Some(needer);
            while let Some(at) = next {
                let Loaded { object, loader, .. } = &start.loaded[at];
                if let (Some(list), None) = (&object.rpath, &object.runpath) {
                    add("DT_RPATH", Some(self.list(start, at, list, b":")?), false);
                }
                next = *loader;
            }
        }
        if let Some(list) = &self.environment {
            add("LD_LIBRARY_PATH", Some(self.list(start, 0, list, b":;")?), false);
        }
        if let Some(list) = &object.runpath {
            add("DT_RUNPATH", Some(self.list(start, needer, list, b":")?), false);
        }
        // A loader that was built into a directory of its own has a cache of its own (SYSCONFDIR), if any.
        let of_the_system = |path: &Vec<u8>| path.starts_with(b"/lib") || path.starts_with(b"/usr/lib");
        if self.system.iter().any(of_the_system) {
            add("/etc/ld.so.cache", Some(Vec::new()), true);
        }
        if !object.no_default_directories {
            add("the default directories", Some(self.system.clone()), false);
        }
        Ok(places)
    }

    /// Directories of a list, tokens replaced (elf/dl-load.c fillin_rpath); an empty one is the working directory.
    fn list(
        &self,
        start: &Start<'_>,
        holder: usize,
        list: &[u8],
        dividers: &[u8],
    ) -> Result<Vec<Vec<u8>>, Stop> {
        let mut directories: Vec<Vec<u8>> = Vec::new();
        for text in list.split(|byte| dividers.contains(byte)) {
            let Some(mut path) = self.expanded(start, text, holder)? else { continue };
            while path.len() > 1 && path.ends_with(b"/") {
                path.pop();
            }
            if path.is_empty() {
                path.push(b'.');
            }
            if !directories.contains(&path) {
                directories.push(path);
            }
        }
        Ok(directories)
    }

    /// A text of an object with its tokens replaced; `None` where a token may not be used.
    pub(super) fn expanded(
        &self,
        start: &Start<'_>,
        text: &[u8],
        holder: usize,
    ) -> Result<Option<Vec<u8>>, Stop> {
        let origin = start.origin(holder);
        // DL_DST_LIB is the first of the default directories, without its slashes.
        let lib =
            self.system.first().filter(|_| self.system_was_read).and_then(|path| path.strip_prefix(b"/"));
        let tokens = Tokens {
            origin: Some(&origin[..]).filter(|_| !self.secure),
            lib,
            platform: platform(self.expected.machine),
        };
        match expand(text, &tokens) {
            Ok(text) => Ok(Some(text)),
            Err(Unset::Refused) => Ok(None),
            Err(Unset::Unknown) => {
                Err(unknown(format!("what the loader makes of {} is not known", text.escape_ascii())))
            }
        }
    }

    /// The files that one directory may have for a name, in order.
    pub(super) fn candidates(
        &self,
        open: &Opener<'_>,
        program: &Program<'_>,
        directory: &[u8],
        name: &[u8],
    ) -> Result<Vec<Candidate>, Stop> {
        let plain = Candidate::Sure([directory, b"/", name].concat());
        let hwcaps = [directory, b"/glibc-hwcaps"].concat();
        if Machine(self.expected.machine) != Machine::X86_64 || open.open(&hwcaps)?.is_err() {
            return Ok(vec![plain]);
        }
        let mut candidates = Vec::new();
        for (level, bit) in LEVELS {
            let path = [&hwcaps[..], b"/", level, b"/", name].concat();
            match program.isa {
                Some(isa) if isa & bit != 0 => candidates.push(Candidate::Sure(path)),
                None if open.open(&path)?.is_ok() => candidates.push(Candidate::IfLevel(path)),
                _ => {}
            }
        }
        candidates.push(plain);
        Ok(candidates)
    }

    /// What the cache has for a name (elf/dl-cache.c _dl_load_cache_lookup).
    pub(super) fn cached(
        &self,
        open: &Opener<'_>,
        program: &Program<'_>,
        name: &[u8],
        needer: &Loaded,
    ) -> Result<Option<Vec<u8>>, Stop> {
        let Some(flags) = cache::flags_of(self.expected.machine, self.expected.wide) else {
            return Err(unknown("the loader's cache is not modelled for this machine"));
        };
        if self.cache.get().is_none() {
            let read = match open.open(cache::PATH)? {
                Ok(opened) if !opened.is_directory => Cache::read(&open.contents(&opened, cache::LONGEST)?),
                _ => Cache::default(),
            };
            // It was empty: nobody else writes to it.
            let _ = self.cache.set(read);
        }
        let entries: Vec<_> =
            self.cache.get().map(|cache| cache.find(name, flags).collect()).unwrap_or_default();
        let of_level = |bit: u32, level: &[u8]| {
            program
                .isa
                .is_some_and(|isa| isa & bit != 0)
                .then(|| entries.iter().find(|entry| entry.hwcaps.as_deref() == Some(level)))
                .flatten()
        };
        let best = LEVELS.iter().find_map(|(level, bit)| of_level(*bit, level));
        let plain = || entries.iter().find(|entry| entry.hwcaps.is_none());
        let Some(entry) = best.or_else(plain) else { return Ok(None) };
        let inside = |directory: &Vec<u8>| entry.path.starts_with(directory);
        let refused = needer.object.no_default_directories && self.system.iter().any(inside);
        Ok((!refused).then(|| entry.path.clone()))
    }

    /// A file of that name where a loader of another distribution would look, if the loader's own directories could
    /// not be read.
    pub(super) fn beyond(&self, open: &Opener<'_>, name: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        if self.system_was_read {
            return Ok(None);
        }
        let multiarch: &[u8] = match Machine(self.expected.machine) {
            Machine::X86_64 => b"x86_64-linux-gnu",
            Machine::AARCH64 => b"aarch64-linux-gnu",
            Machine::I386 => b"i386-linux-gnu",
            _ => b"arm-linux-gnueabihf",
        };
        for directory in [&b"/lib64"[..], b"/usr/lib64", b"/lib", b"/usr/lib"] {
            for path in [[directory, b"/", name].concat(), [directory, b"/", multiarch, b"/", name].concat()]
            {
                if open.open(&path)?.is_ok() {
                    return Ok(Some(path));
                }
            }
        }
        Ok(None)
    }
}
