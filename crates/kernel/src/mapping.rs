//! After the point of no return: what is mapped where, and what kills the process without a word
//! (fs/binfmt_elf.c load_elf_binary, elf_load, load_elf_interp; mm/mmap.c).
//!
//! Where the kernel chooses addresses at random, every choice is considered: only if all of them agree there is an
//! answer. Memory that may or may not be had is a gap, too.

mod space;

use self::space::{CANNOT_PLACE, RANDOM, Range, Space};
use crate::binfmt_elf::{Abi, ProgramHeaders};
use crate::elf::{ET_DYN, ET_EXEC, PF_W, PT_LOAD, ProgramHeader, RawHeader};
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
    let mut space = Space::new(host, call, abi);
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
        let mut total = 0;
        let mut bias = Range::fixed(0);
        self.ceiling = self.stack;
        if image.header.e_type == ET_DYN {
            total = self.total_size(image)?;
            let at = self.place_program(image, &first, has_loader, total)?;
            bias = at.map(|at| at.wrapping_sub(self.down(first.address)));
        }
        for segment in image.segments() {
            let end = segment.address.checked_add(segment.memory_size);
            if segment.address >= self.size || end.is_none_or(|end| end > self.size) {
                return Err(BEYOND_SPACE);
            }
            self.load(image, &segment, bias, total)?;
            total = 0;
        }
        if self.kernel < (6, 1) {
            self.pad_last(image, false)?;
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
    ) -> Result<Range, Rule> {
        let aligns = image.segments().map(|segment| segment.align).filter(|align| align.is_power_of_two());
        let align = self.up(aligns.max().unwrap_or(0));
        let mask = if align == 0 { u64::MAX } else { !(align - 1) };
        if has_loader {
            return Ok(self.programs.map(|at| self.down(at & mask)));
        }
        if first.file_size == 0 {
            return Ok(Range::fixed(0));
        }
        let found = self.find_room(total)?;
        if align <= self.page {
            return Ok(found);
        }
        // Linux 6.10 ("binfmt_elf: Honor PT_LOAD alignment for static PIE"), later given to the stable lines too.
        if self.kernel < (6, 10) && align > 1 << 30 {
            self.leave_open(RANDOM);
        }
        Ok(found.map(|at| at & mask))
    }

    /// The loader's segments and the entry into it.
    fn map_loader(&mut self, image: &Image<'_, '_>, program_bias: Range) -> Result<(), Rule> {
        if !matches!(image.header.e_type, ET_EXEC | ET_DYN) {
            return Err(LOADER_TYPE);
        }
        let mut total = self.total_size(image)?;
        let Some(first) = image.segments().next() else { return Err(SPANS_NOTHING) };
        let mut bias = Range::fixed(0);
        self.ceiling = self.stack;
        if image.header.e_type == ET_DYN {
            let at = if first.file_size > 0 {
                self.find_room(total)?
            } else if program_bias == Range::fixed(0) {
                Range::fixed(self.down(first.address))
            } else {
                Range::fixed(0)
            };
            bias = at.map(|at| at.wrapping_sub(self.down(first.address)));
        }
        for segment in image.segments() {
            let start = bias.map(|bias| bias.wrapping_add(segment.address));
            self.require(start, segment.memory_size, BEYOND_SPACE, |space, at, length| {
                at < space.size && length <= space.size - at
            })?;
            self.load(image, &segment, bias, total)?;
            total = 0;
        }
        if self.kernel < (6, 6) {
            self.pad_last(image, true)?;
        }
        self.enter(image, bias)
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

    /// `elf_load`: maps one segment. `total` is the size of the whole image with its first segment, else 0.
    fn load(
        &mut self,
        image: &Image<'_, '_>,
        segment: &ProgramHeader,
        bias: Range,
        total: u64,
    ) -> Result<(), Rule> {
        if segment.file_size > segment.memory_size {
            return Err(FILE_BEYOND_MEMORY);
        }
        let at = bias.map(|bias| self.down(bias.wrapping_add(segment.address)));
        let lead = self.in_page(segment.address);
        let writable = segment.flags & PF_W != 0;
        // Linux 6.6 no longer maps the lead of a segment without bytes in the file ("binfmt_elf: Support segments
        // with 0 filesz and misaligned starts").
        if segment.file_size > 0 || self.kernel < (6, 6) && lead > 0 {
            self.map_file(segment, at, lead, total, writable)?;
        }
        if segment.memory_size <= segment.file_size {
            return self.require(at, 0, BEYOND_SPACE, |space, at, _| at < space.size);
        }
        let zero = lead.wrapping_add(segment.file_size);
        if segment.file_size > 0 && writable && self.kernel >= (6, 6) && self.tail_is_cut(image, segment) {
            return Err(BSS_TAIL);
        }
        let zero = self.up(zero);
        let length = self.up(lead.wrapping_add(segment.memory_size)).saturating_sub(zero);
        if length > 0 {
            self.fix(at.map(|at| at.wrapping_add(zero)), length)?;
            self.account(length)?;
        }
        Ok(())
    }

    /// `elf_map`
    fn map_file(
        &mut self,
        segment: &ProgramHeader,
        at: Range,
        lead: u64,
        total: u64,
        writable: bool,
    ) -> Result<(), Rule> {
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
        if writable { self.account(length) } else { Ok(()) }
    }

    /// `padzero`: whether zeroing the rest of the page faults, because the file has no such page.
    fn tail_is_cut(&self, image: &Image<'_, '_>, segment: &ProgramHeader) -> bool {
        let end = segment.address.wrapping_add(segment.file_size);
        self.in_page(end) != 0
            && self.down(segment.offset.wrapping_add(segment.file_size)) >= image.file.node.size
    }

    /// Before Linux 6.6 the last page of the file's bytes was zeroed once, for all segments; it had to be writable.
    fn pad_last(&self, image: &Image<'_, '_>, always: bool) -> Result<(), Rule> {
        let file_end = |segment: &ProgramHeader| segment.address.wrapping_add(segment.file_size);
        let memory_end =
            image.segments().map(|segment| segment.address.wrapping_add(segment.memory_size)).max();
        let Some(end) = image.segments().map(|segment| file_end(&segment)).max() else { return Ok(()) };
        if self.in_page(end) == 0 || !always && memory_end == Some(end) {
            return Ok(());
        }
        let page = self.down(end);
        let there = image.segments().filter(|segment| {
            segment.file_size > 0 && self.down(segment.address) <= page && page < self.up(file_end(segment))
        });
        match there.last() {
            Some(segment) if segment.flags & PF_W != 0 => {
                let offset = segment.offset.wrapping_add(page.wrapping_sub(segment.address));
                if self.down(offset) < image.file.node.size { Ok(()) } else { Err(BSS_TAIL) }
            }
            _ => Err(BSS_TAIL),
        }
    }
}
