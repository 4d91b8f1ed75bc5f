//! Whether a file is a library that a glibc loader takes (elf/dl-load.c open_verify, _dl_map_object_from_fd).

use super::object::Object;
use super::opened::{Opened, Opener};
use crate::elf::{self, Fields, HEADER_SIZE, Machine, ProgramHeader, RawHeader};
use crate::exec::Rule;
use crate::tree::{FileTree, Gap};

/// What a loader makes of a file.
pub(super) enum Verified {
    /// It is mapped.
    Fit(Object),
    /// It is passed over: it is of the other word size, or of another machine.
    PassedOver {
        /// Its machine.
        machine: Machine,
        /// It is its word size that differs: where nothing else is found, this is what the loader says.
        other_class: bool,
    },
    /// The loader gives up with this text about the file's path.
    Refused(String, Rule),
    /// ... about the name that was asked for.
    RefusedByName(&'static str, Rule),
    /// The process is killed by SIGBUS.
    Killed(Rule),
    /// It is cut off, and whether a byte is touched that is gone cannot be told.
    CutSomewhere,
}

const HEADER: Rule = Rule {
    text: "its ELF header is not one of a library for this machine",
    source: "glibc elf/dl-load.c open_verify",
};
const SEGMENTS: Rule = Rule {
    text: "its program headers are not those of a library",
    source: "glibc elf/dl-load.c _dl_map_object_from_fd",
};
const CUT: Rule = Rule {
    text: "the file ends before a page that the loader touches: the kernel answers SIGBUS",
    source: "mm/filemap.c filemap_fault, glibc elf/dl-map-segments.h _dl_map_segments",
};

/// What file a loader expects: the word size and machine of the program.
#[derive(Clone, Copy)]
pub(super) struct Expected {
    pub(super) wide: bool,
    pub(super) machine: u16,
}

/// Examines an opened file.
pub(super) fn verify(open: &Opener<'_>, opened: &Opened, expected: Expected) -> Result<Verified, Gap> {
    let refused = |text: &str| Ok(Verified::Refused(text.into(), HEADER));
    if opened.is_directory {
        // The loader has texts only of a few errors (glibc elf/dl-minimal.c __strerror_r).
        return refused("cannot read file data: Error 21");
    }
    let mut head = [0; HEADER_SIZE];
    let length = open.tree.read_at(&opened.file, 0, &mut head)?;
    if length < if expected.wide { 64 } else { 52 } {
        return refused("file too short");
    }
    if let Some(text) = odd_ident(&head, expected.wide) {
        return refused(text);
    }
    let machine = Machine(Fields { bytes: &head, big: head[5] == 2 }.half(18));
    if head[4] != class(expected.wide) {
        return Ok(Verified::PassedOver { machine, other_class: true });
    }
    let header = RawHeader::read(&head, expected.wide, false);
    if (Fields { bytes: &head, big: false }).word(20) != 1 {
        return refused("ELF file version does not match current one");
    }
    if header.machine != expected.machine {
        return Ok(Verified::PassedOver { machine, other_class: false });
    }
    if !matches!(header.e_type, elf::ET_EXEC | elf::ET_DYN) {
        return refused("only ET_DYN and ET_EXEC can be loaded");
    }
    let stride = ProgramHeader::size(expected.wide);
    if usize::from(header.phentsize) != stride {
        return refused("ELF file's phentsize not the expected size");
    }
    let mut table = vec![0; stride * usize::from(header.phnum)];
    let got = if table.is_empty() { 0 } else { open.tree.read_at(&opened.file, header.phoff, &mut table)? };
    if got < table.len() {
        return refused("cannot read file data");
    }
    let headers = table.chunks_exact(stride).map(|bytes| ProgramHeader::read(bytes, expected.wide, false));
    let headers: Vec<ProgramHeader> = headers.collect();
    if let Some(verdict) = odd_segments(&headers, header.e_type, opened.size) {
        return Ok(verdict);
    }
    map(open.tree, opened, &headers)
}

fn class(wide: bool) -> u8 {
    if wide { 2 } else { 1 }
}

/// What is wrong with `e_ident`; a class that differs is no error, and hides what follows it.
fn odd_ident(head: &[u8; HEADER_SIZE], wide: bool) -> Option<&'static str> {
    let [.., version, os_abi, abi_version] = head[4..9] else { return None };
    if !head.starts_with(elf::MAGIC) {
        return Some("invalid ELF header");
    }
    if head[4] != class(wide) {
        return None;
    }
    // ELFOSABI_SYSV and ELFOSABI_GNU, with ABI versions below LIBC_ABI_MAX (sysdeps/unix/sysv/linux/ldsodefs.h).
    let gnu = os_abi == 3 && abi_version < 4;
    match () {
        () if head[5] != 1 => Some("ELF file data encoding not little-endian"),
        () if version != 1 => Some("ELF file version ident does not match current one"),
        () if os_abi != 0 && os_abi != 3 => Some("ELF file OS ABI invalid"),
        () if abi_version != 0 && !gnu => Some("ELF file ABI version invalid"),
        () if head[9..16] != [0; 7] => Some("nonzero padding in e_ident"),
        () => None,
    }
}

/// What keeps the segments from being mapped, or is touched in vain.
fn odd_segments(headers: &[ProgramHeader], e_type: u16, size: u64) -> Option<Verified> {
    let by_name = |text| Some(Verified::RefusedByName(text, SEGMENTS));
    let loads = || headers.iter().filter(|header| header.kind == elf::PT_LOAD);
    // Of glibc 2.35 and later; earlier ones hold to p_align in place of the page, and say "properly aligned".
    if loads().any(|load| load.address.wrapping_sub(load.offset) & 0xfff != 0) {
        return by_name("ELF load command address/offset not page-aligned");
    }
    if loads().next().is_none() {
        return by_name("object file has no loadable segments");
    }
    if e_type != elf::ET_DYN {
        return by_name("cannot dynamically load executable");
    }
    let Some(dynamic) = headers.iter().find(|header| header.kind == elf::PT_DYNAMIC) else {
        return by_name("object file has no dynamic section");
    };
    let end = |header: &ProgramHeader| header.offset.saturating_add(header.file_size);
    if loads().all(|load| end(load) <= size) {
        return None;
    }
    // The loader clears what follows the file's part of a page, and reads the dynamic section.
    let cleared = loads().filter(|load| load.memory_size > load.file_size && load.flags & elf::PF_W != 0);
    let mut touched = cleared.map(|load| end(load) & !0xfff).chain([dynamic.offset & !0xfff]);
    if touched.any(|page| page >= size.next_multiple_of(0x1000)) {
        return Some(Verified::Killed(CUT));
    }
    Some(Verified::CutSomewhere)
}

fn map(tree: &dyn FileTree, opened: &Opened, headers: &[ProgramHeader]) -> Result<Verified, Gap> {
    let object = super::object_at(tree, &opened.file)?;
    let empty = headers.iter().any(|header| header.kind == elf::PT_DYNAMIC && header.file_size == 0);
    Ok(match object {
        Some(object) if object.is_program => {
            Verified::RefusedByName("cannot dynamically load position-independent executable", SEGMENTS)
        }
        Some(object) if object.is_dynamic || empty => Verified::Fit(object),
        _ => Verified::RefusedByName("object file has no dynamic section", SEGMENTS),
    })
}
