//! `/etc/ld.so.cache`, which `ldconfig` writes from `/etc/ld.so.conf` (glibc sysdeps/generic/dl-cache.h,
//! elf/dl-cache.c search_cache). The loader itself never reads `ld.so.conf`: a library that was put into one of its
//! directories after `ldconfig` had run is not found.

use crate::elf::{Fields, Machine};

/// Where it is.
pub(super) const PATH: &[u8] = b"/etc/ld.so.cache";
/// Bytes that are looked at.
pub(super) const LONGEST: u64 = 8 * 1024 * 1024;

const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const NEW_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
/// `sizeof (struct cache_file)`, before its entries of 12 bytes.
const OLD_HEADER: usize = 16;
/// `sizeof (struct cache_file_new)`, before its entries of 24 bytes.
const NEW_HEADER: usize = 48;
/// `DL_CACHE_HWCAP_EXTENSION`: the entry is one of a `glibc-hwcaps` directory; the low half is its number.
const HWCAP_EXTENSION: u64 = 1 << 62;
const EXTENSION_MAGIC: u32 = 0xeaa4_2174;
/// `cache_extension_tag_glibc_hwcaps`
const TAG_GLIBC_HWCAPS: u32 = 1;

/// One library of the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name that is asked for.
    name: Vec<u8>,
    /// Its path.
    pub(super) path: Vec<u8>,
    flags: u32,
    /// The `glibc-hwcaps` directory it lies in, e.g. `x86-64-v3`; `None` for the ordinary one.
    pub(super) hwcaps: Option<Vec<u8>>,
}

/// The libraries of a cache, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Cache {
    entries: Vec<Entry>,
}

impl Cache {
    /// Reads a cache; one that is none, or damaged, has nothing, as for the loader.
    pub(super) fn read(bytes: &[u8]) -> Cache {
        if bytes.starts_with(NEW_MAGIC) {
            return Cache { entries: new_entries(bytes) };
        }
        if !bytes.starts_with(OLD_MAGIC) {
            return Cache::default();
        }
        let field = Fields { bytes, big: false };
        let count = field.word(12) as usize;
        let end = count.saturating_mul(12).saturating_add(OLD_HEADER);
        if end > bytes.len() {
            return Cache::default();
        }
        // The new format stands behind the old one's entries, aligned to 8 bytes (ALIGN_CACHE).
        let new = bytes.get(end.next_multiple_of(8)..).unwrap_or_default();
        if new.starts_with(NEW_MAGIC) {
            return Cache { entries: new_entries(new) };
        }
        let entry = |number: usize| {
            let at = OLD_HEADER + 12 * number;
            let text = |at: usize| text(bytes, end.saturating_add(field.word(at) as usize));
            Some(Entry { flags: field.word(at), name: text(at + 4)?, path: text(at + 8)?, hwcaps: None })
        };
        Cache { entries: (0..count).filter_map(entry).collect() }
    }

    /// The entries for a library and a kind of program, in order.
    pub(super) fn find(&self, name: &[u8], flags: u32) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.flags == flags && entry.name == name)
    }
}

fn new_entries(bytes: &[u8]) -> Vec<Entry> {
    let field = Fields { bytes, big: false };
    let count = field.word(20) as usize;
    if count.saturating_mul(24).saturating_add(NEW_HEADER) > bytes.len() {
        return Vec::new();
    }
    let hwcaps = hwcaps(bytes);
    let entry = |number: usize| {
        let at = NEW_HEADER + 24 * number;
        let capability = field.double(at + 16);
        let hwcaps = match capability {
            0 => None,
            _ if capability >> 32 == HWCAP_EXTENSION >> 32 => {
                Some(hwcaps.get(capability as u32 as usize).cloned().flatten()?)
            }
            // The directories of before glibc 2.33 (`haswell`, `tls`) hold doubles of what lies above them.
            _ => return None,
        };
        let text = |at: usize| text(bytes, field.word(at) as usize);
        Some(Entry { flags: field.word(at), name: text(at + 4)?, path: text(at + 8)?, hwcaps })
    };
    (0..count).filter_map(entry).collect()
}

/// The names of `glibc-hwcaps` directories that entries point to by number.
fn hwcaps(bytes: &[u8]) -> Vec<Option<Vec<u8>>> {
    let field = Fields { bytes, big: false };
    let at = field.word(32) as usize;
    if at == 0 || field.word(at) != EXTENSION_MAGIC {
        return Vec::new();
    }
    // struct cache_extension: magic, count; then sections of tag, flags, offset, size.
    let sections = (0..field.word(at.saturating_add(4)).min(16) as usize)
        .map(|number| at.saturating_add(8 + 16 * number));
    let mut sections = sections.filter(|section| field.word(*section) == TAG_GLIBC_HWCAPS);
    let Some(section) = sections.next() else { return Vec::new() };
    let (offset, size) = (field.word(section + 8) as usize, field.word(section + 12) as usize);
    let words = (size / 4).min(1024);
    (0..words).map(|number| text(bytes, field.word(offset.saturating_add(4 * number)) as usize)).collect()
}

fn text(bytes: &[u8], at: usize) -> Option<Vec<u8>> {
    let rest = bytes.get(at..)?;
    let end = rest.iter().take(4096).position(|byte| *byte == 0)?;
    Some(rest[..end].to_vec())
}

/// The flags that a loader of this kind looks for (`_DL_CACHE_DEFAULT_ID` of sysdeps/*/dl-cache.h); `None` where they
/// are not modelled.
pub(super) fn flags_of(machine: u16, wide: bool) -> Option<u32> {
    match (Machine(machine), wide) {
        (Machine::X86_64, true) => Some(0x0303),
        (Machine::X86_64, false) => Some(0x0803),
        (Machine::I386, false) => Some(0x0003),
        (Machine::AARCH64, true) => Some(0x0a03),
        // Hard float; programs of soft float are no longer made for containers.
        (Machine::ARM, false) => Some(0x0903),
        _ => None,
    }
}
