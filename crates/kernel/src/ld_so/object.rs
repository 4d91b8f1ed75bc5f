//! Reads what a dynamic loader reads of a program or library: its dynamic section, the names in it, symbol versions
//! and the property note (elf(5), the gABI's chapter "Dynamic Linking", the x86-64 psABI's `.note.gnu.property`).
//!
//! The same reading tells an observer what to keep of a file that it passes only once: every byte that is asked for
//! here is all that will ever be asked for.

use crate::elf::{self, Fields, HEADER_SIZE, Header, ProgramHeader, RawHeader};

/// Program headers that are looked at.
const MOST_HEADERS: usize = 1024;
/// Entries of a dynamic section that are looked at; real ones have some thirty.
const MOST_ENTRIES: usize = 2048;
/// Versions that are looked at, needed or defined; `libc.so.6` defines some forty.
const MOST_VERSIONS: usize = 2048;
/// Bytes of a name, and of a list of directories.
const LONGEST_TEXT: usize = 4096;
/// Bytes of a property note.
const LONGEST_NOTE: u64 = 4096;
/// Names are read in steps of this many bytes.
const STEP: usize = 32;

const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_SONAME: u64 = 14;
const DT_RPATH: u64 = 15;
const DT_RUNPATH: u64 = 29;
const DT_FLAGS_1: u64 = 0x6fff_fffb;
const DT_VERDEF: u64 = 0x6fff_fffc;
const DT_VERNEED: u64 = 0x6fff_fffe;
const DT_AUXILIARY: u64 = 0x7fff_fffd;
const DT_FILTER: u64 = 0x7fff_ffff;
const DF_1_NODEFLIB: u64 = 0x800;
const DF_1_PIE: u64 = 0x0800_0000;
const VER_FLG_WEAK: u16 = 2;
const NT_GNU_PROPERTY_TYPE_0: u32 = 5;
/// `GNU_PROPERTY_X86_ISA_1_NEEDED` (x86-64 psABI).
const X86_ISA_1_NEEDED: u32 = 0xc000_8002;

/// A program or library as its loader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Object {
    /// Word size: 64-bit, else 32-bit.
    pub wide: bool,
    /// `e_machine`.
    pub machine: u16,
    /// Whether there is a `PT_DYNAMIC` whose bytes could be read.
    pub is_dynamic: bool,
    /// `DT_NEEDED`: the libraries that it needs, in order.
    pub needed: Vec<Vec<u8>>,
    /// `DT_SONAME`: the name that it answers to.
    pub soname: Option<Vec<u8>>,
    /// `DT_RPATH`: where its own needs, and those of what it needs, are looked for; passed over beside a `DT_RUNPATH`.
    pub rpath: Option<Vec<u8>>,
    /// `DT_RUNPATH`: where its own needs are looked for.
    pub runpath: Option<Vec<u8>>,
    /// `DF_1_NODEFLIB`: the default directories are not for its needs.
    pub no_default_directories: bool,
    /// `DF_1_PIE`: a position-independent program.
    pub is_program: bool,
    /// It has `DT_FILTER` or `DT_AUXILIARY` entries.
    pub is_filter: bool,
    /// `DT_VERNEED`: the versions that it needs.
    pub versions_needed: Vec<NeededVersion>,
    /// `DT_VERDEF`: the names of the versions that it defines; `None` where it defines none at all.
    pub versions: Option<Vec<Vec<u8>>>,
    /// The bits of the x86 ISA levels that it was marked to need (`GNU_PROPERTY_X86_ISA_1_NEEDED`).
    pub isa_needed: u32,
    /// Some table is longer than what is read of it: nothing that rests on its absence may be said.
    pub is_cut_short: bool,
}

/// A version that an object needs of a library (`Elf64_Verneed` with one `Elf64_Vernaux`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededVersion {
    /// The library as it is named in `DT_NEEDED`.
    pub library: Vec<u8>,
    /// The version, e.g. `GLIBC_2.38`.
    pub version: Vec<u8>,
    /// `VER_FLG_WEAK`: its absence is only warned about.
    pub is_weak: bool,
}

impl Object {
    /// Reads a file by way of `read`, which copies bytes from an offset on and is short only at the file's end.
    /// `None` where it is no ELF file.
    ///
    /// # Errors
    /// The first error of `read`.
    pub fn read<E>(read: &mut Read<'_, E>) -> Result<Option<Object>, E> {
        let mut head = [0; HEADER_SIZE];
        let length = read(0, &mut head)?;
        let Some(header) = Header::read(&head[..length]) else { return Ok(None) };
        let (wide, big) = (header.is_wide(), header.data == 2);
        let mut reading = Reading { read, wide, big, loads: Vec::new(), object: Object::default() };
        reading.object.wide = wide;
        reading.object.machine = header.machine.0;
        reading.headers(&RawHeader::read(&head, wide, big))?;
        Ok(Some(reading.object))
    }
}

