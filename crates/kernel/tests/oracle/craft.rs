//! Small ELF files made by hand.

/// A program header to be written.
#[derive(Clone, Copy)]
pub(crate) struct Segment {
    pub(crate) kind: u32,
    pub(crate) flags: u32,
    pub(crate) offset: u64,
    pub(crate) address: u64,
    pub(crate) file_size: u64,
    pub(crate) memory_size: u64,
    pub(crate) align: u64,
}

/// An ELF file to be written.
#[derive(Clone)]
pub(crate) struct Elf {
    pub(crate) wide: bool,
    pub(crate) machine: u16,
    pub(crate) e_type: u16,
    pub(crate) entry: u64,
    pub(crate) flags: u32,
    pub(crate) segments: Vec<Segment>,
    /// Bytes in all; text lies behind the headers.
    pub(crate) size: usize,
    pub(crate) text: Vec<u8>,
}

pub(crate) const LOAD: u32 = 1;
pub(crate) const INTERP: u32 = 3;
pub(crate) const RX: u32 = 5;
pub(crate) const RW: u32 = 6;
/// Where [`Elf::text`] lies.
pub(crate) const TEXT: usize = 0x800;

/// A `PT_LOAD` of the file's first bytes.
pub(crate) fn load(address: u64, size: u64) -> Segment {
    Segment { kind: LOAD, flags: RX, offset: 0, address, file_size: size, memory_size: size, align: 4096 }
}

impl Elf {
    /// A static program at a fixed address.
    pub(crate) fn new(wide: bool, machine: u16) -> Elf {
        let segments = vec![load(0x40_0000, 0x1000)];
        Elf { wide, machine, e_type: 2, entry: 0x40_0200, flags: 0, segments, size: 0x1000, text: Vec::new() }
    }

    pub(crate) fn x86_64() -> Elf {
        Elf::new(true, 62)
    }

    pub(crate) fn i386() -> Elf {
        Elf::new(false, 3)
    }

    /// Position-independent.
    pub(crate) fn dynamic(mut self) -> Elf {
        (self.e_type, self.entry) = (3, 0x200);
        self.segments = vec![load(0, 0x1000)];
        self
    }

    /// Asks for a loader: exactly these bytes.
    pub(crate) fn interpreter(mut self, text: &[u8]) -> Elf {
        self.text = text.to_vec();
        let size = text.len() as u64;
        let segment = Segment { kind: INTERP, flags: 4, offset: TEXT as u64, address: 0, ..load(0, size) };
        self.segments.insert(0, segment);
        self.size = self.size.max(TEXT + text.len());
        self
    }

    pub(crate) fn segments(mut self, segments: &[Segment]) -> Elf {
        self.segments = segments.to_vec();
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Elf)) -> Elf {
        change(&mut self);
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (header, one) = if self.wide { (64, 56) } else { (52, 32) };
        let mut bytes = vec![0x7f, b'E', b'L', b'F', if self.wide { 2 } else { 1 }, 1, 1];
        bytes.resize(16, 0);
        let mut put = |value: u64, size: usize| bytes.extend(&value.to_le_bytes()[..size]);
        let word = if self.wide { 8 } else { 4 };
        put(self.e_type.into(), 2);
        put(self.machine.into(), 2);
        put(1, 4);
        put(self.entry, word);
        put(header, word);
        put(0, word);
        put(self.flags.into(), 4);
        put(header, 2);
        put(one, 2);
        put(self.segments.len() as u64, 2);
        (0..3).for_each(|_| put(0, 2));
        for segment in &self.segments {
            put(segment.kind.into(), 4);
            if self.wide {
                put(segment.flags.into(), 4);
            }
            for value in [segment.offset, segment.address, 0, segment.file_size, segment.memory_size] {
                put(value, word);
            }
            if !self.wide {
                put(segment.flags.into(), 4);
            }
            put(segment.align, word);
        }
        bytes.resize(self.size.max(bytes.len()), 0);
        if !self.text.is_empty() {
            bytes[TEXT..TEXT + self.text.len()].copy_from_slice(&self.text);
        }
        bytes
    }
}

/// `e_flags` of the present ABI of 32-bit arm (EABI version 5).
const EABI5: u32 = 0x0500_0000;

/// Makes an ELF file of x86_64 one of arm64, of i386 one of 32-bit arm, and the reverse.
pub(crate) fn trade_places(bytes: &mut [u8]) {
    if !bytes.starts_with(b"\x7fELF") {
        return;
    }
    let Some(machine) = bytes.get_mut(18..20).filter(|machine| machine[1] == 0) else { return };
    machine[0] = match machine[0] {
        62 => 183,
        183 => 62,
        3 => 40,
        40 => 3,
        _ => return,
    };
    let narrow_arm = machine[0] == 40;
    if let Some(flags) = bytes.get_mut(36..40).filter(|flags| narrow_arm && **flags == [0; 4]) {
        flags.copy_from_slice(&EABI5.to_le_bytes());
    }
}
