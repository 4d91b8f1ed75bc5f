//! ELF files as the specification describes them: `elf [MACHINE] [pie] [NAME=VALUE]...`, and a line for each segment.

use super::words::{Word, number};
use execfit_kernel::host::Architecture;

const PT_NULL: u32 = 0;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const PT_GNU_PROPERTY: u32 = 0x6474_e553;
/// Where the texts of `PT_INTERP` and notes begin, if the program headers leave room.
const TEXTS: usize = 0x800;
/// Bytes of a file that says nothing else.
const SIZE: usize = 0x1000;

/// The machine of a file; some hang on the host that is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Machine {
    /// The host's own, 64-bit.
    Native,
    /// The host's 32-bit twin: i386, or arm of the EABI.
    Twin,
    /// The other host's, 64-bit.
    Foreign,
    /// `e_machine`, whether 64-bit, whether big-endian.
    Fixed(u16, bool, bool),
}

/// A file to be written.
#[derive(Debug, Clone)]
pub(crate) struct Elf {
    machine: Machine,
    e_type: u16,
    segments: Vec<Segment>,
    /// Fields of the file header that are not what they would be: offset for 64 bits, for 32 bits, size, value.
    fields: Vec<(usize, usize, usize, u64)>,
    count: Option<usize>,
    size: Option<usize>,
    cut: Option<usize>,
    entry: Option<u64>,
    magic: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
struct Segment {
    kind: u32,
    flags: u32,
    offset: Option<u64>,
    address: Option<u64>,
    file_size: Option<u64>,
    memory_size: Option<u64>,
    align: u64,
    /// Bytes that it points at, where it says not otherwise.
    text: Vec<u8>,
}

impl Segment {
    fn new(kind: u32, text: &[u8]) -> Segment {
        let (offset, address, file_size, memory_size) = (None, None, None, None);
        Segment { kind, flags: 5, offset, address, file_size, memory_size, align: 4096, text: text.into() }
    }
}

impl Elf {
    /// Reads the words behind `elf`.
    pub(crate) fn read(words: &[Word]) -> Result<Elf, String> {
        let mut elf = Elf {
            machine: Machine::Native,
            e_type: 2,
            segments: Vec::new(),
            fields: Vec::new(),
            count: None,
            size: None,
            cut: None,
            entry: None,
            magic: None,
        };
        for word in words {
            elf.word(word)?;
        }
        Ok(elf)
    }

    fn word(&mut self, word: &Word) -> Result<(), String> {
        if let Some(machine) = machine(word.bare()) {
            self.machine = machine;
            return Ok(());
        }
        match word.bare() {
            "pie" => self.e_type = 3,
            "object" => self.e_type = 1,
            "core" => self.e_type = 4,
            _ => {
                let at = word
                    .bytes
                    .iter()
                    .position(|byte| *byte == b'=')
                    .ok_or_else(|| format!("an ELF file has no {}", word.bytes.escape_ascii()))?;
                let (name, value) = (&word.bytes[..at], &word.bytes[at + 1..]);
                self.attribute(&String::from_utf8_lossy(name), value)?;
            }
        }
        Ok(())
    }

    fn attribute(&mut self, name: &str, value: &[u8]) -> Result<(), String> {
        let wide_narrow_size = match name {
            "interp" => {
                self.segments.insert(0, Segment::new(PT_INTERP, &[value, b"\0"].concat()));
                return Ok(());
            }
            "magic" => {
                self.magic = Some(value.to_vec());
                return Ok(());
            }
            "class" => (4, 4, 1),
            "data" => (5, 5, 1),
            "version" => (20, 20, 4),
            "osabi" => (7, 7, 1),
            "padding" => (8, 8, 4),
            "type" => (16, 16, 2),
            "machine" => (18, 18, 2),
            "phoff" => (32, 28, 8),
            "flags" => (48, 36, 4),
            "ehsize" => (52, 40, 2),
            "phentsize" => (54, 42, 2),
            "phnum" => (56, 44, 2),
            _ => (0, 0, 0),
        };
        let text = std::str::from_utf8(value).map_err(|_| format!("{name} is no number"))?;
        let value = number(text)?;
        let length = || usize::try_from(value).map_err(|_| format!("{name} is too large"));
        match (name, wide_narrow_size) {
            ("headers", _) => self.count = Some(length()?),
            ("size", _) => self.size = Some(length()?),
            ("cut", _) => self.cut = Some(length()?),
            ("entry", _) => self.entry = Some(value),
            (_, (wide, narrow, size)) if size > 0 => self.fields.push((wide, narrow, size, value)),
            _ => return Err(format!("an ELF file has no {name}")),
        }
        Ok(())
    }