/// Copies bytes of a file from an offset on; short only at the file's end.
pub type Read<'r, E> = dyn FnMut(u64, &mut [u8]) -> Result<usize, E> + 'r;

/// A reading under way.
struct Reading<'r, E> {
    read: &'r mut Read<'r, E>,
    wide: bool,
    big: bool,
    loads: Vec<ProgramHeader>,
    object: Object,
}

impl<E> Reading<'_, E> {
    fn headers(&mut self, header: &RawHeader) -> Result<(), E> {
        let stride = ProgramHeader::size(self.wide);
        let count = usize::from(header.phnum).min(MOST_HEADERS);
        let table = self.bytes(header.phoff, count * stride)?;
        let headers: Vec<ProgramHeader> =
            table.chunks_exact(stride).map(|bytes| ProgramHeader::read(bytes, self.wide, self.big)).collect();
        self.loads = headers.iter().copied().filter(|header| header.kind == elf::PT_LOAD).collect();
        // A PT_GNU_PROPERTY is looked at before any PT_NOTE, which may hold the same (glibc _dl_process_pt_note).
        let note = |kind| headers.iter().find(move |header| header.kind == kind && header.file_size >= 16);
        for kind in [elf::PT_GNU_PROPERTY, elf::PT_NOTE] {
            if let Some(note) = note(kind).filter(|_| self.object.isa_needed == 0) {
                self.note(note)?;
            }
        }
        match headers.iter().find(|header| header.kind == elf::PT_DYNAMIC) {
            Some(dynamic) => self.dynamic(dynamic),
            None => Ok(()),
        }
    }

    /// A run of bytes; short at the file's end.
    fn bytes(&mut self, offset: u64, length: usize) -> Result<Vec<u8>, E> {
        let mut bytes = vec![0; length];
        let got = if length == 0 { 0 } else { (self.read)(offset, &mut bytes)? };
        bytes.truncate(got);
        Ok(bytes)
    }

    /// The property note of an object for x86 (glibc sysdeps/x86/dl-prop.h _dl_process_property_note).
    fn note(&mut self, segment: &ProgramHeader) -> Result<(), E> {
        let bytes = self.bytes(segment.offset, segment.file_size.min(LONGEST_NOTE) as usize)?;
        let align = if self.wide { 8 } else { 4 };
        let field = Fields { bytes: &bytes, big: self.big };
        let mut at = 0usize;
        while at + 16 <= bytes.len() {
            let (name, size) = (field.word(at) as usize, field.word(at + 4) as usize);
            let begin = at + 16;
            let end = begin.saturating_add(size).min(bytes.len());
            if name == 4
                && field.word(at + 8) == NT_GNU_PROPERTY_TYPE_0
                && bytes[at + 12..].starts_with(b"GNU\0")
            {
                self.object.isa_needed = isa_needed(&bytes[begin..end], self.big, align);
                return Ok(());
            }
            let padded = |length: usize, unit: usize| length.div_ceil(unit).saturating_mul(unit);
            let unit = if segment.align == 8 { 8 } else { 4 };
            let next = at.saturating_add(12 + padded(name, 4));
            at = padded(next, unit).saturating_add(padded(size, unit));
        }
        Ok(())
    }

    fn dynamic(&mut self, segment: &ProgramHeader) -> Result<(), E> {
        let entries = self.entries(segment)?;
        self.object.is_dynamic = !entries.is_empty();
        // The last entry of a kind counts (glibc elf/get-dynamic-info.h).
        let last = |tag: u64| entries.iter().rev().find(|entry| entry.0 == tag).map(|entry| entry.1);
        let flags = last(DT_FLAGS_1).unwrap_or_default();
        self.object.no_default_directories = flags & DF_1_NODEFLIB != 0;
        self.object.is_program = flags & DF_1_PIE != 0;
        self.object.is_filter = last(DT_FILTER).or(last(DT_AUXILIARY)).is_some();
        let Some(names) = last(DT_STRTAB) else { return Ok(()) };
        for (_, name) in entries.iter().filter(|entry| entry.0 == DT_NEEDED) {
            let name = self.text(names, *name)?;
            self.object.needed.push(name);
        }
        let mut text = |tag| last(tag).map(|at| self.text(names, at)).transpose();
        let (soname, rpath, runpath) = (text(DT_SONAME)?, text(DT_RPATH)?, text(DT_RUNPATH)?);
        (self.object.soname, self.object.rpath, self.object.runpath) = (soname, rpath, runpath);
        if let Some(at) = last(DT_VERNEED) {
            self.versions_needed(names, at)?;
        }
        if let Some(at) = last(DT_VERDEF) {
            self.versions(names, at)?;
        }
        Ok(())
    }

    /// The entries up to `DT_NULL`, as tags and values.
    fn entries(&mut self, segment: &ProgramHeader) -> Result<Vec<(u64, u64)>, E> {
        let size = if self.wide { 16 } else { 8 };
        let mut entries = Vec::new();
        let end = segment.file_size / size as u64;
        for number in 0..end {
            if entries.len() == MOST_ENTRIES {
                self.object.is_cut_short = true;
                break;
            }
            let bytes = self.bytes(segment.offset.saturating_add(number * size as u64), size)?;
            let field = Fields { bytes: &bytes, big: self.big };
            let (tag, value) = match self.wide {
                true => (field.double(0), field.double(8)),
                false => (field.word(0).into(), field.word(4).into()),
            };
            if tag == 0 {
                break;
            }
            entries.push((tag, value));
        }
        Ok(entries)
    }

    /// Where in the file a mapped address lies.
    fn offset(&self, address: u64) -> Option<u64> {
        let inside =
            |load: &&ProgramHeader| load.address <= address && address - load.address < load.file_size;
        let load = self.loads.iter().find(inside)?;
        load.offset.checked_add(address - load.address)
    }

    /// A name of the string table at `table`; empty where it lies in no segment.
    fn text(&mut self, table: u64, at: u64) -> Result<Vec<u8>, E> {
        let Some(mut offset) = self.offset(table.wrapping_add(at)) else { return Ok(Vec::new()) };
        let mut text = Vec::new();
        while text.len() < LONGEST_TEXT {
            let bytes = self.bytes(offset, STEP)?;
            let end = bytes.iter().position(|byte| *byte == 0);
            text.extend_from_slice(&bytes[..end.unwrap_or(bytes.len())]);
            if end.is_some() || bytes.len() < STEP {
                return Ok(text);
            }
            offset = offset.saturating_add(STEP as u64);
        }
        self.object.is_cut_short = true;
        Ok(text)
    }

    /// A record of a version table; its fields are of the same width in both classes.
    fn record<const N: usize>(&mut self, address: u64) -> Result<Option<[u8; N]>, E> {
        let Some(offset) = self.offset(address) else { return Ok(None) };
        Ok(self.bytes(offset, N)?.first_chunk().copied())
    }

    /// `Elf64_Verneed` records, each with its chain of `Elf64_Vernaux`.
    fn versions_needed(&mut self, names: u64, mut at: u64) -> Result<(), E> {
        for _ in 0..MOST_VERSIONS {
            let Some(record) = self.record::<16>(at)? else { return Ok(()) };
            let need = Fields { bytes: &record, big: self.big };
            let library = self.text(names, need.word(4).into())?;
            let mut part = at.wrapping_add(need.word(8).into());
            while let Some(record) = self.record::<16>(part)? {
                let version = Fields { bytes: &record, big: self.big };
                let is_weak = version.half(4) & VER_FLG_WEAK != 0;
                let next = version.word(12);
                let version = self.text(names, version.word(8).into())?;
                if self.object.versions_needed.len() == MOST_VERSIONS {
                    self.object.is_cut_short = true;
                    return Ok(());
                }
                self.object.versions_needed.push(NeededVersion {
                    library: library.clone(),
                    version,
                    is_weak,
                });
                if next == 0 {
                    break;
                }
                part = part.wrapping_add(next.into());
            }
            match need.word(12) {
                0 => return Ok(()),
                next => at = at.wrapping_add(next.into()),
            }
        }
        self.object.is_cut_short = true;
        Ok(())
    }

    /// `Elf64_Verdef` records; the first `Elf64_Verdaux` of each names it.
    fn versions(&mut self, names: u64, mut at: u64) -> Result<(), E> {
        let mut versions = Vec::new();
        while let Some(record) = self.record::<20>(at)? {
            let definition = Fields { bytes: &record, big: self.big };
            let name = at.wrapping_add(definition.word(12).into());
            if let Some(record) = self.record::<8>(name)? {
                let name = Fields { bytes: &record, big: self.big }.word(0);
                versions.push(self.text(names, name.into())?);
            }
            let next = definition.word(16);
            if next == 0 {
                break;
            }
            if versions.len() >= MOST_VERSIONS {
                self.object.is_cut_short = true;
                break;
            }
            at = at.wrapping_add(next.into());
        }
        self.object.versions = Some(versions);
        Ok(())
    }
}

/// The levels needed, out of the properties of a note.
fn isa_needed(properties: &[u8], big: bool, align: usize) -> u32 {
    let field = Fields { bytes: properties, big };
    let mut at = 0usize;
    while at + 8 <= properties.len() {
        let (kind, size) = (field.word(at), field.word(at + 4) as usize);
        if kind == X86_ISA_1_NEEDED && size == 4 {
            return field.word(at + 8);
        }
        at = at.saturating_add(8).saturating_add(size.div_ceil(align).saturating_mul(align));
    }
    0
}
