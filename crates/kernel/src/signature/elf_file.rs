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
    let end = header.program_headers.saturating_add(table);
    if end > size {
        return ElfKind::CutInProgramHeaders { missing: end - size };
    }
    let start = usize::try_from(header.program_headers).unwrap_or(usize::MAX);
    let table = head.get(start..).unwrap_or_default();
    let count = usize::from(header.program_header_count);
    let headers = || {
        table.chunks_exact(one).take(count).map(|bytes| ProgramHeader::read(bytes, wide, header.data == 2))
    };
    let missing = |kind: u32| {
        let ends = headers().filter(|header| header.kind == kind);
        let end = ends.map(|header| header.offset.saturating_add(header.file_size)).max();
        end.and_then(|end| end.checked_sub(size)).filter(|missing| *missing > 0)
    };
    if let Some(missing) = missing(PT_INTERP) {
        return ElfKind::CutBeforeInterpreter { missing };
    }
    if let Some(missing) = missing(PT_LOAD) {
        return ElfKind::CutInSegments { missing };
    }
    if header.app_image { ElfKind::AppImage } else { ElfKind::Program }
}

pub(super) fn describe(f: &mut fmt::Formatter<'_>, header: &Header, kind: ElfKind) -> fmt::Result {
    let machine = header.machine_name();
    match kind {
        ElfKind::Program => write!(f, "an ELF program for {machine}"),
        ElfKind::Object => write!(f, "an ELF object file for {machine}, not linked yet"),
        ElfKind::Core => write!(f, "an ELF memory dump from {machine}"),
        ElfKind::AppImage => write!(f, "an AppImage for {machine}"),
        ElfKind::Other => write!(f, "an ELF file for {machine} of an unknown type"),
        ElfKind::CutInHeader => f.write_str("an ELF file cut short within its header"),
        ElfKind::CutInProgramHeaders { missing } => {
            write!(
                f,
                "an ELF program for {machine} cut short within its program headers ({missing} bytes missing)"
            )
        }
        ElfKind::CutBeforeInterpreter { missing } => {
            write!(
                f,
                "an ELF program for {machine} cut short before its loader's path ({missing} bytes missing)"
            )
        }
        ElfKind::CutInSegments { missing } => {
            write!(f, "an ELF program for {machine} cut short (at least {missing} bytes missing)")
        }
    }
}