    /// Reads an indented line: one program header.
    pub(crate) fn segment(&mut self, words: &[Word]) -> Result<(), String> {
        let (first, mut rest) = words.split_first().ok_or("which segment?")?;
        let mut segment = match first.bare() {
            "load" => Segment::new(PT_LOAD, b""),
            "null" => Segment::new(PT_NULL, b""),
            "interp" => {
                let (text, behind) = rest.split_first().ok_or("which interpreter?")?;
                rest = behind;
                Segment::new(PT_INTERP, &text.bytes)
            }
            "property" => {
                let end = rest.iter().position(|word| word.comma).map_or(rest.len(), |at| at + 1);
                let (note, behind) = rest.split_at(end);
                rest = behind;
                Segment::new(PT_GNU_PROPERTY, &words_of_note(note)?)
            }
            other => return Err(format!("no segment is called {other:?}")),
        };
        while let Some((word, behind)) = rest.split_first() {
            rest = behind;
            match word.bare() {
                "r" => segment.flags = 4,
                "rx" => segment.flags = 5,
                "rw" => segment.flags = 6,
                name => {
                    let (value, behind) = rest.split_first().ok_or_else(|| format!("{name} what?"))?;
                    rest = behind;
                    let value = number(value.text()?)?;
                    match name {
                        "offset" => segment.offset = Some(value),
                        "at" => segment.address = Some(value),
                        "file" => segment.file_size = Some(value),
                        "memory" => segment.memory_size = Some(value),
                        "align" => segment.align = value,
                        _ => return Err(format!("a segment has no {name:?}")),
                    }
                }
            }
        }
        self.segments.push(segment);
        Ok(())
    }

    /// The file's bytes, for a host.
    pub(crate) fn bytes(&self, host: Architecture) -> Vec<u8> {
        let (machine, wide, big) = self.machine.on(host);
        let (header_size, one) = if wide { (64, 56) } else { (52, 32) };
        let segments = self.all_segments();
        let mut texts = (header_size + one * segments.len()).max(TEXTS);
        let mut table = Writer { bytes: Vec::new(), wide, big };
        let mut pieces = Vec::new();
        for segment in &segments {
            if !segment.text.is_empty() {
                pieces.push((texts, &segment.text));
            }
            table.segment(segment, texts as u64, self.e_type);
            texts += segment.text.len().next_multiple_of(8);
        }
        let mut file = Writer { bytes: vec![0x7f, b'E', b'L', b'F'], wide, big };
        file.header(self, machine, header_size, one, segments.len());
        let mut bytes = [file.bytes, table.bytes].concat();
        let end = pieces.last().map_or(0, |(at, text)| at + text.len());
        bytes.resize(self.size.unwrap_or(SIZE).max(end).max(bytes.len()), 0);
        for (at, text) in pieces {
            bytes[at..at + text.len()].copy_from_slice(text);
        }
        for (wide_at, narrow_at, size, value) in &self.fields {
            let at = if wide { *wide_at } else { *narrow_at };
            let size = if wide { *size } else { (*size).min(4) };
            let mut field = Writer { bytes: Vec::new(), wide, big };
            field.put(*value, size);
            bytes[at..at + size].copy_from_slice(&field.bytes);
        }
        if let Some(magic) = &self.magic {
            bytes[..magic.len()].copy_from_slice(magic);
        }
        bytes.truncate(self.cut.unwrap_or(bytes.len()));
        bytes
    }

