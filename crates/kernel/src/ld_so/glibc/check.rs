//! What glibc's loader compares once everything is mapped: symbol versions (elf/dl-version.c), then ISA levels
//! (sysdeps/x86/dl-prop.h dl_isa_level_check). Missing versions end the process with code 1, not 127 (elf/rtld.c
//! version_check_doit).

use super::super::{Cause, Death, Ready, Stop};
use super::Start;
use crate::elf::Machine;
use crate::exec::Rule;

/// Lines about versions that are kept.
const MOST_LINES: usize = 32;
/// The bit of the baseline level, which every x86-64 processor has.
const BASELINE: u32 = 1;

const VERSION: Rule = Rule {
    text: "the library defines no version of this name",
    source: "glibc elf/dl-version.c match_symbol, elf/rtld.c version_check_doit",
};
const STRANGER: Rule = Rule {
    text: "versions are needed of a library that nothing needs by this name",
    source: "glibc elf/dl-version.c _dl_check_map_versions",
};
const ISA_LEVEL: Rule = Rule {
    text: "the file is marked to need a higher ISA level than the processor has",
    source: "glibc sysdeps/x86/dl-prop.h dl_isa_level_check",
};

impl Start<'_> {
    /// `_dl_check_all_versions`: every need of a version of every object.
    pub(super) fn versions(&mut self) -> Result<(), Stop> {
        let mut death: Option<Death> = None;
        let mut lines: Vec<Vec<u8>> = Vec::new();
        // The loader's own entry is the last, and needs nothing.
        for at in (0..self.loaded.len()).filter(|at| *at != 1) {
            let needer = &self.loaded[at];
            for need in &needer.object.versions_needed {
                let Some(library) = self.loaded.iter().skip(1).find(|other| other.answers_to(&need.library))
                else {
                    return Err(self.stranger(at, &need.library).into());
                };
                let Some(versions) = &library.object.versions else { continue };
                if need.is_weak || versions.contains(&need.version) {
                    continue;
                }
                let own = if at == 0 { self.program.argv0 } else { &needer.path };
                let line: [&[u8]; 8] = [
                    self.program.argv0,
                    b": ",
                    &library.path,
                    b": version `",
                    &need.version,
                    b"' not found (required by ",
                    own,
                    b")",
                ];
                lines.push(line.concat());
                death.get_or_insert_with(|| Death {
                    cause: Cause::Version(need.version.clone()),
                    text: Vec::new(),
                    exit: Some(1),
                    blame: library.file.clone(),
                    library: need.library.clone(),
                    needed_by: needer.file.clone(),
                    searched: Vec::new(),
                    rule: VERSION,
                });
            }
        }
        lines.truncate(MOST_LINES);
        match death {
            Some(death) => Err(Death { text: lines.join(&b'\n'), ..death }.into()),
            None => Ok(()),
        }
    }

    /// An assertion; the number of its line differs from release to release, and is left out.
    fn stranger(&self, needer: usize, library: &[u8]) -> Death {
        let text = "Inconsistency detected by ld.so: dl-version.c: _dl_check_map_versions: Assertion `needed != NULL' failed!";
        Death {
            cause: Cause::Unfit,
            text: text.into(),
            exit: Some(127),
            blame: self.loaded[needer].file.clone(),
            library: library.to_vec(),
            needed_by: self.loaded[needer].file.clone(),
            searched: Vec::new(),
            rule: STRANGER,
        }
    }

    /// Compares ISA levels, where the host's is known and the C library is one that does (2.33 and later).
    pub(super) fn isa_level(self) -> Result<Ready, Stop> {
        let is_checked = self.loaded.iter().any(|library| {
            let versions = library.object.versions.iter().flatten();
            library.object.soname.as_deref() == Some(b"libc.so.6")
                && versions.clone().any(|version| version == b"GLIBC_2.33")
        });
        let mut ready = Ready {
            libraries: self.loaded.iter().skip(2).map(|one| one.file.clone()).collect(),
            isa_in_doubt: None,
        };
        let is_x86 = [Machine::X86_64, Machine::I386].contains(&Machine(self.expected.machine));
        // From the last that was loaded back to the program.
        for (at, one) in
            self.loaded.iter().enumerate().rev().filter(|(at, _)| is_x86 && is_checked && *at != 1)
        {
            let needed = one.object.isa_needed;
            match self.program.isa {
                Some(isa) if needed & !(isa | BASELINE) != 0 => {
                    let own = if at == 0 { self.program.argv0 } else { &one.path };
                    return Err(self.too_low(at, own, needed).into());
                }
                None if needed & !BASELINE != 0 => ready.isa_in_doubt = Some((one.file.clone(), needed)),
                _ => {}
            }
        }
        Ok(ready)
    }

    fn too_low(&self, at: usize, own: &[u8], needed: u32) -> Death {
        let file = self.loaded[at].file.clone();
        Death {
            cause: Cause::IsaLevel(needed),
            text: [own, b": CPU ISA level is lower than required"].concat(),
            exit: Some(127),
            needed_by: file.clone(),
            library: Vec::new(),
            blame: file,
            searched: Vec::new(),
            rule: ISA_LEVEL,
        }
    }
}
