//! After the point of no return: what is mapped where, and what kills the process without a word
//! (fs/binfmt_elf.c load_elf_binary, elf_load, load_elf_interp; mm/mmap.c).
//!
//! Where the kernel chooses addresses at random, every choice is considered: only if all of them agree there is an
//! answer. Memory that may or may not be had is a gap, too.

mod space;

use self::space::{CANNOT_PLACE, Range, Space};
use crate::binfmt_elf::{Abi, ProgramHeaders};
use crate::elf::{ET_DYN, ET_EXEC, PT_LOAD, ProgramHeader, RawHeader};
use crate::exec::{Call, Rule};
use crate::host::Host;
use crate::namei::Found;
use crate::refusal::{Stop, kill};
use crate::tree::Gap;

const LOADER_TYPE: Rule = Rule {
    text: "the loader is neither a program nor a shared object: e_type must be 2 or 3",
    source: "fs/binfmt_elf.c load_elf_interp",
};
const SPANS_NOTHING: Rule = Rule {
    text: "its loadable segments take no memory at all",
    source: "fs/binfmt_elf.c total_mapping_size",
};
const FILE_BEYOND_MEMORY: Rule = Rule {
    text: "a segment is larger in the file than in memory",
    source: "fs/binfmt_elf.c load_elf_binary, load_elf_interp",
};
const BEYOND_SPACE: Rule = Rule {
    text: "a segment lies beyond the addresses that a program can have",
    source: "fs/binfmt_elf.c load_elf_binary BAD_ADDR",
};
const NOT_CONGRUENT: Rule = Rule {
    text: "a segment's file offset and address differ within the page",
    source: "fs/binfmt_elf.c elf_map, mm/util.c vm_mmap",
};
const OFFSET_TOO_LARGE: Rule = Rule {
    text: "a segment's file offset is beyond what a file can have",
    source: "mm/mmap.c do_mmap file_mmap_ok",
};
const BSS_TAIL: Rule = Rule {
    text: "the page where zeroed memory begins is beyond the end of the file: it is cut short",
    source: "fs/binfmt_elf.c padzero",
};
const ENTRY: Rule = Rule {
    text: "its entry point lies beyond the addresses that a program can have",
    source: "fs/binfmt_elf.c load_elf_binary BAD_ADDR",
};

/// A file to map.
pub(crate) struct Image<'a, 't> {
    pub(crate) file: &'a Found<'t>,
    pub(crate) header: RawHeader,
    pub(crate) headers: &'a ProgramHeaders,
}

impl Image<'_, '_> {
    fn segments(&self) -> impl Iterator<Item = ProgramHeader> {
        self.headers.iter().filter(|header| header.kind == PT_LOAD)
    }
}

/// Maps program and loader.
pub(crate) fn map(
    host: &Host,
    call: &Call<'_>,
    abi: Abi,
    program: &Image<'_, '_>,
    loader: Option<&Image<'_, '_>>,
) -> Result<(), Stop> {
    let mut space = Space::new(host, call, abi, &program.file.node);
    let killed = |image: &Image<'_, '_>, rule| kill(image.file.path.as_bytes(), rule);
    let bias = space.map_program(program, loader.is_some()).map_err(|rule| killed(program, rule))?;
    match loader {
        Some(loader) => space.map_loader(loader, bias).map_err(|rule| killed(loader, rule))?,
        None => space.enter(program, bias).map_err(|rule| killed(program, rule))?,
    }
    match space.open {
        Some(gap) => Err(Stop::Gap(Gap::Host(gap))),
        None => Ok(()),
    }
}