    /// The segments that are told, one to load where none is, and empty ones up to the number that is wanted.
    fn all_segments(&self) -> Vec<Segment> {
        let mut segments = self.segments.clone();
        if segments.iter().all(|segment| matches!(segment.kind, PT_INTERP | PT_GNU_PROPERTY)) {
            // Writable, since before Linux 6.6 the end of a loader's last page was zeroed.
            segments.push(Segment { flags: 7, ..Segment::new(PT_LOAD, b"") });
        }
        let count = self.count.unwrap_or(segments.len());
        segments.resize(count.max(if self.count == Some(0) { 0 } else { 1 }), Segment::new(PT_NULL, b""));
        segments
    }
}

/// A note as 32-bit words and texts: `4 16 5 "GNU\0" 0xc0000000 4 3 0`.
fn words_of_note(words: &[Word]) -> Result<Vec<u8>, String> {
    let mut note = Vec::new();
    for word in words {
        if word.quoted {
            note.extend(&word.bytes);
        } else {
            note.extend(&number(word.text()?)?.to_le_bytes()[..4]);
        }
    }
    Ok(note)
}

fn machine(name: &str) -> Option<Machine> {
    Some(match name {
        "native" => Machine::Native,
        "32-bit" => Machine::Twin,
        "foreign" => Machine::Foreign,
        "x86_64" => Machine::Fixed(62, true, false),
        "x32" => Machine::Fixed(62, false, false),
        "i386" => Machine::Fixed(3, false, false),
        "arm64" => Machine::Fixed(183, true, false),
        "arm" => Machine::Fixed(40, false, false),
        "riscv64" => Machine::Fixed(243, true, false),
        "ppc64le" => Machine::Fixed(21, true, false),
        "s390x" => Machine::Fixed(22, true, true),
        "mips" => Machine::Fixed(8, false, true),
        _ => return None,
    })
}

impl Machine {
    fn on(self, host: Architecture) -> (u16, bool, bool) {
        match (self, host) {
            (Machine::Fixed(machine, wide, big), _) => (machine, wide, big),
            (Machine::Native, Architecture::X86_64) | (Machine::Foreign, Architecture::Arm64) => {
                (62, true, false)
            }
            (Machine::Native, Architecture::Arm64) | (Machine::Foreign, Architecture::X86_64) => {
                (183, true, false)
            }
            (Machine::Twin, Architecture::X86_64) => (3, false, false),
            (Machine::Twin, Architecture::Arm64) => (40, false, false),
        }
    }
}

struct Writer {
    bytes: Vec<u8>,
    wide: bool,
    big: bool,
}

impl Writer {
    fn put(&mut self, value: u64, size: usize) {
        let bytes = if self.big { value.to_be_bytes() } else { value.to_le_bytes() };
        self.bytes.extend(if self.big { &bytes[8 - size..] } else { &bytes[..size] });
    }

    fn word(&mut self, value: u64) {
        self.put(value, if self.wide { 8 } else { 4 });
    }

    fn header(&mut self, elf: &Elf, machine: u16, header_size: usize, one: usize, count: usize) {
        self.bytes.extend([if self.wide { 2 } else { 1 }, if self.big { 2 } else { 1 }, 1]);
        self.bytes.resize(16, 0);
        self.put(elf.e_type.into(), 2);
        self.put(machine.into(), 2);
        self.put(1, 4);
        self.word(elf.entry.unwrap_or(if elf.e_type == 2 { 0x40_0200 } else { 0x200 }));
        self.word(header_size as u64);
        self.word(0);
        // A 32-bit arm program names version 5 of the EABI.
        self.put(if machine == 40 { 0x0500_0000 } else { 0 }, 4);
        self.put(header_size as u64, 2);
        self.put(one as u64, 2);
        self.put(count as u64, 2);
        self.put(0, 6);
    }

    fn segment(&mut self, segment: &Segment, text_at: u64, e_type: u16) {
        let is_load = segment.kind == PT_LOAD;
        let base = if e_type == 2 { 0x40_0000 } else { 0 };
        let offset = segment.offset.unwrap_or(if segment.text.is_empty() { 0 } else { text_at });
        let size = if is_load { SIZE as u64 } else { segment.text.len() as u64 };
        let file_size = segment.file_size.unwrap_or(size);
        let address = segment.address.unwrap_or(if is_load { base } else { 0 });
        self.put(segment.kind.into(), 4);
        if self.wide {
            self.put(segment.flags.into(), 4);
        }
        for value in [offset, address, 0, file_size, segment.memory_size.unwrap_or(file_size)] {
            self.word(value);
        }
        if !self.wide {
            self.put(segment.flags.into(), 4);
        }
        self.word(segment.align);
    }
}
