//! Whether an ELF file is whole, and what of ELF it is.

use super::ElfKind;
use crate::elf::{ET_CORE, ET_DYN, ET_EXEC, ET_REL, Header, PT_INTERP, PT_LOAD, ProgramHeader};
use std::fmt;

pub(super) fn kind(head: &[u8], size: u64, header: &Header) -> ElfKind {
    let wide = header.is_wide();
    if size < if wide { 64 } else { 52 } {
        return ElfKind::CutInHeader;
    }
    match header.e_type {
        ET_REL => return ElfKind::Object,
        ET_CORE => return ElfKind::Core,
        ET_EXEC | ET_DYN => {}
        _ => return ElfKind::Other,
    }
    let one = ProgramHeader::size(wide);
    let table = one as u64 * u64::from(header.program_header_count);
    let lacks = |end: u64| end.checked_sub(size).filter(|missing| *missing > 0);
    // Section headers come last in a file: where they are named, they tell its whole length.
    let sections = lacks(sections_end(head, header));
    let at_least = |missing: u64| missing.max(sections.unwrap_or(0));
    if let Some(missing) = lacks(header.program_headers.saturating_add(table)) {
        return ElfKind::CutInProgramHeaders { missing: at_least(missing) };
    }
    let start = usize::try_from(header.program_headers).unwrap_or(usize::MAX);
    let table = head.get(start..).unwrap_or_default();
    let count = usize::from(header.program_header_count);
    let headers = || {
        table.chunks_exact(one).take(count).map(|bytes| ProgramHeader::read(bytes, wide, header.data == 2))
    };
    let ends = |kind: u32| {
        let of_kind = headers().filter(move |header| header.kind == kind);
        of_kind.map(|header| header.offset.saturating_add(header.file_size)).max()
    };
    if let Some(missing) = ends(PT_INTERP).and_then(lacks) {
        return ElfKind::CutBeforeInterpreter { missing: at_least(missing) };
    }
    if let Some(missing) = ends(PT_LOAD).and_then(lacks) {
        return ElfKind::CutInSegments { missing: at_least(missing) };
    }
    if let Some(missing) = sections {
        return ElfKind::CutInSections { missing };
    }
    let no_entry = header.e_type == ET_DYN && header.entry == 0 && ends(PT_INTERP).is_none();
    match no_entry {
        _ if header.app_image => ElfKind::AppImage,
        true if count > 0 && table.len() >= count * one => ElfKind::Library,
        _ => ElfKind::Program,
    }
}

/// Where the section headers end; 0 where the file has none (`e_shoff`, `e_shentsize`, `e_shnum`).
fn sections_end(head: &[u8], header: &Header) -> u64 {
    let field = |at: usize, length: usize| {
        let bytes = head.get(at..at + length).unwrap_or_default().iter();
        let add = |value: u64, byte: &u8| value << 8 | u64::from(*byte);
        if header.data == 2 { bytes.fold(0, add) } else { bytes.rev().fold(0, add) }
    };
    let (offset, size, count) = if header.is_wide() {
        (field(40, 8), field(58, 2), field(60, 2))
    } else {
        (field(32, 4), field(46, 2), field(48, 2))
    };
    if offset == 0 || count == 0 { 0 } else { offset.saturating_add(size * count) }
}

/// The system of an `EI_OSABI` that is not Linux (the generic ABI's registry).
fn system(os_abi: u8) -> Option<&'static str> {
    Some(match os_abi {
        1 => "HP-UX",
        2 => "NetBSD",
        6 => "Solaris",
        7 => "AIX",
        8 => "IRIX",
        9 => "FreeBSD",
        10 => "Tru64",
        12 => "OpenBSD",
        13 => "OpenVMS",
        17 => "CloudABI",
        _ => return None,
    })
}

pub(super) fn describe(f: &mut fmt::Formatter<'_>, header: &Header, kind: ElfKind) -> fmt::Result {
    let machine = header.machine_name();
    match kind {
        ElfKind::Object => return write!(f, "an ELF object file for {machine}, not linked yet"),
        ElfKind::Core => return write!(f, "an ELF memory dump (core) from {machine}"),
        ElfKind::AppImage => return write!(f, "an AppImage for {machine}"),
        ElfKind::Library => return write!(f, "an ELF shared library for {machine}, no program"),
        ElfKind::Other => return write!(f, "an ELF file for {machine} of an unknown type"),
        ElfKind::CutInHeader => return f.write_str("an ELF file cut short within its first header"),
        _ => {}
    }
    write!(f, "an ELF program for {machine}")?;
    if let Some(system) = system(header.os_abi) {
        write!(f, " of {system}")?;
    }
    match kind {
        ElfKind::CutInProgramHeaders { missing } => {
            write!(f, " cut short within its program headers (at least {missing} bytes missing)")
        }
        ElfKind::CutBeforeInterpreter { missing } => {
            write!(f, " cut short before its loader's path (at least {missing} bytes missing)")
        }
        ElfKind::CutInSegments { missing } => write!(f, " cut short (at least {missing} bytes missing)"),
        ElfKind::CutInSections { missing } => write!(
            f,
            " whose end is missing ({missing} bytes of its section headers, which the kernel does not read)"
        ),
        _ => Ok(()),
    }
}