impl Space {
    /// The program's segments. Answers the bias: the difference of addresses in memory and in the file.
    fn map_program(&mut self, image: &Image<'_, '_>, has_loader: bool) -> Result<Range, Rule> {
        let Some(first) = image.segments().next() else { return Ok(Range::fixed(0)) };
        // Linux 6.1 gave programs elf_load; its errors in zeroing count since 6.7, as do those of 5.10's padzero.
        let zeroing = match self.kernel {
            (6, 7..) | (7.., _) => Zeroing::Each { faults_kill: true },
            (6, 1..) => Zeroing::Each { faults_kill: false },
            _ => Zeroing::AtEnd,
        };
        let mut total = 0;
        let mut bias = Range::fixed(0);
        self.ceiling = self.stack;
        if image.header.e_type == ET_DYN {
            total = self.total_size(image)?;
            let at = self.place_program(image, &first, has_loader, total, zeroing)?;
            // What the kernel does not choose a place for lies where `ELF_PAGESTART(load_bias - vaddr)` puts it: one
            // page below, where the address is within a page.
            let chosen = !has_loader && self.has_file_pages(&first, zeroing);
            let above = if chosen { self.down(first.address) } else { self.up(first.address) };
            bias = at.map(|at| at.wrapping_sub(above));
        }
        let mut ends = Ends::default();
        for segment in image.segments() {
            if zeroing == Zeroing::AtEnd && ends.memory > ends.file {
                self.set_brk(bias, &ends)?;
            }
            let end = segment.address.checked_add(segment.memory_size);
            if segment.address >= self.size || end.is_none_or(|end| end > self.size) {
                return Err(BEYOND_SPACE);
            }
            self.load(image, &segment, bias, total, zeroing)?;
            self.occupy(bias.map(|bias| self.down(bias.wrapping_add(segment.address))), segment.memory_size);
            ends.include(&segment);
            total = 0;
        }
        if zeroing == Zeroing::AtEnd {
            self.set_brk(bias, &ends)?;
            if ends.memory != ends.file {
                self.pad(image, &ends)?;
            }
        }
        Ok(bias)
    }

    /// Where a position-independent program's first segment goes.
    fn place_program(
        &mut self,
        image: &Image<'_, '_>,
        first: &ProgramHeader,
        has_loader: bool,
        total: u64,
        zeroing: Zeroing,
    ) -> Result<Range, Rule> {
        let aligns = image.segments().map(|segment| segment.align).filter(|align| align.is_power_of_two());
        let align = self.up(aligns.max().unwrap_or(0));
        let mask = if align == 0 { u64::MAX } else { !(align - 1) };
        if has_loader {
            return Ok(self.programs.map(|at| self.down(at & mask)));
        }
        if !self.has_file_pages(first, zeroing) {
            return Ok(Range::fixed(0));
        }
        let found = self.find_room(total)?;
        // "binfmt_elf: Honor PT_LOAD alignment for static PIE" (6.10) was given to the stable lines from 6.1 on.
        if align <= self.page || self.kernel < (6, 1) {
            return Ok(found);
        }
        Ok(found.map(|at| at & mask))
    }

    /// The loader's segments and the entry into it.
    fn map_loader(&mut self, image: &Image<'_, '_>, program_bias: Range) -> Result<(), Rule> {
        if !matches!(image.header.e_type, ET_EXEC | ET_DYN) {
            return Err(LOADER_TYPE);
        }
        // Linux 6.7: "binfmt_elf: Use elf_load() for interpreter".
        let zeroing =
            if self.kernel >= (6, 7) { Zeroing::Each { faults_kill: true } } else { Zeroing::AtEnd };
        let mut total = self.total_size(image)?;
        let Some(first) = image.segments().next() else { return Err(SPANS_NOTHING) };
        let mut bias = Range::fixed(0);
        self.ceiling = self.stack;
        if image.header.e_type == ET_DYN {
            let at = self.place_loader(&first, program_bias, total, zeroing)?;
            bias = at.map(|at| at.wrapping_sub(self.down(first.address)));
        }
        let mut ends = Ends::default();
        for segment in image.segments() {
            let start = bias.map(|bias| bias.wrapping_add(segment.address));
            self.require(start, segment.memory_size, BEYOND_SPACE, |space, at, length| {
                at < space.size && length <= space.size - at
            })?;
            self.load(image, &segment, bias, total, zeroing)?;
            ends.include(&segment);
            total = 0;
        }
        if zeroing == Zeroing::AtEnd {
            self.pad(image, &ends)?;
            self.set_brk(bias, &ends)?;
        }
        self.enter(image, bias)
    }

