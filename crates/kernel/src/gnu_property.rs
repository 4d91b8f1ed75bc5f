//! The GNU property note, which only arm64 kernels read (fs/binfmt_elf.c parse_elf_properties,
//! `CONFIG_ARCH_USE_GNU_PROPERTY`).

use crate::binfmt_elf::Abi;
use crate::elf::ProgramHeader;
use crate::errno::Errno;
use crate::exec::Rule;
use crate::refusal::{Stop, refuse};
use crate::tree::FileTree;

/// `NOTE_DATA_SZ`
const LARGEST: usize = 1024;
/// `struct elf_note` and the name `GNU\0` behind it.
const NOTE: usize = 16;
/// `GNU_PROPERTY_AARCH64_FEATURE_1_AND`
const FEATURE_1_AND: u32 = 0xc000_0000;

const TOO_LARGE: Rule = Rule {
    text: "its GNU property note is larger than 1024 bytes",
    source: "fs/binfmt_elf.c parse_elf_properties",
};
const CUT: Rule = Rule {
    text: "the file ends before its GNU property note does: it is cut short",
    source: "fs/binfmt_elf.c parse_elf_properties",
};
const MALFORMED: Rule = Rule {
    text: "its GNU property note is malformed, and arm64 kernels read it",
    source: "fs/binfmt_elf.c parse_elf_properties parse_elf_property",
};

/// Checks the note of the loader, or of the program where it has none.
pub(crate) fn check(tree: &dyn FileTree, path: &[u8], header: &ProgramHeader, abi: Abi) -> Result<(), Stop> {
    let length = match usize::try_from(header.file_size) {
        Ok(length) if length <= LARGEST => length,
        _ => return Err(refuse(path, Errno::ENOEXEC, TOO_LARGE)),
    };
    let mut note = [0; LARGEST];
    let readable = i64::try_from(header.offset.saturating_add(header.file_size)).is_ok();
    let read = if readable { tree.read_at(path, header.offset, &mut note[..length])? } else { 0 };
    if read < NOTE {
        return Err(refuse(path, Errno::EIO, CUT));
    }
    if !is_well_formed(&note[..read], abi) {
        return Err(refuse(path, Errno::ENOEXEC, MALFORMED));
    }
    Ok(())
}

fn is_well_formed(note: &[u8], abi: Abi) -> bool {
    let word = |at: usize| {
        note.get(at..).and_then(|bytes| bytes.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
    };
    // n_namesz, n_descsz, n_type (NT_GNU_PROPERTY_TYPE_0) and the name.
    if word(0) != 4 || word(8) != 5 || note[12..16] != *b"GNU\0" {
        return false;
    }
    let Some(mut properties) = note.get(NOTE..NOTE + word(4) as usize) else { return false };
    let align = if abi.is_wide() { 8 } else { 4 };
    let mut previous = None;
    while !properties.is_empty() {
        let Some((head, rest)) = properties.split_first_chunk::<8>() else { return false };
        let [kind, size] =
            [0, 4].map(|at| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]));
        let Some(rest) = rest.get((size as usize).next_multiple_of(align)..) else { return false };
        if previous.is_some_and(|previous| kind <= previous) {
            return false;
        }
        if abi.is_wide() && kind == FEATURE_1_AND && size != 4 {
            return false;
        }
        previous = Some(kind);
        properties = rest;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(words: &[u32]) -> Vec<u8> {
        let size = (words.len() * 4) as u32;
        let head = [4, size, 5, u32::from_le_bytes(*b"GNU\0")];
        head.iter().chain(words).flat_map(|word| word.to_le_bytes()).collect()
    }

    fn check(words: &[u32], expect: bool) {
        assert_eq!(is_well_formed(&note(words), Abi::Native), expect, "{words:x?}");
    }

    #[test]
    fn properties_are_sorted_padded_and_whole() {
        check(&[], true);
        check(&[FEATURE_1_AND, 4, 3, 0], true);
        check(&[FEATURE_1_AND, 8, 3, 0], false);
        check(&[FEATURE_1_AND, 4, 3], false);
        check(&[FEATURE_1_AND, 4], false);
        check(&[1, 0, 2, 0], true);
        check(&[2, 0, 1, 0], false);
        check(&[2, 0, 2, 0], false);
    }

    #[test]
    fn the_name_and_the_sizes_are_read() {
        let mut bytes = note(&[1, 0]);
        bytes[12] = b'g';
        assert!(!is_well_formed(&bytes, Abi::Native));
        let mut bytes = note(&[1, 0]);
        bytes[4] = 16;
        assert!(!is_well_formed(&bytes, Abi::Native));
        bytes[4] = 8;
        bytes[8] = 4;
        assert!(!is_well_formed(&bytes, Abi::Native));
    }
}
