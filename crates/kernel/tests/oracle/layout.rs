//! Random layouts of ELF files: segments in any order, over one another, cut short, too large.

use crate::craft::{Elf, INTERP, LOAD, Segment, TEXT, load};
use crate::mutation::EDGES;
use crate::random::Random;

const GNU_PROPERTY: u32 = 0x6474_e553;
/// Where a property note lies.
const NOTE: usize = 0xc00;

/// A file of a random layout, and what it asks to be loaded by.
pub(crate) fn file(random: &mut Random, interpreter: Option<&[u8]>) -> Vec<u8> {
    let mut elf = Elf::new(random.below(4) > 0, 0);
    elf.machine = match (elf.wide, random.below(20)) {
        (_, 0) => *random.pick(&[3, 6, 62, 183, 40, 243]),
        (true, _) => 62,
        (false, _) => 3,
    };
    if random.below(2) == 0 {
        elf = elf.dynamic();
    }
    let page = *random.pick(&[4096, 4096, 16384, 65536]);
    let base = if elf.e_type == 3 { 0 } else { 0x40_0000 };
    elf.segments =
        (0..random.below(5)).map(|at| segment(random, page, base + 8 * page * at as u64)).collect();
    elf.size = *random.pick(&[0x1000, 0x1000, 0x1800, 0x4000, 0x1_0000, 0x2_0000]);
    elf.entry = if random.below(12) == 0 { *random.pick(EDGES) } else { elf.entry };
    if let Some(text) = interpreter {
        let size = text.len() as u64;
        elf.text = text.to_vec();
        let segment = Segment { kind: INTERP, offset: TEXT as u64, ..load(0, size) };
        elf.segments.insert(random.below(elf.segments.len() + 1), segment);
    }
    let note = if random.below(4) == 0 { property_note(random) } else { Vec::new() };
    for _ in 0..random.below(3).min(note.len()) {
        let offset = if random.below(12) == 0 { *random.pick(EDGES) } else { NOTE as u64 };
        let size = if random.below(6) == 0 { *random.pick(EDGES) } else { note.len() as u64 };
        elf.segments.push(Segment { kind: GNU_PROPERTY, offset, ..load(0, size) });
    }
    let mut bytes = elf.bytes();
    bytes[NOTE..NOTE + note.len()].copy_from_slice(&note);
    if random.below(12) == 0 {
        bytes.truncate(random.below(0x1000));
    }
    bytes
}

fn segment(random: &mut Random, page: u64, place: u64) -> Segment {
    let odd = |random: &mut Random, usual: u64| {
        if random.below(25) == 0 { *random.pick(EDGES) } else { usual }
    };
    let lead = *random.pick(&[0, 0, 0, 0x10, 0x800, page - 1, page / 2]);
    let address = *random.pick(&[place, place, place, 0x40_0000, 0x1_0000, 0x1000, 0]) + lead;
    let offset = *random.pick(&[0, 0, page, 2 * page, 0x1_0000]) + lead;
    let file_size = *random.pick(&[0, 1, 0x10, 0x7ff, 0x800, 0x1000, page, page + 1, page - lead, 3 * page]);
    let more =
        *random.pick(&[0, 0, 0, 0, 1, 0x10, 0x800, page / 2, page, page - 1, 5 * page, 1 << 24, 1 << 33]);
    let align = *random.pick(&[0, 1, 3, 0x1000, 0x1000, page, page, 0x1_0000, 0x20_0000]);
    Segment {
        kind: if random.below(12) == 0 { *random.pick(&[0, 2, 4, 6, 7, 0x6474_e551]) } else { LOAD },
        flags: *random.pick(&[5, 5, 6, 6, 4, 7, 0, 1, 2, 3]),
        offset: odd(random, offset),
        address: odd(random, address),
        file_size: odd(random, file_size),
        memory_size: {
            let usual = if random.below(15) == 0 { file_size.saturating_sub(1) } else { file_size + more };
            odd(random, usual)
        },
        align: odd(random, align),
    }
}

/// A `NT_GNU_PROPERTY_TYPE_0` note, often damaged.
fn property_note(random: &mut Random) -> Vec<u8> {
    let mut properties = Vec::new();
    for _ in 0..random.below(4) {
        let kind = *random.pick(&[0xc000_0000u32, 0xc000_0000, 1, 2, 0xc000_0001, 0xc000_8002, u32::MAX]);
        let size = *random.pick(&[4u32, 4, 4, 0, 8, 3, 12]);
        properties.extend([kind, size].iter().flat_map(|word| word.to_le_bytes()));
        properties
            .resize(properties.len() + (size as usize).next_multiple_of(*random.pick(&[8, 8, 8, 4])), 1);
    }
    let size = properties.len() as u32;
    let mut note: Vec<u8> =
        [4, size, 5, u32::from_le_bytes(*b"GNU\0")].iter().flat_map(|word| word.to_le_bytes()).collect();
    note.extend(properties);
    if random.below(3) == 0 {
        let at = random.below(note.len());
        note[at] = *random.pick(&[0, 1, 4, 5, 8, 0xff]);
    }
    if random.below(8) == 0 {
        note.truncate(random.below(note.len()));
    }
    note
}