    /// Where a position-independent loader's first segment goes. Its own address is a hint where the program has
    /// fixed addresses (`no_base`), and may be taken then.
    fn place_loader(
        &mut self,
        first: &ProgramHeader,
        program_bias: Range,
        total: u64,
        zeroing: Zeroing,
    ) -> Result<Range, Rule> {
        let hint = if program_bias == Range::fixed(0) { self.down(first.address) } else { 0 };
        if !self.has_file_pages(first, zeroing) {
            return Ok(Range::fixed(hint));
        }
        let found = self.find_room(total)?;
        Ok(if hint == 0 { found } else { found.or(hint) })
    }

    fn enter(&mut self, image: &Image<'_, '_>, bias: Range) -> Result<(), Rule> {
        let entry = bias.map(|bias| bias.wrapping_add(image.header.entry));
        self.require(entry, 0, ENTRY, |space, at, _| at < space.size)
    }

    /// `total_mapping_size`. Before Linux 5.18 only the first and the last segment counted.
    fn total_size(&self, image: &Image<'_, '_>) -> Result<u64, Rule> {
        let wrap = |value: u64| if self.wide { value } else { value & 0xffff_ffff };
        let end = |segment: &ProgramHeader| wrap(segment.address.wrapping_add(segment.memory_size));
        let starts = || image.segments().map(|segment| self.down(segment.address));
        let (start, end) = if self.kernel >= (5, 18) {
            (starts().min(), image.segments().map(|segment| end(&segment)).max())
        } else {
            (starts().next(), image.segments().last().map(|segment| end(&segment)))
        };
        match wrap(end.unwrap_or(0).wrapping_sub(start.unwrap_or(0))) {
            0 => Err(SPANS_NOTHING),
            total => Ok(total),
        }
    }

    /// Whether pages of the file are mapped for a segment: before `elf_load`, also for one without bytes in the file
    /// that does not begin on a page ("binfmt_elf: Support segments with 0 filesz and misaligned starts").
    fn has_file_pages(&self, segment: &ProgramHeader, zeroing: Zeroing) -> bool {
        segment.file_size > 0 || zeroing == Zeroing::AtEnd && self.in_page(segment.address) > 0
    }

    /// Maps one segment (`elf_load`, or `elf_map` alone where zeroing waits). `total` is the size of the whole image
    /// with its first segment, else 0.
    fn load(
        &mut self,
        image: &Image<'_, '_>,
        segment: &ProgramHeader,
        bias: Range,
        total: u64,
        zeroing: Zeroing,
    ) -> Result<(), Rule> {
        if segment.file_size > segment.memory_size {
            return Err(FILE_BEYOND_MEMORY);
        }
        let at = bias.map(|bias| self.down(bias.wrapping_add(segment.address)));
        let lead = self.in_page(segment.address);
        if self.has_file_pages(segment, zeroing) {
            self.map_file(segment, at, lead, total)?;
        }
        let Zeroing::Each { faults_kill } = zeroing else { return self.is_an_address(at) };
        if segment.memory_size <= segment.file_size {
            return self.is_an_address(at);
        }
        if faults_kill && segment.file_size > 0 && segment.is_writable() && self.tail_is_cut(image, segment) {
            return Err(BSS_TAIL);
        }
        // Without bytes in the file, memory is zeroed from the start of the page on.
        let zero = if segment.file_size == 0 { 0 } else { self.up(lead.wrapping_add(segment.file_size)) };
        let length = self.up(lead.wrapping_add(segment.memory_size)).saturating_sub(zero);
        self.brk(at.map(|at| at.wrapping_add(zero)), length)
    }

    /// `BAD_ADDR`
    fn is_an_address(&mut self, at: Range) -> Result<(), Rule> {
        self.require(at, 0, BEYOND_SPACE, |space, at, _| at < space.size)
    }

    /// `set_brk` and what stood for it in `load_elf_interp`: anonymous memory from the end of the last byte in the
    /// file to the end of the last byte in memory.
    fn set_brk(&mut self, bias: Range, ends: &Ends) -> Result<(), Rule> {
        let (file, memory) = (self.up(ends.file), self.up(ends.memory));
        self.brk(bias.map(|bias| bias.wrapping_add(file)), memory.saturating_sub(file))
    }

    /// `vm_brk_flags`
    fn brk(&mut self, at: Range, length: u64) -> Result<(), Rule> {
        if length == 0 {
            return Ok(());
        }
        self.fix(at, length)?;
        self.account(length)
    }

    /// `elf_map`
    fn map_file(&mut self, segment: &ProgramHeader, at: Range, lead: u64, total: u64) -> Result<(), Rule> {
        let offset = segment.offset.wrapping_sub(lead);
        if self.in_page(offset) != 0 {
            return Err(NOT_CONGRUENT);
        }
        let length = self.up(segment.file_size.wrapping_add(lead));
        let length = if total > 0 { self.up(total) } else { length };
        if length == 0 || length > self.size {
            return Err(CANNOT_PLACE);
        }
        let largest = i64::MAX.unsigned_abs() - length;
        if offset.checked_add(length).is_none() || offset > self.down(largest) {
            return Err(OFFSET_TOO_LARGE);
        }
        self.fix(at, length)?;
        if segment.is_writable() { self.account(length) } else { Ok(()) }
    }

    /// `padzero`: whether zeroing the rest of the page faults, because the file has no such page.
    fn tail_is_cut(&self, image: &Image<'_, '_>, segment: &ProgramHeader) -> bool {
        let end = segment.address.wrapping_add(segment.file_size);
        self.in_page(end) != 0
            && self.down(segment.offset.wrapping_add(segment.file_size)) >= image.file.node.size
    }

    /// `padzero` where zeroing waits: the page in which the last byte of the file lies must be writable, and there.
    fn pad(&self, image: &Image<'_, '_>, ends: &Ends) -> Result<(), Rule> {
        if self.in_page(ends.file) == 0 {
            return Ok(());
        }
        let page = self.down(ends.file);
        let there = image.segments().filter(|segment| {
            let end = segment.address.wrapping_add(segment.file_size);
            self.down(segment.address) <= page && page < self.up(end)
        });
        match there.last() {
            Some(segment) if segment.is_writable() => {
                let offset = segment.offset.wrapping_add(page.wrapping_sub(segment.address));
                if self.down(offset) < image.file.node.size { Ok(()) } else { Err(BSS_TAIL) }
            }
            _ => Err(BSS_TAIL),
        }
    }
}

/// When the memory behind a segment's bytes in the file is zeroed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Zeroing {
    /// With each segment (`elf_load`).
    Each {
        /// Whether the process dies where a writable page cannot be zeroed.
        faults_kill: bool,
    },
    /// Once, behind the last byte of them all.
    AtEnd,
}

/// The ends of the last byte in the file and in memory (`elf_bss` and `elf_brk`), without bias.
#[derive(Debug, Default)]
struct Ends {
    file: u64,
    memory: u64,
}

impl Ends {
    fn include(&mut self, segment: &ProgramHeader) {
        self.file = self.file.max(segment.address.wrapping_add(segment.file_size));
        self.memory = self.memory.max(segment.address.wrapping_add(segment.memory_size));
    }
}
